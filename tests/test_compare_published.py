"""Comparisons on what DREES publishes (skipped where that data is missing)."""

from __future__ import annotations

import json
from datetime import date
from functools import cache

import pyarrow as pa
import pytest
from shared import DATA, needs_data

import apl
from apl.cog import History
from apl.compared.align import brought
from apl.compared.comparison import Comparison
from apl.compared.text import describe, text
from apl.conversion import Cog

pytestmark = needs_data


@cache
def published(name: str) -> pa.Table:
    return apl.read_table(DATA / "published" / name, "apl_publie")


@cache
def cog() -> Cog:
    moves = apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements")
    return Cog(date(2023, 1, 1), History.of(moves))


@cache
def years() -> Comparison:
    """The APL of 2021 against that of 2022, both in the communes of 2023."""
    names = ("APL_mk_2021.xlsx", "apl_mk_2022.csv")
    return apl.compare(*(brought(published(name), cog()) for name in names))


def test_two_years_in_the_communes_of_one() -> None:
    found = years()
    assert (found.n, len(found.left_only), found.right_only) == (34_964, 23, ())
    assert found.digits == 3
    assert found.correlation == pytest.approx(0.9851, abs=1e-4)
    assert found.correlation_weighted == pytest.approx(0.9941, abs=1e-4)
    assert found.mean_gap == pytest.approx(5.250, abs=1e-3)
    assert sum(one.n for one in found.regions.values()) == found.n
    assert sum(one.n for one in found.sizes.values()) == found.n
    assert len(found.worst) == 20
    assert found.worst[0].code == "2A198"  # Corsica of 2022 is from another source
    assert found.table.num_rows == 34_987


def test_two_years_in_their_own_communes_differ_in_codes() -> None:
    found = apl.compare(published("APL_mk_2021.xlsx"), published("apl_mk_2022.csv"))
    assert (found.n, len(found.left_only), found.right_only) == (34_963, 34, ("27676",))


@pytest.mark.parametrize("profession", ["mk", "sf"])
def test_a_publication_is_itself(profession: str) -> None:
    table = published(f"APL_{profession}_2021.xlsx")
    found = apl.compare(table, table)
    assert (found.n, found.equal, found.max_gap, found.correlation) == (34_974, 34_974, 0.0, 1.0)
    assert found.correlation_weighted == 1.0
    assert len(found.unpublished) == 23
    assert (found.left_only, found.uncomputed, found.worst) == ((), (), ())
    found.hold(0)
    assert "Equal" in text(json.loads(json.dumps(describe(found))))
