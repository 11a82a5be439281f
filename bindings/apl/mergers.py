"""Communes that merge, change their code or are split, and their BVCV with them (annexe, II)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from datetime import date

import pyarrow as pa

from apl.blocks import UnitRules
from apl_core import Fault, TableError
from apl_core.errors import listed

MERGERS = (31, 32, 33)  # simple merger, commune nouvelle, merger-association
MOVES = (41, 50)  # change of code: of département, of capital
SPLITS = (20, 21, 30)  # creation, re-establishment, suppression shared among neighbours

# day → earlier code → later codes, and whether the event is a split
Days = Mapping[str, Mapping[str, Set[tuple[str, bool]]]]
WANTED = "give a geography and a population of the date wanted"

SPLIT = (
    "APL-C06",
    "communes that were split",
    "how the inhabitants divide cannot be derived from the movements",
)
HOMELESS = (
    "APL-C04",
    "a commune nouvelle under a code of its own, from several BVCV",
    "it goes to the BVCV of the commune whose code it takes, and takes none",
)

ELSEWHERE = (
    "APL-C15",
    "communes that moved to a département of unknown region",
    "the geography has no other commune of that département, or has it in two regions",
)


def merge(
    units: Mapping[str, str],
    persons: Mapping[str, int],
    movements: pa.Table,
    between: tuple[date, date],
    law: UnitRules,
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Communes and BVCV after the movements (annexe, II).

    A commune nouvelle takes the BVCV of the commune whose code it keeps; where a commune comes to
    hold the poles of several BVCV, at once or year after year, these become one.

    Parameters
    ----------
    units : mapping of commune → BVCV
        At the date of the geography.
    persons : mapping of commune → inhabitants
    movements : pyarrow.Table
        INSEE's movements of communes; of these, what is from commune to commune.
    between : (date, date)
        Movements after the first date and up to the second.
    law : UnitRules
        What the pole of a canton-ou-ville is.

    Returns
    -------
    (commune → BVCV, commune → commune, BVCV → BVCV)
        What remains and where it belongs; which commune went into which, to the end of a chain;
        which BVCV went into which.

    Raises
    ------
    TableError
        A commune that was split; one that takes a new code and comes from several BVCV.

    Examples
    --------
    >>> from apl.law import rules
    >>> moves = pa.table({"mod": [32], "date_effet": ["2024-01-01"], "type_avant": ["COM"],
    ...     "code_avant": ["01002"], "type_apres": ["COM"], "code_apres": ["01001"]})
    >>> merge({"01001": "01001", "01002": "01002"}, {"01001": 9, "01002": 5}, moves,
    ...       (date(2023, 1, 1), date(2024, 1, 1)),
    ...       rules("masseur_kinesitherapeute", on=date(2025, 6, 6)).territory)
    ({'01001': '01001'}, {'01002': '01001'}, {'01002': '01001'})
    """
    now = dict(units)
    gone: dict[str, str] = {}
    areas: dict[str, str] = {}
    poles: defaultdict[str, set[str]] = defaultdict(set)  # of which BVCV a commune holds the pole
    for unit, code in _poles(units, persons, law).items():
        if units[code] == unit:  # "auxquels elles appartiennent"
            poles[code].add(unit)
    for after, before in _events(units, movements, between):
        there = [code for code in before if code in now]
        homes = sorted({now[code] for code in there})
        if after not in now and len(homes) > 1:
            raise TableError([_movement_fault(*HOMELESS, [after])])
        if there:
            now.setdefault(after, homes[0])
            gone.pop(after, None)
        for code in there:
            del now[code]
            gone[code] = after
        met = poles[after].union(*(poles.pop(code, set()) for code in there))
        if len(met) > 1:
            kept = now[after] if now[after] in met else min(met)
            areas.update({unit: kept for unit in met if unit != kept})
            met = {kept}
        poles[after] = met
    areas = resolved(areas)
    gone = {code: end for code, end in resolved(gone).items() if code in units}
    return {code: areas.get(unit, unit) for code, unit in now.items()}, gone, areas


