"""Regional adaptation, against an oracle that reads the texts on its own (`naive_regimes`)."""

from __future__ import annotations

import ast
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import naive_regimes as naive
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive_regimes import LEAST, LOW, MIDDLE, REST, Area
from regions import (
    CITE,
    EXCHANGE,
    FITTING,
    GUIDE,
    LAW,
    PRINTED,
    THIRD,
    ZONES,
    Case,
    Countries,
    Decisions,
    cases,
    region_of,
    table_of,
    zones_of,
)

import apl
from apl.regions.adaptation import Adapted, adapt, adapted, no_decisions, suggest
from apl.regions.regimes import regime_of
from apl.regions.zonage import as_zonage
from apl_core import AplError, MarginError, RuleError, TableError
from apl_core.errors import UsageError


def quick(examples: int) -> settings:
    off = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(deadline=None, max_examples=examples, suppress_health_check=off)


def classes(table: pa.Table) -> dict[str, str]:
    codes, names = (table.column(name).to_pylist() for name in ("code_bvcv", "zone"))
    return dict(zip(codes, names, strict=True))


def broken_by(country: Countries, decisions: Decisions, law: Any, regime: str | None) -> set[str]:
    """The rules that `adapt` says are broken, in the words of the oracle."""
    try:
        adapt(zones_of(country), table_of(decisions), law, region="84", regime=regime)
    except MarginError as error:
        return {_kind(fault.title) for fault in error.faults}
    return set()


def _kind(title: str) -> str:
    what = title.removeprefix("region 84: ")
    if "allowed" in what:
        subject = what.split(":")[0]
        return {f"{LOW} → {LEAST}": "limit up", f"{LEAST} → {LOW}": "limit down"}.get(
            subject, f"margin {subject}"
        )
    ends = {"provided": "not provided", "order": "order", "exchange zone": "exchange"}
    return next(kind for end, kind in ends.items() if what.endswith(end))


# --- the verdict ---------------------------------------------------------------------------------


@quick(100)
@given(cases())
def test_article_v_is_read_as_the_oracle_reads_it(case: Case) -> None:
    country, decided = case.country, case.of("84")
    after = case.after | {c: a.zone for c, a in country.items() if a.region != "84"}
    for law, overtaking in ((LAW, False), (FITTING, True)):
        theirs = naive.article_v(country, "84", after, overtaking=overtaking)
        ours = broken_by(country, decided, law, None)
        assert {"margin" if kind.startswith("margin") else kind for kind in ours} == theirs


@quick(60)
@given(cases())
def test_the_guide_is_read_as_the_oracle_reads_it(case: Case) -> None:
    after = {c: a.zone for c, a in case.country.items()} | case.of("84")
    theirs = naive.guide(case.country, "84", after)
    assert broken_by(case.country, case.of("84"), LAW, GUIDE) == theirs


@quick(60)
@given(cases())
def test_exchange_zones_are_read_as_the_oracle_reads_them(case: Case) -> None:
    after = {c: a.zone for c, a in case.country.items()} | case.of("84")
    theirs = naive.exchange(case.country, "84", after, lowest=THIRD, highest=THIRD)
    ours = broken_by(case.country, case.of("84"), EXCHANGE, None)
    assert {"stable" if kind == f"margin {LOW}" else kind for kind in ours} == theirs


@quick(50)
@given(cases(), st.sampled_from(["8.8", "0.0", "14.4", "40.0"]))
def test_a_printed_reference_counts_with_its_rounding(case: Case, printed: str) -> None:
    law = PRINTED.overlaid({"shares": {"regions": {"84": [printed, "0.0", "0.0"]}}})
    after = {c: a.zone for c, a in case.country.items()} | case.of("84")
    theirs = naive.article_v(case.country, "84", after, printed=Fraction(printed) / 100,
                             half_unit=Fraction(1, 2000))  # fmt: skip
    ours = broken_by(case.country, case.of("84"), law, None)
    assert {"margin" if kind.startswith("margin") else kind for kind in ours} == theirs


