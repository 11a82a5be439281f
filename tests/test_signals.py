"""Signals and closed pipes: one line, the exit code of the shell, nothing left on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from test_worked_example import written

import apl
from apl import whole
from apl.verify import verify

LAW = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
RULES = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
APL = [sys.executable, "-m", "apl"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Children hear SIGINT, also where this process does not (a shell's ``&``, nohup)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(out: Path, *options: str) -> subprocess.Popen[str]:
    """A run on the embedded country, which takes a second to make."""
    asked = [*APL, "run", *LAW, "--out", str(out), *options]
    return subprocess.Popen(asked, stderr=subprocess.PIPE, text=True)


@posix
@pytest.mark.parametrize(
    ("number", "code", "said", "delay"),
    [
        (signal.SIGTERM, 143, "terminated", 0.0),
        (signal.SIGTERM, 143, "terminated", 0.3),
        (signal.SIGINT, 130, "interrupted", 0.2),
    ],
)
def test_a_signal_takes_back_what_is_on_its_way(
    number: signal.Signals, code: int, said: str, delay: float, tmp_path: Path
) -> None:
    with started(tmp_path / "out") as run:
        assert run.stderr is not None
        assert run.stderr.readline().startswith("… ")
        time.sleep(delay)
        run.send_signal(number)
        rest = run.stderr.read().splitlines()
    left = [line for line in rest if line and not line.startswith("… ")]
    assert (run.returncode, left) == (code, [said])
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_inside_an_import_is_heard_after_it(number: str, tmp_path: Path) -> None:
    """A library in C that is interrupted while it is imported ends in an ImportError."""
    (tmp_path / "fragile.py").write_text(
        "import signal, time\n"
        f"try:\n    signal.raise_signal(signal.{number})\n    time.sleep(0.1)\n"
        "except BaseException as error:\n    raise ImportError('in C') from error\n",
        encoding="utf-8",
    )
    (tmp_path / "program.py").write_text(
        "import time\nimport apl.__main__ as command\n"
        "def run():\n    import fragile\n    time.sleep(20)\n"
        "command._run = run\ncommand.main()\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, "-m", "program"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    expected = {"SIGINT": (130, "interrupted\n"), "SIGTERM": (143, "terminated\n")}
    assert (ended.returncode, ended.stderr) == expected[number]


@posix
def test_an_interrupt_inside_a_text_that_is_executed_has_its_exit_code(tmp_path: Path) -> None:
    """Where CPython kills the process in spite of its exit code (see ``Interrupted``)."""
    program = (
        "import signal, sys\n"
        "import apl.__main__ as command\n"
        "text = 'signal.raise_signal(signal.SIGINT)'\n"
        "command._run = lambda: exec(text)\n"
        "command.main()\n"
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "program"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@posix
def test_results_that_stand_stay_when_a_run_is_killed(tmp_path: Path) -> None:
    source, out = written(tmp_path / "in"), tmp_path / "out"
    given = apl.Parameters(3783.0, 6906.0)
    apl.run(source, RULES, parameters=given, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with started(out, "--overwrite") as run:
        assert run.stderr is not None
        run.stderr.readline()
        time.sleep(0.2)
        run.kill()
    assert {name for name in os.listdir(out) if not whole.leftover(name)} == set(before)
    assert verify(out).faults == ()
    apl.run(source, RULES, parameters=given, out=out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@posix
def test_a_closed_pipe_is_silent() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([*APL, "rules", *LAW], stdout=pipe, stderr=pipe) as asked:
        assert asked.stdout is not None
        assert asked.stderr is not None
        asked.stdout.close()
        assert asked.stderr.read() == b""
    assert asked.returncode == 141
