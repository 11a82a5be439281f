"""Communes of one geography in a later one: mergers, codes, chains, and splits that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared import DATA, needs_data

import apl
from apl.mergers import followed
from apl.regions.passage import Passage, passage
from apl_core import TableError
from apl_core.tables import checked

BETWEEN = (date(2022, 1, 1), date(2024, 1, 1))
FIRST, NEXT, LAST = "2022-06-01", "2023-01-01", "2024-01-01"
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

Event = tuple[int, str, str, str]  # MOD, date, before, after


def movements(*events: Event, kinds: tuple[str, str] = ("COM", "COM")) -> pa.Table:
    mod, days, before, after = zip(*events, strict=True) if events else ((), (), (), ())
    return checked(
        pa.table(
            {
                "mod": pa.array(mod, pa.int64()),
                "date_effet": pa.array(days, pa.string()),
                "type_avant": pa.array([kinds[0]] * len(mod), pa.string()),
                "code_avant": pa.array(before, pa.string()),
                "type_apres": pa.array([kinds[1]] * len(mod), pa.string()),
                "code_apres": pa.array(after, pa.string()),
            }
        ),
        "mouvements",
    )


def ways(
    earlier: list[str],
    later: list[str],
    *events: Event,
    table: Mapping[str, list[str]] | None = None,
) -> Passage:
    rows = [(old, new) for old, to in (table or {}).items() for new in to]
    columns = list(zip(*rows, strict=True)) or [(), ()]
    given = None if table is None else checked(
        pa.table({"code_avant": pa.array(columns[0], pa.string()),
                  "code_apres": pa.array(columns[1], pa.string())}), "passage")  # fmt: skip
    return passage(earlier, later, movements=movements(*events), between=BETWEEN, table=given)


def ends(codes: list[str], *events: Event) -> dict[str, str]:
    return followed(codes, movements(*events), BETWEEN)


@pytest.mark.parametrize("mod", [31, 32, 33, 41, 50])
def test_a_merger_or_a_change_of_code(mod: int) -> None:
    assert ends(["01002"], (mod, NEXT, "01002", "01001")) == {"01002": "01001"}


@pytest.mark.parametrize("mod", [10, 34, 35, 70])
def test_what_leaves_codes_as_they_are(mod: int) -> None:
    assert ends(["01002"], (mod, NEXT, "01002", "01001")) == {"01002": "01002"}


def test_only_what_is_from_commune_to_commune_counts() -> None:
    for kinds in (("COMD", "COM"), ("COM", "COMD"), ("COMA", "COM")):
        moves = movements((32, NEXT, "01002", "01001"), kinds=kinds)
        assert followed(["01002"], moves, BETWEEN) == {"01002": "01002"}


def test_chains_by_date_and_inside_one_day() -> None:
    """Pont-Farcy changed département and merged on the same day; Les Trois Lacs came back."""
    for days in ((FIRST, NEXT), (NEXT, NEXT)):
        chain = ((41, days[0], "14513", "50649"), (32, days[1], "50649", "50592"))
        assert ends(["14513"], *chain) == ends(["14513"], *chain[::-1]) == {"14513": "50592"}
    assert ends(["14513"], (32, FIRST, "50649", "50592"), (41, NEXT, "14513", "50649")) == {
        "14513": "50649"
    }
    back = ((50, FIRST, "27676", "27058"), (50, NEXT, "27058", "27676"))
    assert ends(["27676"], *back) == {"27676": "27676"}


def test_codes_exchanged_on_one_day() -> None:
    assert ends(["01001", "01002"], (41, NEXT, "01001", "01002"), (41, NEXT, "01002", "01001")) == {
        "01001": "01002", "01002": "01001",
    }  # fmt: skip


def test_dates_leave_out_the_first_and_hold_the_last() -> None:
    on = [ends(["01002"], (32, day, "01002", "01001"))["01002"]
          for day in ("2022-01-01", "2022-01-02", LAST, "2024-01-02")]  # fmt: skip
    assert on == ["01002", "01001", "01001", "01002"]


@pytest.mark.parametrize("mod", [20, 21, 30])
def test_splits_are_refused_all_together(mod: int) -> None:
    with pytest.raises(TableError) as refused:
        ends(["60054", "85084", "01001"],
             (mod, NEXT, "60054", "60694"), (mod, LAST, "85084", "85165"),
             (mod, LAST, "85084", "85212"), (mod, LAST, "02001", "02002"))  # fmt: skip
    assert refused.value.fault == "APL-C06"
    assert refused.value.values == ("60054 → 60694", "85084 → 85165", "85084 → 85212")
    assert "passage" in refused.value.mend


def test_a_commune_is_followed_to_the_split_of_what_it_went_into() -> None:
    """Under its later code, and inside the day on which it came there."""
    for day in (FIRST, NEXT):
        with pytest.raises(TableError) as refused:
            ends(["01002"], (32, day, "01002", "01001"), (21, NEXT, "01001", "01009"))
        assert refused.value.values == ("01001 → 01009",)
    left = ends(["01003"], (32, FIRST, "01002", "01001"), (21, NEXT, "01001", "01009"))
    assert left == {"01003": "01003"}


def test_a_commune_that_went_into_two_was_split_whatever_the_event() -> None:
    with pytest.raises(TableError) as refused:
        ends(["01002"], (32, NEXT, "01002", "01001"), (32, NEXT, "01002", "01003"))
    assert refused.value.values == ("01002 → 01001", "01002 → 01003")


def test_a_split_is_settled_by_the_caller_s_table() -> None:
    split = (21, NEXT, "60054", "60694")
    found = ways(["60054", "60055"], ["60054", "60055", "60694"], split,
                 table={"60054": ["60054", "60694"]})  # fmt: skip
    assert found.targets == {"60054": ("60054", "60694"), "60055": ("60055",)}
    assert found.origins["60694"] == ("60054",)
    assert found.changed == {"60054": ("60054", "60694")}


def test_a_table_of_other_communes_is_refused() -> None:
    with pytest.raises(TableError) as refused:
        ways(["60054"], ["60054"], table={"60099": ["60054"], "60054": ["60694"]})
    assert [(f.column, f.values) for f in refused.value.faults] == [
        ("code_avant", ("60099",)), ("code_apres", ("60694",)),
    ]  # fmt: skip


def test_communes_that_lead_nowhere_or_come_from_nowhere_are_refused_together() -> None:
    with pytest.raises(TableError) as refused:
        ways(["01001", "01002", "01004"], ["01001", "01009"], (41, NEXT, "01004", "01005"))
    assert [(f.fault, f.table, f.values) for f in refused.value.faults] == [
        ("APL-C14", "communes (earlier)", ("01002", "01004 → 01005")),
        ("APL-C14", "communes (later)", ("01009",)),
    ]


def test_a_departement_that_the_earlier_geography_lacks_is_new() -> None:
    found = ways(["01001"], ["01001", "97601"])
    assert found.origins == {"01001": ("01001",), "97601": ()}


def test_movements_and_their_dates_go_together() -> None:
    with pytest.raises(ValueError, match="go together"):
        passage(["01001"], ["01001"], movements=movements())


CODES = tuple(f"01{k:03d}" for k in range(1, 9))


@quick
@given(st.data())
def test_maps_are_total_and_chains_compose(data: st.DataObject) -> None:
    """Every earlier commune has an end, every later one an origin; two steps are one."""
    days = ("2022-03-01", "2022-09-01", "2023-01-01", "2023-07-01")
    living, events = set(CODES), []
    for day in days:
        for old in data.draw(st.lists(st.sampled_from(sorted(living)), max_size=2, unique=True)):
            if len(living) > 1:
                new = data.draw(st.sampled_from(sorted(living - {old})))
                events.append((32, day, old, new))
                living.discard(old)
    middle, half = date(2022, 9, 1), [e for e in events if e[1] <= "2022-09-01"]
    whole = ways(list(CODES), sorted(living), *data.draw(st.permutations(events)))
    assert set(whole.targets) == set(CODES)
    assert set(whole.origins) == living
    assert sorted(code for some in whole.origins.values() for code in some) == list(CODES)
    first = followed(CODES, movements(*half), (BETWEEN[0], middle))
    second = followed(sorted(set(first.values())), movements(*events), (middle, BETWEEN[1]))
    assert {code: (second[end],) for code, end in first.items()} == whole.targets


@needs_data
def test_the_movements_of_2022_and_of_2023() -> None:
    """10 communes merge, Les Trois Lacs change code; in the next year two are split."""
    older, newer = (
        apl.read_table(DATA / f"geography/communes_geographie_{year}.csv", "geographie")
        .column("code_commune").to_pylist()
        for year in (2022, 2023)
    )  # fmt: skip
    moves = apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements")
    found = passage(older, newer, movements=moves, between=(date(2022, 1, 1), date(2023, 1, 1)))
    assert len(found.changed) == 11
    assert found.targets["27058"] == ("27676",)
    assert found.targets["01039"] == ("01138",)
    with pytest.raises(TableError) as refused:
        passage(newer, newer, movements=moves, between=(date(2023, 1, 1), date(2024, 1, 1)))
    assert refused.value.values == ("60054 → 60694", "85084 → 85165", "85084 → 85212")
