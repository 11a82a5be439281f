"""The command that recomputes every claim of this project: certify."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from apl.commands.shared import Existing, cli, day, json_option, overwrite_option, say, tell

EPOCH = "SOURCE_DATE_EPOCH"


@cli.command()
@click.option("--data", type=Existing, metavar="FOLDER",
              help="The published data; else the folder that APL_REAL_DATA names.")  # fmt: skip
@click.option("--out", type=Existing, metavar="FILE.md", required=True, help="The page.")
@click.option("--short", is_flag=True, help="Without what takes a national matrix: seconds.")
@click.option("--date", "on", type=day, metavar="YYYY-MM-DD",
              help=f"Date on the page; else {EPOCH}'s, else today's (UTC).")  # fmt: skip
@overwrite_option
@json_option
def certify(
    data: Path | None, out: Path, short: bool, on: date | None, overwrite: bool, as_json: bool
) -> int:
    """Every published figure that this project claims, recomputed; exit 6 if one falls."""
    from apl.certified.certificate import FOLDER, nothing_there
    from apl.certified.certificate import certify as certified
    from apl.certified.describe import describe, text
    from apl.certified.page import page
    from apl.outputs import refuse_page, write_page
    from apl_core.errors import GapError

    on = on or _epoch()
    named = os.environ.get(FOLDER)
    folder = data or (Path(named) if named else None)
    if folder is None:
        raise nothing_there(None)
    refuse_page(out, overwrite)
    found = certified(folder, short=short, say=say)
    write_page(page(found, on), out, overwrite=overwrite)
    tell(describe(found), as_json, text, out)
    faults = found.faults()
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        click.echo(f"exit {GapError.exit_code}: {GapError.kind}", err=True)
    return int(GapError.exit_code) if faults else 0


def _epoch() -> date:
    """The day of ``SOURCE_DATE_EPOCH``, by which builds are reproducible; else today's."""
    seconds = os.environ.get(EPOCH, "")
    if not seconds:
        return datetime.now(UTC).date()
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))).date()
    except (ValueError, OverflowError):
        raise click.UsageError(f"{EPOCH} is a number of seconds, not {seconds!r}") from None
