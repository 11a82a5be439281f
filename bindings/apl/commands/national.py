"""The national commands: run, check, bvcv, zone, rules, travel-times.

Results go to files, a short summary to standard output, progress and faults to standard error.
Heavy imports wait until a command needs them.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from apl.commands.shared import (
    Existing,
    cli,
    cog_of,
    cog_options,
    day,
    for_others_option,
    json_option,
    law_of,
    law_options,
    ordered,
    output_options,
    overwrite_option,
    say,
    scheduler_option,
    self_pair_option,
    strict_option,
    tell,
    time_option,
    unit_law_of,
    unit_law_options,
    workers_of,
)


@cli.command()
@click.argument("source", metavar="[INPUT]", type=Existing, required=False)
@law_options
@click.option("--out", type=Existing, required=True, help="Folder of the results.")
@self_pair_option
@time_option
@cog_options
@click.option("--threads", type=click.IntRange(1, 64), help="Default: the processors, 8 at most.")
@scheduler_option
@strict_option
@for_others_option
@output_options
def run(
    source: Path | None,
    profession: str,
    on: date,
    parameters: Path | None,
    out: Path,
    self_pair: str,
    time: str | None,
    cog: int | None,
    movements: Path | None,
    passage: Path | None,
    threads: int | None,
    scheduler: str | None,
    strict: bool,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The whole recomputation, from the tables of a folder (or the embedded country)."""
    from apl import pipeline, summary

    wanted = cog_of(cog, movements, passage)
    if wanted is not None and source is None:
        raise click.UsageError("--cog goes with INPUT: the embedded country has one geography")
    if wanted is not None and scheduler is not None:
        raise click.UsageError("--cog needs the travel times whole: not with --scheduler")
    law, given = law_of(profession, on, parameters)
    with workers_of(scheduler, source, threads) as workers:
        done = pipeline.run(
            source,
            law,
            out=out,
            self_pair=self_pair,
            parameters=given,
            time=time,
            threads=threads,
            workers=workers,
            cog=wanted,
            file_format=file_format,
            overwrite=overwrite,
            strict=strict,
            progress=say,
        )
    found = {
        "synthetic": source is None,
        **summary.describe(done.rules, done.ranking, done.noticed),
        **summary.national(done.communes),
    }
    tell(found, as_json, summary.text, out)


