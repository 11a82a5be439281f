"""How sure a zoning is: every draw is a full recomputation; its numbers are those of its seed."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import LAW, Scene, scenes
from strategies import times_table

import apl
from apl.counted import WOMEN
from apl.doubted.draws import (
    FARTHEST,
    RESAMPLED,
    Doubt,
    People,
    Resampling,
    errors,
    heads,
    people,
    stream,
)
from apl.doubted.draws_ranked import Country, Ranker, whole
from apl.doubted.uncertainty import interval, uncertainty
from apl.law_schema import known_choices
from apl.scenarios.simulate import simulate
from apl.scenarios.situation import Outcome, Situation, outcome, situation
from apl_core import UsageError, exact_sums

EVERYTHING = Doubt("departement", minutes=0.2, population=0.1)
doubts = st.builds(
    Doubt,
    st.sampled_from(RESAMPLED[:-1]),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from(["pair", "origin"]),
    st.sampled_from([0.0, 0.1]),
)
readings = st.fixed_dictionaries(
    {
        name: st.sampled_from(known_choices()[f"zoning.{name}"])
        for name in ("astride", "start", "ties", "without_apl")
    }
).map(lambda named: {f"zoning.{name}": value for name, value in named.items()})


def wide(scene: Scene, doubt: Doubt = EVERYTHING) -> Situation:
    """The scene with the pairs that an error of minutes may bring within reach."""
    here, within = scene.situation(), LAW.decay.limit * doubt.farthest
    pairs = apl.Catchment.build(scene.country.table(), here.pairs.land, within=within)
    return replace(here, pairs=pairs)


# --- a draw is a run ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(scenes(), doubts, st.integers(0, 5), readings, st.integers(0, 3_000_000))
def test_a_draw_is_a_full_recomputation(
    scene: Scene, doubt: Doubt, k: int, named: dict[str, str], outside: int
) -> None:
    """Each draw's APL and classes are those of `outcome` on what was drawn, to the bit."""
    law = LAW.reading(named)
    place = replace(wide(scene, doubt), outside={"06": outside})
    if not place.supply.any():
        return
    before = outcome(place, law)
    country = Country.of(place, law, doubt, heads(place.supply, 2.0), seed=7)
    ranker = Ranker.of(place, law, before, hold_cuts=False)
    drawn = country.draw(k)
    found, counted = next(country.draws(k, k + 2))
    assert counted.tolist() == drawn.counted.tolist()
    pairs, communes = drawn_pairs(place, doubt, k), people_now(place, doubt, k)
    again = replace(place, demand=drawn.demand, pairs=pairs, communes=communes)
    expected = outcome(again, law, supply=drawn.supply).ranking
    assert found.tolist() == expected.bvcv.column("apl").to_pylist()
    assert drawn.counted.tolist() == expected.bvcv.column("population").to_pylist()
    zone, ends = ranker.ranked(found, drawn.counted)
    zones = law.zoning.zones
    assert [zones[z] for z in zone] == expected.bvcv.column("zone").to_pylist()
    assert [None if math.isnan(end) else end for end in ends] == [c.apl for c in expected.cuts]


def drawn_pairs(place: Situation, doubt: Doubt, k: int) -> apl.Catchment:
    """The pairs of a draw as a table of times of their own, read again: minutes times errors."""
    if not doubt.minutes:
        return place.pairs
    there = place.pairs.towards(place.supply > 0)
    codes = place.pairs.land.codes.to_pylist()
    origin = np.repeat(np.arange(len(codes)), np.diff(there.start))
    by_pair = doubt.minutes_by == "pair"
    z = stream(7, k, 1).standard_normal(there.size if by_pair else len(codes))
    factor = np.exp(doubt.minutes * np.clip(z, -FARTHEST, FARTHEST))
    minutes = there.minutes * (factor if by_pair else factor[origin])
    ends = zip(origin.tolist(), there.destination.tolist(), strict=True)
    times = {(codes[i], codes[j]): t for (i, j), t in zip(ends, minutes.tolist(), strict=True)}
    return apl.Catchment.build(times_table(times), place.pairs.land, self_pair="none")


def people_now(place: Situation, doubt: Doubt, k: int) -> pa.Table:
    if not doubt.population:
        return place.communes
    z = stream(7, k, 2).standard_normal(place.demand.size)
    factor = np.exp(doubt.population * np.clip(z, -FARTHEST, FARTHEST))
    table = place.communes
    for name in {"population", WOMEN} & set(table.column_names):
        counts = np.array(table.column(name).to_pylist())
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(whole(counts, factor)))
    return table


