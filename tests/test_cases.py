"""Other tools' worked cases, each with its own decay and held to its own tolerance.

A case lists ids of demand and of supply that need not be the same places: the territory is their
union, what a list does not name counts for 0, and no self pair is added. Tolerances up to 1e-12 go
with values of full precision, and are relative (one expected value is 1.9e-22); larger ones go with
printed decimals, and are absolute. Where a case also gives the full precision, 1e-12 holds on it.
Other members of the family run by their own names; `LEFT_OUT` says which cases do not run, and why.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from shared import CASES, needs_cases

import apl
from apl_core import (
    Catchment,
    Exponential,
    Gaussian,
    Power,
    Steps,
    TableError,
    Territory,
    Weighted,
)
from apl_core.family import FAMILY

F64 = NDArray[np.float64]
LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
FULL = 1e-12  # the largest tolerance that goes with full precision

INDEX = json.loads((CASES / "index.json").read_text()) if CASES.is_dir() else []
PARTS = {
    "pysal_access/step_boundary_closed_right",
    "ipea_accessibility/step_boundary_closed_left",
    "catchment_r/reachable_supply_and_demand",
    "catchment_r/aggregate_weighted_mean",
}
REFUSED = {
    "edge_shared/duplicate_pair": "APL-E01",
    "edge_shared/nan_cost": "APL-D01",
    "edge_shared/negative_sentinel": "APL-D03",
}
ALONE = {  # each has a test of its own below
    "pysal_access/grid5_step1_gravity_sum",
    "drees_zonage_ars/majority_region_rule",
}
LEFT_OUT = {
    "traccess/reachable_supply_two_costs": "a second cost (transfers) that the pairs do not give",
    "drees_zonage_ars/bvcv_vintage_mismatch": "no pairs: the codes of two zonings, held together",
}


def ids(wanted: Callable[[dict[str, Any]], bool]) -> Iterable[Any]:
    """The cases to run; without the folder, one that is skipped and says what is missing."""
    found = [entry["id"] for entry in INDEX if wanted(entry)]
    return found if CASES.is_dir() else [pytest.param("all cases", marks=needs_cases)]


def is_two_steps(entry: dict[str, Any]) -> bool:
    reference = entry["independent_apl_reference"] or entry["kind"] == "convention"
    return reference and entry["id"] not in PARTS | set(REFUSED)


def member(entry: dict[str, Any]) -> str | None:
    """The family's name for a case that is not the two steps: `3SFCA (Huff 1/d)` is 3SFCA."""
    name = str(entry["method"]).split()[0]
    return name if entry["kind"] == "variant or partial" and name in FAMILY else None


def column(folder: Path, reference: str) -> dict[str, Any]:
    """`csv:places.csv.gz:jobs`: that column by the table's first one (empty cells as null)."""
    _, name, value = reference.split(":")
    with gzip.open(folder / name, "rt", newline="") as lines:
        reader = csv.DictReader(lines)
        key = (reader.fieldnames or [""])[0]
        return {row[key]: float(row[value]) if row[value] else None for row in reader}


def pairs_of(folder: Path, reference: str) -> list[list[Any]]:
    """`csv:od.csv.gz`: origin, destination, cost."""
    with gzip.open(folder / reference.split(":")[1], "rt", newline="") as lines:
        return [[i, j, float(cost)] for i, j, cost in list(csv.reader(lines))[1:]]


