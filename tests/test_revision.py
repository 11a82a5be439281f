"""Two vintages of a zoning compared: the matrix, and the cause of each change.

Small zonings by hand, one for each cause; random ones are counted anew, commune by commune, and
their causes found again with the oracle's ranking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

import naive
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_passage import Event, movements

import apl
from apl.law import Rules
from apl.regions.revision import Revision, divided, revise
from apl.regions.revision_text import describe
from apl_core import TableError
from apl_core.tables import checked

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
EARLIER = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))
BETWEEN = (date(2022, 1, 1), date(2024, 1, 1))
DAY = "2023-01-01"
quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

LOW, UNDER, MIDDLE, REST = LAW.zoning.zones


@dataclass(frozen=True)
class Zoning:
    """One vintage: BVCV of communes, inhabitants, APL, and decisions of regions."""

    unit: Mapping[str, str]
    persons: Mapping[str, int]
    level: Mapping[str, float]
    law: Rules = LAW
    decided: Mapping[str, str] = field(default_factory=dict)

    @property
    def communes(self) -> pa.Table:
        codes = list(self.unit)
        return pa.table(
            {
                "code_commune": pa.array(codes, pa.string()),
                "code_departement": [code[:2] for code in codes],
                "code_region": ["84"] * len(codes),
                "population": pa.array([self.persons[code] for code in codes], pa.int64()),
                "code_bvcv": pa.array(list(self.unit.values()), pa.string()),
            }
        )

    @property
    def table(self) -> pa.Table:
        """A table ``zonage``: national classes by the law, then the decisions."""
        whole: Counter[str] = Counter()
        for code, unit in self.unit.items():
            whole[unit] += self.persons[code]
        units = list(dict.fromkeys(self.unit.values()))
        areas = pa.table(
            {
                "code_bvcv": pa.array(units, pa.string()),
                "code_region": ["84"] * len(units),
                "population": pa.array([whole[unit] for unit in units], pa.int64()),
                "population_standardisee": [float(whole[unit]) for unit in units],
                "apl": pa.array([self.level[unit] for unit in units], pa.float64()),
            }
        )
        ranked = apl.classify(areas, self.law)
        final = [self.decided.get(row["code_bvcv"], row["zone"]) for row in ranked.to_pylist()]
        at = ranked.column_names.index("zone")
        named = ranked.rename_columns(
            ["zone_nationale" if k == at else name for k, name in enumerate(ranked.column_names)]
        )
        return named.append_column("zone", pa.array(final, pa.string()))


def compared(before: Zoning, after: Zoning, *events: Event, laws: bool = True) -> Revision:
    return revise(
        before.table,
        after.table,
        communes_before=before.communes,
        communes_after=after.communes,
        movements=movements(*events) if events else None,
        between=BETWEEN if events else None,
        rules_before=before.law if laws else None,
        rules_after=after.law if laws else None,
    )


def found(revision: Revision, code: str) -> dict[str, Any]:
    return next(row for row in revision.bvcv.to_pylist() if row["code_bvcv"] == code)


def matrix(revision: Revision) -> dict[tuple[str, str], tuple[int, int]]:
    return {(row["zone_avant"], row["zone_apres"]): (row["bvcv"], row["population"])
            for row in revision.matrix.to_pylist()}  # fmt: skip


# Four BVCV of one commune each, whose classes end at 15, 30 and 70 of 100 persons.
ALONE = Zoning(
    {f"0100{k}": f"0100{k}" for k in range(1, 5)},
    dict(zip(("01001", "01002", "01003", "01004"), (15, 15, 40, 30), strict=True)),
    dict(zip(("01001", "01002", "01003", "01004"), (10.0, 20.0, 30.0, 40.0), strict=True)),
)


# --- the matrix ----------------------------------------------------------------------------------


def test_nothing_changed() -> None:
    same = compared(ALONE, ALONE)
    assert matrix(same) == {(LOW, LOW): (1, 15), (UNDER, UNDER): (1, 15),
                            (MIDDLE, MIDDLE): (1, 40), (REST, REST): (1, 30)}  # fmt: skip
    assert same.bvcv.column("cause").null_count == 4
    assert (same.changed, same.mixed, same.noticed) == ({}, {}, ())


def test_a_commune_nouvelle_has_the_class_of_the_commune_whose_code_it_keeps() -> None:
    """01002 goes into 01003, or 01003 into 01002; the persons are those of the later table."""
    for kept, gone, was in (("01003", "01002", MIDDLE), ("01002", "01003", UNDER)):
        unit = {code: code for code in ALONE.unit if code != gone}
        persons = {**ALONE.persons, kept: 56}
        after = Zoning(unit, persons, ALONE.level)
        seen = compared(ALONE, after, (32, DAY, gone, kept))
        assert found(seen, kept)["zone_avant"] == was
        other = {MIDDLE, UNDER} - {was}
        assert seen.mixed == {kept: (was, tuple(other))}
        assert seen.changed == {gone: (kept,)}
        assert [n.fault for n in seen.noticed] == ["APL-C04"]
        assert found(seen, kept)["population_avant"] == 55
        assert sum(persons for _, persons in matrix(seen).values()) == 101


def test_the_class_of_a_bvcv_is_that_of_most_of_its_later_inhabitants() -> None:
    """Communes are counted by their own earlier class, the BVCV by the greater one."""
    unit = {**ALONE.unit, "01002": "01003"}
    seen = compared(ALONE, Zoning(unit, {**ALONE.persons, "01002": 41}, ALONE.level))
    assert found(seen, "01003")["zone_avant"] == UNDER
    after = found(seen, "01003")["zone_apres"]
    assert matrix(seen)[UNDER, after] == (1, 41)
    assert matrix(seen)[MIDDLE, after] == (0, 40)
    tied = compared(ALONE, Zoning(unit, {**ALONE.persons, "01002": 40}, ALONE.level))
    assert found(tied, "01003")["zone_avant"] == UNDER  # of equals, the lower APL
    assert found(tied, "01003")["apl_avant"] == (20.0 * 15 + 30.0 * 40) / 55


def test_a_commune_under_a_code_of_its_own() -> None:
    """From one class it has that class; from several, it is refused: it keeps no code of theirs."""
    unit = {"01001": "01001", "01009": "01001", "01004": "01004"}
    gone = [(32, DAY, code, "01009") for code in ("01002", "01003")]
    after = Zoning(unit, {"01001": 15, "01009": 55, "01004": 30}, ALONE.level)
    with pytest.raises(TableError) as refused:
        compared(ALONE, after, *gone)
    assert (refused.value.fault, refused.value.values) == ("APL-C04", ("01009",))
    joined = replace(ALONE, unit={**ALONE.unit, "01003": "01002"})
    seen = compared(joined, after, *gone)
    assert seen.mixed == {}
    assert found(seen, "01001")["zone_avant"] == MIDDLE


def test_a_split_that_the_caller_settles_divides_the_earlier_inhabitants() -> None:
    later = {**ALONE.unit, "01005": "01005"}
    after = Zoning(later, {**ALONE.persons, "01003": 25, "01005": 16}, {**ALONE.level, "01005": 30})
    with pytest.raises(TableError) as refused:
        compared(ALONE, after, (21, DAY, "01003", "01005"))
    assert refused.value.fault == "APL-C06"
    settled = pa.table({"code_avant": ["01003"] * 2, "code_apres": ["01003", "01005"]})
    seen = revise(ALONE.table, after.table, communes_before=ALONE.communes,
                  communes_after=after.communes, settled=settled)  # fmt: skip
    assert [found(seen, code)["zone_avant"] for code in ("01003", "01005")] == [MIDDLE] * 2
    parts = [found(seen, code)["population_avant"] for code in ("01003", "01005")]
    assert parts == [25, 15]  # 40 · 25/41 = 24 and 40 · 16/41 = 15: the first takes the one left


def test_a_departement_that_is_new_had_no_class() -> None:
    unit = {**ALONE.unit, "97601": "97601"}
    after = Zoning(unit, {**ALONE.persons, "97601": 5}, {**ALONE.level, "97601": 1.0})
    seen = compared(ALONE, after)
    assert matrix(seen)["sans_classe", LOW] == (1, 5)
    assert found(seen, "97601")["zone_avant"] is None
    assert found(seen, "97601")["apl_avant"] is None
    assert "APL-C09" in [notice.fault for notice in seen.noticed]


def test_zonings_and_communes_that_do_not_belong_together_are_refused_together() -> None:
    short = Zoning({"01001": "01001"}, {"01001": 14}, ALONE.level)
    with pytest.raises(TableError) as refused:
        revise(ALONE.table, short.table, communes_before=short.communes,
               communes_after=ALONE.communes)  # fmt: skip
    assert [(f.fault, f.table, f.values) for f in refused.value.faults] == [
        ("APL-C14", "communes (earlier)", ("01002", "01003", "01004")),
        ("APL-C14", "communes (earlier)", ("01001 (15, of its communes 14)",)),
        ("APL-C14", "communes (later)", ("01002", "01003", "01004")),
        ("APL-C14", "communes (later)", ("01001 (14, of its communes 15)",)),
    ]


@pytest.mark.parametrize(
    ("count", "weights", "parts"),
    [(10, [1], [10]), (10, [2, 1], [7, 3]), (3, [0, 0], [2, 1]), (0, [5, 1], [0, 0]),
     (1, [1, 1, 1], [1, 0, 0])],
)  # fmt: skip
def test_divided(count: int, weights: list[int], parts: list[int]) -> None:
    assert divided(count, weights) == parts


# --- the causes ----------------------------------------------------------------------------------


def test_its_own_apl_and_that_of_the_others() -> None:
    """01001 rises over 01002, which moves down for no reason of its own."""
    seen = compared(ALONE, replace(ALONE, level={**ALONE.level, "01001": 25.0}))
    assert found(seen, "01001")["cause"] == "apl_propre"
    assert found(seen, "01002")["cause"] == "apl_autres"
    assert found(seen, "01002")["zone_apl_propre"] == UNDER  # its own did not change
    assert found(seen, "01003")["cause"] is None


def test_the_inhabitants() -> None:
    """01002 has 17 persons of 102: the second cut falls inside it."""
    seen = compared(ALONE, replace(ALONE, persons={**ALONE.persons, "01002": 17}))
    row = found(seen, "01002")
    assert (row["cause"], row["zone_apl_autres"], row["zone_population"]) == (
        "population", UNDER, MIDDLE,
    )  # fmt: skip


def test_the_law() -> None:
    """Five classes become four: the same APL and inhabitants."""
    seen = compared(replace(ALONE, law=EARLIER), ALONE)
    causes = {row["code_bvcv"]: row["cause"] for row in seen.bvcv.to_pylist()}
    changed = {row["code_bvcv"] for row in seen.bvcv.to_pylist()
               if row["zone_avant"] != row["zone_apres"]}  # fmt: skip
    assert {code for code, cause in causes.items() if cause == "loi"} == changed
    assert changed


def test_the_geography() -> None:
    """01002 joins the BVCV of 01001, which is then too large for the lowest class."""
    unit = {**ALONE.unit, "01002": "01001"}
    seen = compared(ALONE, replace(ALONE, unit=unit))
    row = found(seen, "01001")
    assert (row["zone_avant"], row["zone_apres"], row["cause"]) == (LOW, UNDER, "geographie")


def test_decisions_of_regions_before_and_after() -> None:
    lowered = replace(ALONE, decided={"01002": LOW})
    ended = found(compared(lowered, ALONE), "01002")
    assert (ended["zone_avant"], ended["zone_nationale_avant"]) == (LOW, UNDER)
    assert ended["cause"] == "decision_anterieure"
    taken = found(compared(ALONE, lowered), "01002")
    assert (taken["zone_nationale_apres"], taken["zone_apres"]) == (UNDER, LOW)
    assert taken["cause"] == "decision"
    assert found(compared(lowered, lowered), "01002")["cause"] is None


def test_classes_that_the_text_does_not_give_are_said() -> None:
    """The later national classes given are other ones: not explained, and noticed."""
    table = ALONE.table
    wrong = pa.array([LOW, MIDDLE, MIDDLE, REST])
    for name in ("zone_nationale", "zone"):
        table = table.set_column(table.column_names.index(name), name, wrong)
    seen = revise(ALONE.table, table, communes_before=ALONE.communes,
                  communes_after=ALONE.communes, rules_before=LAW, rules_after=LAW)  # fmt: skip
    assert found(seen, "01002")["cause"] == "non_expliquee"
    assert [notice.text for notice in seen.noticed] == [
        "1 national classes of the later zoning are not those of its text: 01002"
    ]


def test_without_the_texts_no_cause_is_named() -> None:
    seen = compared(ALONE, replace(ALONE, level={**ALONE.level, "01001": 25.0}), laws=False)
    assert seen.bvcv.column("cause").null_count == 4
    assert seen.bvcv.column("zone_loi").null_count == 4
    assert describe(seen)["causes"] == []
    with pytest.raises(ValueError, match="go together"):
        revise(ALONE.table, ALONE.table, communes_before=ALONE.communes,
               communes_after=ALONE.communes, rules_before=LAW)  # fmt: skip


# --- random zonings ------------------------------------------------------------------------------

UNITS = ("01001", "01002", "0103_", "01004")


@st.composite
def revisions(draw: st.DrawFn) -> tuple[Zoning, Zoning, list[Event]]:
    """Two vintages: communes merge, move to other BVCV, grow; APL change."""
    codes = [f"01{k:03d}" for k in range(1, draw(st.integers(2, 8)) + 1)]
    persons = st.integers(0, 20)
    levels = st.integers(0, 6).map(float)

    def zoning(codes: Sequence[str]) -> Zoning:
        unit = {code: draw(st.sampled_from(UNITS)) for code in codes}
        people = {code: draw(persons) for code in codes}
        people[codes[0]] += 1  # somebody
        return Zoning(unit, people, {name: draw(levels) for name in UNITS})

    before = zoning(codes)
    gone = draw(st.lists(st.sampled_from(codes[1:]), max_size=3, unique=True))
    left = [code for code in codes if code not in gone]
    events = [(32, DAY, code, draw(st.sampled_from(left))) for code in gone]
    after = zoning(left) if draw(st.booleans()) else replace(
        before, unit={code: before.unit[code] for code in left},
        level={name: draw(levels) for name in UNITS},
    )  # fmt: skip
    return before, after, events


def classes(table: pa.Table) -> dict[str, str]:
    return dict(zip(table.column("code_bvcv").to_pylist(), table.column("zone").to_pylist(),
                    strict=True))  # fmt: skip


@quick
@given(revisions(), st.data())
def test_the_matrix_counts_each_commune_once(
    drawn: tuple[Zoning, Zoning, list[Event]], data: st.DataObject
) -> None:
    before, after, events = drawn
    seen = compared(before, after, *events)
    checked(seen.bvcv, "revision")
    old, new = classes(before.table), classes(after.table)
    persons: Counter[tuple[str, str]] = Counter()
    for code, unit in after.unit.items():  # a commune keeps its code here, whatever joins it
        persons[old[before.unit[code]], new[unit]] += after.persons[code]
    cells = matrix(seen)
    assert {pair: count for pair, (_, count) in cells.items() if count} == +persons
    assert sum(count for count, _ in cells.values()) == len(set(after.unit.values()))
    assert sum(seen.bvcv.column("population_avant").to_pylist()) == sum(before.persons.values())
    first, second = (
        replace(zoning, unit=dict(data.draw(st.permutations(list(zoning.unit.items())))))
        for zoning in (before, after)
    )
    again = compared(first, second, *data.draw(st.permutations(events)))
    assert again.bvcv.equals(seen.bvcv)
    assert again.matrix.equals(seen.matrix)


@quick
@given(revisions())
def test_identity_has_nothing_off_its_diagonal(drawn: tuple[Zoning, Zoning, list[Event]]) -> None:
    for zoning in drawn[:2]:
        seen = compared(zoning, zoning)
        assert all(before == after for before, after in matrix(seen))
        assert seen.bvcv.column("cause").null_count == seen.bvcv.num_rows
        assert seen.noticed == ()


@quick
@given(revisions())
def test_the_causes_are_those_of_the_oracle_s_ranking(
    drawn: tuple[Zoning, Zoning, list[Event]],
) -> None:
    """The first state of the chain in which the oracle gives the new class."""
    before, after, events = drawn
    seen = compared(before, after, *events)
    rows = {row["code_bvcv"]: row for row in seen.bvcv.to_pylist()}

    def ranked(level: Mapping[str, float], whom: str) -> dict[str, str]:
        areas = {code: naive.Area(Fraction(level[code]), row[whom]) for code, row in rows.items()}
        return naive.cut(areas)

    then = {code: row["apl_avant"] for code, row in rows.items()}
    now = {code: row["apl_apres"] for code, row in rows.items()}
    assert None not in then.values()
    for code, row in rows.items():
        chain = {
            "geographie": ranked(then, "population_avant")[code],
            "apl_propre": ranked({**then, code: now[code]}, "population_avant")[code],
            "apl_autres": ranked(now, "population_avant")[code],
            "population": ranked(now, "population")[code],
        }
        cause = next((name for name, zone in chain.items() if zone == row["zone_apres"]), None)
        assert row["cause"] == (None if row["zone_avant"] == row["zone_apres"] else cause)