@settings(max_examples=40, deadline=None)
@given(scenes(), st.integers(1, 6))
def test_few_persons_are_counted_at_home(scene: Scene, least: int) -> None:
    """A BVCV from which somebody reaches FTE, of fewer persons than may be shown."""
    place = scene.situation()
    if not place.supply.any():
        return
    codes, decay = scene.country.codes, LAW.decay
    count = {code: round(scene.country.supply[code] / 100 + 0.5) for code in codes}
    at = [k for k, code in enumerate(codes) for _ in range(count[code] * (place.supply[k] > 0))]
    fte = place.supply[at] / [count[codes[k]] for k in at]
    who = People(np.arange(len(at)), np.array(at), fte)
    found = Country.of(place, LAW, Doubt("france"), who, seed=0).few(least)
    for unit, few in zip(sorted(set(scene.unit.values())), found.tolist(), strict=True):
        near = {j for (i, j), time in scene.country.times.items()
                if scene.unit[i] == unit and decay(np.array([time]))[0] > 0
                and scene.country.supply[j] > 0}  # fmt: skip
        assert few == (bool(near) and sum(count[j] for j in near) < least)
    nobody = Country.of(place, LAW, Doubt("none", population=0.1), None, seed=0)
    assert not nobody.few(least).any()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(1, 4)), min_size=1, max_size=12
    ),
    st.lists(st.integers(0, 5), min_size=12, max_size=12),
    readings,
    st.integers(0, 60),
)
def test_classes_are_those_of_the_ranking(
    units: list[tuple[int, int, int]], other: list[int], named: dict[str, str], outside: int
) -> None:
    """Another APL and other persons, ties and all: as `apl.rank` classes a table of them."""
    law = LAW.reading(named)
    codes = [f"{1000 + k:05d}" for k in range(len(units))]

    def areas(apls: list[int], persons: list[int]) -> pa.Table:
        return pa.table({"code_bvcv": codes, "code_region": ["84"] * len(codes),
                         "population": persons, "population_standardisee": [1.0] * len(codes),
                         "apl": [float(one) for one in apls]})  # fmt: skip

    before, after = [one[0] for one in units], other[: len(units)]
    persons = [one[1] + 1 for one in units]
    more = [one[1] * one[2] + 1 for one in units]
    lost = {"territories_without_apl": {"06": outside}}
    first = apl.rank(areas(before, persons), law, **lost)
    place = replace(EMPTY, outside={"06": outside})
    ranker = Ranker.of(place, law, as_outcome(first), hold_cuts=False)
    second = apl.rank(areas(after, more), law, **lost)
    zone, _ = ranker.ranked(np.array(after, dtype=np.float64), np.array(more))
    assert [law.zoning.zones[k] for k in zone] == second.bvcv.column("zone").to_pylist()


def as_outcome(ranking: apl.Ranking) -> Outcome:
    return Outcome(pa.table({}), ranking, 0.0)


CODES = ["01001", "01002", "2A004"]


def small(**columns: list[Any]) -> Situation:
    """Three communes at 0 minutes of themselves and 12 of one another, in two BVCV."""
    times = {(a, b): 12.0 if a != b else 0.0 for a in CODES for b in CODES}
    table = {"code_commune": CODES, "code_bvcv": ["01001", "01001", "2A004"],
             "code_region": ["84", "84", "94"], "population": [400, 900, 100],
             "population_standardisee": [400.0, 900.0, 100.0], "etp": [1.0, 3.0, 2.5],
             **columns}  # fmt: skip
    return situation(pa.table(table), times_table(times), LAW)


EMPTY = small()