@dataclass(frozen=True)
class Case:
    """A case as its file gives it, its tables read."""

    raw: dict[str, Any]
    demand: dict[str, Any]
    supply: dict[str, Any]
    od: list[list[Any]]
    expected: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Case:
        path = CASES / f"{name}.json"
        raw = json.loads(path.read_text())
        given = {
            key: column(path.parent, raw[key]) if isinstance(raw[key], str) else raw[key] or {}
            for key in ("demand", "supply", "expected")
        }
        od = raw["od"] or []
        od = pairs_of(path.parent, od) if isinstance(od, str) else od
        return cls(raw, od=od, **given)

    @property
    def land(self) -> Territory:
        ends = {end for row in self.od for end in row[:2]}
        return Territory.from_codes(sorted(ends | set(self.demand) | set(self.supply)))

    def catchment(self, od: list[list[Any]] | None = None) -> Catchment:
        rows = self.od if od is None else od
        table = pa.table(
            {
                "origine": pa.array([row[0] for row in rows], pa.string()),
                "destination": pa.array([row[1] for row in rows], pa.string()),
                "minutes": pa.array([row[2] for row in rows], pa.float64()),
            }
        )
        return Catchment.build(table, self.land, within=None, self_pair="none")

    def decay(self) -> Any:
        given = self.raw["decay"]
        if given["type"] == "step":
            return Steps.of(given["bounds"], given["weights"], closed=given["closed"])
        limit = math.inf if given.get("max") is None else given["max"]
        if given["type"] == "power":
            return Power(given["alpha"], scale=given["scale"], limit=limit)
        if given["type"] == "exponential":
            return Exponential(given["rate"], limit=limit)
        assert given["type"] == "gaussian"
        return Gaussian(given["sigma"], limit=limit)

    def vector(self, given: Mapping[str, Any]) -> F64:
        """Values by position; missing and null count for 0."""
        return np.array([given.get(code) or 0.0 for code in self.land.codes.to_pylist()])

    def access(self, weighted: Weighted) -> dict[str, float]:
        ratio = weighted.ratio(self.vector(self.supply), self.vector(self.demand))
        values = weighted.access(ratio)
        assert np.isfinite(values).all()
        return dict(zip(self.land.codes.to_pylist(), values.tolist(), strict=True))

    def family(self, method: Callable[..., F64], **options: Any) -> dict[str, float]:
        """Scores under a member of the family."""
        vectors = self.vector(self.supply), self.vector(self.demand)
        values = method(self.catchment(), *vectors, self.decay(), **options)
        assert np.isfinite(values).all()
        return dict(zip(self.land.codes.to_pylist(), values.tolist(), strict=True))

    def scores(self, weighted: Weighted) -> dict[str, float]:
        """Access in the case's own unit."""
        scale = self.raw.get("scale", 1)
        people = self.demand if self.raw.get("transform") == "demand*access" else {}
        access = self.access(weighted)
        return {code: value * scale * people.get(code, 1) for code, value in access.items()}


def meet(values: Mapping[str, float], expected: Mapping[str, Any], tolerance: float) -> None:
    """Every expected value within the tolerance: relative up to 1e-12, else absolute."""
    relative = tolerance <= FULL
    assert {code: values[code] for code in expected} == pytest.approx(
        dict(expected), rel=tolerance if relative else 0, abs=0 if relative else tolerance
    )


@needs_cases
def test_every_independent_case_is_run() -> None:
    independent = {entry["id"] for entry in INDEX if entry["independent_apl_reference"]}
    run = {entry["id"] for entry in INDEX if is_two_steps(entry)} & independent
    assert len(run) == 30
    assert len(independent - run) == 3
    assert independent - run <= PARTS


@needs_cases
def test_every_other_case_is_run_or_left_out_by_name() -> None:
    family = {entry["id"] for entry in INDEX if member(entry)}
    assert len(family) == 9
    rest = {entry["id"] for entry in INDEX if not is_two_steps(entry)} - family
    assert rest == PARTS | set(REFUSED) | ALONE | set(LEFT_OUT)


@pytest.mark.parametrize("name", ids(is_two_steps))
def test_two_steps(name: str) -> None:
    case = Case.read(name)
    values = case.scores(case.catchment().weigh(case.decay()))
    infinite_there = set(case.raw.get("peer_nonfinite", ()))
    expected = {code: v for code, v in case.expected.items() if code not in infinite_there}
    assert len(case.expected) - len(expected) == len(infinite_there)
    meet(values, expected, case.raw["tolerance"])
    meet(values, case.raw.get("expected_full", {}), FULL)


@pytest.mark.parametrize("name", ids(lambda entry: member(entry) is not None))
def test_other_members_of_the_family(name: str) -> None:
    case = Case.read(name)
    method = member(next(entry for entry in INDEX if entry["id"] == name))
    assert method is not None
    options = {}
    if name.startswith("pysal_access/hospital"):  # there one also chooses places out of reach
        options["choice"] = replace(case.decay(), limit=math.inf)
    values = case.family(FAMILY[method], **options)
    meet(values, case.expected, case.raw["tolerance"])
    meet(values, case.raw.get("expected_full", {}), FULL)


