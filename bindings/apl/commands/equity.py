"""The commands on who has how much: inequality, change, retirement."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from apl.commands.shared import (
    Existing,
    cli,
    cog_of,
    cog_options,
    json_option,
    output_options,
    run_options,
    say,
    tell,
)

OLDEST = 150  # years


def _threshold(value: str) -> float:
    """A finite number over 0; click shows the ValueError beside the option."""
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{value} is not a number over 0")
    return number


@cli.command()
@click.argument("apl_", metavar="APL", type=Existing)
@click.option("--key", type=click.Choice(["commune", "bvcv"]),
              help="Whose APL; else the communes' if there are any.")  # fmt: skip
@click.option("--sheet", help="Sheet of a workbook that has several.")
@click.option("--column", help="Header of the APL, where several would do.")
@click.option(
    "--threshold", "thresholds", multiple=True, metavar="APL", type=_threshold,
    help="Who has less than it: how many, how much less. Repeat for several.",
)  # fmt: skip
@click.option("--by", type=click.Choice(["region"]), help="The same of each region.")
@click.option(
    "--rank", type=Existing, metavar="FILE",
    help="By commune, what ranks them from the worst off: the concentration index.",
)  # fmt: skip
@json_option
def inequality(
    apl_: Path,
    key: str | None,
    sheet: str | None,
    column: str | None,
    thresholds: tuple[float, ...],
    by: str | None,
    rank: Path | None,
    as_json: bool,
) -> None:
    """How unequal an APL is: tenths as DREES publishes them, Gini, Palma, Theil, who has little.

    APL is the folder of a run, a table of it, or DREES's workbook.
    """
    from apl.compared.read import KEYS, chosen, read_side
    from apl.equity.inequality import inequality, with_variable
    from apl.equity.inequality_text import describe, text
    from apl.provenance import synthetic
    from apl_core.tables import headers_of, read_table

    say("reading")
    asked = None if key is None else KEYS[key]
    side = read_side(apl_, asked, sheet=sheet, column=column)
    table = side.tables[chosen(side, side, asked)][0]
    named = None
    if rank is not None:
        variable = read_table(rank, "variable")
        named = f"{headers_of(variable).get('valeur', 'valeur')} ({rank.name})"
        table = with_variable(table, variable, named)
    say("indices")
    found = inequality(table, thresholds=thresholds, rank=named, regions=by is not None)
    tell({"synthetic": synthetic(table), **describe(found)}, as_json, text)


def _order(value: str) -> tuple[str, ...]:
    """The four factors in an order; click shows the ValueError beside the option."""
    from apl.equity.effects import order_of

    return order_of(value.split(","))


@cli.command()
@click.argument("before", metavar="BEFORE", type=Existing)
@click.argument("after", metavar="AFTER", type=Existing)
@click.option("--input-before", type=Existing, help="The input folder of BEFORE.")
@click.option("--input-after", type=Existing, help="The input folder of AFTER.")
@click.option(
    "--order", type=_order, metavar="A,B,C,D",
    help="supply, demand, times, geography in the order in which they change; "
    "else the mean over all orders (Shapley).",
)  # fmt: skip
@cog_options
@click.option("--out", type=Existing, help="Folder of the results: BVCV and communes.")
@output_options
def change(
    before: Path,
    after: Path,
    input_before: Path | None,
    input_after: Path | None,
    order: tuple[str, ...] | None,
    cog: int | None,
    movements: Path | None,
    passage: Path | None,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """What the change between two runs comes from: supply, demand, times, geography.

    BEFORE and AFTER are output folders of `apl run` under one text. Runs on the communes of
    different years are brought to those of one: --cog, with --movements. (Without --cog,
    --movements are those that the runs themselves were given.)
    """
    from apl.equity.change import change
    from apl.equity.change_text import describe, text
    from apl.equity.years import manifest, refuse_other_law, year_of
    from apl.outputs import refuse_standing, write_results
    from apl.provenance import stamped
    from apl.scenarios.opened import open_run

    wanted = None if cog is None else cog_of(cog, movements, passage)
    if out is not None:
        refuse_standing(out, overwrite)
    say("reading and indexing")
    again = partial(open_run, movements=movements, passage=passage, spare=True)
    runs = again(before, input_before), again(after, input_after)
    rules = runs[1].rules
    refuse_other_law(runs[0].rules, rules)
    say("sixteen states")
    found = change(year_of(runs[0], wanted), year_of(runs[1], wanted), rules, order=order)
    if out is not None:
        tables = {"changements": found.bvcv, "changements_communes": found.communes}
        told = manifest(*runs, {"order": order, "cog": cog}, wanted)
        write_results(out, {name: stamped(table, rules) for name, table in tables.items()}, told,
                      file_format=file_format, overwrite=overwrite)  # fmt: skip
    tell(describe(*runs, found), as_json, text, out)


def _ages(value: str) -> tuple[int, ...]:
    """Ages in years; click shows the ValueError beside the option."""
    ages = tuple(int(age) for age in value.split(","))
    if not all(0 <= age <= OLDEST for age in ages):
        raise ValueError(f"{value}: an age is one of 0 to {OLDEST} years")
    return ages


@cli.command()
@click.argument("run", metavar="RUN", type=Existing)
@run_options
@click.option("--ages", type=_ages, default="60,62,65", show_default=True, metavar="A,B,…",
              help="Who is older leaves, one age after the other.")  # fmt: skip
@click.option("--confidential", is_flag=True,
              help="For who holds the professionals alone: the FTE of one or two of them too."
              )  # fmt: skip
@click.option("--out", type=Existing, help="Folder of the results: every BVCV; confidential.")
@output_options
def retirement(
    run: Path,
    source: Path | None,
    movements: Path | None,
    passage: Path | None,
    ages: tuple[int, ...],
    confidential: bool,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The same country without its oldest professionals: supply, APL, classes.

    RUN is the output folder of `apl run` on a table professionnels. --input names its input folder
    again, which is held against the sha256 of the manifest. The age limit of the text stays.
    """
    from apl.equity import retirement_text
    from apl.equity.retirement import retirement, staff_of
    from apl.outputs import refuse_standing, write_results
    from apl.provenance import stamped
    from apl.scenarios.opened import open_run

    if out is not None:
        refuse_standing(out, overwrite)
    say("reading and indexing")
    found = open_run(run, source, movements=movements, passage=passage)
    say("without the oldest")
    done = retirement(found.place, found.rules, staff_of(found), ages)
    if out is not None:
        tables = retirement_text.results(done)
        marked = {name: stamped(table, found.rules) for name, table in tables.items()}
        write_results(out, marked, retirement_text.manifest(found, done),
                      file_format=file_format, overwrite=overwrite)  # fmt: skip
    told = retirement_text.describe(found, done, confidential=confidential)
    tell(told, as_json, retirement_text.text, out)
