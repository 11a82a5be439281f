"""Who decides: the region a BVCV in several regions is attributed to, and the lists of an arrêté.

Annexe, 4.3: the region that holds most of the inhabitants classifies the whole BVCV. In practice
the first characters of a BVCV's code have been read as its département too; where the two differ,
both are shown and the text is applied.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from apl.aggregation import attributed
from apl.bvcv import bare_overseas
from apl.counted import column_of
from apl.country import departements
from apl.law import Rules
from apl.law_schema import law_fault
from apl.mergers import departement
from apl.provenance import under
from apl.regions.gauges import Unit
from apl.regions.regimes import inside, regime_of
from apl.regions.zonage import by_code, no_region, not_of_the_text, rows_of, units_of
from apl_core import Fault, MarginError, RuleError, UsageError, refuse_if
from apl_core.errors import listed

RULE = "most_population"
HERE, ELSEWHERE, ABROAD = 1, 2, 3
# which communes each annexe lists
ANNEXES = {
    HERE: "of the region, decided here",
    ELSEWHERE: "of the region, decided elsewhere",
    ABROAD: "of other regions, decided here",
}


def by_prefix(code: str) -> str | None:
    """The region of the département that a BVCV's code begins with; None where there is none.

    >>> by_prefix("03082"), by_prefix("97106_"), by_prefix("97501")
    ('84', '01', None)
    """
    facts = departements()
    return dict(zip(facts.codes, facts.regions, strict=True)).get(departement(code))


def astride(communes: pa.Table, rules: Rules) -> pa.Table:
    """The BVCV that lie in several regions, and those whose code and inhabitants disagree.

    Parameters
    ----------
    communes : pyarrow.Table
        The table ``communes``.
    rules : Rules
        Whose text attributes a BVCV as a whole.

    Returns
    -------
    pyarrow.Table
        The table ``attribution``, one row for each BVCV and region in it: ``code_bvcv``,
        ``region_majorite`` (the text's), ``region_prefixe`` (the code's), ``differe``,
        ``code_region``, ``communes``, ``population``.

    Raises
    ------
    TableError
        As many inhabitants in two regions: the text has no rule for it.
    RuleError
        A text under which each region counts its own inhabitants.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> communes = pa.table({"code_commune": ["19028", "23001"], "code_region": ["75", "84"],
    ...     "population": [300, 800], "code_bvcv": ["19028"] * 2})
    >>> found = astride(communes, rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    >>> [(row["region_majorite"], row["region_prefixe"], row["differe"], row["population"])
    ...  for row in found.to_pylist()]
    [('84', '75', True, 300), ('84', '75', True, 800)]
    """
    decides = deciding(communes, rules)
    persons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    places: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for unit, region, count in rows_of(communes, "code_bvcv", "code_region", "population"):
        persons[unit][region] += count
        places[unit][region] += 1
    rows = []
    for unit in sorted(persons):
        by_code = by_prefix(unit)
        differs = by_code is not None and by_code != decides[unit]
        if len(persons[unit]) > 1 or differs:
            rows += [
                (unit, decides[unit], by_code, differs, region, places[unit][region], count)
                for region, count in sorted(persons[unit].items())
            ]
    types = {
        "code_bvcv": pa.string(), "region_majorite": pa.string(), "region_prefixe": pa.string(),
        "differe": pa.bool_(), "code_region": pa.string(), "communes": pa.int64(),
        "population": pa.int64(),
    }  # fmt: skip
    return _table(types, rows)


def deciding(communes: pa.Table, rules: Rules) -> dict[str, str]:
    """The region that classifies each BVCV (annexe, 4.3).

    Raises
    ------
    TableError
        A tie; overseas codes that may be a canton's or a living area's.
    RuleError
        A text under which each region counts its own inhabitants.
    """
    if rules.attribution != RULE:
        title = f"no region of attribution for {rules.profession}"
        why = f"attribution is {rules.attribution!r}: no region decides for inhabitants of another"
        raise RuleError([law_fault(title, why, "ask for a text that attributes units as a whole")])
    refuse_if(bare_overseas(communes))
    return by_code(attributed(communes, rules), "code_region")


def annexes(
    zonage: pa.Table,
    communes: pa.Table,
    rules: Rules,
    *,
    region: str,
    published: Collection[str] | None = None,
) -> pa.Table:
    """The three lists of communes of a region's arrêté.

    1: communes of the region that it classifies; 2: communes of the region that another one
    classifies; 3: communes of other regions that it classifies.

    While the region that decides has not published, a text with exchange zones holds its BVCV that
    may be exchanged in the provisional class of its regime (the ministry's FAQ to the agencies,
    February 2020, p. 13–14), and no region may change the others. A text without such a class
    (2024) says nothing of it: the class is null, and waits for that region.

    Parameters
    ----------
    zonage : pyarrow.Table
        The whole country: ``code_bvcv``, ``code_region``, ``population``, ``zone`` and, with
        exchange zones, ``apl``, ``population_cumulee`` and ``zone_nationale`` (or ``zone`` alone,
        of the table ``bvcv``).
    communes : pyarrow.Table
        The table ``communes``.
    rules : Rules
    region : str
        Whose arrêté.
    published : collection of regions, optional
        Those whose classes are published, besides ``region``; without it, all are.

    Returns
    -------
    pyarrow.Table
        The table ``annexes``, by list and commune: ``code_commune``, ``libelle``,
        ``code_departement``, ``code_region``, ``code_bvcv``, ``region_decision``, ``annexe``,
        ``zone``, ``provisoire``.

    Raises
    ------
    UsageError
        A region that decides for no BVCV.
    TableError
        BVCV that the zoning lacks, attributes to another region than these inhabitants do, or has
        with other inhabitants; classes that the text does not have.
    MarginError
        BVCV of these lists without a class.
    """
    rules = under(rules, zonage=zonage)
    decides = deciding(communes, rules)
    refuse_if([*not_of_the_text(zonage, "zonage", "zone", rules),
               *_zoning_faults(zonage, decides, _persons(communes, rules))])  # fmt: skip
    asked = {region, *(published or ())}
    deciders = set(decides.values())
    refuse_if((no_region(one, deciders) for one in sorted(asked - deciders)), UsageError)
    waiting = set() if published is None else deciders - asked
    libelles = [""] * communes.num_rows
    if "libelle" in communes.column_names:
        libelles = communes.column("libelle").to_pylist()
    names = ("code_commune", "code_departement", "code_region", "code_bvcv")
    rows: list[tuple[Any, ...]] = []
    for libelle, row in zip(libelles, rows_of(communes, *names), strict=True):
        code, dep, lies, unit = row
        if region in (lies, decides[unit]):
            annexe = ABROAD if lies != region else HERE if decides[unit] == region else ELSEWHERE
            rows.append((code, libelle or None, dep, lies, unit, decides[unit], annexe))
    final = {unit: (zone, False) for unit, zone in by_code(zonage, "zone").items()}
    for other in sorted(waiting & {decides[row[4]] for row in rows}):
        final |= _provisional(zonage, other, rules)
    refuse_if(_unclassified(sorted({row[4] for row in rows if final[row[4]] == (None, False)})),
              MarginError)  # fmt: skip
    full = sorted(((*row, *final[row[4]]) for row in rows), key=lambda row: (row[6], row[0]))
    types = {
        "code_commune": pa.string(), "libelle": pa.string(), "code_departement": pa.string(),
        "code_region": pa.string(), "code_bvcv": pa.string(), "region_decision": pa.string(),
        "annexe": pa.int64(), "zone": pa.string(), "provisoire": pa.bool_(),
    }  # fmt: skip
    return _table(types, full)


def _provisional(zonage: pa.Table, region: str, rules: Rules) -> dict[str, tuple[str | None, bool]]:
    """The classes of the BVCV of a region that has not published: what is known of them."""
    regime, units = regime_of(rules), units_of(zonage, region)
    exchanges = [move for move in regime.moves if move.exchange]

    def known(unit: Unit) -> str | None:
        if regime.provisional is None:
            return None
        movable = (unit.zone == move.origin and inside(unit, move, units) for move in exchanges)
        return regime.provisional if any(movable) else unit.zone

    return {unit.code: (known(unit), True) for unit in units.bvcv}


def _persons(communes: pa.Table, rules: Rules) -> Counter[str]:
    """Whom the cuts count, by BVCV; nobody where these communes do not count them (women)."""
    found: Counter[str] = Counter()
    whom = column_of(rules)
    if whom in communes.column_names:
        for unit, count in rows_of(communes, "code_bvcv", whom):
            found[unit] += count
    return found


def _unclassified(units: Sequence[str]) -> Iterator[Fault]:
    if units:
        yield Fault(
            "APL-G08",
            "BVCV without a class",
            "an arrêté classifies each of its communes",
            "give them an APL, rank those without APL, or complete the zoning",
            "zonage",
            "zone",
            **listed(units),
        )


def _zoning_faults(
    zonage: pa.Table, decides: Mapping[str, str], persons: Mapping[str, int]
) -> Iterator[Fault]:
    total = by_code(zonage, "population")
    other = [f"{unit} ({total[unit]:,}, of these communes {persons[unit]:,})"
             for unit in sorted(persons.keys() & total.keys())
             if total[unit] != persons[unit]]  # fmt: skip
    given = by_code(zonage, "code_region")
    lacking = sorted(decides.keys() - given.keys())
    elsewhere = [f"{unit} ({given[unit]}, by these communes {decides[unit]})"
                 for unit in sorted(decides.keys() & given.keys())
                 if given[unit] != decides[unit]]  # fmt: skip
    for fault, title, why, found in (
        ("APL-C14", "BVCV that the zoning does not have", "their communes would have no class",
         lacking),
        ("APL-C15", "BVCV attributed to another region in the zoning",
         "the inhabitants of these communes give them to other regions", elsewhere),
        ("APL-C14", "BVCV with other inhabitants in the zoning than in these communes",
         "the zoning was made from another table", other),
    ):  # fmt: skip
        if found:
            mend = "give the communes and the zoning that was made from them"
            yield Fault(fault, title, why, mend, "zonage", "code_bvcv", **listed(found))


def _table(types: Mapping[str, pa.DataType], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    return pa.table(
        {name: pa.array(values, kind)
         for (name, kind), values in zip(types.items(), columns, strict=True)}
    )  # fmt: skip
