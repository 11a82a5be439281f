"""The national ranking and its cuts against the oracle, for every reading of the law page.

Populations are whole and often add up to hundreds, so that cumulated persons fall exactly on the
cuts; APL are few, so that many are equal.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import naive
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import apl
from apl.law import Rules
from apl.noticed import zone_notices
from apl.zoning import FRANCE, Ranking, classify, rank
from apl_core import RuleError, TableError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
ZONES = LAW.zoning.zones
quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
REGIONS = ("27", "84", "93")
ABROAD = "territory without APL of region {}"


@dataclass(frozen=True)
class Unit:
    """One BVCV of a country made for a test."""

    code: str
    region: str
    persons: int
    apl: float | None


def table(units: Sequence[Unit]) -> pa.Table:
    return pa.table(
        {
            "code_bvcv": pa.array([unit.code for unit in units], pa.string()),
            "code_region": pa.array([unit.region for unit in units], pa.string()),
            "population": pa.array([unit.persons for unit in units], pa.int64()),
            "population_standardisee": pa.array([unit.persons * 1.1 for unit in units]),
            "apl": pa.array([unit.apl for unit in units], pa.float64()),
        }
    )


def row(*people: tuple[float | None, int]) -> list[Unit]:
    """Units A, B, C, … of one region, from (APL, inhabitants)."""
    return [Unit("ABCDEFGH"[at], "84", n, value) for at, (value, n) in enumerate(people)]


def zones(found: pa.Table) -> dict[str, str | None]:
    codes, names = found.column("code_bvcv").to_pylist(), found.column("zone").to_pylist()
    return dict(zip(codes, names, strict=True))


def letters(found: pa.Table) -> list[str]:
    """The codes of each class, together: ``["A", "BC", "", "D"]``."""
    of = zones(found)
    return ["".join(sorted(code for code in of if of[code] == zone)) for zone in ZONES]


readings = st.fixed_dictionaries(
    {
        "zoning.astride": st.sampled_from(["exclude", "include", "closest"]),
        "zoning.start": st.sampled_from(["nominal", "effective"]),
        "zoning.ties": st.sampled_from(["smaller_population_then_code", "code"]),
        "zoning.without_apl": st.sampled_from(["lowest", "left_out"]),
    }
)
levels = st.one_of(
    st.integers(0, 4).map(float), st.floats(0, 300), st.sampled_from([0.1, 0.2, 0.1 + 0.2, 0.3])
)
people = st.one_of(st.sampled_from([0, 1, 5, 10, 15, 20, 40]), st.integers(0, 60))


@st.composite
def countries(draw: st.DrawFn, *, holes: bool = True) -> list[Unit]:
    """BVCV of three regions, some of them empty or without APL, often 100 inhabitants or 200."""
    value = st.one_of(st.none(), levels, levels, levels) if holes else levels
    rows = draw(st.lists(st.tuples(st.sampled_from(REGIONS), people, value), max_size=12))
    short = -sum(persons for _, persons, _ in rows) % 100
    rows.append(("84", short, draw(levels)))
    assume(any(persons and value is not None for _, persons, value in rows))
    codes = draw(st.permutations([f"{number:02d}001" for number in range(1, len(rows) + 1)]))
    return [Unit(code, *unit) for code, unit in zip(codes, rows, strict=True)]


abroad = st.dictionaries(st.sampled_from(["06", "03"]), st.integers(1, 30), max_size=2)


@dataclass(frozen=True)
class Exact:
    """What the oracle makes of a country: its order, cumulated persons, zones and targets."""

    areas: dict[str, naive.Area]
    region: dict[str, str]
    order: list[str]
    before: dict[str, int]
    zone: dict[str, str]
    targets: list[Fraction]

    @property
    def total(self) -> int:
        return sum(area.population for area in self.areas.values())


def exact(units: Sequence[Unit], law: Rules, outside: Mapping[str, int]) -> Exact:
    how = law.zoning
    listed = [*units, *(Unit(ABROAD.format(r), r, n, None) for r, n in outside.items())]
    kept = [unit for unit in listed if unit.apl is not None or how.without_apl == "lowest"]
    areas = {
        u.code: naive.Area(None if u.apl is None else Fraction(u.apl), u.persons) for u in kept
    }
    order = naive.ranking(areas, ties=how.ties)
    before, sofar = {}, 0
    for code in order:
        before[code] = sofar
        sofar += areas[code].population
    straddling: Any = how.astride
    start: Any = how.start
    zone = naive.cut(areas, how.classes, straddling=straddling, start=start, ties=how.ties)
    targets, nominal, reached = [], Fraction(0), 0
    for name, share in how.classes:
        targets.append((nominal if start == "nominal" else reached) + share * sofar)
        nominal = targets[-1]
        reached += sum(areas[code].population for code in order if zone[code] == name)
    return Exact(areas, {u.code: u.region for u in kept}, order, before, zone, targets)


@quick
@given(countries(), readings, abroad)
def test_zones_are_the_oracle_s(
    units: list[Unit], how: dict[str, str], outside: dict[str, int]
) -> None:
    law = LAW.reading(how)
    wanted = exact(units, law, outside)
    found = rank(table(units), law, territories_without_apl=outside)
    assert zones(found.bvcv) == {unit.code: wanted.zone.get(unit.code) for unit in units}
    assert found.total == wanted.total
    ends = [wanted.before[code] + wanted.areas[code].population for code in wanted.order]
    for cut, target in zip(found.cuts, wanted.targets, strict=True):
        assert cut.target == target
        reached = [e for e, c in zip(ends, wanted.order, strict=True) if below(wanted, c, cut.zone)]
        assert cut.reached == max(reached, default=0)
        inside = [
            c for c, e in zip(wanted.order, ends, strict=True) if wanted.before[c] < target < e
        ]
        assert cut.astride == (inside[0] if inside else None)


def below(wanted: Exact, code: str, zone: str) -> bool:
    return ZONES.index(wanted.zone[code]) <= ZONES.index(zone)


@quick
@given(countries(), readings, abroad)
def test_ranks_and_shares_of_the_whole(
    units: list[Unit], how: dict[str, str], outside: dict[str, int]
) -> None:
    """`rang` is 1 to n by APL; `part_cumulee` counts all that are ranked before, and itself."""
    law = LAW.reading(how)
    wanted = exact(units, law, outside)
    ranked = [code for code in wanted.order if wanted.areas[code].apl is not None]
    found = {r["code_bvcv"]: r for r in rows(units, law, outside)}
    assert {c: r["rang"] for c, r in found.items() if r["rang"]} == {
        code: place for place, code in enumerate(ranked, start=1)
    }
    for code, result in found.items():
        if code not in wanted.zone:
            assert (result["part_cumulee"], result["rang"]) == (None, None)
            assert result["population_cumulee"] is None
        else:
            upto = wanted.before[code] + wanted.areas[code].population
            assert result["population_cumulee"] == upto
            assert result["part_cumulee"] == upto / wanted.total


def rows(units: Sequence[Unit], law: Rules, outside: Mapping[str, int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = classify(
        table(units), law, territories_without_apl=outside
    ).to_pylist()
    return found


@quick
@given(countries(), readings, abroad)
def test_distances_to_the_cut_by_brute_force(
    units: list[Unit], how: dict[str, str], outside: dict[str, int]
) -> None:
    """Whole persons between a unit's slice of the ranking and the nearest cut; 0 where it is in."""
    law = LAW.reading(how)
    wanted = exact(units, law, outside)
    level = []
    for target in wanted.targets:
        beyond = [c for c in wanted.order if wanted.before[c] + wanted.areas[c].population > target]
        level.append(wanted.areas[(beyond or wanted.order[-1:])[0]].apl)
    for result in rows(units, law, outside):
        code = result["code_bvcv"]
        if code not in wanted.zone:
            assert result["ecart_coupure_habitants"] is None
            continue
        low = wanted.before[code]
        slice_of = range(low, low + wanted.areas[code].population + 1)
        gaps = [
            0
            if low <= t <= slice_of[-1]
            else min(math.floor(abs(person - t)) for person in slice_of)
            for t in wanted.targets
        ]
        assert result["ecart_coupure_habitants"] == min(gaps)
        mine, there = wanted.areas[code].apl, level[gaps.index(min(gaps))]
        if mine is None or there is None:
            assert result["ecart_coupure_apl"] is None
        else:
            assert result["ecart_coupure_apl"] == float(mine) - float(there)


