"""Living areas older than the geography: poles that merged away, communes of no living area."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

import apl
from apl import summary
from apl_core import TableError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))
DAY = (date(2022, 1, 1), date(2022, 1, 1))


MOVES = {"mod": [32], "date_effet": ["2016-01-01"], "type_avant": ["COM"],
         "code_avant": ["01003"], "type_apres": ["COM"], "code_apres": ["01001"]}  # fmt: skip


def geography(area: str, of_the_successor: str = "01003") -> pa.Table:
    return pa.table(
        {
            "code_commune": ["01001", "01002"],
            "code_departement": ["01"] * 2,
            "code_region": ["84"] * 2,
            "code_bassin_de_vie": [of_the_successor, area],
            "code_canton_ville": ["0101", "0102"],
            "code_unite_urbaine": ["01101", "01000"],
        }
    )


def persons(*counts: int) -> pa.Table:
    return pa.table({"code_commune": ["01001", "01002"][: len(counts)], "population": counts})


@pytest.mark.parametrize(("people", "units"), [(20_000, ["01003", "01003"]),
                                               (40_000, ["0101_", "0102_"])])  # fmt: skip
def test_a_pole_that_merged_away_is_the_commune_that_it_is_now(
    people: int, units: list[str]
) -> None:
    """Its urban unit decides; the living area keeps its code. What its successor went through
    before it stood again is not followed."""
    older = {
        **MOVES,
        "date_effet": ["1999-01-01"],
        "code_avant": ["01001"],
        "code_apres": ["01002"],
    }
    moves = pa.concat_tables([pa.table(MOVES), pa.table(older)])
    built = apl.build_bvcv(
        geography("01003"), persons(people, 5), LAW, movements=moves, between=DAY
    )
    assert built.communes.column("code_bvcv").to_pylist() == units
    assert built.poles == {"01003": "01001"}
    found = summary.of_communes(built, LAW)
    assert "Living area 01003: its pole is now 01001" in summary.communes_text({**found, "out": ""})


@pytest.mark.parametrize(
    ("area", "successor", "moves"),
    [
        ("01003", "01003", None),
        ("01003", "01001", MOVES),  # has left the living area
        ("01003", "01003", {**MOVES, "date_effet": ["2022-06-01"]}),  # later than the geography
        ("01003", "01003", {**MOVES, "mod": [10]}),  # a new name
    ],
)
def test_a_pole_that_is_nowhere_is_refused(
    area: str, successor: str, moves: dict[str, list[Any]] | None
) -> None:
    how: dict[str, Any] = {}
    if moves is not None:
        how = {"movements": pa.table(moves), "between": DAY}
    with pytest.raises(TableError) as refused:
        apl.build_bvcv(geography(area, successor), persons(9, 5), LAW, **how)
    assert (refused.value.fault, refused.value.values) == ("APL-C14", ("01003",))


def test_where_no_living_area_was_drawn_nobody_may_live() -> None:
    places = geography("ZZZZZ", "01001")
    assert apl.build_bvcv(places, persons(9), LAW).without_population == ("01002",)
    with pytest.raises(TableError) as refused:
        apl.build_bvcv(places, persons(9, 5), LAW)
    assert (refused.value.fault, refused.value.values) == ("APL-C11", ("01002",))