def test_the_oracle_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(naive.__file__ or "").read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    found |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert {str(name).split(".")[0] for name in found} <= set(sys.stdlib_module_names)


# --- what holds of every adaptation --------------------------------------------------------------


def accepted(case: Case, law: Any = LAW, regime: str | None = None) -> Adapted:
    """The adaptation of region 84, or another example."""
    given, decided = zones_of(case.country), table_of(case.of("84"))
    try:
        return adapted(given, decided, law, region="84", regime=regime)
    except MarginError:
        assume(False)
        raise


@quick(40)
@given(cases(), st.sampled_from([None, GUIDE]))
def test_the_partition_is_kept_and_no_margin_passed(case: Case, regime: str | None) -> None:
    done = accepted(case, regime=regime)
    assert done.zonage.column("code_bvcv").to_pylist() == sorted(case.country)
    people = sum(a.persons for a in case.country.values() if a.region == "84")
    for row in done.zonage.to_pylist():
        area, code = case.country[row["code_bvcv"]], row["code_bvcv"]
        assert (row["code_region"], row["population"]) == (area.region, area.persons)
        assert row["zone_nationale"] == area.zone
        assert row["zone"] == case.of("84").get(code, area.zone)
        assert (row["motif"] is None) == (row["article"] is None) == (row["zone"] == area.zone)
    for gauge in done.held.gauges:
        assert abs(gauge.used) <= Fraction(25, 1000) * people
        assert gauge.left == gauge.allowed - abs(gauge.used) >= 0
    parts = {row["zone"]: row for row in done.parts.to_pylist()}
    assert tuple(parts) == ZONES
    assert sum(part["population"] for part in parts.values()) == people
    inside = [row for row in done.zonage.to_pylist() if row["code_region"] == "84"]
    assert all(parts[z]["bvcv"] == sum(row["zone"] == z for row in inside) for z in ZONES)


@quick(25)
@given(cases())
def test_without_decisions_nothing_changes_and_again_changes_nothing(case: Case) -> None:
    given = zones_of(case.country)
    for regime in (None, GUIDE):
        same = adapt(given, no_decisions(), LAW, region="84", regime=regime)
        assert same.equals(as_zonage(given, LAW).cast(same.schema))
    done = accepted(case)
    assert adapt(done.zonage, no_decisions(), LAW, region="84").equals(done.zonage)
    assert adapt(done.zonage, table_of(case.of("84")), LAW, region="84").equals(done.zonage)
    assert adapt(given, done.decisions, LAW, region="84").equals(done.zonage)
    back = table_of({c: case.country[c].zone for c in case.of("84")})
    assert adapt(done.zonage, back, LAW, region="84").equals(same)


@quick(30)
@given(cases())
def test_independent_regions_commute(case: Case) -> None:
    given = zones_of(case.country)
    mine, theirs = table_of(case.of("84")), table_of(case.of("93"), "éloignement")
    try:
        first = adapt(adapt(given, mine, LAW, region="84"), theirs, LAW, region="93")
    except MarginError:
        with pytest.raises(MarginError):
            adapt(adapt(given, theirs, LAW, region="93"), mine, LAW, region="84")
    else:
        assert adapt(adapt(given, theirs, LAW, region="93"), mine, LAW, region="84").equals(first)


@quick(25)
@given(cases(), st.randoms(use_true_random=False))
def test_row_order_and_codes_do_not_matter(case: Case, random: Any) -> None:
    order = list(range(len(case.country)))
    random.shuffle(order)
    shuffled = zones_of(case.country, order)
    new = dict(zip(sorted(case.country), random.sample(sorted(case.country), len(order)),
                   strict=True))  # fmt: skip
    renamed = {new[code]: area for code, area in case.country.items()}
    decided = {new[code]: zone for code, zone in case.of("84").items()}
    assert broken_by(renamed, decided, LAW, None) == broken_by(
        case.country, case.of("84"), LAW, None
    )
    found = accepted(case)
    again = adapt(shuffled, table_of(dict(reversed(case.of("84").items()))), LAW, region="84")
    assert classes(again) == classes(found.zonage)
    other = adapt(zones_of(renamed), table_of(decided), LAW, region="84")
    assert classes(other) == {new[code]: zone for code, zone in classes(found.zonage).items()}


