"""The command of the zoning workshop: report."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from apl.commands.shared import (
    Existing,
    cli,
    day,
    json_option,
    overwrite_option,
    say,
    tell,
    told_options,
)


@cli.command()
@click.argument("run", metavar="RUN", type=Existing)
@click.option("--out", type=Existing, required=True, help="Folder of the pages.")
@click.option("--region", "regions", multiple=True, help="This page alone, 93; may be repeated.")
@click.option("--input", "source", type=Existing, help="The input folder of the run.")
@click.option("--communes", type=Existing, help="Of `apl zone`: the communes that it was given.")
@click.option("--apl", "published", type=Existing, help="Of `apl zone`: the APL by commune.")
@click.option("--zonage", type=Existing, help="A zoning with decisions, of `apl adapt`.")
@click.option("--incertitude", type=Existing, help="The intervals of `apl uncertainty`.")
@click.option("--outlines", type=Existing, help="A GeoJSON of communes, which maps are drawn of.")
@click.option("--coordinates", type=Existing, help="Without outlines: where communes are.")
@click.option("--on", type=day, metavar="YYYY-MM-DD", help="What zones give on that date; else on "
              "that of the law applied.")  # fmt: skip
@click.option("--xlsx", is_flag=True, help="A workbook beside each page.")
@click.option("--docx", is_flag=True, help="A draft arrêté for each region.")
@click.option("--template", type=Existing, help="Of the draft arrêté: the agency's own .docx.")
@click.option("--png", is_flag=True, help="The map as an image.")
@click.option("--svg", is_flag=True, help="The map as a drawing, for print.")
@click.option("--min-persons", type=click.IntRange(min=1), default=3, show_default=True,
              help="A commune of fewer professionals shows nothing of its own.")  # fmt: skip
@told_options
@overwrite_option
@json_option
def report(
    run: Path,
    out: Path,
    regions: tuple[str, ...],
    source: Path | None,
    movements: Path | None,
    passage: Path | None,
    communes: Path | None,
    published: Path | None,
    zonage: Path | None,
    incertitude: Path | None,
    outlines: Path | None,
    coordinates: Path | None,
    on: date | None,
    xlsx: bool,
    docx: bool,
    template: Path | None,
    png: bool,
    svg: bool,
    min_persons: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The pages to zone with, one file a region: map, table, margins, decisions, what-if.

    RUN is the output folder of `apl run`, whose --input adds who brings the APL of each BVCV and
    the what-if, or of `apl zone`, whose --communes are needed. A page asks nothing of any network.
    """
    from apl.outputs import refuse_standing
    from apl.report.material import Given, material
    from apl.report.written import Asked, describe, refuse_missing, text, write_report

    kinds = {"xlsx": xlsx, "docx": docx, "svg": svg, "png": png}
    refuse_missing([kind for kind, wanted in kinds.items() if wanted])
    refuse_standing(out, overwrite)
    say("reading")
    given = Given(source, communes, published, zonage, incertitude, movements, passage)
    found = material(run, given, least=min_persons)
    asked = Asked(tuple(dict.fromkeys(regions)), outlines, coordinates, on,
                  tuple(kind for kind, wanted in kinds.items() if wanted), template)  # fmt: skip
    done = write_report(found, out, asked, overwrite=overwrite, say=say)
    tell(describe(found, done), as_json, text, out)
