"""The command that asks published values for the weights behind them: calibrate."""

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
)


def minutes(value: str) -> tuple[float, ...]:
    """Bounds written as 5,10,15; click shows the ValueError beside the option."""
    try:
        found = tuple(float(one) for one in value.split(","))
    except ValueError:
        raise ValueError(f"{value!r} is not minutes such as 5,10,15") from None
    if not all(0 < one < float("inf") for one in found) or sorted(set(found)) != list(found):
        raise ValueError(f"{value!r}: minutes ascend from above 0")
    return found


@cli.command()
@click.argument("times", metavar="TIMES", type=Existing)
@click.argument("published", metavar="PUBLISHED", type=Existing)
@click.argument("supply", metavar="SUPPLY", type=Existing)
@click.option("--edges", type=minutes, metavar="MINUTES", help="Where bands end: 5,7.5,10 …")
@click.option("--closed", type=click.Choice(["left", "right"]), default="left", show_default=True,
              help="left: a time on a bound belongs to the farther band.")  # fmt: skip
@click.option("--profession", help="Whose weights the fit is held against.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="Date of that law.")
@click.option("--parameters", type=Existing, help="TOML: what the texts do not give.")
@click.option("--counting", type=click.Choice(["communes", "inhabitants"]), default="communes",
              show_default=True, help="What each gap counts by.")  # fmt: skip
@click.option("--horizon", type=click.FloatRange(min=0),
              help="Of plateaus: minutes to the one supplying commune; else the last bound."
              )  # fmt: skip
@click.option("--draws", type=click.IntRange(20, 50_000), default=1000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--sheet", help="Sheet of PUBLISHED, a workbook that has several.")
@click.option("--column", help="Header of the APL of PUBLISHED, where several would do.")
@self_pair_option
@time_option
@click.option("--out", type=Existing, help="Folder of the results: the table calibrage.")
@output_options
def calibrate(
    times: Path,
    published: Path,
    supply: Path,
    edges: tuple[float, ...] | None,
    closed: str,
    profession: str | None,
    on: date | None,
    parameters: Path | None,
    counting: str,
    horizon: float | None,
    draws: int,
    seed: int,
    sheet: str | None,
    column: str | None,
    self_pair: str,
    time: str | None,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The weights that a published APL implies, and what of them can be told.

    TIMES are travel times, PUBLISHED a table of DREES or of ours with its standardised population,
    SUPPLY the table offre (heads do: what one counts for is fitted).
    """
    from apl.calibrated import calibration
    from apl.calibrated.text import describe, text
    from apl.outputs import refuse_standing, write_results
    from apl.provenance import manifest
    from apl_core.tables import read_table

    if (profession is None) != (on is None):
        raise click.UsageError("--profession and --on go together")
    law = None if profession is None or on is None else law_of(profession, on, parameters)[0]
    if out is not None:
        refuse_standing(out, overwrite)
    say("reading")
    choose = {"minutes": time} if time else None
    value = {"apl": column} if column else None
    files = {
        "temps_de_parcours": (read_table(times, "temps_de_parcours", choose=choose), times),
        "apl_publie": (read_table(published, "apl_publie", choose=value, sheet=sheet), published),
        "offre": (read_table(supply, "offre"), supply),
    }
    found = calibration.calibrate(
        *(table for table, _ in files.values()), seed=seed, edges=edges or calibration.EDGES,
        side=closed, named=None if law is None else law.decay, counting=counting,
        horizon=horizon, self_pair=self_pair, draws=draws, progress=say,
    )  # fmt: skip
    if out is not None:
        options = {"edges": list(found.edges), "closed": closed, "counting": counting,
                   "horizon": horizon, "self_pair": self_pair, "time": time, "draws": draws,
                   "seed": seed}  # fmt: skip
        origin = manifest(files, {} if law is None else {"named": law}, options)
        write_results(out, {"calibrage": found.table}, origin, file_format=file_format,
                      overwrite=overwrite)  # fmt: skip
    tell(describe(found), as_json, text, out)
