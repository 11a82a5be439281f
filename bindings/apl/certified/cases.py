"""Worked cases of other projects: the two steps with their decays, on their pairs.

A case lists ids of demand and of supply that need not be the same places: the territory is their
union, what a list does not name counts for 0, and no pair of a place with itself is added.
Tolerances up to 1e-12 go with full precision and are relative; larger ones go with printed decimals
and are absolute. An infinite value of a project's own output (``peer_nonfinite``) is left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from apl.aggregation import aggregate
from apl.certified.figures import Annex, Figures
from apl.certified.ground import CASES, F64, Ground
from apl_core import Catchment, Exponential, Gaussian, Power, Steps, TableError, Territory
from apl_core.family import FAMILY

FULL = 1e-12  # the largest tolerance that goes with full precision
PARTS = ("step weights", "one sum", "population-weighted mean")
REGION = "84"  # any


@dataclass(frozen=True)
class Case:
    """A case as its file gives it, its tables read."""

    raw: Mapping[str, Any]
    demand: Mapping[str, Any]
    supply: Mapping[str, Any]
    od: list[list[Any]]
    expected: Mapping[str, Any]

    @property
    def land(self) -> Territory:
        """Every place that the case names."""
        ends = {end for row in self.od for end in row[:2]}
        return Territory.from_codes(sorted(ends | set(self.demand) | set(self.supply)))

    def catchment(self) -> Catchment:
        """All pairs, however far."""
        origin, destination, cost = zip(*self.od, strict=True)
        table = pa.table({"origine": pa.array(origin, pa.string()),
                          "destination": pa.array(destination, pa.string()),
                          "minutes": pa.array(cost, pa.float64())})  # fmt: skip
        return Catchment.build(table, self.land, within=None, self_pair="none")

    def decay(self) -> Any:
        """The case's own weights."""
        given = self.raw["decay"]
        limit = math.inf if given.get("max") is None else given["max"]
        match given["type"]:
            case "step":
                return Steps.of(given["bounds"], given["weights"], closed=given["closed"])
            case "power":
                return Power(given["alpha"], scale=given["scale"], limit=limit)
            case "exponential":
                return Exponential(given["rate"], limit=limit)
        return Gaussian(given["sigma"], limit=limit)

    def vector(self, given: Mapping[str, Any]) -> F64:
        """Values by position; missing and null count for 0."""
        return np.array([given.get(code) or 0.0 for code in self.land.codes.to_pylist()])

    def two_steps(self) -> F64:
        """Access under the two steps."""
        weighted = self.catchment().weigh(self.decay())
        return weighted.access(weighted.ratio(self.vector(self.supply), self.vector(self.demand)))

    def member(self, name: str, **options: Any) -> F64:
        """Access under another member of the family."""
        vectors = self.vector(self.supply), self.vector(self.demand)
        values: F64 = FAMILY[name](self.catchment(), *vectors, self.decay(), **options)
        return values

    def met(self, values: F64) -> bool:
        """Whether every expected value is met, in the case's own unit."""
        scale = self.raw.get("scale", 1)
        people = self.demand if self.raw.get("transform") == "demand*access" else {}
        codes = self.land.codes.to_pylist()
        ours = {code: value * scale * people.get(code, 1)
                for code, value in zip(codes, values.tolist(), strict=True)}  # fmt: skip
        skipped = set(self.raw.get("peer_nonfinite", ()))
        tolerance = self.raw["tolerance"]
        printed = (within(ours[code], value, tolerance)
                   for code, value in self.expected.items() if code not in skipped)  # fmt: skip
        full = (within(ours[code], value, FULL)
                for code, value in self.raw.get("expected_full", {}).items())  # fmt: skip
        return all(printed) and all(full)


def within(ours: float, expected: float, tolerance: float) -> bool:
    """Relative up to 1e-12, else absolute."""
    bound = tolerance * abs(expected) if tolerance <= FULL else tolerance
    return abs(ours - expected) <= bound


