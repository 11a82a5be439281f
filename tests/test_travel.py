"""Estimated travel times: geometry by hand, neighbours by brute force, and the model's own fit."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import DATA, needs_data

from apl.travel import MODEL, TravelModel, estimate_of, travel_times
from apl_core import Catchment, RuleError, TableError, Territory

A_MINUTE_A_KM = TravelModel(scale=1.0, exponent=1.0)
DEGREE_KM = 2 * math.pi * 6371.0088 / 360
Place = tuple[float, float]
Pairs = dict[tuple[str, str], float]


def table(places: dict[str, Place]) -> pa.Table:
    return pa.table(
        {
            "code_commune": pa.array(list(places), pa.string()),
            "longitude": pa.array([place[0] for place in places.values()], pa.float64()),
            "latitude": pa.array([place[1] for place in places.values()], pa.float64()),
        }
    )


def pairs(times: pa.Table) -> Pairs:
    columns = (times[name].to_pylist() for name in ("origine", "destination", "minutes"))
    return {
        (origin, destination): minutes
        for origin, destination, minutes in zip(*columns, strict=True)
    }


def haversine_km(a: Place, b: Place) -> float:
    """Another road to the same distance than the chords of the code under test."""
    (east_a, north_a), (east_b, north_b) = (tuple(map(math.radians, place)) for place in (a, b))
    half = math.sin((north_b - north_a) / 2) ** 2
    half += math.cos(north_a) * math.cos(north_b) * math.sin((east_b - east_a) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(half))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((0.0, 0.0), (0.1, 0.0)),  # along the equator
        ((2.35, 48.0), (2.35, 48.1)),  # along a meridian
        ((179.95, 0.0), (-179.95, 0.0)),  # across the antimeridian
        ((0.0, 89.95), (180.0, 89.95)),  # across a pole
    ],
)
def test_a_tenth_of_a_degree_of_great_circle(a: Place, b: Place) -> None:
    times = pairs(travel_times(table({"A": a, "B": b}), model=A_MINUTE_A_KM))
    assert times["A", "B"] == times["B", "A"] == round(DEGREE_KM / 10, 1) == 11.1


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from([f"{n:05d}" for n in range(1, 40)]),
        st.tuples(st.floats(4.9, 5.3), st.floats(44.9, 45.2)),
        max_size=25,
    ),
    st.sampled_from([0.0, 5.0, 12.5, 20.0, 60.0]),
)
def test_neighbours_are_those_of_brute_force(places: dict[str, Place], within: float) -> None:
    found = pairs(travel_times(table(places), within=within))
    for a, at_a in places.items():
        assert found[a, a] == 0
        for b, at_b in places.items():
            minutes = MODEL.scale * haversine_km(at_a, at_b) ** MODEL.exponent
            if a != b and (a, b) in found:
                assert found[a, b] == pytest.approx(minutes, abs=0.0501)
                assert found[a, b] == found[b, a] <= within
            elif a != b:
                assert minutes > within + 0.0499


def test_rows_are_sorted_dictionary_encoded_and_blind_to_the_order_of_the_table() -> None:
    draw = np.random.Generator(np.random.PCG64(7)).random((80, 2))
    places = {f"{n:05d}": (5 + x / 2, 45 + y / 2) for n, (x, y) in enumerate(draw.tolist())}
    backwards = dict(reversed(places.items()))
    times = travel_times(table(places))
    keys = list(pairs(times))
    assert keys == sorted(keys)
    assert len(keys) == times.num_rows > 200
    assert times.equals(travel_times(table(backwards)), check_metadata=True)
    assert times.schema.types == [pa.dictionary(pa.int32(), pa.string())] * 2 + [pa.float64()]


def test_the_limit_is_included_and_cuts_the_rounded_minutes() -> None:
    places = table({"A": (0.0, 0.0), "B": (0.0, 20.04 / DEGREE_KM), "C": (0.0, -20.06 / DEGREE_KM)})
    found = pairs(travel_times(places, within=20, model=A_MINUTE_A_KM))
    assert found["A", "B"] == 20.0
    assert ("A", "C") not in found


def test_communes_at_one_point_are_zero_minutes_apart() -> None:
    found = pairs(travel_times(table({"A": (5.0, 45.0), "B": (5.0, 45.0)}), within=0))
    assert found == {("A", "A"): 0, ("A", "B"): 0, ("B", "A"): 0, ("B", "B"): 0}


def test_no_commune_gives_no_pair() -> None:
    assert travel_times(table({})).num_rows == 0


def test_columns_may_be_chunked_encoded_or_whole_numbers() -> None:
    plain = table({"A": (5.0, 45.0), "B": (5.0, 46.0)})
    other = pa.table(
        {
            "code_commune": pa.chunked_array([["A"], ["B"]]).dictionary_encode(),
            "longitude": pa.chunked_array([[5], [5]]),
            "latitude": pa.array([44.0, 45.0, 46.0]).slice(1),
        }
    )
    assert travel_times(other, within=90).equals(travel_times(plain, within=90))


def test_the_engine_takes_the_table_as_it_is() -> None:
    times = travel_times(table({"A": (5.0, 45.0), "B": (5.0, 45.05)}))
    weighted = Catchment.build(times, Territory.from_codes(["A", "B"])).weigh(
        lambda minutes: 1 - minutes / 20
    )
    assert weighted.access(np.array([1.0, 0.0])).tolist() == pytest.approx([1, 1 - 9.7 / 20])


@pytest.mark.parametrize(
    ("column", "values", "fault", "rows"),
    [
        ("code_commune", ["A", "B", "A"], "APL-D05", (3,)),
        ("code_commune", ["A", None, "B"], "APL-D01", (2,)),
        ("longitude", [5.0, math.nan, math.inf], "APL-D02", (2, 3)),
        ("latitude", [45.0, None, 45.0], "APL-D02", (2,)),
        ("latitude", [45.0, 45.1, 6_391_704.9], "APL-D04", (3,)),
    ],
)
def test_faults_are_refused(
    column: str, values: list[Any], fault: str, rows: tuple[int, ...]
) -> None:
    good = {"code_commune": ["A", "B", "C"], "longitude": [5.0] * 3, "latitude": [45.0] * 3}
    with pytest.raises(TableError) as caught:
        travel_times(pa.table({**good, column: values}))
    assert (caught.value.fault, caught.value.column, caught.value.rows) == (fault, column, rows)


def test_faults_come_together() -> None:
    bad = {"code_commune": ["A", "A"], "longitude": [math.nan, 999.0], "latitude": [45.0, 91.0]}
    with pytest.raises(TableError) as caught:
        travel_times(pa.table(bad))
    found = [fault.fault for fault in caught.value.faults]
    assert found == ["APL-D05", "APL-D02", "APL-D04", "APL-D04"]


@pytest.mark.parametrize("within", [-0.1, math.nan, math.inf])
def test_a_limit_that_is_no_time_is_refused(within: float) -> None:
    with pytest.raises(RuleError, match="within"):
        travel_times(table({"A": (5.0, 45.0)}), within=within)


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"exponent": -1.0}, {"scale": math.nan}])
def test_a_model_that_cannot_be_inverted_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RuleError, match=next(iter(wrong))):
        TravelModel(**{"scale": 1.0, "exponent": 1.0, **wrong})


@given(st.floats(0.01, 1000), st.floats(0.5, 3), st.floats(0.4, 1.5))
def test_reach_inverts_minutes(km: float, scale: float, exponent: float) -> None:
    model = TravelModel(scale=scale, exponent=exponent)
    assert model.reach(float(model.minutes(np.array([km]))[0])) == pytest.approx(km)


def test_the_table_says_that_it_is_an_estimate() -> None:
    places = table({"A": (5.0, 45.0)})
    said = estimate_of(travel_times(places, within=15))
    assert said is not None
    assert said["estimate"] is True
    assert said["coefficients"] == {"scale": MODEL.scale, "exponent": MODEL.exponent}
    assert "Isère" in said["fitted_on"]
    assert (said["within"], said["script"]) == (15, "benchmarks/fit_travel_times.py")
    own = estimate_of(travel_times(places, model=A_MINUTE_A_KM))
    assert own is not None
    assert own["fitted_on"] == "not stated"
    assert estimate_of(places) is None


@needs_data
def test_the_coefficients_are_those_of_the_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APL_REAL_DATA", str(DATA))
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "fit_travel_times.py"
    spec = importlib.util.spec_from_file_location("fit_travel_times", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, script)  # dataclasses look it up
    spec.loader.exec_module(script)
    assert script.main() == 0, capsys.readouterr().out
