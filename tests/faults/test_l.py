"""Family L: the machine. One test a fault, named after it."""

from __future__ import annotations

import importlib
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from faults.faulty import LAW, TIMES, Scene, digest

from apl_core import Catchment, Gaussian, Territory, kernels

CORE = Path(kernels.__file__).parent


def compiled() -> dict[str, Any]:
    """Every compiled function of every file of kernels."""
    found: dict[str, Any] = {}
    for path in CORE.glob("kernels*.py"):
        module = importlib.import_module(f"apl_core.{path.stem}")
        found |= {name: one for name, one in vars(module).items() if hasattr(one, "py_func")}
    return found


compiled_alone = pytest.mark.skipif(
    not compiled(), reason="of compiled code, and there is none (NUMBA_DISABLE_JIT is set)"
)


def finished(scene: Scene, **environment: str) -> dict[str, str]:
    """The results of a run in a process of its own."""
    out = scene.place / f"out{len(list(scene.place.iterdir()))}"
    command = [sys.executable, "-m", "apl", "run", str(scene.source), *LAW, "--out", str(out)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return digest(out)


def test_apl_l01_index_out_of_bounds_in_a_kernel(scene: Scene) -> None:
    """As plain Python an index beyond the end raises, one before the beginning is another place:
    the same bytes as compiled, of rows in disorder, and of a commune that no pair leads to."""
    head, *rows = scene.table(TIMES).read_text().splitlines()
    scene.table(TIMES).write_text("\n".join([head, *rows[::-1]]) + "\n")
    assert scene.run().code == 0
    assert finished(scene, NUMBA_DISABLE_JIT="1") == digest(scene.out)


@compiled_alone
def test_apl_l02_fastmath() -> None:
    """No kernel has it; and none behaves as if."""
    kernels_there = compiled()
    assert len(kernels_there) >= 20
    for name, kernel in kernels_there.items():
        assert not kernel.targetoptions.get("fastmath"), name
        assert not kernel.targetoptions.get("parallel"), name


def in_order(count: int = 200) -> float:
    """1 and many quantities that vanish beside it, added up in order: 1; in another, more."""
    codes = [f"{k:05}" for k in range(count)]
    times = {"origine": [codes[0]] * count, "destination": codes, "minutes": [0.0] * count}
    weighted = Catchment.build(pa.table(times), Territory.from_codes(codes), self_pair="none")
    ratio = np.full(count, 1e-17)
    ratio[0] = 1.0
    found = weighted.weigh(lambda minutes: np.ones_like(minutes)).access(ratio)
    return float(found[0])


def test_apl_l02_sums_are_not_reassociated() -> None:
    assert math.fsum([1.0, *[1e-17] * 199]) > 1.0
    assert in_order() == 1.0


def folder_of(texts: Path, monkeypatch: pytest.MonkeyPatch) -> Path | None:
    """Where kernels of these texts would be kept."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setattr(kernels, "__file__", str(texts / "kernels.py"))
    return kernels._cache_folder()


def test_apl_l03_stale_compiled_code(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter that changes in any file of kernels, size and date being the same: other code."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(scene.place))
    texts = scene.place / "texts"
    texts.mkdir()
    for path in CORE.glob("kernels*.py"):
        shutil.copy2(path, texts)
    first = folder_of(texts, monkeypatch)
    assert first is not None
    assert first == folder_of(texts, monkeypatch)
    for path in texts.iterdir():
        text, stamp = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(text.replace("a", "b", 1), encoding="utf-8")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert path.stat().st_size == stamp.st_size
        assert folder_of(texts, monkeypatch) not in (first, None), path.name
        path.write_text(text, encoding="utf-8")
    assert first == folder_of(texts, monkeypatch)


def test_apl_l06_another_locale(scene: Scene) -> None:
    """Turkish letters and French decimals: not one byte moves."""
    assert scene.run().code == 0
    found = finished(scene, LC_ALL="", LANG="tr_TR.UTF-8", LC_NUMERIC="fr_FR.UTF-8")
    assert found == digest(scene.out)


SMOOTH = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from faults.test_l import smooth
from apl_core import kernels
print(smooth(), kernels.CACHE)
"""


def elsewhere(**environment: str) -> list[str]:
    """`smooth` in a process of its own, and the folder of its compiled code."""
    done = subprocess.run(
        [sys.executable, "-c", SMOOTH, json.dumps(sys.path)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def smooth() -> str:
    """The bits of both steps in float64: products and sums that a processor might contract."""
    codes = [f"{k:05}" for k in range(40)]
    pairs = [(a, b) for a in range(40) for b in range(40) if abs(a - b) < 9]
    times = pa.table({"origine": [codes[a] for a, _ in pairs],
                      "destination": [codes[b] for _, b in pairs],
                      "minutes": [1.7 * abs(a - b) for a, b in pairs]})  # fmt: skip
    land = Territory.from_codes(codes)
    weighted = Catchment.build(times, land, within=20).weigh(Gaussian(7.0, limit=20.0))
    supply, demand = 1 / np.arange(3, 43), 1000 / np.arange(7, 47)
    return weighted.access(weighted.ratio(supply, demand)).tobytes().hex()


@compiled_alone
def test_apl_l07_another_processor(scene: Scene) -> None:
    """Compiled for the oldest of its kind, without the instructions that multiply and add at once:
    the same bits."""
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    other |= {"NUMBA_CACHE_DIR": str(scene.place)}
    assert elsewhere(**other) == [smooth(), str(scene.place)]
    assert list(scene.place.rglob("*.nbc"))  # compiled there and then


def test_apl_l04_no_folder_for_compiled_code(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept, and all is as it is; who asks where it is kept is told."""
    nowhere = str(scene.place / "nowhere" / "at" / "all")
    found = elsewhere(HOME=nowhere, XDG_CACHE_HOME=nowhere, NUMBA_CACHE_DIR="")
    assert found == [smooth(), "None"]
    monkeypatch.setattr(kernels, "CACHE", None)
    told = scene.refused("APL-L04", code=5, arguments=["cache", "path", "--json"])
    assert "NUMBA_CACHE_DIR" in told["mend"]
