"""The built wheel, in an environment of its own: what users install, not the tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared import needs_jit

ROOT = Path(__file__).resolve().parents[1]

pytestmark = needs_jit  # the wheel is tested once, compiled


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel; its dependencies are those of the test environment."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in files:  # a copy, so that no build folder is left in the tree
        target = source / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    wheel = next(place.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", str(place / "env")], check=True)
    inside = place / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [str(inside), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True
    )
    site = subprocess.run(
        [str(inside), "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    # The dependencies by a path file: last on the path, so that the wheel's own files win.
    paths = [p for p in sys.path if p.endswith("site-packages") and "apl" not in Path(p).name]
    Path(site, "dependencies.pth").write_text("\n".join(paths), encoding="utf-8")
    return inside


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "NUMBA_CACHE_DIR")}
    return subprocess.run(
        [str(python), *arguments], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )


def test_the_wheel_is_what_runs(python: Path, tmp_path: Path) -> None:
    """Its own files, schemas and law pages included; nothing from the tree."""
    code = "import apl, apl_core, apl_schemas as paper\n"
    code += "print(apl.__file__, apl_core.__file__, paper.__file__)"
    done = run(python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(ROOT / "bindings") not in done.stdout
    assert done.stdout.count("site-packages") == 3


def test_the_wheel_recomputes_the_embedded_country(python: Path, tmp_path: Path) -> None:
    done = run(
        python, "-m", "apl", "run", "--profession", "masseur_kinesitherapeute", "--on",
        "2025-06-06", "--out", str(tmp_path / "out"), "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["synthetic"]
    assert 112 <= summary["mean_apl"] <= 120
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "apl_communes.parquet", "bvcv.parquet", "parts_regionales.parquet", "manifeste.json"
    }  # fmt: skip
