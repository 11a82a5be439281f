"""The regional commands: adapt, audit, benefits, attribution, annexes, revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apl.commands.shared import (
    Existing,
    cli,
    day,
    json_option,
    law_of,
    law_options,
    on_option,
    ordered,
    output_options,
    overwrite_option,
    profession_option,
    regime_option,
    say,
    tell,
    unit_law_of,
    unit_law_options,
)

if TYPE_CHECKING:
    from pyarrow import Table

    from apl.law import Rules
    from apl.noticed import Notice

MOST_DIGITS = 10  # of a number of acts


def name_of(parameters: Path | None) -> str | None:
    """A file of parameters as manifests name it: what it gives is in the rules."""
    return None if parameters is None else parameters.name


@cli.command()
@click.argument("bvcv", metavar="BVCV", type=Existing)
@click.argument("decisions", metavar="[DECISIONS]", type=Existing, required=False)
@click.option("--region", required=True, help="Code of the region that decides, 93.")
@law_options
@regime_option
@click.option("--suggest", is_flag=True, help="Fill the margin by the rule; write decisions too.")
@click.option("--out", type=Existing, required=True, help="Folder of the results.")
@output_options
def adapt(
    bvcv: Path,
    decisions: Path | None,
    region: str,
    profession: str,
    on: date,
    parameters: Path | None,
    regime: str | None,
    suggest: bool,
    out: Path,
    file_format: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The decisions of a region, held against the law and applied (a table bvcv, or a zonage)."""
    from apl.outputs import refuse_standing, write_results
    from apl.regions import adaptation, adaptation_text, zonage
    from apl_core.tables import read_table

    if decisions is None and not suggest:
        raise click.UsageError("give DECISIONS (a header alone changes nothing), or --suggest")
    law, _ = law_of(profession, on, parameters)
    refuse_standing(out, overwrite)
    say("reading")
    zones, given = zonage.read_zones(bvcv), adaptation.no_decisions()
    inputs = {zonage.name_of(zones): (zones, bvcv)}
    if decisions is not None:
        given = read_table(decisions, "decisions")
        inputs["decisions"] = (given, decisions)
    done = adaptation.adapted(zones, given, law, region=region, regime=regime)
    if suggest:
        more = adaptation.suggest(done.zonage, law, region=region, regime=regime)
        done = adaptation.adapted(done.zonage, more, law, region=region, regime=regime)
    asked = {"region": region, "regime": regime, "suggest": suggest,
             "parameters": name_of(parameters)}  # fmt: skip
    manifest = adaptation_text.manifest(done, inputs, asked)
    results = {"zonage": done.zonage, "parts_regionales": done.parts}
    results |= {"decisions": done.decisions} if suggest else {}
    write_results(out, results, manifest, file_format=file_format, overwrite=overwrite)
    found = {"synthetic": manifest["synthetic"], **adaptation_text.describe(done)}
    tell(found, as_json, adaptation_text.text, out)