@quick
@given(countries(), readings, abroad)
def test_parts_by_region(units: list[Unit], how: dict[str, str], outside: dict[str, int]) -> None:
    law = LAW.reading(how)
    wanted = exact(units, law, outside)
    parts = rank(table(units), law, territories_without_apl=outside).parts.to_pylist()
    regions = [*sorted(set(wanted.region.values())), FRANCE]
    assert [(p["code_region"], p["zone"]) for p in parts] == [
        (region, zone) for region in regions for zone in ZONES
    ]
    inhabited = {r for r in regions if sum(p["population"] for p in parts if p["code_region"] == r)}
    some = {c: area for c, area in wanted.areas.items() if wanted.region[c] in inhabited}
    shares = naive.regional_shares({c: wanted.zone[c] for c in some}, wanted.region, some)
    for part in parts:
        exact_share = shares.get((part["code_region"], part["zone"]), Fraction(0))
        assert part["part"] == float(exact_share)
    for region in inhabited:
        assert math.isclose(sum(p["part"] for p in parts if p["code_region"] == region), 1)
    france = [part for part in parts if part["code_region"] == FRANCE]
    assert sum(part["population"] for part in france) == wanted.total
    assert sum(part["bvcv"] for part in france) == len(set(wanted.zone) & {u.code for u in units})
    for part in france:
        theirs = [p for p in parts if p["zone"] == part["zone"] and p["code_region"] != FRANCE]
        for column in ("population", "bvcv"):
            assert part[column] == sum(other[column] for other in theirs)


