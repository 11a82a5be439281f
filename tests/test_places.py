"""The best places for some FTE: the optimum against every choice there is."""

from __future__ import annotations

import math

import naive_simulate as naive
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import LAW, Scene, scenes
from strategies import Country

from apl.scenarios import places as module
from apl.scenarios.places import OBJECTIVES, best_places
from apl_core import UsageError

few = scenes(demand=st.integers(1, 300_000).map(float), size=(2, 6))


def reached(
    scene: Scene, region: str, threshold: float, objective: str, more: dict[str, int]
) -> float:
    """The objective of a choice, in fractions."""
    country = scene.country
    persons = {u: p for u, p in scene.persons().items() if scene.region[u] == region}
    before, after = (
        naive.means(country.times, naive.with_more(country.supply, one), country.population,
                    scene.unit)
        for one in ({}, more)
    )  # fmt: skip
    if objective == "persons":
        return naive.lifted(before, after, persons, threshold)
    less = naive.shortfall(before, persons, threshold) - naive.shortfall(after, persons, threshold)
    return float(less)


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(scene=few, n=st.integers(1, 3), threshold=st.floats(1, 3000), data=st.data())
@settings(max_examples=20, deadline=None)
def test_the_optimum_is_that_of_every_choice(
    objective: str, scene: Scene, n: int, threshold: float, data: st.DataObject
) -> None:
    region = data.draw(st.sampled_from(sorted(set(scene.region.values()))))
    inside = [c for c in scene.country.codes if scene.region[scene.unit[c]] == region]
    every = [
        reached(scene, region, threshold, objective, choice)
        for choice in naive.choices(inside, n)
    ]  # fmt: skip
    found = best_places(scene.situation(), LAW, n, region=region, objective=objective,
                        threshold=threshold)  # fmt: skip
    assert found.optimum is not None
    assert found.proved
    assert found.optimum.value == pytest.approx(max(every), rel=1e-9, abs=2e-6)
    assert found.gap is not None
    assert found.gap >= 0
    for choice in (found.greedy, found.optimum):
        assert sum(choice.places.values()) <= n
        assert set(choice.places) <= set(inside)
        value = reached(scene, region, threshold, objective, dict(choice.places))
        assert choice.value == pytest.approx(value, rel=1e-9, abs=2e-6)
    if n == 1 and objective == "shortfall":
        assert found.gap <= 2e-6
    assert found.optimum.value <= found.most + 1e-9 * found.most


def two_towns() -> Scene:
    """Greed lifts the village at once; two FTE in the town lift more people."""
    country = Country(
        {("01001", "01001"): 0.0, ("01002", "01002"): 0.0},
        {"01001": 10_000.0, "01002": 1_000.0},
        {"01001": 0.0, "01002": 0.0},
    )
    return Scene(country, {c: c for c in country.codes}, dict.fromkeys(country.codes, "84"))


def test_greed_is_not_the_optimum_and_the_gap_says_so() -> None:
    place = two_towns().situation()
    asked = {"region": "84", "objective": "persons", "threshold": 20.0}
    found = best_places(place, LAW, 2, **asked)  # type: ignore[arg-type]
    assert (found.greedy.order, found.greedy.value) == (("01002", "01001"), 1_000.0)
    assert found.optimum is not None
    assert (found.optimum.places, found.optimum.value) == ({"01001": 2}, 10_000.0)
    assert (found.gap, found.proved, found.bound, found.most) == (9_000.0, True, 10_000.0, 11_000.0)
    enough = best_places(place, LAW, 9, **asked)  # type: ignore[arg-type]
    assert enough.greedy.value == 11_000.0
    assert len(enough.greedy.order) == 3, "no FTE more than change anything"
    alone = best_places(place, LAW, 2, exact=False, **asked)  # type: ignore[arg-type]
    assert (alone.optimum, alone.gap, alone.proved) == (None, None, False)
    assert alone.greedy == found.greedy


def test_nobody_under_the_level_asks_for_nothing() -> None:
    scene = two_towns()
    scene.country.supply.update({"01001": 50.0, "01002": 50.0})  # type: ignore[attr-defined]
    found = best_places(scene.situation(), LAW, 3, region="84", objective="shortfall", threshold=1)
    assert found.greedy.places == {}
    assert found.optimum is not None
    assert (found.optimum.value, found.most, found.proved) == (0.0, 0.0, True)


def test_what_cannot_be_solved_is_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    place = two_towns().situation()
    with pytest.raises(UsageError) as refused:
        best_places(place, LAW, 0, region="99", objective="fame", threshold=math.nan)
    found = [fault.fault for fault in refused.value.faults]
    assert found == ["APL-U04", "APL-U02", "APL-J05", "APL-U03"]
    monkeypatch.setattr(module, "MOST_CELLS", 3)
    with pytest.raises(UsageError, match="2 BVCV under the level × 2 communes: 4 effects"):
        best_places(place, LAW, 1, region="84", objective="persons", threshold=20.0)
