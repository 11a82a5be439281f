"""Two zonings of a region held against what the law lets the region change.

From lists of BVCV, each move is listed and held by `apl.regions.regimes.hold`, the rules by which
adaptation accepts or refuses: the two never differ. Where a zoning is known by its totals alone,
`totals` says of each rule whether it is kept, broken, or cannot be told from rounded figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl.blocks import Regime
from apl.law import Rules
from apl.lines import REGIONS
from apl.noticed import Notice
from apl.provenance import under
from apl.regions import totals
from apl.regions.gauges import Breach, Change, Gauge, moved
from apl.regions.regimes import hold, printed_reference, regime_of
from apl.regions.table_vi import notices_of_shares
from apl.regions.totals import OPEN, OVER, WITHIN, Total, Verdict
from apl.regions.zonage import (
    CODE,
    by_code,
    national_column,
    no_class,
    read_zones,
    units_of,
)
from apl_core import Fault, MarginError, TableError, UsageError, refuse_if
from apl_core.errors import SHOWN, listed
from apl_core.schema import MISSING
from apl_core.tables import read_table

TEXT, NUMBER = pa.string(), pa.float64()
MOVES = pa.schema([
    (CODE, TEXT), ("population", pa.int64()), ("apl", NUMBER), ("avant", TEXT), ("apres", TEXT),
    ("verdict", TEXT), ("article", TEXT),
])  # fmt: skip
VERDICTS = pa.schema([
    ("regle", TEXT), ("zones", TEXT), ("bas", NUMBER), ("haut", NUMBER), ("limite", NUMBER),
    ("verdict", TEXT), ("article", TEXT),
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    region : str
    rules : Rules
    regime : Regime
    lists : bool
        Whether both zonings were lists of BVCV.
    before, after : mapping of zone → Total
    changes : tuple of Change
        The moves, by ascending APL; empty from totals.
    gauges : tuple of Gauge
        How much of each rule is used, from lists.
    breaches : tuple of Breach
        The rules that are broken, from lists.
    verdicts : tuple of Verdict
        Each rule that totals can show; from lists the figures are exact.
    faults : tuple of Fault
        All that is broken; none where the zoning is lawful, as far as the figures show.
    noticed : tuple of Notice
    """

    region: str
    rules: Rules
    regime: Regime
    lists: bool
    before: Mapping[str, Total]
    after: Mapping[str, Total]
    changes: tuple[Change, ...]
    gauges: tuple[Gauge, ...]
    breaches: tuple[Breach, ...]
    verdicts: tuple[Verdict, ...]
    faults: tuple[Fault, ...]
    noticed: tuple[Notice, ...]

    @property
    def accepted(self) -> bool:
        """No rule is broken, as far as the figures show."""
        return not self.faults

    @property
    def untold(self) -> tuple[Verdict, ...]:
        """The rules of which rounded figures do not tell whether they are kept."""
        return () if self.lists else tuple(v for v in self.verdicts if v.verdict == OPEN)

    def refuse(self) -> None:
        """Raise MarginError with all that is broken."""
        refuse_if(self.faults, MarginError)

    def table(self) -> pa.Table:
        """The moves (lists) or the verdicts (totals), one a row.

        Columns of moves: code_bvcv, population, apl, avant, apres, verdict, article; of verdicts:
        regle, zones, bas, haut, limite (shares of the region's population), verdict, article.
        """
        if self.lists:
            return pa.Table.from_pylist(list(_moves(self)), schema=MOVES)
        return pa.Table.from_pylist([_row(verdict) for verdict in self.verdicts], schema=VERDICTS)