@quick
@given(countries(), readings)
def test_zones_rise_with_the_apl(units: list[Unit], how: dict[str, str]) -> None:
    found = rows(units, LAW.reading(how), {})
    ranked = sorted((r["apl"], ZONES.index(r["zone"])) for r in found if r["apl"] is not None)
    for (low, below_zone), (high, above_zone) in itertools.pairwise(ranked):
        assert low == high or below_zone <= above_zone


@quick
@given(countries(), abroad, st.sampled_from(["nominal", "effective"]))
def test_no_class_passes_its_share_where_the_astride_is_excluded(
    units: list[Unit], outside: dict[str, int], start: str
) -> None:
    """With effective starts class by class; with nominal cuts, all classes up to each cut."""
    law = LAW.reading({"zoning.astride": "exclude", "zoning.start": start})
    found = rank(table(units), law, territories_without_apl=outside)
    shares, reached = Fraction(0), 0
    for cut in found.cuts:
        if start == "effective":
            assert cut.reached - reached <= cut.share * found.total
        shares, reached = shares + cut.share, cut.reached
        assert cut.reached <= shares * found.total


@quick
@given(countries(), readings, abroad, st.data())
def test_the_order_of_rows_changes_nothing(
    units: list[Unit], how: dict[str, str], outside: dict[str, int], data: st.DataObject
) -> None:
    law = LAW.reading(how)
    first = rank(table(units), law, territories_without_apl=outside)
    shuffled = table(data.draw(st.permutations(units)))
    second = rank(shuffled, law, territories_without_apl=outside)
    assert second.bvcv.sort_by("code_bvcv").equals(first.bvcv.sort_by("code_bvcv"))
    assert second.parts.equals(first.parts)
    assert (second.cuts, second.without_apl) == (first.cuts, first.without_apl)


# By hand


