"""Two vintages of a zoning on one geography: what changed class, for whom, and why.

The earlier communes are found again in the later geography (`passage`). A commune nouvelle has
the earlier class of the commune whose code it keeps; a BVCV, that of most of its inhabitants.
Persons are those of the later table, whole numbers throughout.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import pyarrow as pa

from apl.counted import column_of, counted
from apl.law import Rules
from apl.law_schema import zone_order
from apl.noticed import Notice
from apl.provenance import under
from apl.regions.causes import STEPS, Moment, Ranked, Zones, explained
from apl.regions.passage import Passage, passage
from apl.regions.zonage import by_code, national_column, not_of_the_text, rows_of
from apl_core import Fault, refuse_if
from apl_core.errors import SHOWN, listed

WITHOUT = "sans_classe"  # in the matrix: no class at that date


@dataclass(frozen=True, eq=False)
class Revision:
    """Two vintages compared.

    Attributes
    ----------
    bvcv : pyarrow.Table
        The table ``revision``, a row for each BVCV of the later geography.
    matrix : pyarrow.Table
        ``zone_avant``, ``zone_apres``, ``bvcv`` (by the class that most of its inhabitants had),
        ``population`` (each commune by its own earlier class); `WITHOUT` stands for no class.
    changed : mapping of earlier code → later codes
        The communes that merged, were split or bear another code.
    mixed : mapping of commune → (class kept, other classes)
        Communes nouvelles made of communes of several classes.
    noticed : tuple of Notice
    """

    bvcv: pa.Table
    matrix: pa.Table
    changed: Mapping[str, tuple[str, ...]]
    mixed: Mapping[str, tuple[str | None, tuple[str | None, ...]]]
    noticed: tuple[Notice, ...]


@dataclass(frozen=True, eq=False)
class _Zoning:
    """One zoning by BVCV, and its communes."""

    zone: dict[str, str | None]
    national: dict[str, str | None]
    apl: dict[str, float | None]
    region: dict[str, str]
    total: dict[str, int]
    unit: dict[str, str]  # of each commune
    persons: dict[str, int]  # of each commune

    def by_unit(self) -> Counter[str]:
        """The inhabitants of each BVCV, by its communes."""
        found = Counter(dict.fromkeys(self.unit.values(), 0))
        for code, unit in self.unit.items():
            found[unit] += self.persons[code]
        return found


def revise(
    before: pa.Table,
    after: pa.Table,
    *,
    communes_before: pa.Table,
    communes_after: pa.Table,
    movements: pa.Table | None = None,
    between: tuple[date, date] | None = None,
    settled: pa.Table | None = None,
    rules_before: Rules | None = None,
    rules_after: Rules | None = None,
    territories_without_apl: Mapping[str, int] | None = None,
) -> Revision:
    """Compare two vintages of a zoning; with both texts, say why each BVCV changed.

    Parameters
    ----------
    before, after : pyarrow.Table
        Tables ``bvcv`` or ``zonage`` of the whole country: ``code_bvcv``, ``code_region``,
        ``population``, ``apl``, ``zone``, and ``zone_nationale`` where regions have decided.
    communes_before, communes_after : pyarrow.Table
        The tables ``communes`` that they were made from.
    movements, between, settled
        How communes lead from one geography to the other: see `passage.passage`. Without them,
        both have the same codes.
    rules_before, rules_after : Rules, optional
        Both texts; the order of the causes is that of `causes`. The earlier APL of a BVCV of
        the later geography is the mean of those that its inhabitants had, weighted by inhabitants.
    territories_without_apl : mapping of region → persons, optional
        As in `apl.zoning.rank`, at both dates.

    Raises
    ------
    TableError
        A zoning and communes that do not belong together, or with classes that its text does not
        have; communes that were split, lead nowhere
        or come from nowhere; a commune under a code of its own from several classes.

    Examples
    --------
    >>> zones = pa.table({"code_bvcv": ["01001", "01002"], "code_region": ["84"] * 2,
    ...     "population": [5, 9], "apl": [1.0, 2.0], "zone": ["sous_dotee", "intermediaire"]})
    >>> later = zones.set_column(4, "zone", [["intermediaire", "intermediaire"]])
    >>> communes = pa.table({"code_commune": ["01001", "01002"], "population": [5, 9],
    ...     "code_bvcv": ["01001", "01002"]})
    >>> found = revise(zones, later, communes_before=communes, communes_after=communes)
    >>> [tuple(row.values()) for row in found.matrix.to_pylist()]
    [('sous_dotee', 'intermediaire', 1, 5), ('intermediaire', 'intermediaire', 1, 9)]
    """
    if (rules_before is None) != (rules_after is None):
        raise ValueError("rules_before and rules_after go together")
    if rules_before is not None and rules_after is not None:
        rules_before, rules_after = (
            under(rules_before, before=before),
            under(rules_after, after=after),
        )
    old = _zoning(before, communes_before, rules_before, "before")
    new = _zoning(after, communes_after, rules_after, "after")
    refuse_if([*_apart(old, "earlier"), *_apart(new, "later")])
    ways = passage(
        communes_before.column("code_commune").to_pylist(),
        communes_after.column("code_commune").to_pylist(),
        movements=movements, between=between, table=settled,
    )  # fmt: skip
    homes = _homes(ways, old)
    mixed = _mixed(ways, old, homes)
    codes = sorted(new.zone)
    then = _earlier(codes, ways, homes, old, new)
    now = Moment([new.zone[u] for u in codes], [new.national[u] for u in codes],
                 [new.apl[u] for u in codes], [new.total[u] for u in codes])  # fmt: skip
    noticed = [*_passage_notices(ways, mixed)]
    columns: Mapping[str, Zones] = {}
    if rules_before is not None and rules_after is not None:
        outside = territories_without_apl or {}
        ranked = Ranked(codes, [new.region[u] for u in codes], outside)
        columns = explained(then, now, ranked, rules_before, rules_after)
        noticed += _law_notices(old, rules_before, outside, "earlier")
        noticed += _law_notices(new, rules_after, outside, "later")
    table = _table(codes, new, then, now, columns)
    return Revision(table, _matrix(homes, old, new, then, now), ways.changed, mixed, tuple(noticed))


def notices_of_dates(earlier: date, later: date, profession: str) -> list[Notice]:
    """What is to be said where two zonings lie further apart than one is valid.

    >>> found = notices_of_dates(date(2019, 6, 1), date(2025, 6, 6), "infirmier")
    >>> [notice.text for notice in found]
    ['2019-06-01 and 2025-06-06 are more than 2 years apart: between revisions, by the law of 27 \
December 2023']
    >>> notices_of_dates(date(2023, 6, 6), date(2025, 6, 6), "infirmier")
    []
    """
    from apl.aids.benefits import available, page_of

    known = available()  # the law of 2023 is of every zoning, and stands on the pages there are
    page = page_of(profession if profession in known else known[0])
    topic = next(topic for topic in page.topics if topic.name == "procedure")
    years = int(topic.value("revision_years"))
    last = (earlier.year + years, earlier.month, earlier.day)
    if (later.year, later.month, later.day) <= last:
        return []
    said = next(fact.words for fact in topic.facts if fact.name == "revision_years")
    return [Notice("APL-F07", f"{earlier} and {later} are more than {years} years apart: {said}")]


# --- both zonings on the later geography ---------------------------------------------------------


def _zoning(zones: pa.Table, communes: pa.Table, rules: Rules | None, which: str) -> _Zoning:
    names = ("zone", national_column(zones), "apl", "code_region", "population")
    final, first, apl, region, total = (by_code(zones, name) for name in names)
    whom = "population"
    if rules is not None:
        columns = dict.fromkeys(("zone", national_column(zones)))
        refuse_if(f for c in columns for f in not_of_the_text(zones, which, c, rules))
        communes, whom = counted(communes, rules), column_of(rules)
    unit, persons = (dict(rows_of(communes, "code_commune", name)) for name in ("code_bvcv", whom))
    return _Zoning(final, first, apl, region, total, unit, persons)


def _homes(ways: Passage, old: _Zoning) -> dict[str, str | None]:
    """The earlier BVCV of each later commune: that of the commune whose code it keeps.

    A commune under a code of its own has that of any commune in it: they must have had one class.
    None: a département that the earlier zoning does not have.
    """
    homes: dict[str, str | None] = {}
    several = []
    for code, origins in ways.origins.items():
        kept = code if code in origins else next(iter(origins), None)
        homes[code] = None if kept is None else old.unit[kept]
        if code not in origins and len({_classes(old, old.unit[o]) for o in origins}) > 1:
            several.append(code)
    refuse_if([_of_its_own(several)] if several else [])
    return homes


def _classes(old: _Zoning, unit: str) -> tuple[str | None, str | None]:
    return old.zone[unit], old.national[unit]


def _mixed(
    ways: Passage, old: _Zoning, homes: Mapping[str, str | None]
) -> dict[str, tuple[str | None, tuple[str | None, ...]]]:
    """Communes nouvelles made of several classes: the one that is kept, and the others."""
    found = {}
    for code, origins in ways.origins.items():
        home = homes[code]
        if home is not None and len(origins) > 1:
            others = {old.zone[old.unit[o]] for o in origins} - {old.zone[home]}
            if others:
                found[code] = (old.zone[home], tuple(sorted(others, key=_rank)))
    return found


def _earlier(
    codes: list[str],
    ways: Passage,
    homes: Mapping[str, str | None],
    old: _Zoning,
    new: _Zoning,
) -> Moment:
    """The later BVCV as they were: class of most inhabitants, mean APL, earlier inhabitants."""
    final: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    national: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for code, home in homes.items():
        unit, count = new.unit[code], new.persons[code]
        final[unit][None if home is None else old.zone[home]] += count
        national[unit][None if home is None else old.national[home]] += count
    flows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for code, to in ways.targets.items():
        parts = divided(old.persons[code], [new.persons[t] for t in to])
        for target, count in zip(to, parts, strict=True):
            flows[new.unit[target]][old.unit[code]] += count
    return Moment(
        [_most(final[unit]) for unit in codes],
        [_most(national[unit]) for unit in codes],
        [_mean(flows[unit], old.apl) for unit in codes],
        [flows[unit].total() for unit in codes],
    )


def divided(count: int, weights: list[int]) -> list[int]:
    """Whole persons in proportion to weights; what rounding leaves goes to the first.

    >>> divided(10, [2, 1]), divided(3, [0, 0])
    ([7, 3], [2, 1])
    """
    whole = sum(weights)
    weights, whole = (weights, whole) if whole else ([1] * len(weights), len(weights))
    parts = [count * weight // whole for weight in weights]
    return [parts[0] + count - sum(parts), *parts[1:]]


def _most(persons: Mapping[str | None, int]) -> str | None:
    """The class of most persons; of equals, the one of the lower APL."""
    return min(persons, key=lambda zone: (-persons[zone], _rank(zone)), default=None)


def _rank(zone: str | None) -> int:
    """The place of a class from the least to the best served; no class comes last."""
    order = zone_order()
    return order.index(zone) if zone in order else len(order)


def _mean(persons: Mapping[str, int], apl: Mapping[str, float | None]) -> float | None:
    """The mean APL of some earlier BVCV by inhabitants; exact, so that one value stays itself."""
    known = {unit: value for unit in persons if (value := apl[unit]) is not None}
    weights = {unit: persons[unit] for unit in known}
    if not sum(weights.values()):
        weights = dict.fromkeys(known, 1)
    if not known:
        return None
    total = sum(Fraction(value) * weights[unit] for unit, value in known.items())
    return float(total / sum(weights.values()))


# --- results -------------------------------------------------------------------------------------


def _table(
    codes: list[str], new: _Zoning, then: Moment, now: Moment, columns: Mapping[str, Zones]
) -> pa.Table:
    text, nothing = pa.string(), [None] * len(codes)
    ends = {"zone_nationale_avant": then.national, "zone_nationale_apres": now.national,
            "zone_apres": now.zones}  # fmt: skip
    return pa.table(
        {
            "code_bvcv": pa.array(codes, text),
            "code_region": pa.array([new.region[unit] for unit in codes], text),
            "population_avant": pa.array(then.persons, pa.int64()),
            "population": pa.array(now.persons, pa.int64()),
            "apl_avant": pa.array(then.apl, pa.float64()),
            "apl_apres": pa.array(now.apl, pa.float64()),
            "cause": pa.array(columns.get("cause", nothing), text),
            "zone_avant": pa.array(then.zones, text),
            **{
                name: pa.array(columns.get(name, ends.get(name, nothing)), text)
                for name in STEPS.values()
            },
        }
    )


def _matrix(
    homes: Mapping[str, str | None], old: _Zoning, new: _Zoning, then: Moment, now: Moment
) -> pa.Table:
    """Every pair of classes in which there is somebody, or a BVCV."""
    units = Counter(zip(then.zones, now.zones, strict=True))
    persons: Counter[tuple[str | None, str | None]] = Counter()
    for code, home in homes.items():
        earlier = None if home is None else old.zone[home]
        persons[earlier, new.zone[new.unit[code]]] += new.persons[code]
    there = {pair for pair in {*units, *persons} if units[pair] or persons[pair]}
    rows = sorted(there, key=lambda pair: (_rank(pair[0]), _rank(pair[1])))
    return pa.table(
        {
            "zone_avant": pa.array([pair[0] or WITHOUT for pair in rows], pa.string()),
            "zone_apres": pa.array([pair[1] or WITHOUT for pair in rows], pa.string()),
            "bvcv": pa.array([units[pair] for pair in rows], pa.int64()),
            "population": pa.array([persons[pair] for pair in rows], pa.int64()),
        }
    )


# --- what is refused, and what is noticed --------------------------------------------------------


def _apart(zoning: _Zoning, which: str) -> Iterator[Fault]:
    """A zoning and a table of communes that do not belong together."""
    counts = zoning.by_unit()
    other = [f"{unit} ({zoning.total[unit]:,}, of its communes {counts[unit]:,})"
             for unit in sorted(counts.keys() & zoning.zone.keys())
             if counts[unit] != zoning.total[unit]]  # fmt: skip
    for title, why, found in (
        (f"BVCV of the {which} communes that the {which} zoning does not have",
         "their communes would have no class", sorted(counts.keys() - zoning.zone.keys())),
        (f"BVCV of the {which} zoning that have no commune",
         "where they lie is not known", sorted(zoning.zone.keys() - counts.keys())),
        (f"BVCV with other inhabitants in the {which} zoning than in its communes",
         "the zoning was made from another table, or counts women: then give both texts", other),
    ):  # fmt: skip
        if found:
            mend = "give each zoning the table of communes that it was made from"
            yield Fault(
                "APL-C14", title, why, mend, f"communes ({which})", "code_bvcv", **listed(found)
            )


def _of_its_own(codes: list[str]) -> Fault:
    title = "communes nouvelles under a code of their own, from several classes"
    why = "they have the class of the commune whose code they keep, and keep none"
    mend = "make the earlier zoning again on a geography that has them"
    return Fault("APL-C04", title, why, mend, "mouvements", "code_apres", **listed(codes))


def _passage_notices(
    ways: Passage, mixed: Mapping[str, tuple[str | None, tuple[str | None, ...]]]
) -> Iterator[Notice]:
    for code, (kept, others) in mixed.items():
        lost = ", ".join(zone or WITHOUT for zone in others)
        text = f"commune {code} keeps its class, {kept or WITHOUT}; in it are communes of {lost}"
        yield Notice("APL-C04", text)
    new = [code for code, origins in ways.origins.items() if not origins]
    if new:
        text = f"{len(new):,} communes lie in départements that the earlier zoning does not have"
        yield Notice("APL-C09", f"{text}: {', '.join(new[:SHOWN])}")


def _law_notices(
    zoning: _Zoning, rules: Rules, outside: Mapping[str, int], which: str
) -> Iterator[Notice]:
    """National classes given that the text does not give to the APL given."""
    units = sorted(zoning.zone)
    ranked = Ranked(units, [zoning.region[u] for u in units], outside)
    found = ranked.zones([zoning.apl[u] for u in units], [zoning.total[u] for u in units], rules)
    other = [u for u, zone in zip(units, found, strict=True) if zone != zoning.national[u]]
    if other:
        text = f"{len(other):,} national classes of the {which} zoning are not those of its text"
        yield Notice("APL-F07", f"{text}: {', '.join(other[:SHOWN])}")
