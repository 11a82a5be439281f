"""The command on results that stand: verify."""

from __future__ import annotations

from pathlib import Path

import click

from apl.commands.shared import Existing, cli, json_option, tell


@cli.command()
@click.argument("out", metavar="OUT", type=Existing)
@click.option("--inputs", type=Existing, multiple=True, help="Folder of the inputs: held as well.")
@json_option
def verify(out: Path, inputs: tuple[Path, ...], as_json: bool) -> None:
    """Results held against their manifest, by size and sha256: a folder, or one table."""
    from apl.verify import describe, text
    from apl.verify import verify as verified
    from apl_core import FileError, refuse_if

    found = verified(out, inputs=inputs)
    refuse_if(found.faults, FileError)
    tell(describe(found), as_json, text)
