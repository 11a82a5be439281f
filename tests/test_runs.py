"""Pairs as words, and the steps over runs: the bits of the steps over pairs, whatever the pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import Country, countries, extreme, strip, times_table

from apl_core import Catchment, Exponential, Steps, Territory, Weighted
from apl_core.exact import exponents, magnitude, split
from apl_core.runs import Runs, both
from apl_core.territory import I32
from apl_core.words import SLOTS, Words, distinct, packed, width

F64 = NDArray[np.float64]
LEGAL = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
MANY = Steps.of(range(1, 21), [f"{20 - k}/20" for k in range(20)], closed="right")
quick = settings(deadline=None, max_examples=60)


def weighted(country: Country, decay: Steps = LEGAL, *, within: float | None = None) -> Weighted:
    land = Territory.from_codes(country.codes)
    return Catchment.build(country.table(), land, within=within).weigh(decay)


def dense(runs: Runs, n: int) -> NDArray[np.int64]:
    """The weights that runs stand for, [n, n]."""
    out = np.zeros((n, n), dtype=np.int64)
    place, step = runs.words.place, runs.step[runs.words.mark]
    for i, row in enumerate(runs.rows):
        here = slice(runs.words.start[i], runs.words.start[i + 1])
        change = np.zeros(runs.columns.size + 1, dtype=np.int64)
        np.add.at(change, place[here], -step[here])
        assert change.sum() == 0, "what begins ends"
        out[row, runs.columns] = np.cumsum(change)[:-1]
    return out


# Words


def packed_all(place: I32, value: F64, places: int) -> tuple[NDArray[Any], int, F64]:
    code, values = distinct(value)
    return packed(place, code, values, np.ones(values.size, dtype=np.bool_), places)


@quick
@given(
    st.lists(
        st.tuples(st.integers(0, 70_000), st.floats(0, 300) | st.sampled_from([0.0, -0.0, 7]))
    ),
    st.sampled_from([70_001, 1 << 20, 1 << 31]),
)
def test_words_hold_places_and_values(pairs: list[tuple[int, float]], places: int) -> None:
    place = np.array([p for p, _ in pairs], dtype=np.int32)
    value = np.array([v for _, v in pairs], dtype=np.float64)
    word, bits, values = packed_all(place, value, places)
    words = Words(np.array([0, place.size]), word, bits)
    assert words.place.tolist() == place.tolist()
    assert values[words.mark].tobytes() == (value + 0.0).tobytes()  # -0.0 is 0.0
    assert (np.diff(values) >= 0).all()
    assert not np.any(words.mark == (1 << bits) - 1), "the mark at which a loop would stop"


def test_more_distinct_values_than_there_was_room_for() -> None:
    value: F64 = np.random.default_rng(3).permutation(3 * SLOTS).astype(np.float64) / 10
    place = np.arange(value.size, dtype=np.int32)
    word, bits, values = packed_all(place, value, value.size)
    assert values.tobytes() == np.sort(value).tobytes()
    assert values[Words(np.zeros(1, dtype=np.int64), word, bits).mark].tobytes() == value.tobytes()


def test_a_word_is_four_bytes_where_that_is_enough() -> None:
    assert width(35_000, 201) == (8, np.uint32)
    assert width(1 << 16, (1 << 16) - 1) == (16, np.uint32)
    assert width((1 << 16) + 1, (1 << 16) - 1) == (16, np.uint64)
    assert width(1, 255) == (8, np.uint32)
    assert width(1, 256) == (9, np.uint32)


def test_pairs_in_eight_bytes_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    country = strip(60)
    narrow = weighted(country)
    monkeypatch.setattr("apl_core.words.width", lambda places, marks: (31, np.uint64))
    monkeypatch.setattr("apl_core.runs.width", lambda places, marks: (31, np.uint64))
    wide = weighted(country)
    assert (narrow.pairs.words.word.itemsize, wide.pairs.words.word.itemsize) == (4, 8)
    d = country.demand_vector()
    for one in (narrow.often(), wide, wide.often(), wide.towards(d > 0)):
        assert one.demand(d).tobytes() == narrow.demand(d).tobytes()


# Runs


@quick
@given(countries(demand=extreme, supply=extreme), st.sampled_from([LEGAL, MANY]), st.booleans())
def test_runs_have_the_bits_of_pairs(country: Country, decay: Steps, pruned: bool) -> None:
    pairs = weighted(country, decay)
    supply, demand = country.supply_vector(), country.demand_vector()
    if pruned:
        pairs = pairs.towards(supply > 0)
    often = pairs.often()
    assert (pairs.structure, often.structure, often.often()) == ("pairs", "runs", often)
    assert often.demand(demand).tobytes() == pairs.demand(demand).tobytes()
    ratio = pairs.ratio(supply, demand)
    assert often.ratio(supply, demand).tobytes() == ratio.tobytes()
    assert often.access(ratio).tobytes() == pairs.access(ratio).tobytes()


@quick
@given(countries(), st.sampled_from([LEGAL, MANY]), st.data())
def test_runs_hold_each_weight_once(country: Country, decay: Steps, data: st.DataObject) -> None:
    pairs = weighted(country, decay)
    n = len(country.codes)
    kept = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    pairs = pairs.towards(np.array(kept, dtype=np.bool_))
    assert pairs.level is not None
    matrix = np.zeros((n, n), dtype=np.int64)
    origin = np.repeat(np.arange(n), np.diff(pairs.pairs.start))
    matrix[origin, pairs.pairs.destination] = pairs.level[pairs.pairs.words.mark]
    found = both(pairs.pairs.words, pairs.level)
    assert np.array_equal(dense(found.out_of, n), matrix)
    assert np.array_equal(dense(found.into, n), matrix.T)


def test_names_and_threads_change_no_bit_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apl_core.weighted.WORTH_THREADS", 0)
    country = strip(300)
    name, other = country.shuffled(5)
    one, two = weighted(country).often(), weighted(other).often()
    before = one.demand(country.demand_vector())
    after = two.demand(other.demand_vector(), threads=3)
    named = dict(zip(country.codes, before.tolist(), strict=True))
    assert {name[code]: value for code, value in named.items()} == dict(
        zip(other.codes, after.tolist(), strict=True)
    )


def test_neighbours_on_a_road_are_few_runs() -> None:
    """A road of 200 places, a minute apart, whose codes say nothing: rows are runs of up to three
    bands on each side."""
    codes = np.random.default_rng(11).permutation(200) + 10_000
    times = {
        (str(codes[i]), str(codes[j])): float(abs(i - j))
        for i in range(200)
        for j in range(max(0, i - 20), min(200, i + 21))
    }
    land = Territory.from_codes(sorted(str(code) for code in codes))
    pairs = Catchment.build(times_table(times), land).weigh(LEGAL)
    runs = pairs.often().runs
    assert runs is not None
    for one in (runs.into, runs.out_of):
        assert one.words.word.size < 0.25 * pairs.pairs.size
        assert one.words.word.itemsize == 4


def test_weights_that_are_not_steps_stay_over_pairs() -> None:
    pairs = weighted(strip(20)).pairs.weigh(Exponential(0.1))
    assert pairs.often() is pairs
    assert pairs.structure == "pairs"


def test_no_pair_at_all() -> None:
    land = Territory.from_codes(["A", "B"])
    table = times_table({("A", "A"): 1.0})
    pairs = Catchment.build(table, land, self_pair="none").towards(np.zeros(2, dtype=np.bool_))
    often = pairs.weigh(LEGAL).often()
    assert often.demand(np.ones(2)).tolist() == [0.0, 0.0]
    assert often.access(np.ones(2)).tolist() == [0.0, 0.0]


def test_the_scale_is_that_of_the_decay_whatever_pairs_there_are() -> None:
    """A lone pair in the farthest band: its level is not what the scale is made of."""
    land = Territory.from_codes(["A"])
    table = times_table({("A", "A"): 17.0})
    weighed = Catchment.build(table, land).weigh(LEGAL)
    assert weighed.level is not None
    assert weighed.level.tolist() == [1, 3]


# Limbs


@quick
@given(st.lists(extreme, max_size=30))
def test_limbs_are_what_they_were_in_numpy(values: list[float]) -> None:
    x = np.array(values, dtype=np.float64)
    shift, below = exponents(magnitude(x), x.size, 3)
    limbs = split(x, 3)
    if limbs is not None:
        assert (limbs.shift, limbs.below) == (shift, below)
        whole = np.rint(x * 2.0**shift)
        low = np.rint((x * 2.0**shift - whole) * 2.0**below)
        assert limbs.parts.tolist() == np.stack([whole, low], axis=1).astype(np.int64).tolist()


def test_times_are_counted_to_the_bit() -> None:
    land = Territory.from_codes(["A", "B"])
    minutes = [0.0, 10.0, np.nextafter(10.0, 11.0), 0.0]
    columns = {"origine": list("AABB"), "destination": list("ABAB"), "minutes": minutes}
    pairs = Catchment.build(pa.table(columns), land)
    assert [pairs.count_at(t) for t in (0.0, 10.0, 10.5)] == [2, 1, 0]
    assert pairs.minutes.tolist() == minutes
    assert (pairs.size, pairs.destination.tolist()) == (4, [0, 1, 0, 1])
