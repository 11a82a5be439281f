"""Wherever a run takes place its bytes are the same: locale, time zone, order of sets, a machine on
which nothing but the results can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from faults.faulty import digest
from test_sameness import as_csv, tables

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"apl": "bindings/apl", "apl_core": "apl_core", "apl_schemas": "data_schemas"}
LAW = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
TAKEN = ("LC_", "LANG", "TZ", "HOME", "XDG_", "TMP", "TEMP", "PYTHON", "NUMBA_CACHE")
# As a host program does that asks for the user's locale (Python itself takes its letters alone),
# then the commands, in one process, with whatever may have been asked for before them.
CODE = """
import locale, sys, tempfile
locale.setlocale(locale.LC_ALL, "")
_, temporary, *asked = sys.argv
tempfile.tempdir = temporary or None
from apl.__main__ import main
while asked:
    end = asked.index("then")
    sys.argv, asked = ["apl", *asked[:end]], asked[end + 1:]
    try:
        main()
    except SystemExit as left:
        if left.code:
            raise
import apl, apl_core, apl_schemas
print(locale.localeconv()["decimal_point"], "I".lower(), apl.__file__, apl_core.__file__,
      apl_schemas.__file__)
"""


def commands(source: Path, out: Path) -> list[list[str]]:
    """A run into both formats, and its CSV read again."""
    run = ["run", str(source), *LAW]
    return [
        [*run, "--out", str(out / "parquet")],
        [*run, "--out", str(out / "csv"), "--format", "csv"],
        ["zone", str(out / "csv" / "apl_communes.csv"), str(source / "communes.csv"), *LAW,
         "--out", str(out / "zones"), "--format", "csv"],
    ]  # fmt: skip


def ran(
    source: Path,
    out: Path,
    given: Mapping[str, str],
    *,
    before: tuple[str, ...] = (),
    temporary: Path | None = None,
    cwd: Path | None = None,
) -> tuple[dict[str, str], str]:
    """What such a process leaves, and what it says last; nothing of ours in its environment.

    Kernels are plain Python there: compiled anew, without a cache, they would take ten seconds, and
    `test_sameness` holds that the bytes are the same.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(TAKEN)}
    paths = os.pathsep.join(path for path in sys.path if path)
    asked = [word for command in commands(source, out) for word in (*command, "then")]
    done = subprocess.run(
        [*before, sys.executable, "-P", "-c", CODE, str(temporary or ""), *asked], cwd=cwd,
        env={**kept, "PYTHONPATH": paths, "NUMBA_DISABLE_JIT": "1", **given},
        capture_output=True, check=False,
    )  # fmt: skip
    errors = done.stderr.decode(errors="replace")
    assert done.returncode == 0, errors
    assert "Traceback" not in errors
    return digest(out), done.stdout.decode(errors="replace").splitlines()[-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    """The country as CSV, in a folder whose name is not ASCII."""
    return as_csv(place / "données d’été", tables())


@pytest.fixture(scope="module")
def first(source: Path, place: Path) -> dict[str, str]:
    """The files of an environment as it most often is."""
    found, _ = ran(source, place / "out", {"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    assert len(found) == 11
    return found


def locales(folder: Path, name: str) -> dict[str, str]:
    """The environment of a locale: the machine's own, or made of its sources."""
    own = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    if name.lower().replace("-", "") in own.lower().replace("-", "").split():
        return {"LC_ALL": name}
    maker = shutil.which("localedef")
    if maker is not None:
        folder.mkdir(exist_ok=True)
        made = [maker, "-i", name.partition(".")[0], "-f", "UTF-8", str(folder / name)]
        subprocess.run(made, capture_output=True, check=False)  # warnings have an exit code too
    if not (folder / name / "LC_NUMERIC").is_file():
        pytest.skip(f"the locale {name} is not on this machine, nor localedef and its sources")
    return {"LC_ALL": name, "LOCPATH": str(folder)}


@pytest.mark.skipif(os.name != "posix", reason="locales and time zones by environment variable")
@pytest.mark.parametrize(
    ("name", "zone", "seed", "mark"),
    [
        ("fr_FR.UTF-8", "Pacific/Apia", "1", ","),
        ("tr_TR.UTF-8", "America/St_Johns", "2", ","),
        ("C", "Asia/Kathmandu", "3", "."),
    ],
)
def test_locale_time_zone_and_hash_seed_change_no_byte(
    name: str, zone: str, seed: str, mark: str, source: Path, first: dict[str, str], tmp_path: Path
) -> None:
    """Under C, files and streams are ASCII to Python, unless it is left to help itself."""
    given = {"LC_ALL": name} if name == "C" else locales(tmp_path / "locales", name)
    given |= {"TZ": zone, "PYTHONHASHSEED": seed}
    if name == "C":  # paths beyond ASCII have no name there: the folder has one
        given |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        source = shutil.copytree(source, tmp_path / "in")
    found, said = ran(source, tmp_path / "out", given)
    assert said.startswith(f"{mark} i "), said
    assert found == first


def powerless() -> tuple[str, ...]:
    """What takes from root the right to write where modes forbid it; nothing for anybody else."""
    if os.geteuid():
        return ()
    without = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
    if shutil.which(without[0]) and not subprocess.run([*without, "true"], check=False).returncode:
        return without
    pytest.skip("root writes whatever modes say, and setpriv is not here to take that from it")


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
def test_where_nothing_else_can_be_written(
    source: Path, first: dict[str, str], tmp_path: Path
) -> None:
    """Read-only packages, inputs, working and temporary folder; no home; results alone."""
    before, packages = powerless(), tmp_path / "packages"
    for name, folder in PACKAGES.items():
        shutil.copytree(ROOT / folder, packages / name,
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    inputs, out = tmp_path / source.name, tmp_path / "out"
    shutil.copytree(source, inputs)
    out.mkdir()
    places = [path for folder in (packages, inputs) for path in (folder, *folder.rglob("*"))]
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    tmp_path.chmod(0o555)
    held = digest(packages)
    paths = os.pathsep.join([str(packages), *(path for path in sys.path if path)])
    home = {"HOME": str(tmp_path / "nobody"), "PYTHONPATH": paths}
    how: dict[str, Any] = {"before": before, "temporary": packages, "cwd": packages}
    try:
        code = "from pathlib import Path; import sys; Path(sys.argv[1]).touch()"
        refused = subprocess.run([*before, sys.executable, "-c", code, str(packages / "new")],
                                 capture_output=True, check=False)  # fmt: skip
        assert b"PermissionError" in refused.stderr, "the folder can be written after all"
        found, said = ran(inputs, out, home, **how)
    finally:
        for path in (tmp_path, *(path for path in places if path.is_dir())):
            path.chmod(0o755)
    assert said.count(str(packages)) == 3, said
    assert digest(packages) == held, "no compiled file was left"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["out", "packages", inputs.name]
    )
    assert found == first