@pytest.mark.parametrize(
    ("profession", "on"),
    [
        ("sage_femme", date(2020, 6, 1)),  # counts women
        ("medecin_generaliste", date(2022, 6, 1)),  # levels of APL; each region its own inhabitants
        ("masseur_kinesitherapeute", date(2019, 6, 1)),  # means weighted by all inhabitants
    ],
)
def test_a_draw_under_another_text(profession: str, on: date) -> None:
    bands = [{"until": band.until, "includes_until": band.includes_until,
              "weight": str(band.weight)} for band in LAW.decay.bands]  # fmt: skip
    law = apl.rules(profession, on=on).overlaid({"decay": {"bands": bands}})
    women = pa.array([210, 480, 51])
    times = times_table({(a, b): 12.0 if a != b else 0.0 for a in CODES for b in CODES})
    place = situation(EMPTY.communes.append_column(WOMEN, women), times, law)
    doubt, who = Doubt("france", population=0.3), heads(EMPTY.supply, 0.5)
    country = Country.of(place, law, doubt, who, seed=7)
    ranker = Ranker.of(place, law, outcome(place, law), hold_cuts=False)
    for k in range(10):
        drawn = country.draw(k)
        again = replace(place, demand=drawn.demand, communes=people_now(place, doubt, k))
        expected = outcome(again, law, supply=drawn.supply).ranking.bvcv
        found, counted = next(country.draws(k, k + 1))
        assert found.tolist() == expected.column("apl").to_pylist()
        assert counted.tolist() == expected.column("population").to_pylist()
        zone = [law.zoning.zones[z] for z in ranker.ranked(found, counted)[0]]
        assert zone == expected.column("zone").to_pylist()


# --- what is drawn -----------------------------------------------------------------------------


def table_of(rows: list[tuple[str, str, float]]) -> pa.Table:
    """Persons, places and acts."""
    return pa.table({"identifiant": [r[0] for r in rows], "code_commune": [r[1] for r in rows],
                     "age": [40] * len(rows), "actes": [r[2] for r in rows],
                     "honoraires": [20 * r[2] for r in rows],
                     "installe_dans_l_annee": [False] * len(rows)})  # fmt: skip


ROWS = [("b", "01002", 3000.0), ("a", "01001", 2500.0), ("a", "2A004", 2000.0),
        ("c", "2A004", 9000.0), ("d", "2A004", 1.0), ("e", "01002", 5000.0)]  # fmt: skip


def test_who_can_be_drawn_does_not_depend_on_the_order_of_rows() -> None:
    land = EMPTY.pairs.land
    found = people(table_of(ROWS), land, LAW)
    assert found.who.tolist() == [0, 0, 1, 2, 3]  # d, under the floor, has no FTE
    assert found.at.tolist() == [0, 2, 1, 2, 1]
    assert np.bincount(found.at, found.fte).tolist() == pytest.approx(
        apl.supply(table_of(ROWS), land, LAW).etp.tolist(), rel=1e-15)  # fmt: skip
    for shift in range(1, len(ROWS)):
        again = people(table_of(ROWS[shift:] + ROWS[:shift]), land, LAW)
        for name in ("who", "at", "fte"):
            assert getattr(again, name).tolist() == getattr(found, name).tolist()


def test_as_many_persons_are_drawn_in_each_group_as_there_are() -> None:
    """a works mostly in 01001 (département 01), partly in 2A004: a part goes with the person."""
    who = People(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), np.array([0.6, 0.4, 1.0, 0.5]))
    expected = {"departement": {(1.6, 0.4 + 0.5), (1.2, 0.8 + 0.5), (2.0, 0.5)},
                "commune": {(1.6, 0.9)}, "bvcv": {(1.6, 0.9), (1.2, 1.3), (2.0, 0.5)}}  # fmt: skip
    for within, known in expected.items():
        drawn = Resampling.of(who, EMPTY, within)
        seen = set()
        for k in range(60):
            supply = drawn.supply(stream(0, k, 0), 3)
            seen.add((round(supply[0] + supply[1], 9), round(supply[2], 9)))
        assert seen == {(round(a, 9), round(b, 9)) for a, b in known}, within
    everywhere = Resampling.of(who, EMPTY, "france")
    supplies = {tuple(everywhere.supply(stream(0, k, 0), 3).round(9)) for k in range(300)}
    assert len(supplies) == 10  # three persons of three, with replacement


def test_persons_are_drawn_evenly() -> None:
    """Means of 4,000 draws are within four standard errors of what the run has."""
    supply = np.array([1.0, 3.0, 6.0])
    drawn = Resampling.of(heads(supply, 1.0), EMPTY, "france")
    draws = np.array([drawn.supply(stream(3, k, 0), 3) for k in range(4_000)])
    deviation = np.sqrt(supply * (1 - supply / 10))  # of a multinomial
    assert (np.abs(draws.mean(axis=0) - supply) < 4 * deviation / math.sqrt(len(draws))).all()
    assert draws.std(axis=0) == pytest.approx(deviation, rel=0.05)
    assert set(draws.sum(axis=1)) == {10.0}