@cli.command()
@click.argument("before", metavar="BEFORE", type=Existing)
@click.argument("after", metavar="AFTER", type=Existing)
@click.option("--region", required=True, help="Code of the region of attribution, 93.")
@law_options
@regime_option
@click.option("--out", type=Existing, help="The moves, or the verdicts of totals: .csv, .parquet")
@overwrite_option
@json_option
def audit(
    before: Path,
    after: Path,
    region: str,
    profession: str,
    on: date,
    parameters: Path | None,
    regime: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Two zonings of a region (lists of BVCV, or totals by class) held against the law."""
    from apl.outputs import refuse_file, write_file
    from apl.provenance import carried, manifest, stamped, synthetic
    from apl.regions import audit, audit_text
    from apl_core.errors import MarginError

    law, _ = law_of(profession, on, parameters)
    if out is not None:
        refuse_file(out, overwrite)
    say("reading")
    tables = audit.read_before(before), audit.read_after(after)
    found = audit.audit(*tables, law, region=region, regime=regime)
    if out is not None:
        moves = carried(stamped(found.table(), found.rules), out, *tables)
        inputs = {"before": (tables[0], before), "after": (tables[1], after)}
        asked = {"region": region, "regime": regime, "parameters": name_of(parameters)}
        origin = manifest(inputs, {"rules": found.rules}, asked)
        write_file(moves, out, manifest=origin, overwrite=overwrite)
    told = {"synthetic": synthetic(*tables), **audit_text.describe(found)}
    tell(told, as_json, audit_text.text, out)
    for fault in found.faults:
        click.echo(str(fault), err=True)
    for verdict in found.untold:
        say(f"cannot be told from rounded figures: {verdict.rule} of {verdict.subject}")
    return 0 if found.accepted else int(MarginError.exit_code)


@cli.command()
@profession_option
@on_option
@click.option("--zone", help="One class, tres_sous_dotee; else all.")
@click.option("--contract", help="One contract, CACCMK: what it asks and pays.")
@click.option("--acts", metavar="N,N,…", help="Acts of each year of the contract, the first first.")
@click.option("--reading", "readings", metavar="KEY=VALUE", multiple=True,
              help="What the text leaves open, below=nothing; several times.")  # fmt: skip
@json_option
def benefits(
    profession: str,
    on: date,
    zone: str | None,
    contract: str | None,
    acts: str | None,
    readings: tuple[str, ...],
    as_json: bool,
) -> None:
    """What a zone gives: aids, contracts and what they pay, duties, and the procedure."""
    from apl.aids import sheet
    from apl.aids.benefits import contract_named, zone_benefits
    from apl.aids.payments import contract_payments

    if contract is None:
        if acts is not None or readings:
            raise click.UsageError("--acts and --reading go with --contract")
        found = zone_benefits(profession, zone, on=on)
        tell(sheet.plain(found), as_json, lambda _: sheet.text(found))
        return
    done = [] if acts is None else [part.strip() for part in acts.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < MOST_DIGITS for part in done):
        raise click.UsageError(f"--acts takes whole numbers between commas: {acts!r}")
    if not all("=" in choice for choice in readings):
        raise click.UsageError("--reading takes KEY=VALUE, below=nothing")
    if len({choice.partition("=")[0] for choice in readings}) < len(readings):
        raise click.UsageError(f"--reading gives one key twice: {' '.join(readings)}")
    chosen = {key: value for key, _, value in (choice.partition("=") for choice in readings)}
    held = contract_named(contract, on, profession, zone)
    paid = contract_payments(held, map(int, done), readings=chosen)
    tell(sheet.plain(paid), as_json, lambda _: sheet.payments_text(paid))


@cli.command()
@click.argument("communes", type=Existing)
@unit_law_options
@click.option("--out", type=Existing, help="The regions of each BVCV: .csv, .parquet")
@overwrite_option
@json_option
def attribution(
    communes: Path,
    profession: str | None,
    on: date | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The BVCV in several regions: who decides by the law, and by the code."""
    from apl.outputs import refuse_file, write_file
    from apl.provenance import carried, manifest, synthetic
    from apl.regions import attribution_text
    from apl.regions.attribution import astride
    from apl_core.tables import read_table

    law, _ = unit_law_of(profession, on)
    if out is not None:
        refuse_file(out, overwrite)
    places = read_table(communes, "communes")
    found = astride(places, law)
    if out is not None:
        origin = manifest({"communes": (places, communes)}, {"rules": law}, {})
        write_file(carried(found, out, places), out, manifest=origin, overwrite=overwrite)
    told = {"synthetic": synthetic(places), **attribution_text.describe(found, law)}
    tell(told, as_json, attribution_text.text, out)


@cli.command()
@click.argument("zonage", metavar="ZONAGE", type=Existing)
@click.argument("communes", type=Existing)
@click.option("--region", required=True, help="Code of the region whose arrêté it is, 93.")
@law_options
@click.option("--published", metavar="R,R,…", help="Regions whose classes are out; else all are.")
@click.option("--out", type=Existing, required=True, help="annexes.csv or annexes.parquet")
@overwrite_option
@json_option
def annexes(
    zonage: Path,
    communes: Path,
    region: str,
    profession: str,
    on: date,
    parameters: Path | None,
    published: str | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """The three lists of communes of a region's arrêté (from a zonage, or a table bvcv)."""
    from apl.outputs import refuse_file, write_file
    from apl.provenance import carried, manifest, stamped, synthetic, under
    from apl.regions import attribution_text
    from apl.regions.attribution import annexes as annexes_of
    from apl.regions.zonage import read_zones
    from apl_core.tables import read_table

    law, _ = law_of(profession, on, parameters)
    refuse_file(out, overwrite)
    say("reading")
    regions = None if published is None else [r.strip() for r in published.split(",") if r.strip()]
    zones, places = read_zones(zonage), read_table(communes, "communes")
    found = annexes_of(zones, places, law, region=region, published=regions)
    law = under(law, zonage=zones)
    lists = carried(stamped(found, law), out, zones, places)
    inputs = {"zonage": (zones, zonage), "communes": (places, communes)}
    asked = {"region": region, "published": regions, "parameters": name_of(parameters)}
    origin = manifest(inputs, {"rules": law}, asked)
    write_file(lists, out, manifest=origin, overwrite=overwrite)
    told = {"synthetic": synthetic(zones, places),
            **attribution_text.describe_annexes(found, places, law, region)}  # fmt: skip
    tell(told, as_json, attribution_text.annexes_text, out)


@cli.command()
@click.argument("before", metavar="BEFORE", type=Existing)
@click.argument("after", metavar="AFTER", type=Existing)
@click.option("--communes-before", type=Existing, required=True, help="Communes of BEFORE.")
@click.option("--communes-after", type=Existing, required=True, help="Communes of AFTER.")
@click.option("--movements", type=Existing, help="INSEE's movements of communes.")
@click.option("--between", type=day, metavar="YYYY-MM-DD", nargs=2,
              help="Dates of the two geographies.")  # fmt: skip
@click.option("--passage", type=Existing, help="Where communes went that were split.")
@click.option("--profession", help="With both dates: say why each BVCV changed.")
@click.option("--on-before", type=day, metavar="YYYY-MM-DD", help="Date of the law of BEFORE.")
@click.option("--on-after", type=day, metavar="YYYY-MM-DD", help="Date of the law of AFTER.")
@click.option("--parameters", type=Existing, help="TOML: what the texts do not give, at both.")
@click.option("--out", type=Existing, help="The BVCV, class by class: .csv, .parquet")
@overwrite_option
@json_option
def revision(
    before: Path,
    after: Path,
    communes_before: Path,
    communes_after: Path,
    movements: Path | None,
    between: tuple[date, date] | None,
    passage: Path | None,
    profession: str | None,
    on_before: date | None,
    on_after: date | None,
    parameters: Path | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Two vintages of a zoning compared on the later geography: who changed class, and why."""
    from apl.outputs import refuse_file, write_file
    from apl.provenance import carried, manifest, synthetic, under
    from apl.regions import revision_text
    from apl.regions.revision import revise

    if (movements is None) != (between is None):
        raise click.UsageError("--movements and --between go together")
    ordered(between)
    texts, outside, noticed = _laws(profession, on_before, on_after, parameters)
    if out is not None:
        refuse_file(out, overwrite)
    say("reading")
    given = _vintages((before, after), (communes_before, communes_after), movements, passage)
    tables = {name: table for name, (table, _) in given.items()}
    zones = tables["before"], tables["after"]
    found = revise(
        *zones,
        communes_before=tables["communes_before"],
        communes_after=tables["communes_after"],
        movements=tables.get("mouvements"),
        between=between,
        settled=tables.get("passage"),
        rules_before=texts[0] if texts else None,
        rules_after=texts[1] if texts else None,
        territories_without_apl=outside,
    )
    texts = tuple(under(text, zoning=table) for text, table in zip(texts, zones, strict=False))
    if out is not None:
        laws = dict(zip(("before", "after"), texts, strict=False))
        asked = {"between": [str(day) for day in between or ()], "parameters": name_of(parameters)}
        origin = manifest(given, laws, asked, (*noticed, *found.noticed))
        table = carried(found.bvcv, out, *tables.values())
        write_file(table, out, manifest=origin, overwrite=overwrite)
    told = {"synthetic": synthetic(*tables.values())}
    told |= revision_text.describe(found, texts, noticed)
    tell(told, as_json, revision_text.text, out)


def _laws(
    profession: str | None, before: date | None, after: date | None, parameters: Path | None
) -> tuple[tuple[Rules, ...], Mapping[str, int], list[Notice]]:
    """Both texts of a revision (or none), people without APL, and what is said of the dates."""
    from apl.regions.revision import notices_of_dates

    if profession is not None and before is not None and after is not None:
        if after < before:
            raise click.UsageError("--on-after is before --on-before")
        (first, given), (second, _) = (law_of(profession, on, parameters) for on in (before, after))
        noticed = notices_of_dates(before, after, profession)
        return (first, second), given.territories_without_apl, noticed
    if any(value is not None for value in (profession, before, after, parameters)):
        raise click.UsageError("--profession, --on-before and --on-after go together")
    return (), {}, []


def _vintages(
    zones: tuple[Path, Path],
    communes: tuple[Path, Path],
    movements: Path | None,
    passage: Path | None,
) -> dict[str, tuple[Table, Path]]:
    """What `revision` reads, by the part it has there."""
    from apl.regions.zonage import read_zones
    from apl_core.tables import read_table

    moments = ("before", "after")
    read = {moment: (read_zones(path), path) for moment, path in zip(moments, zones, strict=True)}
    for moment, path in zip(moments, communes, strict=True):
        read[f"communes_{moment}"] = (read_table(path, "communes"), path)
    for name, other in (("mouvements", movements), ("passage", passage)):
        if other is not None:
            read[name] = (read_table(other, name), other)
    return read
