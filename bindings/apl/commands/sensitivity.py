"""The command that asks what other readings change: sensitivity."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from apl.commands.shared import (
    Existing,
    cli,
    day,
    law_of,
    output_options,
    say,
    self_pair_option,
    tell,
    time_option,
    told_options,
)


@cli.command()
@click.argument("source", metavar="[INPUT|RUN]", type=Existing, required=False)
@click.option("--profession", help="masseur_kinesitherapeute, …; a RUN has its own.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="Date of the law; a RUN has its own.")
@click.option("--parameters", type=Existing, help="TOML: what the texts do not give.")
@click.option("--input", "run_input", type=Existing, help="The input folder of RUN.")
@told_options
@self_pair_option
@time_option
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--out", type=Existing, help="Folder of the results: the table sensibilite.")
@output_options
def sensitivity(
    source: Path | None,
    profession: str | None,
    on: date | None,
    parameters: Path | None,
    run_input: Path | None,
    movements: Path | None,
    passage: Path | None,
    self_pair: str,
    time: str | None,
    threads: int,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """What each reading that was not taken would change: APL, classes, persons, cuts.

    Of the tables of a folder (or the embedded country), or of RUN, the output folder of `apl run`,
    with its law and its options; --input names its input folder again.
    """
    from apl.doubted import sensitivity as room
    from apl.doubted.sensitivity_text import describe, manifest, text
    from apl.outputs import MANIFEST, refuse_standing, write_results

    if out is not None:
        refuse_standing(out, overwrite)
    if source is not None and (source / MANIFEST).is_file():
        if profession or on or parameters or time or self_pair != "error":
            raise click.UsageError("RUN has its own law and options: leave them out")
        found = room.of_run(source, run_input, movements=movements, passage=passage,
                            threads=threads, progress=say)  # fmt: skip
    else:
        if profession is None or on is None:
            raise click.UsageError("--profession and --on are needed: INPUT has no law")
        if run_input is not None or movements is not None or passage is not None:
            raise click.UsageError("--input, --movements and --passage go with RUN")
        law, given = law_of(profession, on, parameters)
        found = room.sensitivity(source, law, self_pair=self_pair, parameters=given, time=time,
                                 threads=threads, progress=say)  # fmt: skip
    if out is not None:
        write_results(out, {"sensibilite": found.table}, manifest(found),
                      file_format=file_format, overwrite=overwrite)  # fmt: skip
    tell(describe(found), as_json, text, out)