@quick(50)
@given(cases(), st.booleans())
def test_a_suggestion_is_accepted_and_nothing_more_fits(case: Case, overtaking: bool) -> None:
    law = FITTING if overtaking else LAW
    start = accepted(case, law)
    found = suggest(start.zonage, law, region="84")
    after = adapted(start.zonage, found, law, region="84")
    moved = {change.unit.code for change in start.held.changes}
    assert not set(found.column("code_bvcv").to_pylist()) & moved
    assert set(found.column("zone").to_pylist()) <= {LEAST}
    final = classes(after.zonage)
    assert naive.nothing_more_fits(case.country, "84", final, overtaking=overtaking)
    assert suggest(after.zonage, law, region="84").num_rows == 0
    assert ("APL-G10" in {note.fault for note in after.noticed}) == bool(found.num_rows)


@quick(25)
@given(cases())
def test_classes_rise_with_the_apl_before_adaptation(case: Case) -> None:
    areas = zones_of(case.country).drop_columns(["zone", "population_cumulee"])
    weights = pa.array(areas.column("population").to_pylist(), pa.float64())
    assume(any(a.persons for a in case.country.values()))
    ranked = apl.classify(areas.append_column("population_standardisee", weights), LAW)
    rows = adapt(ranked, no_decisions(), LAW, region="84").to_pylist()
    rows.sort(key=lambda row: (-1 if row["apl"] is None else row["apl"], row["population"]))
    at = [ZONES.index(row["zone"]) for row in rows]
    assert at == sorted(at)


# --- bounds, by hand -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "target", "regime"),
    [(LOW, LEAST, None), (LEAST, LOW, None), (LOW, LEAST, GUIDE), (REST, MIDDLE, GUIDE)],
)
@pytest.mark.parametrize(("people", "most"), [(1000, 25), (1039, 25), (1040, 26)])
def test_exactly_the_share_is_allowed_and_one_person_more_is_not(
    origin: str, target: str, regime: str | None, people: int, most: int
) -> None:
    for persons in (most, most + 1):
        country = region_of((1, persons, origin), people=people)
        decided = table_of({"01001": target})
        if persons == most:
            done = adapted(zones_of(country), decided, LAW, region="84", regime=regime)
            assert {g.left for g in done.held.gauges if g.used} == {0}
            continue
        with pytest.raises(MarginError) as caught:
            adapt(zones_of(country), decided, LAW, region="84", regime=regime)
        assert [fault.fault for fault in caught.value.faults] == ["APL-G05"] * 2
        assert caught.value.values == ("01001",)


def test_all_broken_rules_come_together_with_their_figures() -> None:
    country = region_of((1, 10, LOW), (2, 20, LOW), (3, 15, LOW), (4, 12, REST))
    decided = {"01002": LEAST, "01003": LEAST, "01004": MIDDLE}
    with pytest.raises(MarginError) as caught:
        adapt(zones_of(country), table_of(decided), LAW, region="84")
    provided, order, limit, margin = caught.value.faults
    assert [f.fault[-3:] for f in caught.value.faults] == ["G06", "G06", "G05", "G05"]
    assert provided.values == ("01004",)
    assert f"{REST} → {MIDDLE} is not provided" in provided.title
    assert order.values == ("01002", "01003")
    assert "stay behind: 01001" in order.why
    for fault in (limit, margin):
        assert "region 84" in fault.title
        assert "35 persons, at most 25 allowed" in fault.title
        assert fault.values == ("01003",)
        assert "by 10 persons, at 01003; before it in order: 01002" in fault.why
    assert "annexe, V, alinéa 2" in limit.why
    assert "annexe, V, alinéa 4" in margin.why
    assert "regime article_v_2024" in limit.why


