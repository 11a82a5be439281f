"""Gauges, breaches and remarks of a region's changes, by hand: every figure, at its edges."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from naive_regimes import LEAST, LOW, MIDDLE
from regions import EXCHANGE, FITTING, LAW, region_of, zones_of

from apl.regions.adaptation import adapted, no_decisions
from apl.regions.gauges import Breach, Gauge, Unit, Units
from apl.regions.regimes import hold, inside, regime_of
from apl.regions.zonage import as_zonage
from apl_core import TableError
from apl_core.errors import SHOWN

ARTICLE = regime_of(LAW)


def land(*rows: tuple[float | None, int, str | None], people: int = 1000) -> Units:
    """Region 84: BVCV A, B, … from (APL, persons, class); Z has the other persons."""
    units = [Unit("ABCDEF"[k], apl, n, zone) for k, (apl, n, zone) in enumerate(rows)]
    rest = people - sum(unit.persons for unit in units)
    return Units("84", (*units, Unit("Z", 99.0, rest, MIDDLE)))


def test_a_gauge_has_every_figure_of_its_rule() -> None:
    held = hold(land((1, 10, LOW), (2, 5, LEAST)), {"A": LEAST}, LAW, ARTICLE)
    up, down = (move.cite for move in ARTICLE.moves)
    assert held.gauges == (
        Gauge("limit", f"{LOW} → {LEAST}", 0, 10, 0, 25, 1000, up),
        Gauge("limit", f"{LEAST} → {LOW}", 0, 0, 0, 25, 1000, down),
        Gauge("margin", LEAST, 5, 15, 0, 30, 1000, ARTICLE.margin_cite),
    )
    assert not held.breaches


def test_a_class_that_may_not_grow_may_shrink_to_nobody() -> None:
    regime = EXCHANGE.adaptation.regimes[0]
    free = replace(regime, moves=tuple(replace(m, exchange="", within=None) for m in regime.moves))
    units = land((1, 10, LOW), (2, 5, LOW), (3, 7, MIDDLE))
    (stable,) = hold(units, {"A": MIDDLE}, EXCHANGE, free).gauges
    assert stable == Gauge("stable", LOW, 15, 5, 0, 15, 1000, regime.stable_cite)
    assert (stable.used, stable.allowed, stable.left, stable.broken) == (-10, 15, 5, False)
    held = hold(units, {"B": MIDDLE, "C": LOW}, EXCHANGE, free)
    (breach,) = held.breaches
    assert breach == Breach("stable", LOW, "84", regime.stable_cite, ("C",), (), 17, 15)


def test_a_region_where_nobody_lives_has_gauges_of_nobody() -> None:
    held = hold(land((1, 0, LOW), people=0), {"A": LEAST}, LAW, ARTICLE)
    assert {(g.before, g.persons, g.highest, g.population) for g in held.gauges} == {(0, 0, 0, 0)}
    assert {gauge.points(0) for gauge in held.gauges} == {0.0}
    assert not held.breaches
    empty = adapted(zones_of(region_of((1, 0, LOW), people=0)), no_decisions(), LAW, region="84")
    assert empty.parts.column("part").to_pylist() == [0.0] * 4


def test_all_that_overtake_the_lowest_left_behind_are_named() -> None:
    units = land((1, 1, LOW), (2, 1, LOW), (3, 1, LOW), (4, 1, LOW))
    held = hold(units, {"B": LEAST, "D": LEAST}, LAW, ARTICLE)
    (breach,) = held.breaches
    assert breach == Breach("order", f"{LOW} → {LEAST}", "84", ARTICLE.moves[0].cite,
                            ("B", "D"), ("A", "C"))  # fmt: skip


def test_those_moved_in_their_turn_do_not_overtake() -> None:
    units = land((1, 1, LOW), (2, 1, LOW), (3, 1, LOW))
    (breach,) = hold(units, {"A": LEAST, "C": LEAST}, LAW, ARTICLE).breaches
    assert (breach.bvcv, breach.first) == (("C",), ("B",))


@pytest.mark.parametrize(("persons", "fits"), [(5, True), (6, False)])
def test_whether_one_fits_counts_all_moved_before_it(persons: int, fits: bool) -> None:
    """Of 25 persons 20 are taken before it, whatever is taken after it."""
    law = FITTING
    units = land((1, 20, LOW), (2, persons, LOW), (3, 5, LOW))
    held = hold(units, {"A": LEAST, "C": LEAST}, law, regime_of(law))
    assert [breach.rule for breach in held.breaches] == ["order"] * fits


def test_those_of_another_class_are_not_left_behind() -> None:
    units = land((1, 1, MIDDLE), (2, 1, LEAST), (3, 1, LOW))
    assert not hold(units, {"C": LEAST}, LAW, ARTICLE).breaches


@pytest.mark.parametrize(("before", "low", "high"), [
    (0, True, False), (199, True, False), (200, True, False), (201, False, False),
    (599, False, False), (600, False, True), (601, False, True), (800, False, True),
])  # fmt: skip
def test_a_bvcv_lies_wholly_within_an_exchange_zone(before: int, low: bool, high: bool) -> None:
    """Of 100 persons, after so many of 900: the lowest third ends at 300, the highest begins at
    600."""
    moves = {move.exchange: move for move in EXCHANGE.adaptation.regimes[0].moves}
    units = Units("84", (unit := Unit("A", 1.0, 100, LOW, before + 100),), 900)
    found = [inside(unit, moves[side], units) for side in ("lowest", "highest")]
    assert found == [low, high]
    left_out = replace(unit, reached=None)
    assert not any(inside(left_out, moves[side], units) for side in ("lowest", "highest"))
    assert inside(left_out, ARTICLE.moves[0], units)


@pytest.mark.parametrize("more", [0, 1, 1000])
def test_a_message_names_some_bvcv_and_counts_the_others(more: int) -> None:
    codes = tuple(f"{k:05d}" for k in range(SHOWN + more))
    fault = Breach("order", "a → b", "84", "p. 4", codes, codes).fault(ARTICLE)
    some = ", ".join(codes[:SHOWN])
    end = f"{some} (and {more:,} more) (" if more else f"{some} ("
    assert f"stay behind: {end}p. 4; regime article_v_2024)" in fault.why
    assert (fault.values, fault.count) == (codes[:SHOWN], SHOWN + more)


@pytest.mark.parametrize(
    ("used", "allowed", "said", "over"),
    [
        (26, 25, "26 persons, at most 25 allowed", 1),
        (1, 1001, "at least 1,001 allowed", 1000),
        (3, 0, "3 persons, at most 0 allowed", 3),
        (0, 2, "0 persons, at least 2 allowed", 2),
    ],
)
def test_a_message_says_the_bound_and_how_far_beyond(
    used: int, allowed: int, said: str, over: int
) -> None:
    fault = Breach("margin", LEAST, "84", "p. 4", ("A",), (), used, allowed).fault(ARTICLE)
    assert said in fault.title
    assert f"passed by {over:,} persons, at A; before it in order: none" in fault.why


@pytest.mark.parametrize(("persons", "used", "allowed"), [(9, -1, 4), (10, 0, 20), (11, 1, 20)])
def test_what_is_allowed_depends_on_the_direction(persons: int, used: int, allowed: int) -> None:
    gauge = Gauge("margin", LEAST, 10, persons, 6, 30, 1000, "p. 4")
    assert (gauge.used, gauge.allowed, gauge.left) == (used, allowed, allowed - abs(used))


def test_points_are_of_the_region() -> None:
    (gauge, *_) = hold(land((1, 10, LOW), people=800), {"A": LEAST}, LAW, ARTICLE).gauges
    assert (gauge.points(gauge.used), gauge.points(gauge.left)) == (1.25, 1.25)


@pytest.mark.parametrize(("persons", "gap"), [(18, True), (19, False), (21, False), (22, True)])
def test_a_share_that_rounding_does_not_explain_is_noticed(persons: int, gap: bool) -> None:
    law = LAW.overlaid({"shares": {"regions": {"84": ["1.0", "0.0", "99.0"]}}})
    zones = zones_of(region_of((1, persons, LEAST), people=2000))
    noticed = adapted(zones, no_decisions(), law, region="84").noticed
    said = [note.text for note in noticed if note.text.startswith(LEAST)]
    text = f"{LEAST}: {persons / 20:.2f} % of the region before adaptation, 1.0 % printed by"
    assert [one.startswith(text) for one in said] == [True] * gap


def test_of_what_a_table_says_of_itself_a_zoning_keeps_that_it_is_made_up() -> None:
    said = {b"apl.synthetic": b"true", b"apl.a": b"1", b"apl.z": b"2"}
    zones = zones_of(region_of((1, 10, LOW))).replace_schema_metadata(said)
    kept = adapted(zones, no_decisions(), LAW, region="84").zonage.schema.metadata
    assert kept[b"apl.synthetic"] == b"true"
    assert not {b"apl.a", b"apl.z"} & kept.keys()


def test_a_class_of_another_text_is_named_once_for_each_column_of_the_table_given() -> None:
    zones = zones_of(region_of((1, 10, "sur_dotee")))
    with pytest.raises(TableError) as refused:
        as_zonage(zones, LAW)
    assert [(f.table, f.column, f.rows) for f in refused.value.faults] == [("bvcv", "zone", (1,))]
    both = as_zonage(zones_of(region_of((1, 10, LOW))), LAW)
    for name in ("zone", "zone_nationale"):
        at = both.column_names.index(name)
        both = both.set_column(at, name, pa.array(["sur_dotee", MIDDLE]))
    with pytest.raises(TableError) as refused:
        as_zonage(both, LAW)
    assert [(f.table, f.column) for f in refused.value.faults] == [
        ("zonage", "zone_nationale"), ("zonage", "zone"),
    ]  # fmt: skip
