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

from apl.bvcv import attributed, bare_overseas
from apl.country import departements
from apl.law import Rules
from apl.law_schema import law_fault
from apl.regions.passage import departement
from apl.regions.regimes import inside, regime_of, units_of
from apl.summary import REGIONS, aligned
from apl_core import Fault, RuleError, UsageError, refuse_if
from apl_core.errors import SHOWN

RULE = "most_population"
PROVISIONAL = "intermediaire"
HERE, ELSEWHERE, ABROAD = 1, 2, 3  # annexes: communes of the region decided here, decided
# elsewhere; communes of other regions decided here
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
    for unit, region, count in _columns(communes, "code_bvcv", "code_region", "population"):
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
    return dict(_columns(attributed(communes, rules), "code_bvcv", "code_region"))


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
    may be exchanged as ``intermediaire``, provisionally (the ministry's FAQ to the agencies,
    February 2020, p. 13–14), and no region may change the others. A text without exchange zones
    (2024) says nothing of it: the class is null, and waits for that region.

    Parameters
    ----------
    zonage : pyarrow.Table
        The whole country: ``code_bvcv``, ``code_region``, ``zone`` and, with exchange zones,
        ``apl``, ``population``, ``population_cumulee`` and ``zone_nationale`` (or ``zone`` alone,
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
        BVCV that the zoning lacks, or attributes to another region than these inhabitants do.
    """
    decides = deciding(communes, rules)
    refuse_if(_zoning_faults(zonage, decides))
    asked = {region, *(published or ())}
    refuse_if(_region_faults(asked, set(decides.values())), UsageError)
    waiting = set() if published is None else set(decides.values()) - asked
    zones: dict[str, str | None] = dict(_columns(zonage, "code_bvcv", "zone"))
    libelles = [""] * communes.num_rows
    if "libelle" in communes.column_names:
        libelles = communes.column("libelle").to_pylist()
    names = ("code_commune", "code_departement", "code_region", "code_bvcv")
    rows: list[tuple[Any, ...]] = []
    of_whom: defaultdict[str, list[int]] = defaultdict(list)
    for libelle, row in zip(libelles, _columns(communes, *names), strict=True):
        code, dep, lies, unit = row
        if region in (lies, decides[unit]):
            annexe = ABROAD if lies != region else HERE if decides[unit] == region else ELSEWHERE
            of_whom[decides[unit]].append(len(rows))
            rows.append((code, libelle or None, dep, lies, unit, decides[unit], annexe))
    final = {unit: (zone, False) for unit, zone in zones.items()}
    for other in sorted(waiting & of_whom.keys()):
        final |= _provisional(zonage, other, rules)
    full = sorted(((*row, *final[row[4]]) for row in rows), key=lambda row: (row[6], row[0]))
    types = {
        "code_commune": pa.string(), "libelle": pa.string(), "code_departement": pa.string(),
        "code_region": pa.string(), "code_bvcv": pa.string(), "region_decision": pa.string(),
        "annexe": pa.int64(), "zone": pa.string(), "provisoire": pa.bool_(),
    }  # fmt: skip
    return _table(types, full)


def _provisional(zonage: pa.Table, region: str, rules: Rules) -> dict[str, tuple[str | None, bool]]:
    """The classes of the BVCV of a region that has not published: what is known of them."""
    exchanges = [move for move in regime_of(rules).moves if move.exchange]
    units = units_of(zonage, region)
    if not exchanges:
        return {unit.code: (None, True) for unit in units.bvcv}
    movable = {
        unit.code
        for unit in units.bvcv
        if any(unit.zone == move.origin and inside(unit, move, units) for move in exchanges)
    }
    return {
        unit.code: (PROVISIONAL if unit.code in movable else unit.zone, True) for unit in units.bvcv
    }


def _zoning_faults(zonage: pa.Table, decides: Mapping[str, str]) -> Iterator[Fault]:
    given = dict(_columns(zonage, "code_bvcv", "code_region"))
    lacking = sorted(decides.keys() - given.keys())
    elsewhere = [f"{unit} ({given[unit]}, by these communes {decides[unit]})"
                 for unit in sorted(decides.keys() & given.keys())
                 if given[unit] != decides[unit]]  # fmt: skip
    for fault, title, why, found in (
        ("APL-C14", "BVCV that the zoning does not have", "their communes would have no class",
         lacking),
        ("APL-C15", "BVCV attributed to another region in the zoning",
         "the inhabitants of these communes give them to other regions", elsewhere),
    ):  # fmt: skip
        if found:
            mend = "give the communes and the zoning that was made from them"
            yield Fault(fault, title, why, mend, "zonage", "code_bvcv", (),
                        tuple(found[:SHOWN]), len(found))  # fmt: skip


def _region_faults(asked: Collection[str], known: Collection[str]) -> Iterator[Fault]:
    for region in sorted(set(asked) - set(known)):
        yield Fault("APL-G07", f"no region {region!r}", "no BVCV of the table is attributed to it",
                    f"one of: {', '.join(sorted(known))}", "zonage")  # fmt: skip


def _columns(table: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """The rows of some columns."""
    return zip(*(table.column(name).to_pylist() for name in names), strict=True)


def _table(types: Mapping[str, pa.DataType], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    return pa.table(
        {name: pa.array(values, kind)
         for (name, kind), values in zip(types.items(), columns, strict=True)}
    )  # fmt: skip


# --- what the commands tell ----------------------------------------------------------------------


def describe(found: pa.Table, rules: Rules) -> dict[str, Any]:
    """The table ``attribution`` in short: how many BVCV, and who lives where in those that differ.

    >>> from datetime import date
    >>> from apl.law import rules
    >>> communes = pa.table({"code_commune": ["01001"], "code_region": ["84"],
    ...     "population": [300], "code_bvcv": ["01001"]})
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> describe(astride(communes, law), law)["astride"]
    0
    """
    units: dict[str, dict[str, Any]] = {}
    for row in found.to_pylist():
        unit = units.setdefault(
            row["code_bvcv"],
            {**{key: row[key] for key in ("code_bvcv", "region_majorite", "region_prefixe",
                                          "differe")}, "population": {}},
        )  # fmt: skip
        unit["population"][row["code_region"]] = row["population"]
    return {
        "law": {"text": rules.text, "nor": rules.nor},
        "cite": rules.citations["attribution"].cite,
        "astride": sum(len(unit["population"]) > 1 for unit in units.values()),
        "differ": [unit for unit in units.values() if unit["differe"]],
    }


def text(found: Mapping[str, Any]) -> str:
    """`describe` as a person reads it."""
    law = found["law"]
    lines = [
        f"{found['astride']:,} BVCV lie in several regions",
        f"Rule: {law['text'].split(' relatif')[0]} (NOR {law['nor']}), {found['cite']}: "
        "the region with most inhabitants decides for the whole BVCV",
    ]
    rows = [["BVCV", "Decides (the text)", "By the code", "Inhabitants by region"]]
    for unit in found["differ"]:
        held = sorted(unit["population"].items(), key=lambda pair: (-pair[1], pair[0]))
        rows.append([unit["code_bvcv"], named(unit["region_majorite"]),
                     named(unit["region_prefixe"]),
                     ", ".join(f"{region}: {count:,}" for region, count in held)])  # fmt: skip
    if found["differ"]:
        lines += ["", f"In {len(found['differ']):,} of them the code says another region:", ""]
        lines += aligned(rows)
    else:
        lines += ["", "In none of them the code says another region."]
    return "\n".join([*lines, *_written(found)])


def describe_annexes(
    found: pa.Table, communes: pa.Table, rules: Rules, region: str
) -> dict[str, Any]:
    """The table ``annexes`` in short: communes and inhabitants by list and class."""
    persons = dict(_columns(communes, "code_commune", "population"))
    names = ("annexe", "zone", "provisoire", "code_commune")
    counts: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for annexe, zone, provisional, code in _columns(found, *names):
        cell = counts[annexe, zone, provisional]
        cell[0] += 1
        cell[1] += persons[code]
    return {
        "law": {"text": rules.text, "nor": rules.nor},
        "supplied_by_the_caller_not_law": list(rules.supplied),
        "region": region,
        "annexes": [
            {"annexe": annexe, "title": ANNEXES[annexe], "zone": zone, "provisoire": provisional,
             "communes": count, "population": people}
            for (annexe, zone, provisional), (count, people) in sorted(
                counts.items(), key=lambda item: (item[0][0], str(item[0][1]), item[0][2])
            )
        ],
    }  # fmt: skip


def annexes_text(found: Mapping[str, Any]) -> str:
    """`describe_annexes` as a person reads it."""
    rows = [["Annexe", "Communes", "Class", "Communes ", "Inhabitants"]]
    for part in found["annexes"]:
        zone = part["zone"] or "waits for the region that decides"
        rows.append([str(part["annexe"]), part["title"],
                     zone + " (provisional)" * (part["provisoire"] and part["zone"] is not None),
                     f"{part['communes']:,}", f"{part['population']:,}"])  # fmt: skip
    law = found["law"]
    head = [f"Region {named(found['region'])}: the lists of communes of its arrêté",
            f"{law['text'].split(' relatif')[0]} (NOR {law['nor']})"]  # fmt: skip
    head += [f"supplied by the caller, not law: {one}"
             for one in found["supplied_by_the_caller_not_law"]]  # fmt: skip
    return "\n".join([*head, "", *aligned(rows), *_written(found)])


def named(region: str) -> str:
    """A region's code and name."""
    return f"{region} {REGIONS.get(region, '')}".rstrip()


def _written(found: Mapping[str, Any]) -> list[str]:
    return ["", f"Written: {found['out']}"] if found.get("out") else []
