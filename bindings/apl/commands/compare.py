"""The command that holds results against published figures: compare."""

from __future__ import annotations

from pathlib import Path

import click

from apl.commands.shared import Existing, cli, cog_of, cog_options, output_options, say, tell

MOST_DIGITS = 9


@cli.command()
@click.argument("ours", metavar="OURS", type=Existing)
@click.argument("published", metavar="PUBLISHED", type=Existing)
@click.option("--key", type=click.Choice(["commune", "bvcv"]),
              help="What is compared; else what both have, communes first.")  # fmt: skip
@click.option("--sheet", help="Sheet of PUBLISHED, a workbook that has several.")
@click.option("--column", help="Header of the APL of PUBLISHED, where several would do.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="The largest gap that passes, in the unit of the APL; exit 6 beyond it.",
)
@click.option(
    "--digits",
    type=click.IntRange(0, MOST_DIGITS),
    help="Digits behind the point of the published values; else read from them.",
)
@cog_options
@click.option("--out", type=Existing, help="Folder of the results: the table ecarts.")
@output_options
def compare(
    ours: Path,
    published: Path,
    key: str | None,
    sheet: str | None,
    column: str | None,
    tolerance: float | None,
    digits: int | None,
    cog: int | None,
    movements: Path | None,
    passage: Path | None,
    out: Path | None,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Ours (a run, a zoning, a file) against the published: gaps, where, and likely causes."""
    from apl.compared import comparison, read, text
    from apl.compared.align import BVCV, COMMUNE, brought
    from apl.outputs import refuse_standing, write_results
    from apl.provenance import manifest, synthetic
    from apl_core.errors import GapError

    wanted = cog_of(cog, movements, passage)
    if out is not None:
        refuse_standing(out, overwrite)
    say("reading")
    asked = None if key is None else read.KEYS[key]
    left = read.read_side(ours, asked)
    right = read.read_side(published, asked, sheet=sheet, column=column)
    by = read.chosen(left, right, asked)
    files = {"ours": left.tables[by], "published": right.tables[by]}
    tables = [table for table, _ in files.values()]
    if wanted is not None:
        if by != COMMUNE:
            raise click.UsageError("--cog goes with communes")
        tables = [brought(table, wanted) for table in tables]
    say("comparing")
    zoned = BVCV in left.tables and BVCV in right.tables
    areas = (left.tables[BVCV][0], right.tables[BVCV][0]) if zoned else None
    found = comparison.compare(tables[0], tables[1], by, digits=digits, areas=areas)
    faults = () if tolerance is None else tuple(found.faults(tolerance))
    if out is not None:
        options = {"key": by, "tolerance": tolerance, "digits": digits, "cog": cog}
        origin = manifest(files, {}, options, found.noticed)
        write_results(out, {"ecarts": found.table}, origin, file_format=file_format,
                      overwrite=overwrite)  # fmt: skip
    told = text.describe(found, tolerance=tolerance, faults=faults)
    tell({"synthetic": synthetic(*tables), **told}, as_json, text.text, out)
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        click.echo(f"exit {GapError.exit_code}: {GapError.kind}", err=True)
    return int(GapError.exit_code) if faults else 0