def figures(ground: Ground) -> Figures:
    """How many of the independent cases, of edge inputs, and of the family's members are met."""
    met: Counter[str] = Counter()
    by_project: dict[str, list[tuple[str, str]]] = {}
    for entry in ground.json(CASES):
        case, name = read(ground, entry["id"]), str(entry["method"]).split()[0]
        kind = "family"
        if entry["independent_apl_reference"]:
            kind = "independent"
            good = _part(case, entry["method"], ground) if _is_part(entry) else case.met(
                case.two_steps())  # fmt: skip
        elif entry["kind"] == "convention":
            kind = "edge"
            good = _edge(case, met)
        elif name in FAMILY:
            # pysal lets people choose among places out of reach as well
            far = name == "3SFCA" and entry["id"].startswith("pysal_access")
            options = {"choice": replace(case.decay(), limit=math.inf)} if far else {}
            good = case.met(case.member(name, **options))
        else:
            continue  # sums with two costs, lists of codes: no member of the family
        met[kind] += good
        outcome = "met" if good else "refused" if kind == "edge" else "not met"
        by_project.setdefault(entry["id"].split("/")[0], []).append((name.rstrip(","), outcome))
    outcomes = ("met", "refused", "not met")
    rows = [
        [project, ", ".join(sorted({name for name, _ in cases})), str(len(cases)),
         *(str(sum(one == outcome for _, one in cases)) for outcome in outcomes)]
        for project, cases in by_project.items()
    ]  # fmt: skip
    head = ["Project", "Methods", "Cases", "Met", "Refused", "Not met"]
    annex = Annex("The cases by project", head, rows)
    return Figures({"independent": met["independent"], "edge": (met["edge"], met["refused"]),
                    "family": met["family"]}, (annex,))  # fmt: skip


def _edge(case: Case, met: Counter[str]) -> bool:
    """Whether an edge input is met; three are refused, which other tools take in silence."""
    try:
        return case.met(case.two_steps())
    except TableError:
        met["refused"] += 1
        return False


def _is_part(entry: Mapping[str, Any]) -> bool:
    return str(entry["method"]).startswith(PARTS)


def _part(case: Case, method: str, ground: Ground) -> bool:
    """The three cases that are a part of the work: weights, one sum, the mean over a zone."""
    if method.startswith(PARTS[0]):
        times = np.array([float(time) for time in case.expected])
        return bool((case.decay()(times) == list(case.expected.values())).all())
    if method.startswith(PARTS[1]):
        weighted = case.catchment().weigh(case.decay())
        supply = weighted.access(case.vector(case.supply)).tolist()
        demand = weighted.demand(case.vector(case.demand)).tolist()
        known = case.expected["demand"]
        return bool(supply == case.expected["supply"] and demand[: len(known)] == known)
    values, codes = case.raw["values"], list(case.raw["values"])
    communes = pa.table({"code_commune": codes, "code_region": [REGION] * len(codes),
                         "code_bvcv": [code[: case.raw["prefix"]] for code in codes],
                         "population": [case.demand[code] for code in codes]})  # fmt: skip
    weights = [float(case.demand[code]) for code in codes]
    scores = pa.table({"code_commune": codes, "apl": [values[code] for code in codes],
                       "population_standardisee": weights})  # fmt: skip
    means = aggregate(scores, communes, ground.law).to_pylist()
    return all(within(one["apl"], case.expected[one["code_bvcv"]], FULL) for one in means)


def read(ground: Ground, name: str) -> Case:
    """A case of the index, by its id."""
    raw = ground.json(f"cases/{name}.json")
    folder = str(PurePosixPath("cases", name).parent)
    given = {
        key: _column(ground, folder, raw[key]) if isinstance(raw[key], str) else raw[key] or {}
        for key in ("demand", "supply", "expected")
    }
    od = raw["od"] or []
    if isinstance(od, str):
        rows = ground.rows(f"{folder}/{od.split(':')[1]}")
        od = [[*list(row.values())[:2], float(list(row.values())[2])] for row in rows]
    return Case(raw, od=od, **given)


def _column(ground: Ground, folder: str, reference: str) -> dict[str, float | None]:
    """``csv:places.csv.gz:jobs``: that column by the table's first one; empty cells are null."""
    _, name, value = reference.split(":")
    rows = ground.rows(f"{folder}/{name}", value)
    return {next(iter(row.values())): float(row[value]) if row[value] else None for row in rows}
