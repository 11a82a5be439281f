"""The same country with more or fewer professionals: what changes.

A simulation is a full recomputation, bit for bit that of `apl.run` on the changed supply; zones
move with it, by cuts that are made anew or held.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from apl import counted, density
from apl.law import Rules
from apl.parameters import LARGEST
from apl.scenarios.situation import Outcome, Situation, outcome
from apl.zoning import FRANCE, Ranking
from apl_core import Fault, UsageError, refuse_if
from apl_core.errors import listed
from apl_core.exact import F64

Additions = Mapping[str, float] | Iterable[tuple[str, float | str]]


@dataclass(frozen=True, eq=False)
class Simulation:
    """The same country before and after.

    Attributes
    ----------
    added : mapping of commune → FTE
    hold_cuts : bool
        Classes end at the APL at which they ended before; else cuts are made anew.
    before, after : Outcome
    communes : pyarrow.Table
        Communes whose APL or FTE changed: ``code_commune``, ``code_bvcv``, ``etp_avant``,
        ``etp_apres``, ``apl_avant``, ``apl_apres``.
    bvcv : pyarrow.Table
        BVCV whose APL or zone changed: ``code_bvcv``, ``code_region``, ``population``,
        ``apl_avant``, ``apl_apres``, ``rang_avant``, ``rang_apres``, ``zone_avant``,
        ``zone_apres``.
    parts : pyarrow.Table
        Regions and zones whose population or number of BVCV changed (``FR``: the country).
    """

    added: Mapping[str, float]
    hold_cuts: bool
    before: Outcome
    after: Outcome
    communes: pa.Table
    bvcv: pa.Table
    parts: pa.Table


def simulate(
    place: Situation,
    rules: Rules,
    add: Additions,
    *,
    hold_cuts: bool = False,
    threads: int = 1,
) -> Simulation:
    """The same country with FTE added or removed in some communes: what changes.

    Parameters
    ----------
    place : Situation
    rules : Rules
    add : mapping of commune → FTE, or pairs of both
        Negative: removed.
    hold_cuts : bool
        False: the country is ranked and cut anew, so that zones may change far from where FTE do.
        True: a class ends at the highest APL that it had before (that APL included), and only
        BVCV whose APL changed change class. Where the text itself cuts at levels of APL, both are
        the same.
    threads : int
        The bits do not depend on it.

    Raises
    ------
    UsageError
        Unknown communes, one given twice, FTE that are not finite, a removal of more than there is,
        an addition where no travel time leads: all together.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> from apl.scenarios.situation import situation
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> communes = pa.table({"code_commune": ["01001"], "code_bvcv": ["01001"],
    ...     "code_region": ["84"], "population": [400], "etp": [1.0],
    ...     "population_standardisee": [400.0]})
    >>> times = pa.table({"origine": ["01001"], "destination": ["01001"], "minutes": [0.0]})
    >>> found = simulate(situation(communes, times, law), law, {"01001": 1})
    >>> found.bvcv.select(["apl_avant", "apl_apres"]).to_pylist()
    [{'apl_avant': 250.0, 'apl_apres': 500.0}]
    """
    density.refuse_apl(rules)
    given = list(add.items() if isinstance(add, Mapping) else add)
    added, supply = changed_supply(place, given)
    before = outcome(place, rules, threads=threads)
    after = outcome(place, rules, supply=supply, threads=threads)
    if hold_cuts and rules.zoning.method != "thresholds":
        ranking = held(before.ranking, after.ranking, place, rules)
        after = Outcome(after.communes, ranking, after.unreached)
    return Simulation(
        added,
        hold_cuts,
        before,
        after,
        _beside(before.communes, after.communes, ("code_bvcv",), ("etp", "apl")),
        _beside(before.ranking.bvcv, after.ranking.bvcv, ("code_region", "population"),
                ("apl", "rang", "zone"), ("apl", "zone")),
        _beside(before.ranking.parts, after.ranking.parts, ("zone",),
                ("bvcv", "population", "part"), ("bvcv", "population")),
    )  # fmt: skip


def changed_supply(
    place: Situation, given: Sequence[tuple[str, float | str]]
) -> tuple[dict[str, float], F64]:
    """FTE by commune that are added, and the supply with them; or a UsageError with all faults."""
    at = place.pairs.land.positions([code for code, _ in given]).tolist()
    supply = place.supply.copy()
    added: dict[str, float] = {}
    wrong: dict[str, list[str]] = {}
    for (code, text), k in zip(given, at, strict=True):
        fte, said = _number(text), f"{code}={text}"
        if code in added:
            wrong.setdefault("twice", []).append(said)
            continue
        added[code] = fte
        if not math.isfinite(fte) or abs(fte) > LARGEST:
            wrong.setdefault("number", []).append(said)
        if k < 0:
            wrong.setdefault("unknown", []).append(said)
        elif math.isfinite(fte):
            if fte < -supply[k]:
                wrong.setdefault("removed", []).append(f"{said}: {supply[k]!s} there")
            elif fte > 0 and not place.pairs.paired[k]:
                wrong.setdefault("no_pair", []).append(said)
            supply[k] += fte
    refuse_if((_fault(kind, values) for kind, values in wrong.items()), UsageError)
    return added, supply


def _number(text: float | str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def held(before: Ranking, after: Ranking, place: Situation, rules: Rules) -> Ranking:
    """The ranking with the cuts of before: an APL that changed is held against their levels."""
    zones = rules.zoning.zones
    ends = [-math.inf if cut.apl is None else cut.apl for cut in before.cuts]
    levels = np.maximum.accumulate(np.array(ends))
    old, new = (r.bvcv.column("apl").to_pylist() for r in (before, after))
    codes = after.bvcv.column("code_bvcv").to_pylist()
    was = before.bvcv.column("zone").to_pylist()
    zone = [
        zones[int(np.searchsorted(levels, now, side="left"))] if now != then else kept
        for then, now, kept in zip(old, new, was, strict=True)
    ]
    moved = {c: (a, b) for c, a, b in zip(codes, was, zone, strict=True) if a != b}
    table = after.bvcv.drop_columns(["ecart_coupure_habitants", "ecart_coupure_apl"])
    table = table.set_column(table.schema.get_field_index("zone"), "zone",
                             pa.array(zone, pa.string()))  # fmt: skip
    parts = _moved(before.parts, moved, _slices(after.bvcv, place, rules))
    return Ranking(table, parts, before.cuts, after.without_apl, after.total)


def _slices(areas: pa.Table, place: Situation, rules: Rules) -> dict[str, list[tuple[str, int]]]:
    """The regions in which each BVCV counts, with how many persons."""
    own = counted.own_inhabitants(place.communes, rules)
    found: dict[str, list[tuple[str, int]]] = {}
    for row in (areas if own is None else own).to_pylist():
        found.setdefault(row["code_bvcv"], []).append((row["code_region"], row["population"]))
    return found


def _moved(
    parts: pa.Table,
    moved: Mapping[str, tuple[str, str]],
    slices: Mapping[str, list[tuple[str, int]]],
) -> pa.Table:
    """Shares by region with some BVCV in another class: whole persons are moved."""
    rows = {(row["code_region"], row["zone"]): row for row in parts.to_pylist()}
    whole: dict[str, int] = {}
    for (region, _), row in rows.items():
        whole[region] = whole.get(region, 0) + row["population"]
    for unit, ways in moved.items():
        everyone = sum(persons for _, persons in slices[unit])
        for region, persons in [*slices[unit], (FRANCE, everyone)]:
            for zone, sign in zip(ways, (-1, 1), strict=True):
                rows[region, zone]["bvcv"] += sign
                rows[region, zone]["population"] += sign * persons
    for (region, _), row in rows.items():
        row["part"] = row["population"] / whole[region] if whole[region] else 0.0
    return pa.Table.from_pylist(list(rows.values()), schema=parts.schema)


def _beside(
    before: pa.Table,
    after: pa.Table,
    kept: tuple[str, ...],
    compared: tuple[str, ...],
    change: tuple[str, ...] | None = None,
) -> pa.Table:
    """The rows of two tables of one order that differ, with both values of what is compared."""
    keys = (before.column_names[0], *kept)
    columns = {name: before.column(name) for name in keys}
    for name in compared:
        columns[f"{name}_avant"], columns[f"{name}_apres"] = before.column(name), after.column(name)
    rows = zip(*(columns[f"{name}_{when}"].to_pylist() for name in change or compared
                 for when in ("avant", "apres")), strict=True)  # fmt: skip
    differ = [any(a != b for a, b in zip(r[::2], r[1::2], strict=True)) for r in rows]
    return pa.table(columns).filter(pa.array(differ, pa.bool_()))


SAID = {
    "number": ("APL-D02", "FTE that are no finite number", "nothing can be added up with it",
               "CODE=FTE with a decimal point, 04070=1.5"),
    "unknown": ("APL-C02", "a commune that is not in the table of communes",
                "it has no inhabitants, no travel times and no zone", "use the run's own codes"),
    "twice": ("APL-D05", "one commune twice", "which of the two is meant is not said",
              "give its sum once"),
    "removed": ("APL-D03", "a removal of more FTE than there are", "supply would be negative",
                "remove what there is at most"),
    "no_pair": ("APL-D07", "FTE in a commune of no pair",
                "no travel time leads there: nobody would gain anything",
                "complete the travel times, or add them elsewhere"),
}  # fmt: skip


def _fault(kind: str, values: list[str]) -> Fault:
    fault, title, why, mend = SAID[kind]
    return Fault(fault, title, why, mend, "simulate", "add", **listed(values))
