"""What a regime says of a region's changes of class: how much is used, and which rules are broken.

Shared by adaptation and audit. Persons are whole numbers and shares fractions: a limit of a share
allows the whole persons below it, exactly that many, and not one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor

from apl.blocks import Move, Regime, ShareRules
from apl.law import Rules, short_title
from apl.law_schema import law_fault
from apl.regions.gauges import Breach, Change, Gauge, Held, Unit, Units, moved
from apl.regions.interval import Interval
from apl_core import Fault, RuleError, TableError


def regime_of(rules: Rules, name: str | None = None) -> Regime:
    """A regime of the rules by its name; the text's own, its first, without one.

    Raises
    ------
    RuleError
        No such regime, or no public source states what regions may change.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> regime_of(rules("masseur_kinesitherapeute", on=date(2025, 6, 6))).name
    'article_v_2024'
    """
    known = {regime.name: regime for regime in rules.adaptation.regimes}
    if name is None:
        return rules.adaptation.regimes[0]
    if name not in known:
        title = f"no regime named {name!r}"
        why = f"{short_title(rules.text)} has {len(known)} of them here"
        raise RuleError([law_fault(title, why, f"one of: {', '.join(known)}")])
    return known[name]


def hold(units: Units, after: Mapping[str, str | None], rules: Rules, regime: Regime) -> Held:
    """The changes of a region held against a regime; all broken rules together.

    Parameters
    ----------
    units : Units
    after : mapping of code → zone
        Classes after the changes; a BVCV that is left out keeps its national one.
    rules : Rules
        How the reference of a margin is read, and the shares that the text prints.
    regime : Regime

    Raises
    ------
    RuleError
        The reference asked for is not printed.
    TableError
        A change inside an exchange zone, and the table does not have ``population_cumulee``.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> land = Units("84", (Unit("01001", 10.0, 25, "sous_dotee"),
    ...                     Unit("01002", 50.0, 975, "intermediaire")))
    >>> held = hold(land, {"01001": "tres_sous_dotee"}, law, regime_of(law))
    >>> [(gauge.used, gauge.allowed) for gauge in held.gauges], held.breaches
    ([(25, 25), (0, 25), (25, 25)], ())
    """
    zones = {code: after.get(code, zone) for code, zone in units.national.items()}
    changes = tuple(
        Change(unit, zone)
        for unit in units.bvcv
        if (zone := zones[unit.code]) is not None and zone != unit.zone
    )
    limits = {move: _limit(move, units, changes) for move in regime.moves}
    gauges = [gauge for gauge in limits.values() if gauge is not None]
    gauges += _classes(units, zones, rules, regime)
    breaches = [
        *_unclassified(units, zones),
        *_not_provided(units, changes, regime),
        *(breach for move in regime.moves for breach in _turn(move, units, changes, limits[move])),
        *(_passed(gauge, units, changes) for gauge in gauges if gauge.broken),
    ]
    return Held(changes, tuple(gauges), tuple(breaches))


def _made(move: Move, changes: Sequence[Change]) -> list[Change]:
    """The changes that a move allows."""
    return [c for c in changes if (c.unit.zone, c.target) == (move.origin, move.target)]


def _limit(move: Move, units: Units, changes: Sequence[Change]) -> Gauge | None:
    """The persons moved, against the share of the region or of the class that is joined."""
    if move.limit is None:
        return None
    whole = units.population if move.of == "region" else units.persons(units.national, move.target)
    used = sum(change.unit.persons for change in _made(move, changes))
    name, allowed = moved(move.origin, move.target), floor(move.limit * whole)
    return Gauge("limit", name, 0, used, 0, allowed, units.population, move.cite)


def _classes(
    units: Units, zones: Mapping[str, str | None], rules: Rules, regime: Regime
) -> Iterator[Gauge]:
    """The persons of each class that has a margin, or that may not grow."""
    national, whole = units.national, units.population
    for zone in regime.margin_zones:
        share, room = _reference(units, rules, zone), (regime.margin or 0) * whole
        lowest, highest = ceil(share.low * whole - room), floor(share.high * whole + room)
        bounds = max(0, lowest), min(whole, highest)
        before, persons = units.persons(national, zone), units.persons(zones, zone)
        yield Gauge("margin", zone, before, persons, *bounds, whole, regime.margin_cite)
    for zone in regime.stable:
        before, persons = units.persons(national, zone), units.persons(zones, zone)
        yield Gauge("stable", zone, before, persons, 0, before, whole, regime.stable_cite)


def _reference(units: Units, rules: Rules, zone: str) -> Interval:
    """The share defined nationally for a class of the region: printed, or of the classes given."""
    printed = printed_reference(rules, units.region)
    if printed is not None:
        return printed[zone]
    persons = units.persons(units.national, zone)
    return Interval.exactly(Fraction(persons, units.population or 1))


def printed_reference(rules: Rules, region: str) -> dict[str, Interval] | None:
    """The printed shares against which margins are held; None where those of before are.

    Raises
    ------
    RuleError
        ``adaptation.reference = "printed"``, and no share is printed for the region.
    """
    if rules.adaptation.reference == "classes_given":
        return None
    printed = printed_shares(rules, region)
    if printed is None:
        title = f"no share printed for region {region}"
        why = "adaptation.reference = 'printed' holds against the table of the text"
        raise RuleError([law_fault(title, why, "give its row in [law.shares] of --parameters")])
    return printed


def printed_shares(rules: Rules, region: str) -> dict[str, Interval] | None:
    """The shares that the text (or the caller) prints for a region, each with its rounding.

    A share lies within half a unit of its last digit; the class that takes the rest, within as many
    halves as there are printed shares.
    """
    table = rules.blocks.get("shares")
    if not isinstance(table, ShareRules) or region not in table.regions:
        return None
    half, row = table.unit / 2, table.regions[region]
    found = [Interval(share - half, share + half) for share in row]
    rest = 1 - sum(row)
    found.append(Interval(rest - len(row) * half, rest + len(row) * half))
    return dict(zip(rules.zoning.zones, found, strict=True))


def _unclassified(units: Units, zones: Mapping[str, str | None]) -> Iterator[Breach]:
    none = tuple(unit.code for unit in units.bvcv if zones[unit.code] is None)
    if none:
        yield Breach("unclassified", "", units.region, "every BVCV has a class", none)


def _not_provided(units: Units, changes: Sequence[Change], regime: Regime) -> Iterator[Breach]:
    """Changes that no move of the regime allows, by kind."""
    provided = {moved(move.origin, move.target) for move in regime.moves}
    kinds: dict[str, list[str]] = {}
    for change in changes:
        kinds.setdefault(change.name, []).append(change.unit.code)
    for kind in sorted(kinds.keys() - provided):
        yield Breach("not provided", kind, units.region, regime.cite, tuple(kinds[kind]))


def _turn(
    move: Move, units: Units, changes: Sequence[Change], limit: Gauge | None
) -> Iterator[Breach]:
    """Changes of a move that come out of order, or from outside the exchange zone."""
    made = [change.unit for change in _made(move, changes)]
    name = moved(move.origin, move.target)
    outside = tuple(unit.code for unit in made if not inside(unit, move, units))
    if outside:
        yield Breach("exchange", name, units.region, move.cite, outside)
    behind = _overtaken(move, units, made, limit)
    if behind:
        over = tuple(unit.code for unit in made if unit.level > behind[0].level)
        first = tuple(unit.code for unit in behind)
        yield Breach("order", name, units.region, move.cite, over, first)


def inside(unit: Unit, move: Move, units: Units) -> bool:
    """Whether a BVCV lies wholly in the exchange zone of a move."""
    if move.within is None:
        return True
    if units.total is None:
        raise TableError([_not_ranked()])
    if unit.reached is None:  # the ranking left it out
        return False
    if move.exchange == "lowest":
        return unit.reached <= move.within * units.total
    return unit.reached - unit.persons >= (1 - move.within) * units.total


def _overtaken(move: Move, units: Units, made: Sequence[Unit], limit: Gauge | None) -> list[Unit]:
    """The BVCV of lower APL that should have been moved before the last of those moved."""
    if move.order == "free" or not made:
        return []
    last, codes = max(unit.level for unit in made), {unit.code for unit in made}
    behind = [
        unit
        for unit in units.bvcv
        if unit.zone == move.origin and unit.code not in codes and unit.level < last
    ]
    if move.order == "lowest_first" or limit is None:
        return behind

    def fits(unit: Unit) -> bool:
        before = sum(other.persons for other in made if other.level <= unit.level)
        return before + unit.persons <= limit.highest

    return [unit for unit in behind if fits(unit)]


def _passed(gauge: Gauge, units: Units, changes: Sequence[Change]) -> Breach:
    """Where a gauge passes what is allowed, the changes taken by ascending APL."""
    over = gauge.persons > gauge.highest
    bound = gauge.highest if over else gauge.lowest
    pushing = [
        change.unit
        for change in changes
        if gauge.subject in (change.name, change.target if over else change.unit.zone)
    ]
    room = sum(unit.persons for unit in pushing) - abs(gauge.persons - bound)
    codes = [unit.code for unit in pushing]
    at, taken = len(codes), 0
    for place, unit in enumerate(pushing):
        taken += unit.persons
        if taken > room:
            at = place
            break
    return Breach(
        gauge.rule, gauge.subject, units.region, gauge.cite,
        tuple(codes[at : at + 1]), tuple(codes[:at]), gauge.persons, bound,
    )  # fmt: skip


def _not_ranked() -> Fault:
    why = "an exchange zone is a share of the country's population, counted to the person"
    mend = "rank again: the table bvcv of apl run and apl zone has this column"
    return Fault("APL-B08", "a column is missing", why, mend, "bvcv", "population_cumulee")
