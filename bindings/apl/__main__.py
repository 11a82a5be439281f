"""The command line. Results go to files, a short summary to standard output, progress and faults
to standard error. Heavy imports wait until a command needs them."""

from __future__ import annotations

import io
import json
import sys
import traceback
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from apl.law import Parameters, Rules

# The rule of the BVCV (annexe, II) has one text at hand; `apl bvcv` names it in its summary.
BVCV_TEXT = ("masseur_kinesitherapeute", date(2024, 3, 20))
DEFECT, RESOURCES, INTERRUPTED = 1, 7, 130
Existing = click.Path(path_type=Path)


def day(value: str) -> date:
    """A date written as 2025-06-06; click shows the ValueError beside the option."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a date such as 2025-06-06") from None


def law_options(command: Any) -> Any:
    """``--profession``, ``--on``, ``--parameters``."""
    for option in (
        click.option("--parameters", type=Existing, help="TOML: what the texts do not give."),
        click.option(
            "--on",
            type=day,
            metavar="YYYY-MM-DD",
            required=True,
            help="Date of the law, 2025-06-06.",
        ),
        click.option("--profession", required=True, help="masseur_kinesitherapeute, …"),
    ):
        command = option(command)
    return command


def output_options(command: Any) -> Any:
    """``--format``, ``--overwrite``, ``--json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object."),
        click.option("--overwrite", is_flag=True, help="Replace results that stand."),
        click.option("--format", "file_format", type=click.Choice(["parquet", "csv"]),
                     default="parquet", show_default=True),
    ):  # fmt: skip
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
self_pair_option = click.option(
    "--self-pair",
    type=click.Choice(["error", "0", "none"]),
    default="error",
    show_default=True,
    help="A missing time from a commune to itself: a fault, 0 minutes (METRIC), or no access.",
)
time_option = click.option("--time", help="HC or HP, where the travel times have both.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("apl"), prog_name="apl")
def cli() -> None:
    """Access to care in France: the APL, its zones, and the law behind them.

    Exit codes: 0 done, 1 a defect of ours, 2 command line, 3 data, 4 rules or parameters, 5 files,
    6 gap to the published figures, 7 resources, 8 a zoning rule is broken, 130 interrupted.
    """


@cli.command()
@click.argument("source", metavar="[INPUT]", type=Existing, required=False)
@law_options
@click.option("--out", type=Existing, required=True, help="Folder of the results.")
@self_pair_option
@time_option
@click.option("--threads", type=click.IntRange(1, 64), help="Default: the processors, 8 at most.")
@output_options
def run(
    source: Path | None,
    profession: str,
    on: date,
    parameters: Path | None,
    out: Path,
    self_pair: str,
    time: str | None,
    threads: int | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The whole recomputation, from the tables of a folder (or the embedded country)."""
    from apl import pipeline, summary

    law, given = _law(profession, on, parameters)
    done = pipeline.run(
        source,
        law,
        out=out,
        self_pair=self_pair,
        parameters=given,
        time=time,
        threads=threads,
        file_format=file_format,
        overwrite=overwrite,
        progress=_say,
    )
    found = {
        "synthetic": source is None,
        **summary.describe(done.rules, done.ranking, done.noticed),
        **summary.national(done.communes),
        "out": str(out),
    }
    _tell(found, as_json, summary.text)


@cli.command()
@click.argument("source", metavar="INPUT", type=Existing)
@self_pair_option
@time_option
@json_option
def check(source: Path, self_pair: str, time: str | None, as_json: bool) -> None:
    """Every gate, no computation: lists all faults of an input folder."""
    from apl import pipeline

    counts = pipeline.check(source, self_pair=self_pair, time=time, progress=_say)
    _tell(
        {"faults": 0, "tables": counts},
        as_json,
        lambda found: "\n".join(
            [f"{rows:>12,} rows  {name}" for name, rows in found["tables"].items()] + ["No fault."]
        ),
    )


@cli.command()
@click.argument("geography", type=Existing)
@click.argument("population", type=Existing)
@click.option("--profession", help="Whose law page; else the one text at hand that has the rule.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="Date of the law.")
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
@click.option("--overwrite", is_flag=True, help="Replace a file that stands.")
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
    overwrite: bool,
    as_json: bool,
) -> None:
    """The table of communes with its BVCV, by the legal rule."""
    from apl import summary
    from apl.bvcv import build
    from apl.outputs import refuse_file, write_file
    from apl_core.tables import read_table

    if (movements is None) != (between is None):
        raise click.UsageError("--movements and --between go together")
    if (profession is None) != (on is None):
        raise click.UsageError("--profession and --on go together")
    law, _ = _law(profession or BVCV_TEXT[0], on or BVCV_TEXT[1], parameters)
    refuse_file(out, overwrite)
    _say("reading")
    built = build(
        read_table(geography, "geographie"),
        read_table(population, "population_municipale", choose={"population": year}),
        law,
        movements=None if movements is None else read_table(movements, "mouvements"),
        between=between,
    )
    write_file(built.communes, out, overwrite=overwrite)
    _tell({**summary.of_communes(built, law), "out": str(out)}, as_json, summary.communes_text)


@cli.command()
@click.argument("apl_file", metavar="APL", type=Existing)
@click.argument("communes", type=Existing)
@law_options
@click.option("--sheet", help="Sheet of a workbook that has several.")
@click.option("--column", help="Header of the APL, where several would do.")
@click.option("--out", type=Existing, required=True, help="Folder of the results.")
@output_options
def zone(
    apl_file: Path,
    communes: Path,
    profession: str,
    on: date,
    parameters: Path | None,
    sheet: str | None,
    column: str | None,
    out: Path,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """From an APL by commune, ours or published, to BVCV and shares by region."""
    from apl import pipeline, summary
    from apl_core.tables import read_table

    law, given = _law(profession, on, parameters)
    _say("reading")
    choose = {"apl": column} if column else None
    done = pipeline.zone(
        read_table(apl_file, "apl_publie", choose=choose, sheet=sheet),
        read_table(communes, "communes"),
        law,
        parameters=given,
        files={"apl_publie": apl_file, "communes": communes},
        out=out,
        file_format=file_format,
        overwrite=overwrite,
    )
    found = {**summary.describe(done.rules, done.ranking, done.noticed), "out": str(out)}
    _tell(found, as_json, summary.text)


@cli.command()
@click.option("--profession", help="One profession; else the list of what is encoded.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="Date of the law; else every version.")
@json_option
def rules(profession: str | None, on: date | None, as_json: bool) -> None:
    """The law in force, with its citations."""
    from apl import law, sheet

    if profession is None:
        pages = {name: [str(v.since) for v in law.law_page(name)] for name in law.available()}
        _tell(pages, as_json, sheet.index)
        return
    found = law.law_page(profession) if on is None else (law.rules(profession, on=on),)
    _tell({"versions": [sheet.page(version) for version in found]}, as_json, sheet.text)


@cli.command("travel-times")
@click.argument("coordinates", type=Existing)
@click.option("--within", type=float, default=20.0, show_default=True, help="Minutes.")
@click.option("--communes", type=Existing, help="Only the places of this table of communes.")
@click.option("--out", type=Existing, required=True, help="temps_de_parcours.parquet or .csv")
@click.option("--overwrite", is_flag=True, help="Replace a file that stands.")
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
    from apl_core.tables import read_table

    refuse_file(out, overwrite)
    places = read_table(coordinates, "coordonnees")
    left: dict[str, Any] = {}
    if communes is not None:
        places, left = summary.places_of(places, read_table(communes, "communes"))
    _say("searching neighbours")
    times = travel.travel_times(places, within=within)
    in_csv = out.suffix.lower() == ".csv"  # has no metadata: a column says it
    write_file(travel.marked(times) if in_csv else times, out, overwrite=overwrite)
    found = {"places": places.num_rows, "pairs": times.num_rows, "out": str(out), **left,
             "estimate": travel.estimate_of(times)}  # fmt: skip
    _tell(found, as_json, summary.estimate_text)


def _law(profession: str, on: date, parameters: Path | None) -> tuple[Rules, Parameters]:
    from apl.law import Parameters, read_parameters, rules

    given = Parameters() if parameters is None else read_parameters(parameters)
    return rules(profession, on=on, readings=given.readings), given


def _say(stage: str) -> None:
    click.echo(f"… {stage}", err=True)


def _tell(found: dict[str, Any], as_json: bool, text: Any) -> None:
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else text(found))


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