def test_equal_apl_come_in_any_order_and_none_is_the_lowest() -> None:
    tied = zones_of(region_of((1, 10, LOW), (1, 20, LOW)))
    assert classes(adapt(tied, table_of({"01002": LEAST}), LAW, region="84"))["01002"] == LEAST
    without = zones_of(region_of((None, 10, LOW), (0, 10, LOW)))
    with pytest.raises(MarginError, match="stay behind: 01001"):
        adapt(without, table_of({"01002": LEAST}), LAW, region="84")


def test_one_that_does_not_fit_may_stay_behind_only_where_asked() -> None:
    zones = zones_of(region_of((1, 30, LOW), (2, 20, LOW), (3, 5, LOW), (4, 1, LOW)))
    assert suggest(zones, LAW, region="84").num_rows == 0
    found = suggest(zones, FITTING, region="84")
    assert found.column("code_bvcv").to_pylist() == ["01002", "01003"]
    assert set(found.column("motif").to_pylist()) == {"proposé par la règle : annexe, V, alinéa 2"}
    other = zones_of(region_of((1, 30, REST), (2, 20, REST), (3, 5, REST)))
    found = suggest(other, LAW, region="84", regime=GUIDE, towards=MIDDLE)
    assert found.select(["code_bvcv", "zone"]).to_pylist() == [
        {"code_bvcv": code, "zone": MIDDLE} for code in ("01002", "01003")
    ]
    assert suggest(other, LAW, region="84", towards=MIDDLE).num_rows == 0


def test_in_a_tie_those_moved_come_first_of_those_that_do_not_fit() -> None:
    zones = zones_of(region_of((1, 20, LOW), (1, 10, LOW), (2, 5, LOW)))
    taken = table_of({"01001": LEAST, "01003": LEAST})
    assert classes(adapt(zones, taken, FITTING, region="84"))["01002"] == LOW
    with pytest.raises(MarginError, match="stay behind: 01002") as caught:
        adapt(zones, taken, LAW, region="84")
    assert caught.value.values == ("01003",)  # not the one of equal APL


def test_the_crossing_one_is_the_first_beyond_what_is_allowed() -> None:
    zones = zones_of(region_of((1, 25, LOW), (2, 1, LOW), (3, 4, LOW)))
    with pytest.raises(MarginError, match="at 01002; before it in order: 01001") as caught:
        adapt(zones, table_of(dict.fromkeys(["01001", "01002", "01003"], LEAST)), LAW, region="84")
    assert caught.value.values == ("01002",)
    zones = zones_of(region_of((1, 25, LEAST), (2, 1, LEAST), (3, 5, LOW)))
    fewer = table_of({"01001": LOW, "01002": LOW})
    with pytest.raises(MarginError, match="0 persons, at least 1 allowed") as caught:
        adapt(zones, fewer, LAW, region="84", regime=GUIDE)
    least, low = caught.value.faults
    assert least.values == low.values == ("01002",)
    assert "31 persons, at most 30 allowed" in low.title


def test_exchange_zones_end_at_the_person() -> None:
    rows = ((1, 10, MIDDLE), (2, 10, MIDDLE), (3, 10, REST))
    inside = zones_of(region_of(*rows, people=30))  # the last BVCV has nobody
    zones = inside.filter(pc.not_equal(inside.column("code_bvcv"), "01099"))
    law = EXCHANGE.overlaid({"adaptation": {"regime": [_without_stable()]}})
    both = table_of({"01001": LOW, "01003": MIDDLE})
    assert classes(adapt(zones, both, law, region="84"))["01001"] == LOW
    for code, zone in (("01002", LOW), ("01002", REST)):
        with pytest.raises(MarginError, match="outside the exchange zone"):
            adapt(zones, table_of({code: zone}), law, region="84")


