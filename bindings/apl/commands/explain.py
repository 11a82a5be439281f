"""The command that says why: explain."""

from __future__ import annotations

from pathlib import Path

import click

from apl.commands.shared import Existing, cli, json_option, run_options, say, tell


@cli.command()
@click.argument("run", metavar="RUN", type=Existing)
@click.argument("code", metavar="CODE")
@run_options
@click.option("--key", type=click.Choice(["commune", "bvcv"]),
              help="What CODE is; else a commune's if there is one.")  # fmt: skip
@click.option("--min-persons", type=click.IntRange(min=1), default=3, show_default=True,
              help="A commune of fewer professionals shows nothing of its own.")  # fmt: skip
@click.option("--confidential", is_flag=True, help="For the producer alone: all communes shown.")
@json_option
def explain(
    run: Path,
    code: str,
    source: Path | None,
    movements: Path | None,
    passage: Path | None,
    key: str | None,
    min_persons: int,
    confidential: bool,
    as_json: bool,
) -> None:
    """Why this commune or BVCV has this value and this class.

    RUN is the output folder of `apl run`. It does not hold the travel times: --input names its
    input folder again, which is held against the sha256 of the manifest.
    """
    from apl.explained.describe import describe
    from apl.explained.explain import explained, secrecy
    from apl.explained.text import text
    from apl.scenarios.opened import open_run

    say("reading and indexing")
    found = open_run(run, source, movements=movements, passage=passage)
    secret = secrecy(found, min_persons, confidential)
    say("two steps, parts")
    tell(describe(found, explained(found, code, secret, key=key), secret), as_json, text)