@pytest.mark.parametrize(
    ("astride", "start", "wanted"),
    [
        ("exclude", "nominal", ["A", "BC", "", "DE"]),
        ("include", "nominal", ["AB", "C", "D", "E"]),
        ("closest", "nominal", ["AB", "C", "D", "E"]),
        ("exclude", "effective", ["A", "B", "C", "DE"]),
        ("include", "effective", ["AB", "CD", "E", ""]),
    ],
)
def test_astride_and_start(astride: str, start: str, wanted: list[str]) -> None:
    """Persons 10, 7, 13, 45, 25: cuts at 15, 30 and 70, or where the class before ended."""
    law = LAW.reading({"zoning.astride": astride, "zoning.start": start})
    assert letters(classify(table(row((1, 10), (2, 7), (3, 13), (4, 45), (5, 25))), law)) == wanted


def test_a_cut_that_is_met_exactly_ends_its_class() -> None:
    for astride in ("exclude", "include", "closest"):
        law = LAW.reading({"zoning.astride": astride})
        found = rank(table(row((1, 15), (2, 15), (3, 40), (4, 30))), law)
        assert letters(found.bvcv) == ["A", "B", "C", "D"]
        assert [cut.astride for cut in found.cuts] == [None] * 3


def test_a_tenth_and_a_twentieth_are_fifteen_hundredths() -> None:
    """In float64 0.1 + 0.05 is over 0.15: the second unit would fall out of its class."""
    shares = {"tres_sous_dotee": "1/10", "sous_dotee": "1/20", "intermediaire": "0"}
    classes = [{"zone": zone, "share": share} for zone, share in shares.items()]
    law = LAW.overlaid({"zoning": {"classes": classes}})
    assert letters(classify(table(row((1, 10), (2, 5), (3, 85))), law)) == ["A", "B", "", "C"]


def test_a_class_starts_where_the_one_before_ended_though_the_first_is_empty() -> None:
    """Ends at 0, 20 (of 30) and 20 + 20: the third class takes the unit that ends at 35."""
    shares = {"tres_sous_dotee": "1/10", "sous_dotee": "3/10", "intermediaire": "1/5"}
    classes = [{"zone": zone, "share": share} for zone, share in shares.items()]
    law = LAW.overlaid({"zoning": {"classes": classes}})
    law = law.reading({"zoning.start": "effective", "zoning.astride": "exclude"})
    assert letters(classify(table(row((1, 20), (2, 15), (3, 65))), law)) == ["", "A", "B", "C"]


def test_closest_keeps_the_unit_out_where_both_ends_are_as_near() -> None:
    law = LAW.reading({"zoning.astride": "closest"})
    assert letters(classify(table(row((1, 12), (2, 6), (3, 82))), law))[0] == "A"
    assert letters(classify(table(row((1, 12), (2, 5), (3, 83))), law))[0] == "AB"


def test_equal_apl_the_smaller_population_comes_first_then_the_code() -> None:
    units = row((1, 60), (1, 15), (1, 15), (2, 10))
    first = rank(table(units), LAW)
    assert letters(first.bvcv) == ["B", "C", "", "AD"]
    assert [cut.tied for cut in first.cuts] == [("B", "C", "A")] * 3
    by_code = rank(table(units), LAW.reading({"zoning.ties": "code"}))
    assert letters(by_code.bvcv) == ["", "", "A", "BCD"]
    noticed = [notice for notice in zone_notices(first) if notice.fault == "APL-G01"]
    assert len(noticed) == 3
    assert "B, C, A" in noticed[0].text


def test_tied_are_those_at_the_cut_alone() -> None:
    first, *others = rank(table(row((0.5, 5), (1, 10), (1, 15), (2, 70))), LAW).cuts
    assert (first.apl, first.tied) == (1.0, ("B", "C"))
    assert [cut.tied for cut in others] == [(), ()]


