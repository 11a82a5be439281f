"""The command line: ``apl``, or ``python -m apl``."""

from __future__ import annotations

import io
import json
import signal
import sys
import traceback
from types import FrameType

import click

from apl.commands import (
    calibrate,
    certify,
    compare,
    equity,
    explain,
    machine,
    national,
    regional,
    report,
    results,
    scenarios,
    sensitivity,
    uncertainty,
)
from apl.commands.shared import cli

DEFECT, INTERRUPTED, TERMINATED, CLOSED_PIPE = 1, 130, 143, 141
SOON = 0.02  # seconds until a signal that came during an import is heard again
__all__ = [
    "calibrate",
    "certify",
    "cli",
    "compare",
    "equity",
    "explain",
    "machine",
    "main",
    "national",
    "regional",
    "report",
    "results",
    "scenarios",
    "sensitivity",
    "uncertainty",
]  # importing registers commands


class _WithoutPandas:
    """PyArrow imports pandas wherever it is installed: 0.3 s that no command has a use for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """As where it is not installed."""
        if name == "pandas":
            raise ModuleNotFoundError("not needed", name=name)


class Interrupted(KeyboardInterrupt):
    """SIGINT, under a name of its own.

    CPython takes a plain KeyboardInterrupt that passes through ``exec`` of a text (imports of
    libraries do it) for one that nobody caught, and kills ``python -m`` by the signal in spite of
    the exit code: 29 of 120 runs interrupted at random ended in -2.
    """


class Terminated(BaseException):
    """SIGTERM: what is on its way is taken back on the way out, as for an interrupt."""


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave by a signal; out of an import, once that is over.

    Libraries in C make an ImportError of whatever happens while they are imported (NumPy's
    ``import_array`` prints the rest), which would be told as a defect.
    """
    why = Interrupted if number == signal.SIGINT else Terminated
    while frame is not None and "importlib._bootstrap" not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None or not hasattr(signal, "setitimer"):
        raise why
    signal.signal(signal.SIGALRM, lambda _, later: _leave(number, later))
    signal.setitimer(signal.ITIMER_REAL, SOON)


def main() -> None:
    """Run the command line and leave with the exit code of the failure, never a bare traceback."""
    sys.meta_path.insert(0, _WithoutPandas())
    as_json = "--json" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):  # a terminal without "…" must not fail a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's `&` ignores it
        signal.signal(signal.SIGINT, _leave)
    try:
        sys.exit(_run())
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Terminated:
        click.echo("terminated", err=True)
        sys.exit(TERMINATED)
    except MemoryError:
        from apl_core.errors import Fault, ResourceError

        why, mend = "this machine refused it", "fewer threads, a larger machine, or --scheduler"
        _fail(ResourceError([Fault("APL-J01", "not enough memory", why, mend)]), as_json)
    except OSError as error:
        from apl_core.errors import Fault, FileError

        why = f"{error.strerror or error}"
        _fail(
            FileError(
                [Fault("APL-A11", "a file that fails", why, "see the path", str(error.filename))]
            ),
            as_json,
        )
    except Exception as error:
        _fail(error, as_json)


def _run() -> int:
    """The exit code of a command that ends; click meets a closed pipe (``| head``) silently."""
    try:
        code = cli.main(standalone_mode=False)
    except SystemExit:
        return CLOSED_PIPE
    return code if isinstance(code, int) else 0


def _fail(error: Exception, as_json: bool) -> None:
    from apl_core.errors import AplError

    if not isinstance(error, AplError):
        traceback.print_exc()
        click.echo("a defect of this program: please report it, with the lines above", err=True)
        sys.exit(DEFECT)
    listed = None if error.listed is None else str(error.listed)
    if as_json:
        faults = [fault.as_dict() for fault in error.faults]
        said = {"faults": faults, "count": len(faults), "exit": error.exit_code, "list": listed}
        click.echo(json.dumps(said, ensure_ascii=False))
    click.echo(str(error), err=True)
    if listed is not None:
        click.echo(f"all rows of all faults: {listed}", err=True)
    click.echo(f"exit {error.exit_code}: {error.kind}", err=True)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
