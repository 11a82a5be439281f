"""Compiled code and its cache: found, filled, emptied, refused; and what a cold start imports."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from test_worked_example import written

from apl import warm
from apl_core import FileError, kernels

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "apl_core"
LAW = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled here"
)


def python(code: str, given: Mapping[str, str], *path: Path) -> subprocess.CompletedProcess[str]:
    """Some Python in a process of its own, with a cache of its own where one is given."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    paths = os.pathsep.join([*map(str, path), *(p for p in sys.path if p)])
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False,
        env=kept | {"PYTHONPATH": paths} | dict(given),
    )  # fmt: skip


def apl(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.argv = {['apl', *arguments]}; from apl.__main__ import main; main()"
    return python(code, given)


WORKS = """
import numpy as np
from apl_core import kernels
order = np.zeros(3, dtype=np.int64)
kernels.count_keys(np.array([0, 1, 1], dtype=np.int32), order)
print(kernels.CACHE, order.tolist())
"""


@pytest.fixture
def where(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | str], Path | None]:
    """Where the cache would be, with this folder for caches."""

    def found(base: Path | str) -> Path | None:
        monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # is set when one is found; goes after the test
        monkeypatch.setenv("XDG_CACHE_HOME", str(base))
        return kernels._cache_folder()

    return found


def test_help_imports_nothing_heavy_and_no_metadata() -> None:
    """`apl --help` stays under 0.15 s: click and 15 files of ours."""
    code = (
        "import sys; sys.argv = ['apl', '--help']\n"
        "before = set(sys.modules)\n"
        "from apl.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numba', 'numpy', 'pyarrow', 'scipy', 'pandas', 'jsonschema', 'email',\n"
        "         'importlib.metadata', 'concurrent.futures', 'tomllib'}\n"
        "sys.exit(','.join(heavy & (set(sys.modules) - before)) or 0)"
    )
    done = python(code, {})
    assert done.returncode == 0, done.stderr
    assert apl("--version").stdout.startswith("apl, version ")


def test_no_command_imports_pandas() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed: nothing to keep out")
    code = (
        "import sys; sys.argv = ['apl', 'rules']\n"
        "from apl.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import pyarrow as pa\n"
        "pa.array(['01001'])\n"
        "sys.exit('pandas' in sys.modules)"
    )
    done = python(code, {})
    assert done.returncode == 0, done.stderr


def test_without_a_home_nothing_is_cached_and_all_works(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "home"
    done = python(WORKS, {"HOME": str(nowhere)})
    assert done.stdout.startswith("None ["), done.stderr
    assert not nowhere.parent.exists()


def test_no_cache_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "CACHE", None)
    with pytest.raises(FileError, match="APL-L04"):
        warm.folder()


def test_a_folder_that_cannot_be_written_to_or_that_others_can(
    tmp_path: Path, where: Callable[[Path | str], Path | None]
) -> None:
    assert where("/proc/self") is None
    assert where("not/absolute") is None
    folder = where(tmp_path)
    assert folder is not None
    assert folder.parent == tmp_path / "apl" / "numba"
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.chmod(0o770)
        assert where(tmp_path) is None


def test_a_folder_that_is_given_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert kernels._cache_folder() == tmp_path


def test_another_text_of_a_kernel_has_another_folder(
    tmp_path: Path, where: Callable[[Path | str], Path | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same time, same size, another figure: Numba's own stamp would not see it."""
    copy = tmp_path / "apl_core"
    shutil.copytree(CORE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    here = where(tmp_path)
    monkeypatch.setattr(kernels, "__file__", str(copy / "kernels.py"))
    assert where(tmp_path) == here
    file = copy / "kernels_live.py"
    was, text = file.stat(), file.read_text(encoding="utf-8")
    file.write_text(text.replace("1", "2", 1), encoding="utf-8")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert file.stat().st_size == was.st_size
    assert where(tmp_path) != here


def all_kernels() -> set[str]:
    """All compiled functions, as their cache files begin."""
    return {
        f"{path.stem}.{node.name}"
        for path in CORE.glob("kernels*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d) == "_compiled" for d in node.decorator_list)
    }


@compiled
def test_warm_compiles_every_kernel_and_then_nothing_is(tmp_path: Path) -> None:
    """In the user's own cache: a fresh one would take 10 s more, and finds the same."""
    folder = kernels.CACHE
    if folder is None:
        pytest.skip("no folder for a cache")
    own = {"NUMBA_CACHE_DIR": str(folder)}
    done = apl("cache", "warm", **own)
    assert done.returncode == 0, done.stderr

    def cached() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}

    before = cached()
    names = {name.rsplit("-", 1)[0] for name in before}
    assert all_kernels() <= names, f"not warmed: {sorted(all_kernels() - names)}"
    arguments = ["apl", "run", str(written(tmp_path / "in")), *LAW, "--out", str(tmp_path / "out")]
    code = (
        f"import sys; sys.argv = {arguments}\n"
        "from apl.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code\n"
        "sys.exit('scipy.linalg' in sys.modules and 'the compiler was readied')"
    )
    done = python(code, own)
    assert done.returncode == 0, done.stderr
    assert cached() == before


def test_clear_removes_ours_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def filled(folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "f-1.py311.nbi").touch()
        return folder

    monkeypatch.setattr(kernels, "CACHE", tmp_path)
    ours, theirs = filled(tmp_path / "apl_core_0a1b"), filled(tmp_path / "their_module_0a1b")
    assert (warm.files(), warm.clear()) == (2, 1)
    assert (ours.exists(), theirs.exists()) == (False, True)
    now, before = tmp_path / "apl" / "numba" / "now", tmp_path / "apl" / "numba" / "before"
    monkeypatch.setattr(kernels, "CACHE", now)
    filled(now / "apl_core_0a1b")
    filled(before / "apl_core_0a1b")
    assert (warm.clear(), now.is_dir(), before.exists()) == (2, True, False)
