"""The command line: ``apl``, or ``python -m apl``."""

from __future__ import annotations

import io
import json
import sys
import traceback

import click

from apl.commands import national, regional, scenarios
from apl.commands.shared import cli

DEFECT, RESOURCES, INTERRUPTED = 1, 7, 130
__all__ = ["cli", "main", "national", "regional", "scenarios"]  # importing registers commands


def main() -> None:
    """Run the command line and leave with the exit code of the failure, never a bare traceback."""
    as_json = "--json" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):  # a terminal without "…" must not fail a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except MemoryError:
        click.echo("not enough memory", err=True)
        sys.exit(RESOURCES)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
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


def _fail(error: Exception, as_json: bool) -> None:
    from apl_core.errors import AplError

    if not isinstance(error, AplError):
        traceback.print_exc()
        click.echo("a defect of this program: please report it, with the lines above", err=True)
        sys.exit(DEFECT)
    if as_json:
        faults = [fault.as_dict() for fault in error.faults]
        click.echo(json.dumps({"faults": faults, "count": len(faults)}, ensure_ascii=False))
    click.echo(str(error), err=True)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