def followed(
    codes: Iterable[str],
    movements: pa.Table | Days,
    between: tuple[date, date],
    *,
    mend: str = "say who went where in a table passage (code_avant, code_apres)",
) -> dict[str, str]:
    """The code of each commune after the movements; chains are followed, inside one day too.

    Parameters
    ----------
    codes : iterable of str
    movements : pyarrow.Table, or what `by_day` makes of it
    between : (date, date)
        Movements after the first date and up to the second.
    mend : str
        What the caller can do about a split.

    Raises
    ------
    TableError
        Communes that were split, under whatever code they had by then: all together.

    Examples
    --------
    >>> moves = pa.table({"mod": [50, 50], "date_effet": ["2021-01-01", "2023-01-01"],
    ...     "type_avant": ["COM"] * 2, "code_avant": ["27676", "27058"],
    ...     "type_apres": ["COM"] * 2, "code_apres": ["27058", "27676"]})
    >>> followed(["27676"], moves, (date(2020, 1, 1), date(2022, 1, 1)))
    {'27676': '27058'}
    >>> followed(["27676"], moves, (date(2020, 1, 1), date(2024, 1, 1)))
    {'27676': '27676'}
    """
    days = by_day(movements) if isinstance(movements, pa.Table) else movements
    since, until = (day.isoformat() for day in between)
    now = {code: code for code in codes}
    split: list[str] = []
    for leaving in (days[day] for day in days if since < day <= until):
        one = {old: min(new)[0] for old, new in leaving.items() if _is_one(new)}
        links = resolved(one)
        touched = set(now.values())
        touched |= {links[code] for code in touched if code in links}
        split += [f"{old} → {new}" for old in sorted(touched & leaving.keys() - one.keys())
                  for new, _ in sorted(leaving[old])]  # fmt: skip
        now = {code: links.get(current, current) for code, current in now.items()}
    if split:
        raise TableError([_movement_fault(*SPLIT, split, mend)])
    return now