def audit(
    before: pa.Table,
    after: pa.Table,
    rules: Rules,
    *,
    region: str,
    regime: str | None = None,
) -> Audit:
    """The changes between two zonings of a region, each held against a regime.

    Parameters
    ----------
    before : pyarrow.Table
        A table ``bvcv`` or ``zonage`` of the whole country (whose national classes are held
        against), or ``totaux``.
    after : pyarrow.Table
        A list (``code_bvcv``, ``zone``; its other columns are not needed), or ``totaux``. BVCV of
        other regions may be left out.
    rules : Rules
    region : str
        The region of attribution.
    regime : str, optional
        A regime of the rules; the text's own, its first, without one.

    Raises
    ------
    RuleError
        No such regime, or no public source states what regions may change.
    TableError
        A BVCV listed twice; totals that cannot be.
    UsageError
        No such region.

    Notes
    -----
    Two lists are held BVCV by BVCV, to the person. With totals on either side, a list is added up,
    and the regime's order of BVCV and its exchange zones are not held. What rounded figures do not
    tell is no fault: `Audit.untold` names it.
    """
    if region not in REGIONS:
        raise UsageError([_no_such_region(region)])
    rules = under(rules, before=before, after=after)
    named = regime_of(rules, regime)
    shares = tuple(notices_of_shares(rules))
    if CODE in before.column_names and CODE in after.column_names:
        return _of_lists(before, after, rules, named, region, shares)
    old, new = (_totals(table, rules, region) for table in (before, after))
    held = totals.verdicts(old, new, named, reference=printed_reference(rules, region))
    faults = tuple(_fault(verdict, held, named, region) for verdict in held if verdict.broken)
    unseen = Notice("APL-H05", "totals show neither which BVCV moved, nor their order, nor moves "
                    "that cancel out: flows are net")  # fmt: skip
    noticed = (unseen, *_apart_in_print(before, after, region), *shares)
    return Audit(region, rules, named, False, old, new, (), (), (), held, faults, noticed)


def _of_lists(
    before: pa.Table,
    after: pa.Table,
    rules: Rules,
    regime: Regime,
    region: str,
    shares: tuple[Notice, ...],
) -> Audit:
    both = {"before": before, "after": after}
    refuse_if(fault for name, table in both.items() for fault in _unusable(table, name, rules))
    units = units_of(before, region)
    ours = {unit.code for unit in units.bvcv}
    listed = by_code(after, "zone")
    held = hold(units, {code: listed[code] for code in ours & listed.keys()}, rules, regime)
    faults = [replace(breach.fault(regime), table="after") for breach in held.breaches]
    faults += _apart(before, after, ours, region)
    national = by_code(before, national_column(before))
    noticed = (*_decided(before, ours, region), *_elsewhere(before, listed, ours, region),
               *_attributed(after, ours, region), *_counted(before, after), *shares)  # fmt: skip
    old, new = (totals.of_list(_with_zones(before, zones), region, rules)
                for zones in (national, {**national, **listed}))  # fmt: skip
    exact = totals.verdicts(old, new, regime, reference=printed_reference(rules, region))
    return Audit(region, rules, regime, True, old, new, held.changes, held.gauges, held.breaches,
                 exact, tuple(faults), noticed)  # fmt: skip


def read_before(path: str | Path) -> pa.Table:
    """A file as ``zonage``, ``bvcv`` or ``totaux``, by its headers."""
    return read_zones(path) if _is_list(path) else read_table(path, "totaux")


def read_after(path: str | Path) -> pa.Table:
    """A file as a list of classes, whatever its other columns, or as ``totaux``, by its headers."""
    return read_table(path, "classement" if _is_list(path) else "totaux")


def _is_list(path: str | Path) -> bool:
    """Whether a file has the code of a BVCV in its headers."""
    try:
        read_table(path, "classement")
    except TableError as error:
        return not any((f.fault, f.column) == (MISSING, CODE) for f in error.faults)
    return True


def _with_zones(before: pa.Table, zones: Mapping[str, str | None]) -> pa.Table:
    found = pa.array([zones[code] for code in before.column(CODE).to_pylist()], pa.string())
    return before.set_column(before.column_names.index("zone"), "zone", found)


