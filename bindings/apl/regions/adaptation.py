"""Regional adaptation (annexe, V): decisions of an agency, held against the regime, then applied.

The national class of each BVCV is kept beside the one in force, so that a zoning can be adapted
again: what is held is always the whole distance from the national classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from apl.blocks import Regime, ShareRules
from apl.law import Rules
from apl.noticed import Notice
from apl.provenance import stamped, under
from apl.regions.gauges import Held, Unit, Units, moved
from apl.regions.regimes import hold, printed_shares, regime_of
from apl.regions.zonage import as_zonage, by_code, not_of_the_text, of_region, units_of
from apl_core import Fault, MarginError, refuse_if
from apl_core.errors import at_rows, listed
from apl_core.tables import checked

PROPOSED = "proposé par la règle"  # how the motive of a suggestion begins
WHY = "a region may change a class for a reason, which its decision states"
SAY = "say why, in words of the agency"


@dataclass(frozen=True, eq=False)
class Adapted:
    """A zoning after the decisions of a region, and how much of the regime they use.

    Attributes
    ----------
    rules : Rules
    regime : Regime
    units : Units
        The BVCV attributed to the region, with their national classes.
    zonage : pyarrow.Table
        Every BVCV of the country; only those of the region differ from what was given.
    held : Held
        Changes and gauges.
    decisions : pyarrow.Table
        What changes a national class: those given, and those of the zoning that was given.
    parts : pyarrow.Table
        ``parts_regionales`` of the region after the decisions.
    noticed : tuple of Notice
    """

    rules: Rules
    regime: Regime
    units: Units
    zonage: pa.Table
    held: Held
    decisions: pa.Table
    parts: pa.Table
    noticed: tuple[Notice, ...]


def adapt(
    zones: pa.Table,
    decisions: pa.Table,
    rules: Rules,
    *,
    region: str,
    regime: str | None = None,
) -> pa.Table:
    """The zoning after the decisions of one region, which alone decides on its BVCV.

    Parameters
    ----------
    zones : pyarrow.Table
        The table ``bvcv`` of `apl.classify`, whole, or a ``zonage``: earlier decisions stand until
        others replace them, and are held with the new ones under the regime named now.
    decisions : pyarrow.Table
        ``code_bvcv``, ``zone``, ``motif``. Without rows, nothing changes. A decision for the
        national class undoes an earlier one.
    rules : Rules
    region : str
        Code of the region that decides.
    regime : str, optional
        The name of one of the regimes of the law page; default: the text's own.

    Returns
    -------
    pyarrow.Table
        The table ``zonage``, in the order of the rows given.

    Raises
    ------
    MarginError
        A rule of the regime is broken, a BVCV is another region's, or has no class; all together.
    TableError
        A BVCV or class that does not exist, a decision without a motive.
    RuleError
        No such regime, or no public source states it.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> zones = pa.table({"code_bvcv": ["01001", "01002"], "code_region": ["84", "84"],
    ...     "apl": [10.0, 50.0], "population": [25, 975], "zone": ["sous_dotee", "intermediaire"]})
    >>> decisions = pa.table({"code_bvcv": ["01001"], "zone": ["tres_sous_dotee"],
    ...     "motif": ["part des patients en affection de longue durée"]})
    >>> adapt(zones, decisions, law, region="84").select(["zone", "article"]).to_pylist()[0]
    {'zone': 'tres_sous_dotee', 'article': 'annexe, V, alinéa 2'}
    """
    return adapted(zones, decisions, rules, region=region, regime=regime).zonage


def adapted(
    zones: pa.Table,
    decisions: pa.Table,
    rules: Rules,
    *,
    region: str,
    regime: str | None = None,
) -> Adapted:
    """`adapt`, which see, with its gauges, changes and remarks."""
    rules = under(rules, zones=zones)
    law, table = regime_of(rules, regime), as_zonage(zones, rules)
    units, given = units_of(table, region), checked(decisions, "decisions")
    _refuse(table, given, rules)
    now = _standing(table, region)
    elsewhere = [code for code in given.column("code_bvcv").to_pylist() if code not in now]
    now |= {row["code_bvcv"]: (row["zone"], row["motif"]) for row in given.to_pylist()
            if row["code_bvcv"] in now}  # fmt: skip
    held = hold(units, {code: zone for code, (zone, _) in now.items()}, rules, law)
    faults = [*_others(table, given, elsewhere, region, law),
              *(b.fault(law) for b in held.breaches)]  # fmt: skip
    refuse_if(faults, MarginError)
    refuse_if(_unjustified(held, now))
    motives = {change.unit.code: now[change.unit.code][1] for change in held.changes}
    return Adapted(
        rules,
        law,
        units,
        stamped(_applied(table, units, held, motives, law), rules),
        held,
        _decisions([(c.unit.code, c.target, motives[c.unit.code] or "") for c in held.changes]),
        stamped(_parts(units, held, rules), rules),
        tuple(_notices(units, held, motives, rules)),
    )


def suggest(
    zones: pa.Table,
    rules: Rules,
    *,
    region: str,
    regime: str | None = None,
    towards: str | None = None,
) -> pa.Table:
    """The decisions that fill the margin of a region by the rule itself.

    BVCV are moved into a class by ascending APL (then population, then code), each where no rule of
    the regime is broken, until none fits any more. Under an order that lets nobody overtake, the
    first that does not fit ends it.

    Parameters
    ----------
    zones : pyarrow.Table
        As for `adapt`; the changes of a ``zonage`` stand, and the suggestion comes on top of them.
    rules, region, regime
        As for `adapt`.
    towards : str, optional
        The class to fill; default: the first, of the lowest APL.

    Returns
    -------
    pyarrow.Table
        The table ``decisions``; the agency has motives of its own to put in the place of ours.

    Raises
    ------
    MarginError
        What stands already breaks a rule.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> zones = pa.table({"code_bvcv": ["01001", "01002", "01003"], "code_region": ["84"] * 3,
    ...     "apl": [10.0, 20.0, 50.0], "population": [20, 6, 974],
    ...     "zone": ["sous_dotee", "sous_dotee", "intermediaire"]})
    >>> suggest(zones, law, region="84").column("code_bvcv").to_pylist()
    ['01001']
    """
    start = adapted(zones, no_decisions(), rules, region=region, regime=regime)
    law, target = start.regime, towards or rules.zoning.zones[0]
    cites = {move.origin: move.cite for move in law.moves if move.target == target}
    after = {change.unit.code: change.target for change in start.held.changes}
    waiting = [u for u in start.units.bvcv if u.zone in cites and u.code not in after]
    taken: list[Unit] = []
    found = True
    while found:  # again from the lowest: under a printed share, one may fit after a larger one
        found = False
        for unit in list(waiting):
            tried = {**after, unit.code: target}
            if not hold(start.units, tried, rules, law).breaches:
                after, found = tried, True
                waiting.remove(unit)
                taken.append(unit)
    return _decisions([(u.code, target, f"{PROPOSED} : {cites[str(u.zone)]}") for u in taken])


def no_decisions() -> pa.Table:
    """The table ``decisions`` that changes nothing."""
    return _decisions([])


def _standing(table: pa.Table, region: str) -> dict[str, tuple[str | None, str | None]]:
    """Class in force and its motive, of each BVCV of the region."""
    inside = of_region(table, region).to_pylist()
    return {row["code_bvcv"]: (row["zone"], row["motif"]) for row in inside}


def _refuse(table: pa.Table, decisions: pa.Table, rules: Rules) -> None:
    """Decisions on BVCV or classes that do not exist, or without a word of why; all together."""
    known = set(table.column("code_bvcv").to_pylist())
    codes = decisions.column("code_bvcv").to_pylist()
    faults = list(not_of_the_text(decisions, "decisions", "zone", rules))
    lost = [row for row, code in enumerate(codes) if code not in known]
    if lost:
        why = "the zoning does not have it"
        mend = "use one vintage of codes; a canton's code ends in _"
        faults.append(Fault("APL-C02", "unknown BVCV", why, mend, "decisions", "code_bvcv",
                            **at_rows(lost, codes)))  # fmt: skip
    motives = decisions.column("motif").to_pylist()
    blank = [row for row, motive in enumerate(motives) if not motive.strip()]
    if blank:
        faults.append(Fault("APL-D01", "a decision without a motive", WHY, SAY, "decisions",
                            "motif", **at_rows(blank, codes)))  # fmt: skip
    refuse_if(faults)


def _unjustified(held: Held, now: Mapping[str, tuple[str | None, str | None]]) -> Iterator[Fault]:
    """Changes of the zoning given that bear no motive; the gate refuses decisions without one."""
    codes = [c.unit.code for c in held.changes if not (now[c.unit.code][1] or "").strip()]
    if codes:
        yield Fault("APL-D01", "a change without a motive", WHY, SAY, "zonage", "motif",
                    **listed(codes))  # fmt: skip


def _others(
    table: pa.Table, decisions: pa.Table, elsewhere: Sequence[str], region: str, regime: Regime
) -> Iterator[Fault]:
    """Decisions on BVCV of other regions, by the region in charge."""
    charge = by_code(table, "code_region")
    given = decisions.column("code_bvcv").to_pylist()
    by_region: dict[str, list[int]] = {}
    for code in elsewhere:
        by_region.setdefault(charge[code], []).append(given.index(code))
    why = "the region that holds most of a BVCV's population classifies the whole of it"
    until = (f"; until it has published, a BVCV that may be exchanged is {regime.provisional!r} "
             f"({regime.provisional_cite})" if regime.provisional else "")  # fmt: skip
    for other, rows in sorted(by_region.items()):
        title = f"region {region} does not decide on BVCV of region {other}"
        yield Fault("APL-G07", title, f"{why}{until}", f"leave them to region {other}",
                    "decisions", "code_bvcv", **at_rows(rows, given))  # fmt: skip


def _applied(
    table: pa.Table, units: Units, held: Held, motives: Mapping[str, str | None], regime: Regime
) -> pa.Table:
    """The table with the classes, motives and articles of the region's BVCV."""
    cites = {moved(move.origin, move.target): move.cite for move in regime.moves}
    changes = {change.unit.code: change for change in held.changes}
    inside = {unit.code: unit for unit in units.bvcv}
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    for row, code in enumerate(columns["code_bvcv"]):
        if code in inside:
            change = changes.get(code)
            columns["zone"][row] = change.target if change else inside[code].zone
            columns["motif"][row] = motives.get(code)
            columns["article"][row] = cites[change.name] if change else None
    types = {"apl": pa.float64(), "population": pa.int64(), "population_cumulee": pa.int64()}
    found = {name: pa.array(values, types.get(name, pa.string()))
             for name, values in columns.items()}  # fmt: skip
    kept = {k: v for k, v in (table.schema.metadata or {}).items() if k == b"apl.synthetic"}
    return pa.table(found).replace_schema_metadata(kept or None)