def test_heads_have_the_fte_that_there_are() -> None:
    supply = np.array([0.2, 0.0, 7.7, 100.0])
    found = heads(supply, 1.5)
    assert np.bincount(found.at).tolist() == [1, 0, 5, 67]
    assert exact_sums(found.at, found.fte, 4).tolist() == pytest.approx(supply.tolist(), rel=1e-15)


def test_errors_are_cut_and_as_often_up_as_down() -> None:
    z = np.log(errors(stream(0, 0, 1), 200_000, 0.1)) / 0.1
    assert np.abs(z).max() <= FARTHEST + 1e-9
    assert abs(np.mean(z > 0) - 0.5) < 0.01
    assert z.std() == pytest.approx(1.0, rel=0.01)
    assert whole(np.array([0, 1, 10]), np.array([2.0, 0.1, 1.26])).tolist() == [0, 1, 13]


def test_streams_are_those_of_spawned_seeds() -> None:
    sequence = np.random.SeedSequence(11).spawn(4)[3].spawn(2)[1]
    expected = np.random.Generator(np.random.Philox(sequence)).random(5)
    assert stream(11, 3, 1).random(5).tolist() == expected.tolist()


# --- the result --------------------------------------------------------------------------------


def asked(place: Situation, doubt: Doubt = EVERYTHING, **how: Any) -> apl.Uncertainty:
    given: dict[str, Any] = {"seed": 5, "people": heads(place.supply, 0.5), "draws": 70}
    given |= {"least": 3, **how}
    return uncertainty(place, LAW, doubt, **given)


def within_reach(doubt: Doubt = EVERYTHING) -> Situation:
    """The small country with pairs up to where errors reach."""
    codes = EMPTY.pairs.land.codes.to_pylist()
    times = times_table({(a, b): 12.0 if a != b else 0.0 for a in codes for b in codes})
    limit = LAW.decay.limit * doubt.farthest
    return replace(EMPTY, pairs=apl.Catchment.build(times, EMPTY.pairs.land, within=limit))


@pytest.mark.parametrize("doubt", [EVERYTHING, Doubt("france")])
def test_the_same_bits_on_any_number_of_threads_and_draws(doubt: Doubt) -> None:
    place = within_reach()
    one, two = asked(place, doubt), asked(place, doubt, threads=3)
    assert one.table.equals(two.table)
    assert one.cuts.equals(two.cuts)
    assert one.moved.tolist() == two.moved.tolist()
    fewer = asked(place, doubt, draws=10)
    assert fewer.moved.tolist() == one.moved[:10].tolist()
    assert not asked(place, doubt, seed=6).table.equals(one.table)


def test_the_same_bits_in_any_order_of_the_travel_times() -> None:
    place = within_reach()
    there = place.pairs.towards(np.ones(3, dtype=np.bool_))
    codes, origin = there.land.codes.to_pylist(), np.repeat(np.arange(3), np.diff(there.start))
    ends = list(zip(origin.tolist(), there.destination.tolist(), strict=True))
    pairs = [(codes[i], codes[j]) for i, j in ends]
    times = dict(zip(pairs, there.minutes.tolist(), strict=True))
    table = times_table(times, order=list(reversed(range(len(times)))))
    again = apl.Catchment.build(table, there.land, within=there.within)
    assert asked(replace(place, pairs=again)).table.equals(asked(place).table)


def test_a_doubt_does_not_change_what_another_draws() -> None:
    place = within_reach()
    who = heads(place.supply, 0.5)
    both = Country.of(place, LAW, EVERYTHING, who, seed=1).draw(4)
    alone = Country.of(place, LAW, Doubt("departement"), who, seed=1).draw(4)
    assert both.supply.tolist() == alone.supply.tolist()
    people_alone = Country.of(place, LAW, Doubt("none", population=0.1), None, seed=1).draw(4)
    assert people_alone.demand.tolist() == both.demand.tolist()
    assert people_alone.supply.tolist() == place.supply.tolist()