def _totals(table: pa.Table, rules: Rules, region: str) -> dict[str, Total]:
    if CODE not in table.column_names:
        return totals.of_table(table, region, rules)
    if not {"code_region", "population"} <= set(table.column_names):
        raise TableError([_not_counted()])
    return totals.of_list(table, region, rules)


def _unusable(zones: pa.Table, name: str, rules: Rules) -> Iterator[Fault]:
    """BVCV listed twice, and classes that the text does not have."""
    codes = zones.column(CODE).to_pylist()
    twice = sorted(code for code, count in Counter(codes).items() if count > 1)
    if twice:
        yield Fault("APL-D05", f"BVCV listed twice {name}", "each has one class",
                    "keep one of these rows", name, CODE, **_some(twice))  # fmt: skip
    known = {None, *rules.zoning.zones}
    wrong = sorted({zone for zone in zones.column("zone").to_pylist() if zone not in known})
    if wrong:
        yield no_class(rules, name, "zone", **_some(wrong))


def _apart(before: pa.Table, after: pa.Table, ours: set[str], region: str) -> Iterator[Fault]:
    """BVCV that one of the lists does not have."""
    old, new = set(before.column(CODE).to_pylist()), set(after.column(CODE).to_pylist())
    lost = sorted(ours - new)
    if lost:
        yield Fault("APL-G08", f"region {region}: BVCV lost", "each BVCV has a class at the end",
                    "list them", "after", CODE, **_some(lost))  # fmt: skip
    if "code_region" in after.column_names:
        regions = by_code(after, "code_region")
        new = {code for code in new if regions[code] in (region, None)}
    unknown = sorted(new - old)
    if unknown:
        yield Fault("APL-C14", f"region {region}: BVCV that were not there before",
                    "the two lists are not of one geography", "use one vintage in both", "after",
                    CODE, **_some(unknown))  # fmt: skip


def _some(values: list[str]) -> dict[str, Any]:
    return listed(values)


def _decided(before: pa.Table, ours: set[str], region: str) -> Iterator[Notice]:
    """Decisions that BEFORE has already: both zonings are held from the national classes."""
    national, final = (by_code(before, column) for column in (national_column(before), "zone"))
    standing = sorted(code for code in ours if final[code] != national[code])
    if standing:
        text = (
            f"BEFORE has {len(standing):,} decided classes of region {region}: its national ones "
            "are held against; if it is the later zoning, the two are swapped"
        )
        yield Notice("APL-G11", f"{text}: {_short(standing)}")


def _attributed(after: pa.Table, ours: set[str], region: str) -> Iterator[Notice]:
    """BVCV of the region that AFTER gives to another one."""
    if "code_region" not in after.column_names:
        return
    other = sorted(f"{code} ({to})" for code, to in by_code(after, "code_region").items()
                   if code in ours and to not in (region, None))  # fmt: skip
    if other:
        text = f"{len(other):,} BVCV of region {region} are another region's after; held here"
        yield Notice("APL-C15", f"{text}: {_short(other)}")


def _apart_in_print(before: pa.Table, after: pa.Table, region: str) -> Iterator[Notice]:
    """Classes whose printed share is not that of their persons."""
    for name, table in (("before", before), ("after", after)):
        apart = [] if CODE in table.column_names else totals.misprinted(table, region)
        if apart:
            yield Notice("APL-H02", f"{name}: persons and printed shares disagree, persons are "
                         f"held: {'; '.join(apart)}")  # fmt: skip


def _short(codes: list[str]) -> str:
    return ", ".join(codes[:SHOWN]) + ", …" * (len(codes) > SHOWN)


def _elsewhere(
    before: pa.Table, listed: Mapping[str, str | None], ours: set[str], region: str
) -> Iterator[Notice]:
    """Classes that differ outside the region: a list does not say who decided them."""
    earlier = by_code(before, "zone")
    others = sorted(code for code, zone in listed.items()
                    if code not in ours and code in earlier and zone != earlier[code])  # fmt: skip
    if others:
        text = f"{len(others):,} BVCV attributed to other regions than {region} differ: not held"
        yield Notice("APL-G07", f"{text}: {_short(others)}")


