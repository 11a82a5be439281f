"""Calibration: weights that are known are found again; what is not known is said so."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import LAW

import apl
import apl.country
from apl.calibrated.fit import fit, problem, solved
from apl.calibrated.ground import Ground, ground, scattered
from apl.calibrated.plateaus import (
    Ratios,
    bounds,
    middles,
    mirrored,
    of_weights,
    piles,
    ratios,
)
from apl.calibrated.text import describe, text
from apl.calibrated.trust import drawn_again
from apl.commands.calibrate import calibrate as command
from apl_core import Steps, TableError
from apl_core.tables import read_table

EDGES = (10.0, 15.0, 20.0)
TRUTH = Steps.of(EDGES, ["1", "2/3", "1/3"], closed="left")
Tables = tuple[pa.Table, pa.Table, pa.Table]


def country(n: int, seed: int, truth: Steps, *, step: float = 30.0, across: bool = False) -> Tables:
    """A made-up country and the APL that known weights give it, to the last digit."""
    rng = np.random.default_rng(seed)
    codes = [f"{1 + (k * 7 // n if across else 0):02}{k:03}" for k in range(n)]
    place = rng.random((n, 2)) * step
    minutes = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1)).round(2)
    times = pa.table({"origine": np.repeat(codes, n), "destination": np.tile(codes, n),
                      "minutes": minutes.ravel()})  # fmt: skip
    people = rng.integers(100, 5_000, n).astype(float)
    fte = np.where(rng.random(n) < 0.4, rng.integers(1, 12, n), 0).astype(float)
    fte[0] = 1.0
    return times, *published(times, codes, people, fte, truth)


def published(
    times: pa.Table, codes: list[str], people: Any, fte: Any, truth: Steps
) -> tuple[pa.Table, pa.Table]:
    """The APL of these weights, and the supply that made it."""
    land = apl.Territory.from_codes(codes)
    weighted = apl.Catchment.build(times, land, within=truth.limit).weigh(truth)
    values = weighted.access(weighted.ratio(fte, people)) * LAW.per
    return (
        pa.table({"code_commune": codes, "apl": values, "population_standardisee": people}),
        pa.table({"code_commune": codes, "etp": fte}),
    )


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    levels=st.lists(st.integers(1, 99), min_size=2, max_size=5, unique=True),
)
def test_known_weights_are_found_again(seed: int, levels: list[int]) -> None:
    weights = [Fraction(1), *(Fraction(k, 100) for k in sorted(levels, reverse=True))]
    edges = tuple(5.0 + 4.0 * k for k in range(len(weights)))
    truth = Steps.of(edges, weights, closed="left")
    tables = country(80, seed, truth)
    here = ground(*tables, within=edges[-1])
    found = fit(problem(here, edges, "left"), np.ones(80))
    assert found.settled
    assert np.abs(found.weights - np.array(weights, dtype=float)).max() < 1e-7
    assert found.scale == pytest.approx(LAW.per, rel=1e-7)


def test_slopes_are_those_of_the_values() -> None:
    here = ground(*country(30, 3, TRUTH), within=20.0)
    posed = problem(here, EDGES, "left")
    weights = np.array([1.0, 0.7, 0.2])
    values, slopes = solved(posed, weights, 2.0)
    for b in range(3):
        moved = weights.copy()
        moved[b] += 1e-6
        there = solved(posed, moved, 2.0)[0]
        assert np.allclose((there - values) / 1e-6, slopes[:, b], rtol=1e-3, atol=1e-6)
    # weights that are all multiplied by one number give the same values
    assert np.allclose(slopes @ weights, 0, atol=1e-9 * values.max())


def test_finer_bands_find_the_steps_and_say_which_they_cannot_tell() -> None:
    tables = country(120, 11, TRUTH, step=60.0)
    edges = (5.0, 10.0, 15.0, 20.0, 25.0)
    found = apl.calibrate(*tables, seed=1, edges=edges, named=TRUTH, draws=50)
    assert found.fit.weights == pytest.approx([1, 1, 2 / 3, 1 / 3, 0], abs=1e-7)
    assert found.told == [False, False, True, True, True]
    assert found.named_weights == pytest.approx([1, 1, 2 / 3, 1 / 3, 0])
    assert found.like.plain == pytest.approx(1)
    assert found.named_scale == pytest.approx(LAW.per)
    assert found.verdict == "same"
    assert found.table.column("couples").to_pylist() == found.pairs.tolist()


def test_noise_that_hides_the_weights_is_said() -> None:
    times, values, offre = country(40, 5, TRUTH)
    rng = np.random.default_rng(0)
    noisy = values.set_column(1, "apl", pa.array(rng.gamma(2.0, 30.0, 40)))
    found = apl.calibrate(times, noisy, offre, seed=1, edges=EDGES, named=TRUTH, draws=100)
    assert not all(found.told)
    assert found.left.verdict != "fitted"
    assert ((found.low <= found.fit.weights + 1e-9) | (found.fit.weights == 0)).all()


def test_neither_the_order_of_rows_nor_other_draws_change_a_bit() -> None:
    tables = country(70, 8, TRUTH, across=True)
    rng = np.random.default_rng(2)
    shuffled = [t.take(pa.array(rng.permutation(t.num_rows))) for t in tables]
    one, two = (apl.calibrate(*given, seed=4, edges=EDGES, draws=30)
                for given in (tables, shuffled))  # fmt: skip
    assert one.table.equals(two.table)
    assert one.ground.of_blocks == "départements"
    share = np.ones(70)
    posed = problem(one.ground, EDGES, "left")
    few, more = (drawn_again(posed, one.ground, one.fit, share, draws=k, seed=4) for k in (5, 30))
    assert (more[:5] == few).all()


def islands(count: int, minutes: tuple[float, ...]) -> Tables:
    """Islands of one supplying commune each, and communes at some minutes from it alone."""
    rng = np.random.default_rng(1)
    codes, rows, supplied = [], [], []
    for k in range(count):
        own = [f"{k + 1:02}{i:03}" for i in range(len(minutes) + 1)]
        codes += own
        supplied += [float(rng.integers(1, 9)), *[0.0] * len(minutes)]
        for code, time in zip(own, (0.0, *minutes), strict=True):
            rows += [(code, own[0], time)]
            rows += [] if code == own[0] else [(own[0], code, time), (code, code, 0.0)]
    table = pa.table(dict(zip(("origine", "destination", "minutes"), zip(*rows, strict=True),
                              strict=True)))  # fmt: skip
    people = rng.integers(100, 5_000, len(codes)).astype(float)
    return table, *published(table, codes, people, np.array(supplied), TRUTH)


def test_plateaus_give_weights_and_bounds_without_a_fit() -> None:
    tables = islands(12, (4.0, 9.0, 11.0, 14.0, 16.0, 19.0))
    here = ground(*tables, within=25.0)
    found = ratios(here, 20.0)
    assert (found.communes, found.places) == (12 * 7, 12)
    piled = piles(found)
    expected = of_weights([Fraction(1), Fraction(2, 3), Fraction(1, 3)])
    assert [pile.ratio for pile in piled] == pytest.approx(list(map(float, expected)), abs=1e-12)
    assert {pile.places for pile in piled} == {12}
    ends = bounds(found, TRUTH)
    assert [end.until for end in ends] == [10.0, 15.0]
    assert [end.wrong for end in ends] == [0.0, 0.0]
    assert [9 <= ends[0].minutes < 11, 14 <= ends[1].minutes < 16] == [True, True]
    whole = apl.calibrate(*tables, seed=1, edges=EDGES, named=TRUTH, draws=20)
    assert whole.plateaus_agree is True
    assert (whole.mirrored, whole.middles) == ([1, Fraction(1, 2), Fraction(1, 3)], (12, 0))
    told = describe(whole)["plateaus"]
    assert (told["mirrored"], told["middles"]) == (["1", "1/2", "1/3"], [12, 0])
    said = " ".join(text(describe(whole)).split())
    assert "1, 1/2, 1/3 have the same ratios; of supplying communes with all three" in said
    other = Steps.of(EDGES, ["1", "1/2", "1/4"], closed="left")
    assert apl.calibrate(*tables, seed=1, edges=EDGES, named=other,
                         draws=20).plateaus_agree is False  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([60, 40, 30, 20, 17])), max_size=9))
def test_the_middle_of_three_levels_is_told(communes: list[tuple[int, int]]) -> None:
    """Against every triple of communes of one place, each at minutes of its own."""
    pairs = [
        (low / high, a, b, at)
        for (a, (at, high)), (b, (other, low)) in itertools.permutations(enumerate(communes), 2)
        if at == other and (high, b) > (low, a)
    ]
    ratio, near, far, place = np.array(pairs, dtype=float).reshape(-1, 4).T
    found = Ratios(ratio, near, far, place.astype(np.int64), len(communes), 2)
    law = [band.weight for band in TRUTH.bands]
    for middle, weights in ((40, law), (30, mirrored(law))):
        expected = {
            at
            for at in (0, 1)
            for three in itertools.permutations([v for where, v in communes if where == at], 3)
            if three == (60, middle, 20)
        }
        assert middles(found, weights) == expected


@pytest.mark.parametrize(
    ("weights", "other"),
    [
        ([], None),
        (["1", "1/2"], None),
        (["1", "1/2", "1/4"], None),  # steps that are alike
        (["1", "3/4", "1/2", "1/8"], ["1", "1/4", "1/6", "1/8"]),
    ],
)
def test_weights_without_a_mirror_or_more_than_three(
    weights: list[str], other: list[str] | None
) -> None:
    edges = tuple(20.0 - 4.0 * k for k in reversed(range(len(weights))))
    named = Steps.of(edges, weights, closed="left") if weights else None
    tables = islands(12, (4.0, 9.0, 11.0, 14.0, 16.0, 19.0))
    found = apl.calibrate(*tables, seed=1, edges=EDGES, named=named, draws=20)
    assert found.mirrored == (None if other is None else [Fraction(one) for one in other])
    assert found.middles is None
    said = " ".join(text(describe(found)).split())
    assert ("have the same ratios: which" in said) == (other is not None)


def test_where_nobody_reaches_one_place_alone_plateaus_say_nothing() -> None:
    found = apl.calibrate(*country(40, 2, TRUTH, step=5.0), seed=1, edges=EDGES, draws=20)
    assert (found.ratios.communes, found.piles, found.plateaus_agree) == (0, (), None)


def test_parts_are_of_communes_near_each_other() -> None:
    here: Ground = ground(*country(50, 6, TRUTH, step=80.0), within=200.0)
    part = scattered(here.pairs, 6)
    assert sorted(set(part.tolist())) == list(range(6))
    assert here.of_folds.startswith("10 parts")
    assert scattered(here.pairs, 1).tolist() == [0] * 50


def test_what_cannot_be_fitted_is_refused() -> None:
    times, values, offre = country(12, 4, TRUTH)
    empty = values.set_column(1, "apl", pa.array([None] * 12, pa.float64()))
    with pytest.raises(TableError, match="nothing to fit"):
        apl.calibrate(times, empty, offre, seed=1)
    other = values.set_column(0, "code_commune", pa.array([f"9{k:04}" for k in range(12)]))
    with pytest.raises(TableError, match="without a common commune"):
        apl.calibrate(times, other, offre, seed=1)
    with pytest.raises(ValueError, match="ascend"):
        apl.calibrate(times, values, offre, seed=1, edges=(10.0, 5.0))
    with pytest.raises(ValueError, match="counting"):
        apl.calibrate(times, values, offre, seed=1, counting="heads")


def test_the_command_tells_and_writes(tmp_path: Path) -> None:
    names = ("temps_de_parcours", "apl_publie", "offre")
    files = [str(tmp_path / f"{name}.parquet") for name in names]
    for table, file in zip(country(60, 9, TRUTH), files, strict=True):
        pq.write_table(table, file)
    asked = [*files, "--edges", "10,15,20", "--profession", LAW.profession, "--on", "2025-06-06",
             "--draws", "30", "--counting", "inhabitants"]  # fmt: skip
    done = CliRunner().invoke(command, [*asked, "--out", str(tmp_path / "o"), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [band["poids"] for band in found["bands"]] == pytest.approx([1, 2 / 3, 1 / 3])
    table = read_table(tmp_path / "o" / "calibrage.parquet", "calibrage")
    assert table.column("minutes_a").to_pylist() == list(EDGES)
    told = CliRunner().invoke(command, asked).stdout
    assert "Told apart" in told
    assert "Plateaus: " in told
    for wrong in ("10,5", "x", "0,5", "5,nan", "5,inf", "nan"):
        assert CliRunner().invoke(command, [*files, "--edges", wrong]).exit_code == 2
    alone = CliRunner().invoke(command, [*files, "--on", "2025-06-06"])
    assert alone.exit_code == 2


def test_a_region_of_the_embedded_country_gives_its_law_back() -> None:
    """Brittany of it: heads and inhabitants on its roads, with the weights of the law."""
    whole = apl.country.country()
    of_region = pc.equal(whole["geographie"]["code_region"], "53")
    codes = sorted(whole["geographie"].filter(of_region)["code_commune"].to_pylist())
    known = pa.array(codes)
    times = whole["temps_de_parcours"]
    for end in ("origine", "destination"):
        times = times.filter(pc.is_in(times[end].cast(pa.string()), known))
    land = apl.Territory.from_codes(codes)
    heads = land.positions(whole["professionnels"]["code_commune"])
    fte = np.bincount(heads[heads >= 0], minlength=len(codes)).astype(float)
    towns, people = whole["population_municipale"], np.zeros(len(codes))
    at = land.positions(towns["code_commune"])
    people[at[at >= 0]] = towns["population"].to_numpy()[at >= 0]
    tables = (times, *published(times, codes, people, fte, LAW.decay))
    here = ground(*tables, within=LAW.decay.limit)
    edges = (10.0, 15.0, float(np.nextafter(20.0, 21.0)))  # the law closes the last band there
    found = fit(problem(here, edges, "left"), here.known.astype(float))
    assert found.settled
    law = [float(band.weight) for band in LAW.decay.bands]
    assert np.abs(found.weights - law).max() < 1e-9
    assert found.scale == pytest.approx(LAW.per, rel=1e-9)