@needs_cases
def test_cases_that_are_named_after_a_member_run_under_that_name() -> None:
    """The same bits as the two steps; a 2SFCA with weights is our KD2SFCA."""
    run = 0
    for entry in filter(is_two_steps, INDEX):
        case, name = Case.read(entry["id"]), str(entry["method"]).split()[0].rstrip(",")
        if name in FAMILY and (name != "2SFCA" or case.raw["decay"]["type"] == "step"):
            assert case.family(FAMILY[name]) == case.access(case.catchment().weigh(case.decay()))
            run += 1
    assert run >= 20


@pytest.mark.parametrize("name", ids(lambda entry: entry["id"] in REFUSED))
def test_what_the_engine_refuses(name: str) -> None:
    """A pair twice, a missing time, a mark for "not computed": other tools take them silently."""
    case = Case.read(name)
    with pytest.raises(TableError) as caught:
        case.catchment()
    assert caught.value.fault == REFUSED[name]
    assert caught.value.rows[-1] == len(case.od)
    assert caught.value.values
    if caught.value.fault != "APL-E01":  # as told: without the row, the pair is out of reach
        mended = case.catchment(case.od[:-1])
        meet(case.access(mended.weigh(case.decay())), case.expected, case.raw["tolerance"])


@pytest.mark.parametrize("name", ids(lambda entry: entry["method"] == "step weights"))
def test_step_weights(name: str) -> None:
    """One inhabitant at O: the demand seen in each place is the weight of its time."""
    case = Case.read(name)
    od = [["O", time, float(time)] for time in case.expected]
    there = Case(case.raw, {"O": 1.0}, {}, od, case.expected)
    weighted = there.catchment().weigh(there.decay())
    seen = weighted.demand(there.vector(there.demand)).tolist()
    assert dict(zip(there.land.codes.to_pylist(), seen, strict=True)) == {**case.expected, "O": 0}


@needs_cases
def test_reachable_supply_and_demand() -> None:
    case = Case.read("catchment_r/reachable_supply_and_demand")
    weighted = case.catchment().weigh(case.decay())
    assert weighted.access(case.vector(case.supply)).tolist() == case.expected["supply"]
    assert weighted.demand(case.vector(case.demand)).tolist() == [*case.expected["demand"], 0]


@needs_cases
def test_one_sum_with_growing_weights() -> None:
    case = Case.read("pysal_access/grid5_step1_gravity_sum")
    sums = case.catchment().weigh(case.decay()).access(case.vector(case.supply))
    codes = case.land.codes.to_pylist()
    meet(dict(zip(codes, sums.tolist(), strict=True)), case.expected, case.raw["tolerance"])


def areas(
    zone: Mapping[str, str],
    scores: Mapping[str, tuple[float, float]],
    people: Mapping[str, Any],
    regions: Mapping[str, str] | None = None,
) -> pa.Table:
    """What the engine makes of communes with (APL, weight), inhabitants and a region."""
    codes = list(zone)
    communes = {
        "code_commune": codes,
        "code_bvcv": [zone[code] for code in codes],
        "code_region": [(regions or {}).get(code, "84") for code in codes],
        "population": pa.array([int(people[code]) for code in codes], pa.int64()),
    }
    values, weights = zip(*(scores[code] for code in codes), strict=True)
    result = {"code_commune": codes, "apl": values, "population_standardisee": weights}
    return apl.aggregate(pa.table(result), pa.table(communes), LAW)


@needs_cases
def test_zone_means() -> None:
    case = Case.read("catchment_r/aggregate_weighted_mean")
    values, people = case.raw["values"], case.demand
    zone = {code: code[: case.raw["prefix"]] for code in values}
    exact = naive.zone_means(values, people, zone)
    meet({name: float(mean) for name, mean in exact.items()}, case.expected, case.raw["tolerance"])
    found = areas(zone, {code: (values[code], float(people[code])) for code in values}, people)
    means = dict(
        zip(*(found.column(name).to_pylist() for name in ("code_bvcv", "apl")), strict=True)
    )
    meet(means, case.expected, case.raw["tolerance"])


@needs_cases
def test_region_of_most_inhabitants() -> None:
    case = Case.read("drees_zonage_ars/majority_region_rule")
    zone = dict.fromkeys(case.demand, "Z")
    assert naive.attribute(zone, case.raw["regions"], case.demand) == case.expected
    found = areas(zone, dict.fromkeys(zone, (1.0, 1.0)), case.demand, case.raw["regions"])
    assert found.select(["code_bvcv", "code_region"]).to_pylist() == [
        {"code_bvcv": unit, "code_region": region} for unit, region in case.expected.items()
    ]
