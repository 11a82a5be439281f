"""A zoning known by its totals alone: what the published figures prove, allow, or leave open.

Shares are ranges of fractions: a printed share lies within half a unit of its last digit. From the
changes of the classes come the net flows between them, exactly, wherever the moves that a regime
provides form no circle. Totals do not show which BVCV moved, nor moves that cancel out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Any

import pyarrow as pa

from apl.blocks import Move, Regime
from apl.law import Rules
from apl.regions.gauges import moved
from apl.regions.interval import Interval
from apl.regions.zonage import of_region, rows_of
from apl_core import Fault, TableError, refuse_if
from apl_core.errors import UsageError

WITHIN, OVER, OPEN = "within", "over", "cannot be told"
NOT_PROVIDED = "not provided"
BROKEN = (OVER, NOT_PROVIDED)
ZERO = Interval.exactly(Fraction(0))
ANY = Interval(Fraction(0), Fraction(1))  # a share of which nothing is known
FLOAT_NOISE = 1e-6  # of a unit of the last printed digit


@dataclass(frozen=True)
class Total:
    """What is known of a class: its share of the region, persons and BVCV (None: not published)."""

    share: Interval
    persons: int | None = None
    bvcv: int | None = None


Totals = Mapping[str, Total]


@dataclass(frozen=True)
class Verdict:
    """A rule of a regime held against what totals allow.

    Attributes
    ----------
    rule : str
        ``margin`` (change of a class), ``stable`` (it may not grow), ``flow`` (net flow of a move),
        ``balance`` (classes between which alone the regime provides moves: no change in all).
    zones : tuple of str
        The class; origin and target; or all classes of the balance.
    found : Interval
        Of the change or flow, as a share of the region's population.
    limit : Fraction or None
        The most that is allowed either way; 0 for a balance; None for a flow without limit.
    verdict : str
        ``within`` (whatever the figures round), ``over``, ``not provided`` (no move of the regime
        does this) or ``cannot be told``.
    cite : str
    """

    rule: str
    zones: tuple[str, ...]
    found: Interval
    limit: Fraction | None
    verdict: str
    cite: str

    @property
    def broken(self) -> bool:
        """Whether the rule is broken, whatever the figures round."""
        return self.verdict in BROKEN

    @property
    def subject(self) -> str:
        """The class, the move, or the classes together, in words."""
        return moved(*self.zones) if self.rule == "flow" else " + ".join(self.zones)


def of_list(zones: pa.Table, region: str, rules: Rules) -> dict[str, Total]:
    """The totals of a region in a list of BVCV (``code_region``, ``population``, ``zone``)."""
    rows = list(rows_of(of_region(zones, region), "zone", "population"))
    whole = sum(persons for _, persons in rows)
    if not whole:
        raise UsageError([_no_region(region, "no inhabitant of the list is attributed to it")])
    found = {}
    for zone in rules.zoning.zones:
        persons = [n for name, n in rows if name == zone]
        share = Fraction(sum(persons), whole)
        found[zone] = Total(Interval.exactly(share), sum(persons), len(persons))
    return found


def of_table(table: pa.Table, region: str, rules: Rules) -> dict[str, Total]:
    """The totals of a region in a table ``totaux``.

    Persons decide where every class that is listed has them; else the printed shares, each within
    half of its ``precision``. One class may be left out: it takes what the others leave.

    Raises
    ------
    UsageError
        The region is not in the table.
    TableError
        A class that the text does not have, or more than one that is left out; a share without its
        precision; shares that cannot add up to 1.
    """
    if "code_region" in table.column_names:
        table = of_region(table, region)
    rows = {row["zone"]: row for row in table.to_pylist()}
    if not rows:
        raise UsageError([_no_region(region, "the table of totals does not have it")])
    zones = rules.zoning.zones
    exact = all(row.get("population") is not None for row in rows.values())
    faults = [_fault(f"no class {zone!r}", f"the text has: {', '.join(zones)}")
              for zone in sorted(rows.keys() - set(zones))]  # fmt: skip
    missing = [zone for zone in zones if zone not in rows]
    if len(missing) > 1 and not exact:
        faults.append(
            _fault(f"no share for {', '.join(missing)}", "one class alone may be left out")
        )
    if not exact:
        faults += [_fault(f"{zone}: no share, or none with its precision",
                          "a printed share lies within half a unit of its last digit")
                   for zone, row in rows.items()
                   if row.get("part") is None or row.get("precision") is None]  # fmt: skip
        faults += [_fault(f"{zone}: {row['part']:g} is not printed to {row['precision']:g}",
                          "a printed share is a whole number of units of its last digit; both are "
                          "fractions of 1, 0.001 for a tenth of a point")
                   for zone, row in rows.items() if not _fits(row)]  # fmt: skip
    refuse_if(faults)
    whole = sum(row["population"] for row in rows.values()) if exact else 0
    if exact and not whole:
        raise UsageError([_no_region(region, "it has no inhabitants")])
    found = {zone: _total(rows.get(zone, {}), whole) for zone in zones}
    return _adding_up(found)


def misprinted(table: pa.Table, region: str) -> list[str]:
    """The classes of a region, in words, whose printed share is not that of their persons."""
    if not {"population", "part", "precision"} <= set(table.column_names):
        return []
    rows = [row for row in table.to_pylist() if row.get("code_region", region) == region]
    whole = sum(row["population"] or 0 for row in rows)
    if not whole or any(row["population"] is None for row in rows):
        return []
    both = [row for row in rows if row["part"] is not None and row["precision"] is not None]
    shares = {row["zone"]: (Fraction(row["population"], whole), _printed(row)) for row in both}
    return [f"{zone} {100 * float(share):.2f} %, printed {100 * float(printed.low):.2f} to "
            f"{100 * float(printed.high):.2f} %" for zone, (share, printed) in shares.items()
            if not printed.low <= share <= printed.high]  # fmt: skip


def changes(before: Totals, after: Totals) -> dict[str, Interval]:
    """By how much the share of each class changes."""
    return {zone: after[zone].share - before[zone].share for zone in before}


def verdicts(
    before: Totals,
    after: Totals,
    regime: Regime,
    *,
    reference: Mapping[str, Interval] | None = None,
) -> tuple[Verdict, ...]:
    """Each rule of a regime that totals can show, class by class, then move by move.

    The classes of ``before`` are those of limits, and its shares those that margins are held
    against, unless ``reference`` gives others (`apl.regions.regimes.printed_reference`). The order
    of BVCV and exchange zones are not held: totals do not show them.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> def totals(*persons):
    ...     whole = sum(persons)
    ...     shares = [Fraction(n, whole) for n in persons]
    ...     return {zone: Total(Interval.exactly(s)) for zone, s in zip(law.zoning.zones, shares)}
    >>> held = verdicts(totals(0, 2, 50, 48), totals(2, 0, 51, 47), law.adaptation.regimes[0])
    >>> [(v.subject, v.verdict) for v in held if v.broken]
    [('intermediaire', 'not provided'), ('non_prioritaire', 'not provided')]
    """
    change = changes(before, after)
    most, away = regime.margin or Fraction(0), change
    if reference is not None:
        away = {zone: total.share - reference[zone] for zone, total in after.items()}
    margins = (
        Verdict("margin", (zone,), away[zone], most,
                _moved_too_far(change[zone], away[zone], most), regime.margin_cite)
        for zone in regime.margin_zones
    )  # fmt: skip
    flows = _flows(before, change, regime)
    return (*margins, *_stable(change, regime), *_balances(change, regime), *flows)


def _moved_too_far(change: Interval, away: Interval, most: Fraction) -> str:
    """A class that keeps its share is never held to have left its margin."""
    if change == ZERO:
        return WITHIN
    told = _told(away, Interval(-most, most))
    return OPEN if told == OVER and change.low <= 0 <= change.high else told


def _stable(change: Mapping[str, Interval], regime: Regime) -> Iterator[Verdict]:
    for zone in regime.stable:
        told = _told(change[zone], Interval(Fraction(-1), Fraction(0)))
        yield Verdict("stable", (zone,), change[zone], Fraction(0), told, regime.stable_cite)


def _balances(change: Mapping[str, Interval], regime: Regime) -> Iterator[Verdict]:
    """Classes that the moves of a regime join change by nothing in all."""
    for zones in _joined(change, regime.moves):
        found = _sum(change[zone] for zone in zones)
        told = WITHIN if found == ZERO else OPEN if found.low <= 0 <= found.high else NOT_PROVIDED
        yield Verdict("balance", zones, found, Fraction(0), told, regime.cite)


def _flows(before: Totals, change: Mapping[str, Interval], regime: Regime) -> Iterator[Verdict]:
    """The net flow of each move, if its classes exchange with no other.

    Nothing is said of moves that form a circle, or of classes that do exchange with others.
    """
    edges = {frozenset((move.origin, move.target)) for move in regime.moves}
    for zones in _joined(change, regime.moves):
        inside = [edge for edge in edges if edge <= set(zones)]
        whole = _sum(change[zone] for zone in zones)
        if len(inside) >= len(zones) or not whole.low <= 0 <= whole.high:
            continue
        for origin, target in ((a, b) for a in zones for b in zones if {a, b} in inside and a != b):
            net = _net(origin, target, zones, inside, change).up()
            moves = [m for m in regime.moves if (m.origin, m.target) == (origin, target)]
            for move in moves:
                told, most = _limit(net, move, before)
                yield Verdict("flow", (origin, target), net, most, told, move.cite)
            if not moves and net.high > 0:
                told = NOT_PROVIDED if net.low > 0 else OPEN
                yield Verdict("flow", (origin, target), net, Fraction(0), told, regime.cite)


def _net(
    origin: str,
    target: str,
    zones: Sequence[str],
    edges: Iterable[frozenset[str]],
    change: Mapping[str, Interval],
) -> Interval:
    """What crosses the frontier from origin to target: what the classes beyond it gain."""
    others = [edge for edge in edges if edge != {origin, target}]
    beyond = _reached(target, others)
    gained = _sum(change[zone] for zone in zones if zone in beyond)
    lost = -_sum(change[zone] for zone in zones if zone not in beyond)
    return gained.both(lost)


def _limit(net: Interval, move: Move, before: Totals) -> tuple[str, Fraction | None]:
    if move.limit is None:
        return WITHIN, None
    if move.of == "region":
        return _told(net, Interval(Fraction(0), move.limit)), move.limit
    share = before[move.target].share
    low, high = move.limit * share.low, move.limit * share.high
    told = WITHIN if net.high <= low else OVER if net.low > high else OPEN
    return told, high


def _told(found: Interval, allowed: Interval) -> str:
    if allowed.low <= found.low and found.high <= allowed.high:
        return WITHIN
    apart = found.low > allowed.high or found.high < allowed.low
    return OVER if apart else OPEN


def _joined(zones: Iterable[str], moves: Sequence[Move]) -> list[tuple[str, ...]]:
    """The classes in groups between which moves lead, in the order of the text."""
    edges = [frozenset((move.origin, move.target)) for move in moves]
    groups: list[tuple[str, ...]] = []
    every = list(zones)
    for zone in every:
        if not any(zone in group for group in groups):
            reached = _reached(zone, edges)
            groups.append(tuple(name for name in every if name in reached))
    return groups


def _reached(start: str, edges: Iterable[frozenset[str]]) -> set[str]:
    """The classes that edges join to one of them, itself included."""
    known, size = {start}, 0
    pairs = list(edges)
    while len(known) > size:
        size = len(known)
        known |= {zone for edge in pairs if edge & known for zone in edge}
    return known


def _sum(ranges: Iterable[Interval]) -> Interval:
    return reduce(Interval.__add__, ranges, ZERO)


def _total(row: Mapping[str, Any], whole: int) -> Total:
    """A class from its row: exact persons, or a printed share, or anything (left out)."""
    persons, bvcv = row.get("population"), row.get("bvcv")
    if whole:
        return Total(Interval.exactly(Fraction(persons or 0, whole)), persons or 0, bvcv)
    if not row:
        return Total(ANY)
    return Total(_printed(row), persons, bvcv)


def _printed(row: Mapping[str, Any]) -> Interval:
    """A printed share with its rounding; str() gives the shortest decimal: as it was printed."""
    share, half = Fraction(str(row["part"])), Fraction(str(row["precision"])) / 2
    return Interval(share - half, share + half).both(ANY)


def _fits(row: Mapping[str, Any]) -> bool:
    """Whether a share may have been printed to its precision; an exact one has 0."""
    part, unit = row.get("part"), row.get("precision")
    if not unit or part is None:
        return True
    units = Fraction(str(part)) / Fraction(str(unit))
    return abs(units - round(units)) < FLOAT_NOISE  # 29.1 / 100 is 0.29100000000000004


def _adding_up(found: dict[str, Total]) -> dict[str, Total]:
    """Ranges narrowed by the fact that all shares add up to 1.

    Raises
    ------
    TableError
        They cannot.
    """
    every = _sum(total.share for total in found.values())
    if not every.low <= 1 <= every.high:
        title = "the shares do not add up to 1"
        raise TableError([_fault(title, f"they give {float(every.low):.4f} at least and "
                                 f"{float(every.high):.4f} at most")])  # fmt: skip
    narrowed = {}
    for zone, total in found.items():
        others = Interval(every.low - total.share.low, every.high - total.share.high)
        share = total.share.both(Interval(1 - others.high, 1 - others.low))
        narrowed[zone] = replace(total, share=share)
    return narrowed


def _fault(title: str, why: str) -> Fault:
    return Fault("APL-H02", title, why, "see the publication", "totaux", "part")


def _no_region(region: str, why: str) -> Fault:
    return Fault("APL-U03", f"no region {region!r}", why, "--region of the table", "totaux")