def by_day(movements: pa.Table) -> Days:
    """What communes become, by day in order: other codes, and whether the event is a split."""
    days: defaultdict[str, defaultdict[str, set[tuple[str, bool]]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for row in movements.to_pylist():
        old, new = row["code_avant"], row["code_apres"]
        leaves = row["type_avant"] == row["type_apres"] == "COM" and old != new
        if leaves and row["mod"] in (*MERGERS, *MOVES, *SPLITS):
            days[row["date_effet"]][old].add((new, row["mod"] in SPLITS))
    return {day: days[day] for day in sorted(days)}


def _is_one(becomes: Collection[tuple[str, bool]]) -> bool:
    """Whether a commune went whole to one other."""
    return len(becomes) == 1 and not any(split for _, split in becomes)


def moved_poles(area_of: Mapping[str, str], movements: pa.Table, until: date) -> dict[str, str]:
    """Living areas that bear the code of a commune that is gone, and the commune that it is now.

    A commune that has left the living area is no pole of it.

    Parameters
    ----------
    area_of : mapping of commune → living area
        At the date of the geography.
    movements : pyarrow.Table
        INSEE's movements of communes; the last one of each code counts.
    until : date
        The date of the geography.

    Examples
    --------
    >>> moves = pa.table({"mod": [32], "date_effet": ["2016-03-01"], "type_avant": ["COM"],
    ...     "code_avant": ["22007"], "type_apres": ["COM"], "code_apres": ["22055"]})
    >>> moved_poles({"22055": "22007", "49218": "49313"}, moves, date(2022, 1, 1))
    {'22007': '22055'}
    """
    links = {
        row["code_avant"]: row["code_apres"]
        for row in sorted(movements.to_pylist(), key=lambda row: str(row["date_effet"]))
        if row["type_avant"] == row["type_apres"] == "COM"
        and row["mod"] in (*MERGERS, *MOVES)
        and row["date_effet"] <= until.isoformat()
        and row["code_avant"] not in area_of
    }
    now = resolved(links)
    gone = sorted(set(area_of.values()) - set(area_of))
    return {area: now[area] for area in gone if area_of.get(now.get(area, "")) == area}


def located(
    merged: Mapping[str, str], places: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str, str]]:
    """Old code → new code, its département and its region.

    ``places`` holds département and region of the codes of the geography. A new code in another
    département takes those of the communes that are there.

    Raises
    ------
    TableError
        The geography has no commune of that département, or has it in two regions.

    Examples
    --------
    >>> located({"01002": "69002"}, {"01002": ("01", "84"), "69001": ("69", "84")})
    {'01002': ('69002', '69', '84')}
    """
    among: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for code, place in places.items():
        among[departement(code)].add(place)
    found, lost = {}, []
    for old, new in merged.items():
        at_home = new in places or departement(old) == departement(new)
        there = {places.get(new, places[old])} if at_home else among[departement(new)]
        if len(there) == 1:
            found[old] = (new, *next(iter(there)))
        else:
            lost.append(new)
    if lost:
        raise TableError([_movement_fault(*ELSEWHERE, sorted(set(lost)))])
    return found


def departement(code: str) -> str:
    """The département in the code of a commune or a BVCV: two characters, three overseas.

    >>> departement("2A004"), departement("0405_"), departement("97106_")
    ('2A', '04', '971')
    """
    return code[:3] if code.startswith("97") else code[:2]


def _events(
    units: Mapping[str, str], movements: pa.Table, between: tuple[date, date]
) -> list[tuple[str, list[str]]]:
    """What each commune took in, by date; chains inside one day are followed to their end."""
    since, until = (day.isoformat() for day in between)
    links: defaultdict[str, dict[str, str]] = defaultdict(dict)
    split = []
    for row in movements.to_pylist():
        before, after = row["code_avant"], row["code_apres"]
        if row["type_avant"] != "COM" or row["type_apres"] != "COM" or before == after:
            continue
        if not since < row["date_effet"] <= until:
            continue
        if row["mod"] in SPLITS and before in units:
            split.append(f"{before} → {after}")
        elif row["mod"] in (*MERGERS, *MOVES):
            links[row["date_effet"]][before] = after
    if split:
        raise TableError([_movement_fault(*SPLIT, sorted(split))])
    events = []
    for day in sorted(links):
        joined: defaultdict[str, list[str]] = defaultdict(list)
        for before, after in sorted(resolved(links[day]).items()):
            joined[after].append(before)
        events += sorted(joined.items())
    return events


def _poles(units: Mapping[str, str], persons: Mapping[str, int], law: UnitRules) -> dict[str, str]:
    """The pole of each BVCV: the commune it is named after; of a canton, the most populous one."""
    largest: dict[str, tuple[int, str]] = {}
    for code in sorted(units, reverse=True):  # the smaller code wins a tie
        rank = (persons.get(code, 0), code)
        if units[code] not in largest or rank[0] >= largest[units[code]][0]:
            largest[units[code]] = rank
    return {
        unit: unit if unit in units else code
        for unit, (_, code) in largest.items()
        if unit in units or law.merged_canton_pole == "most_populous"
    }


def resolved(links: Mapping[str, str]) -> dict[str, str]:
    """Chains followed to their end."""

    def end(code: str) -> str:
        seen = {code}
        while links.get(code, code) not in seen:
            code = links[code]
            seen.add(code)
        return code

    return {code: end(code) for code in links}


def _movement_fault(
    fault: str, title: str, why: str, values: list[str], mend: str = WANTED
) -> Fault:
    where = ("mouvements", "code_apres")
    return Fault(fault, title, why, mend, *where, **listed(values))