def _counted(before: pa.Table, after: pa.Table) -> Iterator[Notice]:
    """Persons that the two lists do not count alike."""
    if "population" not in after.column_names:
        return
    (old, new) = (by_code(table, "population") for table in (before, after))
    other = sorted(code for code, persons in new.items()
                   if code in old and persons is not None and persons != old[code])  # fmt: skip
    if other:
        text = f"{len(other):,} BVCV have other populations after; those before are counted"
        yield Notice("APL-F07", f"{text}: {_short(other)}")


def _moves(found: Audit) -> Iterator[dict[str, Any]]:
    """The moves with their verdicts: over where a broken rule concerns that move or BVCV."""
    cites = {moved(m.origin, m.target): m.cite for m in found.regime.moves}
    for change in found.changes:
        unit = change.unit
        broken = [b for b in found.breaches if _concerns(b, change)]
        yield {
            CODE: unit.code,
            "population": unit.persons,
            "apl": unit.apl,
            "avant": unit.zone,
            "apres": change.target,
            "verdict": "; ".join(b.rule if b.rule == totals.NOT_PROVIDED else f"{OVER}: {b.rule}"
                                 for b in broken) or WITHIN,
            "article": cites.get(change.name),
        }  # fmt: skip


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "regle": verdict.rule,
        "zones": verdict.subject,
        "bas": float(verdict.found.low),
        "haut": float(verdict.found.high),
        "limite": None if verdict.limit is None else float(verdict.limit),
        "verdict": verdict.verdict,
        "article": verdict.cite,
    }


def _concerns(breach: Breach, change: Change) -> bool:
    """A limit concerns all who share the move, order and exchange zones those that break them."""
    if breach.rule in ("margin", "stable"):
        return breach.subject in (change.unit.zone, change.target)
    if breach.rule == "limit":
        return breach.subject == change.name
    return change.unit.code in breach.bvcv


def _fault(verdict: Verdict, every: Iterable[Verdict], regime: Regime, region: str) -> Fault:
    """A rule that totals show to be broken, whatever the figures round."""
    found = f"{points(verdict.found.low)} to {points(verdict.found.high)} points"
    where = f"({verdict.cite}; regime {regime.name})"
    if verdict.verdict == OVER:
        allowed = f"{points(verdict.limit or 0)} allowed"
        return Fault("APL-G05",
                     f"region {region}: {verdict.rule} of {verdict.subject} passed",
                     f"it is {found}, {allowed} {where}", "move fewer persons",
                     "totaux", "part")  # fmt: skip
    gains = verdict.found.low > 0
    others = [v.subject for v in every if v.verdict == totals.NOT_PROVIDED
              and v.rule == verdict.rule and (v.found.low > 0) != gains]  # fmt: skip
    side = "come from" if gains else "go to"
    needed = f"; it can only {side} {' or '.join(others)}" if others else ""
    return Fault("APL-G06",
                 f"region {region}: the change of {verdict.subject} is not provided",
                 f"it is {found}, and no move of the regime leads there{needed} {where}",
                 "leave the national classes, or name the regime that provides it",
                 "totaux", "part")  # fmt: skip


def points(share: Any) -> str:
    """A share in points, signed, to the hundredth."""
    return f"{100 * float(share):+.2f}"


def _no_such_region(region: str) -> Fault:
    return Fault("APL-U03", f"no region {region!r}", "it is not the code of a region",
                 f"one of: {', '.join(REGIONS)}")  # fmt: skip


def _not_counted() -> Fault:
    title, why = (
        "a list without code_region or population",
        "beside totals, a list is added up by class",
    )
    return Fault("APL-B08", title, why, "give the table bvcv or zonage", "before", CODE)
