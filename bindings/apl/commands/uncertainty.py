"""The command of how sure a zoning is: uncertainty."""

from __future__ import annotations

import os
from pathlib import Path

import click

from apl.commands.shared import Existing, cli, output_options, run_options, say, tell

WITHIN = ["france", "region", "departement", "bvcv", "commune", "none"]


@cli.command()
@click.argument("run", metavar="RUN", type=Existing)
@run_options
@click.option("--draws", type=int, default=1_000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="The same: the same bits.")
@click.option("--resample", type=click.Choice(WITHIN), default="departement", show_default=True,
              help="Persons are drawn with replacement, as many as there are in each.")  # fmt: skip
@click.option("--heads", type=float, metavar="FTE",
              help="Of a run on `offre`: FTE taken for heads of about so many.")  # fmt: skip
@click.option("--noise-minutes", type=float, default=0.0, show_default=True,
              help="Relative error of travel times, 0.1: log-normal, ten per cent.")  # fmt: skip
@click.option("--noise-by", type=click.Choice(["pair", "origin"]), default="pair",
              show_default=True, help="An error a pair, or one a commune of origin.")  # fmt: skip
@click.option("--population-error", type=float, default=0.0, show_default=True,
              help="Relative error of the inhabitants of each commune.")  # fmt: skip
@click.option("--hold-cuts", is_flag=True,
              help="Classes end at the APL of the run; else each draw is cut anew.")  # fmt: skip
@click.option("--level", type=float, default=0.9, show_default=True, help="Of the intervals.")
@click.option("--threshold", type=float, default=0.8, show_default=True,
              help="A class that fewer of the draws hold is a coin toss.")  # fmt: skip
@click.option("--min-persons", type=int, default=10, show_default=True,
              help="A BVCV that reaches fewer professionals shows no interval.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 64), help="Default: the processors, 8 at most.")
@click.option("--out", type=Existing, help="Folder of the results: the table incertitude.")
@output_options
def uncertainty(
    run: Path,
    source: Path | None,
    movements: Path | None,
    passage: Path | None,
    draws: int,
    seed: int,
    resample: str,
    heads: float | None,
    noise_minutes: float,
    noise_by: str,
    population_error: float,
    hold_cuts: bool,
    level: float,
    threshold: float,
    min_persons: int,
    threads: int | None,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """How sure the zones of a run are: the interval of each APL, the odds of each class.

    RUN is the output folder of `apl run`. It does not hold the travel times: --input names its
    input folder again, which is held against the sha256 of the manifest.
    """
    from apl.doubted import draws as drawn
    from apl.doubted import uncertainty_text as told
    from apl.doubted.uncertainty import uncertainty
    from apl.outputs import refuse_standing, write_results
    from apl.scenarios.opened import open_run
    from apl_core import UsageError, refuse_if

    if out is not None:
        refuse_standing(out, overwrite)
    doubt = drawn.Doubt(resample, noise_minutes, noise_by, population_error)
    refuse_if(doubt.faults(), UsageError)
    if heads is not None and resample == drawn.NONE:
        raise click.UsageError("--heads are drawn, and --resample none draws nobody")
    say("reading and indexing")
    found = open_run(run, source, movements=movements, passage=passage)
    people = None if resample == drawn.NONE else drawn.people_of(found, heads)
    place = drawn.reaching(found, doubt)
    say(f"{draws:,} draws")
    done = uncertainty(
        place, found.rules, doubt, seed=seed, people=people, draws=draws, level=level,
        threshold=threshold, least=min_persons, hold_cuts=hold_cuts,
        threads=threads or min(os.cpu_count() or 1, 8),
        progress=told.stages(draws, say),
    )  # fmt: skip
    if out is not None:
        write_results(out, {"incertitude": done.table}, told.manifest(found, done),
                      file_format=file_format, overwrite=overwrite)  # fmt: skip
    tell(told.describe(found, done), as_json, told.text, out)