def _without_stable() -> dict[str, Any]:
    regime: dict[str, Any] = dict(EXCHANGE.entry["adaptation"]["regime"][0])
    del regime["stable"]
    return regime


@pytest.mark.parametrize(
    ("origin", "target", "printed", "most"),
    [
        (LOW, LEAST, ["0.0", "2.0", "98.0"], 51),  # 2.5 points and half a tenth, of 2,000
        (MIDDLE, REST, ["2.0", "0.0", "98.0"], 53),  # and three halves for the rest
    ],
)
def test_a_printed_share_has_half_a_unit_and_the_rest_one_for_each_of_them(
    origin: str, target: str, printed: list[str], most: int
) -> None:
    law = PRINTED.overlaid({"shares": {"regions": {"84": printed}}})
    for persons in (most, most + 1):
        zones = zones_of(region_of((1, persons, origin), people=2000))
        decided = table_of({"01001": target})
        if persons == most:
            assert adapt(zones, decided, law, region="84", regime=GUIDE).num_rows == 2
            continue
        with pytest.raises(MarginError, match=f"{target}: {persons} persons, at most {most}"):
            adapt(zones, decided, law, region="84", regime=GUIDE)


def test_a_class_far_from_its_printed_share_is_held_once_it_changes() -> None:
    def law(*printed: str) -> Any:
        return PRINTED.overlaid({"shares": {"regions": {"84": list(printed)}}})

    rows = ((1, 53, REST), (2, 7, REST), (3, 1, REST), (4, 40, LOW))
    zones, low = zones_of(region_of(*rows, people=2000)), law("0.0", "0.0", "97.0")
    assert adapt(zones, no_decisions(), law("40.0", "0.0", "0.0"), region="84").num_rows == 5
    adapt(zones, table_of({"01001": MIDDLE, "01003": MIDDLE}), low, region="84", regime=GUIDE)
    with pytest.raises(MarginError, match=f"{REST}: 1 persons, at least 7 allowed"):
        adapt(zones, table_of({"01001": MIDDLE, "01002": MIDDLE}), low, region="84", regime=GUIDE)
    zones = zones_of(region_of((1, 10, LOW), (2, 49, LOW), people=2000))
    found = suggest(zones, law("5.0", "0.0", "95.0"), region="84", regime=GUIDE)
    assert found.column("code_bvcv").to_pylist() == ["01002", "01001"]


def test_a_gauge_that_goes_down_ends_at_nobody_and_rounding_is_no_gap() -> None:
    zones = zones_of(region_of((1, 3, LEAST), (2, 18, LEAST), people=2000))
    law = LAW.overlaid({"shares": {"regions": {"84": ["1.0", "0.0", "99.0"]}}})
    done = adapted(zones, table_of({"01001": LOW}), law, region="84")
    margin = done.held.gauges[-1]
    assert (margin.used, margin.allowed, margin.left) == (-3, 21, 18)
    assert not done.noticed  # 21 of 2,000 are 1.05 %


def test_a_limit_may_be_of_the_class_that_is_joined() -> None:
    move = {"from": REST, "to": MIDDLE, "limit": "5/100", "of": "target", **CITE}
    regime = {"name": "pool", "title": "pool", "reported": "a test", "moves": [move], **CITE}
    law = LAW.overlaid({"adaptation": {"regime": [regime]}})
    country = region_of((1, 5, REST), (2, 1, REST), people=106)  # 100 intermediate
    zones = zones_of(country)
    done = adapted(zones, table_of({"01001": MIDDLE}), law, region="84")
    assert [(g.used, g.allowed) for g in done.held.gauges] == [(5, 5)]
    with pytest.raises(MarginError, match="6 persons, at most 5 allowed"):
        adapt(zones, table_of({"01001": MIDDLE, "01002": MIDDLE}), law, region="84")