@cli.command()
@click.argument("source", metavar="INPUT", type=Existing)
@unit_law_options
@click.option("--parameters", type=Existing, help="TOML: what the texts do not give.")
@self_pair_option
@time_option
@cog_options
@click.option("--out", type=Existing, help="The full list of faults goes to OUT.faults.csv.")
@strict_option
@for_others_option
@json_option
def check(
    source: Path,
    profession: str | None,
    on: date | None,
    parameters: Path | None,
    self_pair: str,
    time: str | None,
    cog: int | None,
    movements: Path | None,
    passage: Path | None,
    out: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Every gate, no computation: lists all faults of an input folder.

    Without --profession and --on, under the text of physiotherapists of 2024.
    """
    from apl import pipeline

    wanted = cog_of(cog, movements, passage)
    law, given = unit_law_of(profession, on, parameters)
    counts = pipeline.check(
        source,
        law,
        self_pair=self_pair,
        parameters=given,
        time=time,
        cog=wanted,
        strict=strict,
        progress=say,
    )
    tell(
        {"faults": 0, "tables": counts},
        as_json,
        lambda found: "\n".join(
            [f"{rows:>12,} rows  {name}" for name, rows in found["tables"].items()] + ["No fault."]
        ),
    )


@cli.command()
@click.argument("geography", type=Existing)
@click.argument("population", type=Existing)
@unit_law_options
@click.option("--parameters", type=Existing, help="TOML: other readings.")
@click.option("--year", required=True, help="Year of the municipal population.")
@click.option("--out", type=Existing, required=True, help="communes.csv or communes.parquet")
@click.option("--movements", type=Existing, help="INSEE's movements of communes.")
@click.option(
    "--between",
    type=day,
    metavar="YYYY-MM-DD",
    nargs=2,
    help="Date of the geography, and date wanted.",
)
@strict_option
@overwrite_option
@json_option
def bvcv(
    geography: Path,
    population: Path,
    profession: str | None,
    on: date | None,
    parameters: Path | None,
    year: str,
    out: Path,
    movements: Path | None,
    between: tuple[date, date] | None,
    strict: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The table of communes with its BVCV, by the legal rule."""
    from apl import noticed, summary, vintages
    from apl.bvcv import build
    from apl.catalogue import strictly
    from apl.outputs import refuse_file, write_file
    from apl.provenance import manifest
    from apl_core.tables import read_table

    if (movements is None) != (between is None):
        raise click.UsageError("--movements and --between go together")
    ordered(between)
    law, _ = unit_law_of(profession, on, parameters)
    law.require("territory", "attribution")
    refuse_file(out, overwrite)
    say("reading")
    places = read_table(geography, "geographie")
    people = read_table(population, "population_municipale", choose={"population": year})
    moves = None if movements is None else read_table(movements, "mouvements")
    built = build(places, people, law, movements=moves, between=between)
    given = {"geographie": places, "population_municipale": people}
    wanted = {} if between is None else {"geography": between[1].year}
    seen = tuple(noticed.of_tables(given, law, **wanted))
    if strict:
        strictly(seen)
    files = {"geographie": (places, geography), "population_municipale": (people, population)}
    if moves is not None and movements is not None:
        files["mouvements"] = (moves, movements)
    asked = {"year": year, "between": [str(day) for day in between or ()]}
    origin = manifest(files, {"rules": law}, asked, seen)
    table = vintages.marked(built.communes, given)
    write_file(table, out, manifest=origin, overwrite=overwrite)
    tell(summary.of_communes(built, law, seen), as_json, summary.communes_text, out)


@cli.command()
@click.argument("apl_file", metavar="APL", type=Existing)
@click.argument("communes", type=Existing)
@law_options
@click.option("--sheet", help="Sheet of a workbook that has several.")
@click.option("--column", help="Header of the APL, where several would do.")
@cog_options
@click.option("--out", type=Existing, required=True, help="Folder of the results.")
@strict_option
@output_options
def zone(
    apl_file: Path,
    communes: Path,
    profession: str,
    on: date,
    parameters: Path | None,
    sheet: str | None,
    column: str | None,
    cog: int | None,
    movements: Path | None,
    passage: Path | None,
    out: Path,
    strict: bool,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """From an APL by commune, ours or published, to BVCV and shares by region."""
    from apl import pipeline, summary
    from apl_core.tables import read_table

    wanted = cog_of(cog, movements, passage)
    law, given = law_of(profession, on, parameters)
    say("reading")
    choose = {"apl": column} if column else None
    scores = read_table(apl_file, "apl_publie", choose=choose, sheet=sheet)
    places = read_table(communes, "communes")
    if wanted is not None:
        places = wanted.bring(places, "communes")
        scores = wanted.bring(scores, "apl_publie", places)
    done = pipeline.zone(
        scores,
        places,
        law,
        parameters=given,
        files={"apl_publie": apl_file, "communes": communes},
        out=out,
        file_format=file_format,
        overwrite=overwrite,
        strict=strict,
    )
    found = {
        "synthetic": done.manifest["synthetic"],
        **summary.describe(done.rules, done.ranking, done.noticed),
    }
    tell(found, as_json, summary.text, out)


@cli.command()
@click.option("--profession", help="One profession; else the list of what is encoded.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="Date of the law; else every version.")
@click.option(
    "--diff", type=day, metavar="YYYY-MM-DD", nargs=2, help="What changed between two dates."
)
@click.option("--parameters", type=Existing, help="TOML: what the texts do not give.")
@json_option
def rules(
    profession: str | None,
    on: date | None,
    diff: tuple[date, date] | None,
    parameters: Path | None,
    as_json: bool,
) -> None:
    """The law in force, with its citations."""
    from apl import law, sheet

    if profession is None:
        if on is not None or diff is not None or parameters is not None:
            raise click.UsageError("--on, --diff and --parameters go with --profession")
        pages = {name: [str(v.since) for v in law.law_page(name)] for name in law.available()}
        tell(pages, as_json, sheet.index)
        return
    if diff is not None:
        if on is not None or parameters is not None:
            raise click.UsageError("--diff goes alone with --profession")
        before, after = (law.rules(profession, on=day) for day in diff)
        tell(sheet.difference(before, after), as_json, sheet.difference_text)
        return
    if parameters is not None and on is None:
        raise click.UsageError("--parameters goes with --on")
    found = law.law_page(profession) if on is None else (law_of(profession, on, parameters)[0],)
    tell({"versions": [sheet.page(version) for version in found]}, as_json, sheet.text)


@cli.command("travel-times")
@click.argument("coordinates", type=Existing)
@click.option("--within", type=float, default=20.0, show_default=True, help="Minutes.")
@click.option("--communes", type=Existing, help="Only the places of this table of communes.")
@click.option("--out", type=Existing, required=True, help="temps_de_parcours.parquet or .csv")
@overwrite_option
@json_option
def travel_times(
    coordinates: Path,
    within: float,
    communes: Path | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Estimated minutes where no matrix exists: an estimate, and named so."""
    from apl import summary, travel
    from apl.outputs import refuse_file, write_file
    from apl.provenance import manifest
    from apl_core.tables import read_table

    refuse_file(out, overwrite)
    places = read_table(coordinates, "coordonnees")
    files = {"coordonnees": (places, coordinates)}
    left: dict[str, Any] = {}
    if communes is not None:
        files["communes"] = (read_table(communes, "communes"), communes)
        places, left = summary.places_of(places, files["communes"][0])
    say("searching neighbours")
    times = travel.travel_times(places, within=within)
    in_csv = out.suffix.lower() == ".csv"  # has no metadata: a column says it
    table = travel.marked(times) if in_csv else times
    origin = manifest(files, {}, {"within": within})
    write_file(table, out, manifest=origin, overwrite=overwrite)
    found = {"places": places.num_rows, "pairs": times.num_rows, **left,
             "estimate": travel.estimate_of(times)}  # fmt: skip
    tell(found, as_json, summary.estimate_text, out)
