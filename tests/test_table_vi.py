"""Table VI of the arrêté against its own last line: the tool flags the misprint by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

import pyarrow as pa

import apl
from apl.regions.audit import audit
from apl.regions.table_vi import notices_of_shares, shares_check

DAY = date(2025, 6, 6)
LAW = apl.rules("masseur_kinesitherapeute", on=DAY)


def points(row: Sequence[Fraction]) -> list[str]:
    return [f"{100 * float(part):.2f}" for part in row]


def test_table_vi_contradicts_its_last_line_and_one_row_turned_closes_it() -> None:
    found = shares_check(LAW)
    assert found is not None
    assert points(found.sums) == ["15.02", "15.09", "39.88"]
    assert points(found.line) == ["15.00", "15.00", "40.00"]
    assert found.contradicts_itself
    turn = found.likely
    assert turn is not None
    assert (turn.region, points(turn.row)) == ("94", ["0.00", "4.10", "23.80"])
    assert points(turn.sums) == ["15.00", "14.99", "40.00"]
    assert found.turns[0] == turn
    assert all(other.gap > found.most for other in found.turns[1:])
    assert len({other.region for other in found.turns}) == 17  # Martinique is all 0
    said = list(notices_of_shares(LAW))
    assert len(said) == 1
    assert said[0].fault == "APL-H02"
    assert "region 94" in said[0].text
    whole = pa.table({"zone": LAW.zoning.zones, "population": [0, 0, 0, 100]})
    assert said[0] in audit(whole, whole, LAW, region="93").noticed


def test_a_table_that_closes_is_not_accused() -> None:
    shared = LAW.shares
    assert shared is not None
    rows = {region: [f"{100 * float(part):.1f}" for part in row] for region, row in
            shared.regions.items()}  # fmt: skip
    mended = LAW.overlaid({"shares": {"regions": {**rows, "94": ["0.0", "4.1", "23.8"]}}})
    assert not list(notices_of_shares(mended))
    found = shares_check(mended)
    assert found is not None
    assert found.likely is None


def test_populations_may_be_given_and_are_needed() -> None:
    one = LAW.overlaid(
        {"shares": {"regions": {"84": ["10.0", "20.0", "30.0"], "93": ["30.0", "10.0", "20.0"],
                                "FR": ["10.0", "20.0", "30.0"]}}}
    )  # fmt: skip
    found = shares_check(one, {"84": 100, "93": 100})
    assert found is not None
    assert points(found.sums) == ["20.00", "15.00", "25.00"]
    assert found.likely is not None
    assert (found.likely.region, points(found.likely.sums)) == ("93", ["10.00", "20.00", "30.00"])
    assert shares_check(one, {"84": 100}) is None
    nowhere = LAW.overlaid({"shares": {"regions": {"84": ["1.0", "1.0", "1.0"]}}})
    assert shares_check(nowhere) is None
    assert shares_check(apl.rules("infirmier", on=DAY)) is None
