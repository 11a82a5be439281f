"""Live editing: after every edit the bits of a full recomputation; a refused one leaves none."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import Country, countries, extreme, fte, strip

import apl
from apl import aggregation, zoning
from apl.indicator import two_steps
from apl.law import Rules
from apl.live import Change, Edit, Live
from apl_core import AplError, Catchment, Exponential, Steps, TableError, Territory, UsageError
from apl_core.exact import fitting, magnitude
from apl_core.live import Extent, GroupMeans, LiveAccess, Sums

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
LEGAL = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
quick = settings(deadline=None, max_examples=60)
F64 = NDArray[np.float64]


def pairs_of(country: Country) -> Catchment:
    return Catchment.build(country.table(), Territory.from_codes(country.codes), within=20)


def communes_of(country: Country, units: int = 3) -> pa.Table:
    """Whole persons; commune k in BVCV k modulo ``units``."""
    codes = country.codes
    return pa.table(
        {
            "code_commune": codes,
            "code_region": ["84"] * len(codes),
            "population": [1 + int(country.population[code]) for code in codes],
            "code_bvcv": [codes[k % units] for k in range(len(codes))],
        }
    )


def alive(country: Country, rules: Rules = LAW, units: int = 3) -> Live:
    demand = country.demand_vector() + 1.0  # no BVCV without weight
    communes = communes_of(country, min(units, len(country.codes)))
    return Live(pairs_of(country), country.supply_vector(), demand, rules, communes)


def afresh(live: Live, pairs: Catchment) -> tuple[F64, pa.Table]:
    """The APL and the zoned BVCV of what stands, by the corridor."""
    found = two_steps(pairs, live.supply, live.demand, live.rules)
    communes = live.communes()
    result = pa.table(
        {
            "code_commune": communes.column("code_commune"),
            "apl": found.apl,
            "population_standardisee": live.demand,
        }
    )
    return found.apl, zoning.classify(
        aggregation.aggregate(result, communes, live.rules), live.rules
    )


def same_as_afresh(live: Live, pairs: Catchment) -> None:
    values, areas = afresh(live, pairs)
    assert live.apl.tobytes() == values.tobytes()
    ours = live.bvcv()
    for name in ours.column_names:
        assert ours.column(name).to_pylist() == areas.column(name).to_pylist(), name


def tried(live: Live, edit: tuple[str, int, float]) -> Edit | None:
    """One edit; None where it is refused."""
    kind, place, amount = edit
    code = str(live.communes().column("code_commune")[place % live.supply.size])
    try:
        if kind == "fte":
            return live.add(code, fte=amount)
        return live.people(code, int(amount), standardised=amount)
    except AplError:
        return None


edits = st.tuples(
    st.sampled_from(["fte", "people"]),
    st.integers(0, 20),
    st.one_of(fte, extreme.map(lambda x: min(x, 1e9)), st.floats(-500, 500)),
)


@quick
@given(countries(), st.lists(edits, min_size=1, max_size=6))
def test_after_any_edits_the_bits_are_those_of_a_fresh_run(
    country: Country, made: list[tuple[str, int, float]]
) -> None:
    live, pairs = alive(country), pairs_of(country)
    for edit in made:
        apl_before, areas_before = live.apl, live.bvcv()
        told = tried(live, edit)
        same_as_afresh(live, pairs)
        if told is None:
            assert live.apl.tobytes() == apl_before.tobytes()
            assert live.bvcv().equals(areas_before)
            continue
        codes = country.codes
        assert rows(told.communes) == differing(codes, apl_before, live.apl)
        units = areas_before.column("code_bvcv").to_pylist()
        was, now = areas_before, live.bvcv()
        assert told.bvcv is not None
        assert told.zones is not None
        for change, name in ((told.bvcv, "apl"), (told.zones, "zone")):
            ends = (table.column(name).to_pylist() for table in (was, now))
            assert rows(change) == differing(units, *ends)


def rows(change: Change) -> list[tuple[Any, ...]]:
    columns = (change.code, change.before, change.after)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def differing(codes: list[str], before: Any, after: Any) -> list[tuple[Any, ...]]:
    both = zip(codes, list(before), list(after), strict=True)
    return [(code, a, b) for code, a, b in both if a != b]


@quick
@given(
    countries(demand=extreme, supply=extreme),
    st.sampled_from([LEGAL, Exponential(0.1)]),
    st.lists(st.tuples(st.booleans(), st.integers(0, 8), extreme | fte), max_size=8),
)
def test_the_two_steps_keep_their_bits_on_any_range(
    country: Country, decay: Any, made: list[tuple[bool, int, float]]
) -> None:
    weighted = Catchment.build(
        country.table(), Territory.from_codes(country.codes), within=None
    ).weigh(decay)
    live = LiveAccess(weighted, country.supply_vector(), country.demand_vector())
    for supply, place, value in made:
        before = live.access()
        change = live.set_supply if supply else live.set_demand
        at, was, now = change(place % before.size, value)
        ratio = weighted.ratio(live.supply, live.demand)
        after = weighted.access(ratio)
        assert live.access().tobytes() == after.tobytes()
        assert live.arithmetic == weighted.arithmetic(live.demand, ratio)
        assert (before[at] == was).all()
        assert (after[at] == now).all()
        others = np.delete(np.arange(before.size), at)
        assert (before[others] == after[others]).all()


@quick
@given(st.lists(extreme, min_size=1, max_size=12), st.data())
def test_the_scale_is_followed_as_a_fresh_split_derives_it(
    values: list[float], data: st.DataObject
) -> None:
    x = np.array(values)
    extent = Extent(x, 3)
    for _ in range(6):
        place = data.draw(st.integers(0, x.size - 1))
        old, x[place] = float(x[place]), data.draw(extreme)
        extent.replace(old, float(x[place]))
        assert extent.shift == 61 - magnitude(x) - 2
        fresh = fitting(x, 3)
        assert fresh is None or fresh[0] == extent.shift


@quick
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_means_by_group_have_the_bits_of_new_ones(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n).astype(np.int32)
    weight, value = rng.random(n) * (rng.random(n) < 0.8), rng.random(n)
    live = GroupMeans(group, 4, weight, value)
    for _ in range(4):
        at = rng.choice(n, rng.integers(0, n + 1), replace=False).astype(np.int32)
        value[at] = rng.random(at.size) * 2.0 ** rng.integers(-40, 40, at.size)
        before = live.mean.copy()
        which, was, now = live.change(at, value[at])
        fresh = GroupMeans(group, 4, weight, value).mean
        assert live.mean.tobytes() == fresh.tobytes()
        np.testing.assert_array_equal(before[which], was)
        np.testing.assert_array_equal(fresh[which], now)


def test_an_edit_is_summed_by_differences_until_the_scale_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    country = strip(40)
    live, pairs = alive(country), pairs_of(country)
    solved: list[int] = []
    fresh = Sums._solve

    def counted(sums: Sums) -> None:
        solved.append(1)
        fresh(sums)

    monkeypatch.setattr(Sums, "_solve", counted)
    place = int(np.flatnonzero(live.supply > 0)[0])
    code = country.codes[place]
    for _ in range(5):
        live.add(code, fte=0.25)
        same_as_afresh(live, pairs)
    assert not solved, "five small edits need no fresh sum"
    live.add(code, fte=1e6)
    assert len(solved) == 1
    same_as_afresh(live, pairs)


def test_cuts_are_refreshed_held_or_left() -> None:
    """One BVCV a commune, each its own world: APL 100, 200, … 1,000 for as many inhabitants."""
    codes = [f"01{k:03d}" for k in range(10)]
    country = Country(
        {(code, code): 0.0 for code in codes},
        dict.fromkeys(codes, 999.0),
        {code: k + 1.0 for k, code in enumerate(codes)},
    )
    live = alive(country, units=10)
    zone = dict(zip(codes, live.bvcv().column("zone").to_pylist(), strict=True))
    low, second, middle = codes[0], codes[1], codes[5]
    assert [zone[code] for code in (low, second, middle)] == [
        "tres_sous_dotee", "sous_dotee", "intermediaire",
    ]  # fmt: skip
    held = live.add(low, fte=5.5, cuts="held")  # APL 650: above the level of 300, not of 700
    assert held.zones is not None
    assert rows(held.zones) == [(low, "tres_sous_dotee", "intermediaire")]
    none = live.add(second, fte=0.1, cuts="none")
    assert none.zones is None
    refreshed = live.add(second, fte=-0.1)
    assert refreshed.zones is not None
    moved = {code: after for code, _, after in rows(refreshed.zones)}
    assert moved[second] == "tres_sous_dotee", "the place of the one that rose is taken"
    same_as_afresh(live, pairs_of(country))
    with pytest.raises(ValueError, match="cuts"):
        live.add(low, fte=1, cuts="frozen")


def test_people_are_stated_apart_or_like_those_who_live_there() -> None:
    country = strip(20)
    live = alive(country)
    code = country.codes[0]
    total = live.communes().column("population")[0].as_py()
    standard = float(live.demand[0])
    like = live.people(code, 100)
    assert like.standardised == 100 * (standard / total)
    assert live.demand[0] == standard + like.standardised
    apart = live.people(code, 7, standardised=9.5)
    assert apart.standardised == 9.5
    assert live.communes().column("population")[0].as_py() == total + 107
    only = live.people(code, standardised=-1.5)
    assert live.communes().column("population")[0].as_py() == total + 107
    assert only.standardised == -1.5
    same_as_afresh(live, pairs_of(country))


def test_a_refused_edit_changes_nothing() -> None:
    country = strip(12)
    live = alive(country)
    code = country.codes[0]
    apl_before, communes = live.apl, live.communes()
    all_of_it = float(live.supply[0])
    refused: list[tuple[str, Callable[[], Edit]]] = [
        ("APL-C02", lambda: live.add("99999", fte=1)),
        ("APL-D02", lambda: live.add(code, fte=math.nan)),
        ("APL-D02", lambda: live.add(code, fte=math.inf)),
        ("APL-D03", lambda: live.add(code, fte=-all_of_it - 1)),
        ("APL-D02", lambda: live.people(code, 1, standardised=math.nan)),
        ("APL-D02", lambda: live.people(code, 1.5)),  # type: ignore[arg-type]
        ("APL-D03", lambda: live.people(code, -(10**8), standardised=0.0)),
        ("APL-D03", lambda: live.people(code, 0, standardised=-1e8)),
    ]
    for fault, edit in refused:
        with pytest.raises(UsageError) as caught:
            edit()
        assert caught.value.fault == fault
    assert live.apl.tobytes() == apl_before.tobytes()
    assert live.communes().equals(communes)


def test_people_that_the_zoning_refuses_leave_no_trace() -> None:
    """The last standardised inhabitants of a BVCV: its mean would be 0 / 0."""
    codes = ["01001", "01002"]
    country = Country({(c, c): 0.0 for c in codes}, dict.fromkeys(codes, 99.0),
                      dict.fromkeys(codes, 1.0))  # fmt: skip
    live = alive(country, units=2)
    before, areas = live.apl, live.bvcv()
    with pytest.raises(TableError) as caught:
        live.people("01001", standardised=-100.0)
    assert caught.value.fault == "APL-C10"
    assert live.apl.tobytes() == before.tobytes()
    assert live.bvcv().equals(areas)


def test_supply_where_no_pair_leads_is_refused() -> None:
    land = Territory.from_codes(["01001", "01002"])
    times = pa.table({"origine": ["01001"], "destination": ["01001"], "minutes": [0.0]})
    pairs = Catchment.build(times, land, self_pair="none")
    live = Live(pairs, np.array([1.0, 0.0]), np.array([10.0, 10.0]), LAW)
    with pytest.raises(UsageError) as caught:
        live.add("01002", fte=1)
    assert caught.value.fault == "APL-D07"


def test_without_communes_an_edit_tells_of_communes_alone() -> None:
    country = strip(12)
    live = Live(pairs_of(country), country.supply_vector(), country.demand_vector(), LAW)
    told = live.add(country.codes[0], fte=1)
    assert told.bvcv is None
    assert told.zones is None
    assert len(told.communes)
    assert live.people(country.codes[0], standardised=5.0).standardised == 5.0
    with pytest.raises(UsageError) as caught:
        live.people(country.codes[0], 5)
    assert caught.value.fault == "APL-D06"
    with pytest.raises(ValueError, match="no communes"):
        live.bvcv()