def test_units_without_apl_come_first_or_not_at_all() -> None:
    units = row((None, 10), (1, 5), (2, 15), (3, 70))
    lowest = rank(table(units), LAW)
    assert (letters(lowest.bvcv), lowest.total) == (["AB", "C", "", "D"], 100)
    out = rank(table(units), LAW.reading({"zoning.without_apl": "left_out"}))
    assert (letters(out.bvcv), out.total) == (["B", "C", "", "D"], 90)
    assert zones(out.bvcv)["A"] is None
    for found in (lowest, out):
        assert found.without_apl == ("A",)
        assert [notice.fault for notice in zone_notices(found)] == ["APL-C18"]


@pytest.mark.parametrize(("persons", "named"), [(0, ()), (1, ("A",))])
def test_without_apl_whoever_lives_there_is_named(persons: int, named: tuple[str, ...]) -> None:
    assert rank(table(row((None, persons), (1, 9))), LAW).without_apl == named


def test_a_territory_outside_the_table_takes_its_part_of_the_lowest_share() -> None:
    """Mayotte: 10 of 100 inhabitants, all in the first class, though no BVCV is listed."""
    units = row((1, 5), (2, 15), (3, 70))
    found = rank(table(units), LAW, territories_without_apl={"06": 10})
    assert letters(found.bvcv) == ["A", "B", "", "C"]
    mayotte = [part for part in found.parts.to_pylist() if part["code_region"] == "06"]
    assert [(part["bvcv"], part["population"], part["part"]) for part in mayotte] == [
        (0, 10, 1.0), (0, 0, 0.0), (0, 0, 0.0), (0, 0, 0.0),
    ]  # fmt: skip
    assert found.without_apl == (ABROAD.format("06"),)


def test_a_region_that_has_an_apl_is_no_territory_without_one() -> None:
    """An APL of 0 is one; where no BVCV has any, more people may live outside the table."""

    def ranked(value: float | None) -> Ranking:
        units = [*row((1, 60)), Unit("M", "06", 10, value)]
        return rank(table(units), LAW, territories_without_apl={"06": 30})

    assert ranked(None).total == 100
    for value in (0.0, 0.5, 1.0):
        with pytest.raises(RuleError, match="count twice") as refused:
            ranked(value)
        assert (refused.value.fault, refused.value.values) == ("APL-F12", ("06",))


def test_a_cut_may_fall_inside_the_first_person() -> None:
    found = rank(table(row((1, 4))), LAW)
    assert [(cut.target, cut.astride) for cut in found.cuts] == [
        (Fraction(3, 5), "A"), (Fraction(6, 5), "A"), (Fraction(14, 5), "A"),
    ]  # fmt: skip


def test_units_without_inhabitants_take_no_share() -> None:
    """One at the cut's own level ends in the class below: it adds nobody."""
    found = classify(table(row((1, 15), (1.5, 0), (2, 15), (3, 70), (4, 0))), LAW)
    assert letters(found) == ["AB", "C", "", "DE"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_apl_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(TableError) as refused:
        rank(table(row((1, 15), (value, 15))), LAW)
    assert (refused.value.fault, refused.value.values) == ("APL-G04", ("B",))


@pytest.mark.parametrize("units", [[], row((1, 0), (2, 0))])
def test_no_inhabitants_at_all_is_refused(units: list[Unit]) -> None:
    with pytest.raises(TableError, match="APL-C10"):
        rank(table(units), LAW)


def test_a_ranking_says_what_it_is() -> None:
    found: Ranking = rank(table(row((10, 10), (20, 7), (30, 13), (40, 45), (50, 25))), LAW)
    first, second, third = found.cuts
    assert (first.zone, first.share, first.target) == (
        "tres_sous_dotee", Fraction(3, 20), Fraction(15),
    )  # fmt: skip
    assert [cut.reached for cut in found.cuts] == [10, 30, 30]
    assert [cut.astride for cut in found.cuts] == ["B", None, "D"]
    assert (second.target, third.target) == (Fraction(30), Fraction(70))
    assert [(cut.apl, cut.tied) for cut in found.cuts] == [(10.0, ()), (30.0, ()), (30.0, ())]
