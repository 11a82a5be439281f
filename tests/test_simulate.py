"""One more FTE and the same country with some: against the oracle, and a run on the new supply."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import naive_simulate as naive
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import LAW, Scene, scenes
from strategies import Country, strip

import apl
from apl.scenarios.marginal import lifted, marginal
from apl.scenarios.simulate import Simulation, simulate
from apl.scenarios.situation import outcome, situation
from apl.zoning import FRANCE
from apl_core import Catchment, Gaussian, Territory, UsageError
from apl_core.adjoint import by_group

SOME = st.integers(1, 40).map(lambda k: k / 2)


def of_unit(table: pa.Table, name: str) -> dict[str, Any]:
    return dict(zip(table["code_bvcv"].to_pylist(), table[name].to_pylist(), strict=True))


def oracle(scene: Scene, more: dict[str, float] | None = None) -> dict[str, Any]:
    supply = naive.with_more(scene.country.supply, more or {})
    return naive.means(scene.country.times, supply, scene.country.population, scene.unit)


@given(scenes())
@settings(max_examples=25, deadline=None)
def test_one_fte_does_what_a_recomputation_in_fractions_says(scene: Scene) -> None:
    found = {
        (row["code_commune"], row["code_bvcv"]): row["apl_par_etp"]
        for row in marginal(scene.situation(), LAW).to_pylist()
    }
    before = oracle(scene)
    for code in scene.country.codes:
        after = oracle(scene, {code: 1})
        for unit in before:
            exact = after[unit] - before[unit]
            assert found.get((code, unit), 0) == pytest.approx(float(exact), rel=1e-12, abs=0)
            assert (exact > 0) == ((code, unit) in found)


@given(scenes())
@settings(max_examples=30, deadline=None)
def test_one_fte_is_one_fte_everywhere(scene: Scene) -> None:
    """Σ over BVCV of standardised population · effect is what one FTE stands for."""
    table = marginal(scene.situation(), LAW)
    given_out: Counter[str] = Counter()
    for row in table.to_pylist():
        given_out[row["code_commune"]] += row["apl_par_etp"] * scene.persons()[row["code_bvcv"]]
    assert given_out.keys() == set(scene.country.codes)
    for value in given_out.values():
        assert value == pytest.approx(LAW.per, rel=1e-12)


@given(scenes(), st.data())
@settings(max_examples=20, deadline=None)
def test_the_apl_moves_by_fte_times_the_effect(scene: Scene, data: st.DataObject) -> None:
    code, fte = data.draw(st.sampled_from(scene.country.codes)), data.draw(SOME)
    place = scene.situation()
    done = simulate(place, LAW, {code: fte})
    effect = {r["code_bvcv"]: r["apl_par_etp"] for r in marginal(place, LAW).to_pylist()
              if r["code_commune"] == code}  # fmt: skip
    before, after = (of_unit(o.ranking.bvcv, "apl") for o in (done.before, done.after))
    for unit, apl_before in before.items():
        expected = apl_before + fte * effect.get(unit, 0.0)
        assert after[unit] == pytest.approx(expected, rel=1e-12)


def test_sums_by_group_are_those_of_step_1_for_any_decay_and_order() -> None:
    country = strip(200)
    land = Territory.from_codes(country.codes)
    x = country.demand_vector()
    group = (np.arange(200) // 7).astype(np.int32)
    order = np.random.default_rng(5).permutation(len(country.times)).tolist()
    for decay in (LAW.decay, Gaussian(8, limit=20)):
        pairs, other = (Catchment.build(t, land) for t in (country.table(), country.table(order)))
        weighted = pairs.weigh(decay)
        links = by_group(weighted, group, 29, x)
        again = by_group(other.weigh(decay), group, 29, x)
        assert links.total.tobytes() == again.total.tobytes()
        whole = np.bincount(links.place, weights=links.total, minlength=200)
        assert whole == pytest.approx(weighted.demand(x), rel=1e-12)
        couples = list(zip(links.place.tolist(), links.group.tolist(), strict=True))
        assert couples == sorted(set(couples))


@given(scenes(), st.floats(1, 1e6), SOME)
@settings(max_examples=20, deadline=None)
def test_who_rises_to_a_threshold_is_who_a_recomputation_finds(
    scene: Scene, threshold: float, fte: float
) -> None:
    table = lifted(scene.situation(), LAW, threshold=threshold, fte=fte)
    persons, before = scene.persons(), oracle(scene)
    for row in table.to_pylist():
        after = oracle(scene, {row["code_commune"]: fte})
        near = any(abs(float(a) / threshold - 1) < 1e-9 for a in after.values())
        if not near:
            assert row["habitants"] == naive.lifted(before, after, persons, threshold)
        less = naive.shortfall(before, persons, threshold) - naive.shortfall(
            after, persons, threshold)  # fmt: skip
        assert row["manque_comble"] == pytest.approx(float(less), rel=1e-9, abs=1e-12 * fte)


def run_of(country: Country, supply: dict[str, float]) -> apl.Run:
    """A run on tables: communes in BVCV of ten."""
    codes = country.codes
    tables = {
        "communes": pa.table(
            {
                "code_commune": codes,
                "code_departement": [c[:2] for c in codes],
                "code_region": ["84"] * len(codes),
                "population": [int(country.population[c]) for c in codes],
                "code_bvcv": [codes[k // 10 * 10] for k in range(len(codes))],
            }
        ),
        "temps_de_parcours": country.table(),
        "population_standardisee": pa.table(
            {
                "code_commune": codes,
                "population_standardisee": [country.population[c] for c in codes],
            }
        ),
        "offre": pa.table({"code_commune": list(supply), "etp": list(supply.values())}),
    }
    return apl.run(tables, LAW)


def test_a_simulation_has_the_bits_of_a_run_on_the_new_supply() -> None:
    country = strip(300)
    halves = {c: round(2 * fte) / 2 for c, fte in country.supply.items()}
    least, most = min(halves, key=lambda c: (halves[c], c)), max(halves, key=lambda c: halves[c])
    first = run_of(country, halves)
    place = situation(first.communes, country.table(), LAW)
    added = {least: 30.5, most: -halves[most], country.codes[7]: 4.0}
    done = simulate(place, LAW, added)
    second = run_of(country, {c: fte + added.get(c, 0) for c, fte in halves.items()})
    assert done.before.communes.equals(first.communes)
    assert done.before.ranking.bvcv.equals(first.bvcv)
    assert done.after.communes.equals(second.communes)
    assert done.after.ranking.bvcv.equals(second.bvcv)
    assert done.after.ranking.parts.equals(second.parts)
    assert simulate(place, LAW, added, threads=3).after.communes.equals(second.communes)
    differ = {
        a["code_commune"]
        for a, b in zip(first.communes.to_pylist(), second.communes.to_pylist(), strict=True)
        if a != b
    }
    assert set(done.communes["code_commune"].to_pylist()) == differ
    assert 3 < len(differ) < 300


@given(scenes(), st.data())
@settings(max_examples=20, deadline=None)
def test_what_is_added_and_removed_again_leaves_no_bit(scene: Scene, data: st.DataObject) -> None:
    code, fte = data.draw(st.sampled_from(scene.country.codes)), data.draw(SOME)
    place = scene.situation()
    there = replace(place, supply=np.where(place.communes["code_commune"].to_numpy(
        zero_copy_only=False) == code, place.supply + fte, place.supply))  # fmt: skip
    back = simulate(there, LAW, {code: -fte}).after
    assert back.communes.equals(outcome(place, LAW).communes)
    for hold in (False, True):
        none = simulate(place, LAW, {code: 0}, hold_cuts=hold)
        assert [t.num_rows for t in (none.communes, none.bvcv, none.parts)] == [0, 0, 0]


def recounted(done: Simulation) -> Counter[tuple[str, str, str]]:
    """Persons and BVCV by region and zone, from the table of BVCV."""
    found: Counter[tuple[str, str, str]] = Counter()
    for row in done.after.ranking.bvcv.to_pylist():
        for region in (row["code_region"], FRANCE):
            found[region, row["zone"], "population"] += row["population"]
            found[region, row["zone"], "bvcv"] += 1
    return found


@given(scenes(), st.data())
@settings(max_examples=20, deadline=None)
def test_held_cuts_move_only_those_whose_apl_changed(scene: Scene, data: st.DataObject) -> None:
    some = st.sampled_from(scene.country.codes)
    added = data.draw(st.dictionaries(some, SOME, min_size=1, max_size=3))
    done = simulate(scene.situation(), LAW, added, hold_cuts=True)
    was, now = (of_unit(o.ranking.bvcv, "apl") for o in (done.before, done.after))
    old, new = (of_unit(o.ranking.bvcv, "zone") for o in (done.before, done.after))
    order = LAW.zoning.zones
    ends = [-math.inf if cut.apl is None else cut.apl for cut in done.before.ranking.cuts]
    for unit, value in now.items():
        if value == was[unit]:
            assert new[unit] == old[unit]
        else:
            place = order.index(new[unit])
            assert all(end < value for end in ends[:place])
            assert place == len(ends) or any(value <= end for end in ends[place:])
    parts = done.after.ranking.parts.to_pylist()
    counts = recounted(done)
    for row in parts:
        for name in ("population", "bvcv"):
            assert row[name] == counts[row["code_region"], row["zone"], name]
    assert math.fsum(r["part"] for r in parts if r["code_region"] == FRANCE) == pytest.approx(1)


def test_all_that_cannot_be_is_said_together() -> None:
    country = Country({("01001", "01001"): 0.0, ("01002", "01001"): 5.0},
                      {"01001": 10.0, "01002": 5.0}, {"01001": 2.0, "01002": 0.0})  # fmt: skip
    scene = Scene(country, dict.fromkeys(country.codes, "01001"), {"01001": "84"})
    place = situation(scene.communes(), country.table(), LAW, self_pair="none")
    asked: list[tuple[str, float | str]] = [
        ("99999", 1), ("01001", "-2.5"), ("01001", 1), ("01002", 1), ("2A004", "x"),
        ("01002", math.inf),
    ]  # fmt: skip
    with pytest.raises(UsageError) as refused:
        simulate(place, LAW, asked)
    found = {fault.fault: fault.values for fault in refused.value.faults}
    assert found == {
        "APL-C02": ("99999=1", "2A004=x"),
        "APL-D03": ("01001=-2.5: 2.0 there",),
        "APL-D05": ("01001=1", "01002=inf"),
        "APL-D07": ("01002=1",),
        "APL-D02": ("2A004=x",),
    }
    assert refused.value.exit_code == 2
    for bad in (math.nan, math.inf, -math.inf, 2e9):
        with pytest.raises(UsageError, match="APL-D02"):
            simulate(place, LAW, {"01001": bad})
    everything = simulate(place, LAW, {"01001": -2.0})
    assert everything.bvcv["apl_apres"].to_pylist() == [0.0]
    for level in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="no threshold"):
            lifted(place, LAW, threshold=level)
    with pytest.raises(ValueError, match="positive"):
        lifted(place, LAW, threshold=1, fte=0)