def _decisions(rows: Sequence[tuple[str, str, str]]) -> pa.Table:
    names = ("code_bvcv", "zone", "motif")
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})


def _parts(units: Units, held: Held, rules: Rules) -> pa.Table:
    after = units.national | {change.unit.code: change.target for change in held.changes}
    zones = rules.zoning.zones
    persons = [units.persons(after, zone) for zone in zones]
    count = [sum(found == zone for found in after.values()) for zone in zones]
    return pa.table(
        {
            "code_region": [units.region] * len(zones),
            "zone": list(zones),
            "bvcv": pa.array(count, pa.int64()),
            "population": pa.array(persons, pa.int64()),
            "part": [n / (units.population or 1) for n in persons],
        }
    )


def _notices(
    units: Units, held: Held, motives: Mapping[str, str | None], rules: Rules
) -> Iterator[Notice]:
    """Shares that differ from those printed, and motives that are still ours."""
    printed, whole = printed_shares(rules, units.region) or {}, units.population
    for zone, text in printed.items():
        found = units.persons(units.national, zone)
        if whole and not text.low * whole <= found <= text.high * whole:
            yield Notice("APL-G09", f"{zone}: {100 * found / whole:.2f} % of the region before "
                         f"adaptation, {float(100 * text.middle):.1f} % printed by the text"
                         )  # fmt: skip
    if not printed and isinstance(rules.blocks.get("shares"), ShareRules):
        yield Notice("APL-G09", f"the text prints no share for region {units.region}")
    ours = [code for code, motive in motives.items() if (motive or "").startswith(PROPOSED)]
    if ours:
        yield Notice("APL-G10", f"{len(ours):,} decisions bear the rule's motive: the agency's own "
                     f"must replace it: {', '.join(ours[:10])}")  # fmt: skip
