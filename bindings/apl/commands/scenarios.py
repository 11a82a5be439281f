"""The commands of what would be: simulate."""

from __future__ import annotations

from pathlib import Path

import click

from apl.commands.shared import Existing, cli, output_options, run_options, say, tell


@cli.command()
@click.argument("run", metavar="RUN", type=Existing)
@click.option("--add", multiple=True, metavar="CODE=FTE", help="04070=2; 04070=-1 removes.")
@run_options
@click.option("--hold-cuts", is_flag=True,
              help="Classes end at the APL of the run; else the nation is cut anew.")  # fmt: skip
@click.option("--best", type=int, metavar="N", help="The best places for N FTE, added too.")
@click.option("--region", help="Of --best: code of the region, 93.")
@click.option(
    "--threshold", type=float, help="Of --best: an APL; else where the lowest class ends."
)
@click.option("--objective", type=click.Choice(["persons", "shortfall"]), default="persons",
              show_default=True, help="Of --best: persons lifted, FTE less missing.")  # fmt: skip
@click.option("--seconds", type=float, default=60.0, show_default=True,
              help="Of --best: to prove the optimum.")  # fmt: skip
@click.option("--out", type=Existing, help="Folder of the results: those of a run, with it all.")
@output_options
def simulate(
    run: Path,
    add: tuple[str, ...],
    source: Path | None,
    movements: Path | None,
    passage: Path | None,
    hold_cuts: bool,
    best: int | None,
    region: str | None,
    threshold: float | None,
    objective: str,
    seconds: float,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The same country with more or fewer professionals: what changes.

    RUN is the output folder of `apl run`. It does not hold the travel times: --input names its
    input folder again, which is held against the sha256 of the manifest.
    """
    from dataclasses import replace

    from apl.outputs import refuse_standing, write_results
    from apl.scenarios import opened, places, simulate_text
    from apl.scenarios.simulate import changed_supply, simulate

    if not add and best is None:
        raise click.UsageError("give --add CODE=FTE, or --best N")
    if (best is None) != (region is None):
        raise click.UsageError("--best and --region go together")
    if out is not None:
        refuse_standing(out, overwrite)
    say("reading and indexing")
    found = opened.open_run(run, source, movements=movements, passage=passage)
    place, rules = found.place, found.rules
    added, supply = changed_supply(
        place, [(code, fte) for code, _, fte in (item.partition("=") for item in add)]
    )
    told = None
    if best is not None and region is not None:
        say("best places")
        level = opened.lowest_cut(found) if threshold is None else threshold
        chosen = places.best_places(
            replace(place, supply=supply), rules, best, region=region, objective=objective,
            threshold=level, seconds=seconds,
        )  # fmt: skip
        told = simulate_text.describe_places(chosen)
        for code, fte in (chosen.optimum or chosen.greedy).places.items():
            added[code] = added.get(code, 0.0) + fte
    say("two steps, zones")
    done = simulate(place, rules, added, hold_cuts=hold_cuts)
    summary = {**simulate_text.describe(found, done), "places": told}
    if out is not None:
        manifest = simulate_text.manifest(found, done, summary)
        write_results(out, simulate_text.results(found, done), manifest,
                      file_format=file_format, overwrite=overwrite)  # fmt: skip
    tell(summary, as_json, simulate_text.text, out)