def test_the_table_says_what_the_draws_were() -> None:
    place = within_reach()
    done = asked(place, draws=60, level=0.5, threshold=0.7)
    zones = LAW.zoning.zones
    country = Country.of(place, LAW, EVERYTHING, heads(place.supply, 0.5), seed=5)
    ranker = Ranker.of(place, LAW, done.before, hold_cuts=False)
    apls, classes = [], []
    for k in range(60):
        drawn = country.draw(k)
        apls.append(next(country.draws(k, k + 1))[0])
        classes.append(ranker.ranked(apls[-1], drawn.counted)[0])
    for k, row in enumerate(done.table.to_pylist()):
        values = sorted(one[k] for one in apls)
        assert (row["apl_bas"], row["apl_haut"]) == (values[14], values[44])
        odds = [sum(one[k] == z for one in classes) / 60 for z in range(len(zones))]
        assert [row[f"p_{zone}"] for zone in zones] == odds
        assert row["tenue"] == row[f"p_{row['zone']}"]
        assert row["pile_ou_face"] == (row["tenue"] < 0.7)
    was = [zones.index(zone) for zone in done.table.column("zone").to_pylist()]
    assert done.moved.tolist() == [sum(a != b for a, b in zip(one, was, strict=True))
                                   for one in classes]  # fmt: skip
    assert done.table.select(["code_bvcv", "apl", "zone"]).equals(
        done.before.ranking.bvcv.select(["code_bvcv", "apl", "zone"]))  # fmt: skip


def test_held_cuts_are_those_of_the_run() -> None:
    done = asked(within_reach(), hold_cuts=True)
    for name in ("apl_bas", "apl_haut"):
        assert done.cuts.column(name).to_pylist() == [c.apl for c in done.before.ranking.cuts]


@settings(max_examples=40, deadline=None)
@given(scenes(), st.integers(0, 3), readings)
def test_classes_under_held_cuts_are_those_of_a_simulation(
    scene: Scene, k: int, named: dict[str, str]
) -> None:
    law, place = LAW.reading(named), scene.situation()
    if not place.supply.any():
        return
    who, doubt = heads(place.supply, 0.5), Doubt("france")
    country = Country.of(place, law, doubt, who, seed=2)
    ranker = Ranker.of(place, law, outcome(place, law), hold_cuts=True)
    drawn = country.draw(k)
    gained = (drawn.supply - place.supply).tolist()  # halves: exact
    added = dict(zip(place.pairs.land.codes.to_pylist(), gained, strict=True))
    expected = simulate(place, law, added, hold_cuts=True).after.ranking.bvcv
    zone, _ = ranker.ranked(*next(country.draws(k, k + 1)))
    assert [law.zoning.zones[z] for z in zone] == expected.column("zone").to_pylist()


def test_an_interval_has_values_that_were_drawn() -> None:
    values = np.arange(100.0)[:, None]
    assert [one.tolist() for one in interval(values, 0.9)] == [[4.0], [94.0]]
    empty = np.where(values < 50, -np.inf, values)
    assert interval(empty, 0.9)[0].tolist() == [-np.inf]


@pytest.mark.parametrize(
    ("doubt", "how", "said"),
    [
        (Doubt("none"), {}, "nothing that is doubted"),
        (Doubt("canton"), {}, "resample = 'canton'"),
        (Doubt(minutes_by="road"), {}, "minutes_by = 'road'"),
        (Doubt(minutes=-0.1), {}, "an error of minutes"),
        (Doubt(population=math.nan), {}, "an error of population"),
        (Doubt(population=1.1), {}, "an error of population"),
        (Doubt(minutes=0.1), {}, "pairs up to 20 minutes"),
        (Doubt(), {"draws": 1}, "1 draws"),
        (Doubt(), {"draws": 20_001}, "20,001 draws"),
        (Doubt(), {"seed": -1}, "a seed of -1"),
        (Doubt(), {"least": 0}, "intervals of 0 persons"),
        (Doubt(), {"level": 1.0}, "level = 1.0"),
        (Doubt(), {"threshold": 0.0}, "threshold = 0.0"),
        (Doubt(), {"people": None}, "no persons to draw"),
    ],
)
def test_what_cannot_be_drawn_is_refused(doubt: Doubt, how: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        asked(EMPTY, doubt, **how)
    assert {one.fault for one in refused.value.faults} == {"APL-U06"}


def test_persons_in_any_order_of_rows_give_the_same_bits() -> None:
    land = EMPTY.pairs.land
    etp = apl.supply(table_of(ROWS), land, LAW).etp
    place = replace(small(etp=etp.tolist()), outside={"06": 10})
    first, second = (
        asked(place, Doubt("france"), people=people(table_of(rows), land, LAW))
        for rows in (ROWS, ROWS[::-1])
    )
    assert first.table.equals(second.table)