# --- refusals ------------------------------------------------------------------------------------

PLAIN = {**region_of((1, 10, LOW)), "01050": Area("93", Fraction(2), 7, LOW)}


@pytest.mark.parametrize(
    ("decided", "motive", "error", "fault", "said"),
    [
        ({"01098": LEAST}, "m", TableError, "APL-C02", "unknown BVCV"),
        ({"01001": "sur_dotee"}, "m", TableError, "APL-D10", "the text does not have"),
        ({"01001": LEAST}, "  ", TableError, "APL-D01", "missing value"),
        ({"01001": LEAST}, "\u00a0", TableError, "APL-D01", "without a motive"),
        ({"01001": "parfaite"}, "m", TableError, "APL-D10", "unknown value"),
        ({"01050": LEAST}, "m", MarginError, "APL-G07", "region 93"),
        ({"01099": LEAST}, "m", MarginError, "APL-G06", "not provided"),
    ],
)
def test_decisions_that_cannot_be(
    decided: Decisions, motive: str, error: type[AplError], fault: str, said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        adapt(zones_of(PLAIN), table_of(decided, motive), LAW, region="84")
    assert caught.value.fault == fault


def test_only_the_region_in_charge_decides_and_exchange_regimes_say_what_meanwhile() -> None:
    decided = table_of({"01050": MIDDLE})
    with pytest.raises(MarginError, match="'intermediaire'"):
        adapt(zones_of(PLAIN), decided, EXCHANGE, region="84")
    with pytest.raises(MarginError) as caught:
        adapt(zones_of(PLAIN), decided, LAW, region="84")
    assert "intermediaire" not in str(caught.value)
    assert (caught.value.rows, caught.value.values) == ((1,), ("01050",))


def test_each_bvcv_of_the_region_has_a_class() -> None:
    zones = zones_of(PLAIN).set_column(4, "zone", pa.array([LOW, None, MIDDLE]))
    assert adapt(zones, no_decisions(), LAW, region="84").column("zone")[1].as_py() is None
    with pytest.raises(MarginError) as caught:
        adapt(zones, no_decisions(), LAW, region="93")
    assert (caught.value.fault, caught.value.values) == ("APL-G08", ("01050",))
    with pytest.raises(MarginError, match=f"no class → {LOW} is not provided"):
        adapt(zones, table_of({"01050": LOW}), LAW, region="93")


def test_a_zoning_that_is_adapted_again_gives_the_motive_of_each_change() -> None:
    done = adapt(zones_of(PLAIN), table_of({"01001": LEAST}), LAW, region="84")
    mute = done.set_column(6, "motif", pa.nulls(done.num_rows, pa.string()))
    assert adapt(mute, no_decisions(), LAW, region="93").equals(mute)
    with pytest.raises(TableError, match="a change without a motive") as caught:
        adapt(mute, no_decisions(), LAW, region="84")
    assert caught.value.values == ("01001",)


def test_what_is_asked_for_exists() -> None:
    zones = zones_of(PLAIN)
    with pytest.raises(UsageError, match="one of: 84, 93"):
        adapt(zones, no_decisions(), LAW, region="11")
    with pytest.raises(RuleError, match="one of: article_v_2024, guide_paca_2025"):
        adapt(zones, no_decisions(), LAW, region="84", regime="mine")
    mine = zones_of({"01001": Area("05", Fraction(1), 10, LOW)})
    with pytest.raises(RuleError, match="no share printed for region 05"):
        adapt(mine, no_decisions(), PRINTED, region="05")
    bare = zones.drop_columns(["population_cumulee"])
    adapt(bare, no_decisions(), EXCHANGE, region="84")
    with pytest.raises(TableError, match="population_cumulee"):
        adapt(bare, table_of({"01001": MIDDLE}), EXCHANGE, region="84")
    assert "its legal basis was not read" in regime_of(LAW, GUIDE).title
