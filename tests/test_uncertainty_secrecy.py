"""What draws of few persons would tell of them, and is not shown: intervals, ends of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenes import LAW
from strategies import times_table
from test_uncertainty import CODES, EMPTY, asked, small

from apl.doubted.draws import Doubt, People
from apl.doubted.uncertainty import uncertainty
from apl.scenarios.situation import situation


def test_few_persons_have_no_interval() -> None:
    """01001 and 01002 reach nobody else's supply here: three heads; 2A004 has two."""
    place = situation(EMPTY.communes, times_table({(c, c): 0.0 for c in CODES}), LAW)
    who = People(np.arange(5), np.array([0, 1, 1, 2, 2]), np.array([1.0, 1.5, 1.5, 1.25, 1.25]))
    done = asked(place, Doubt("france"), people=who)
    assert [one is None for one in done.table.column("apl_bas").to_pylist()] == [False, True]
    assert [one is None for one in done.table.column("apl_haut").to_pylist()] == [False, True]
    assert (
        asked(place, Doubt("france"), people=who, least=1).table.column("apl_bas").null_count == 0
    )


def test_a_class_that_ends_at_such_a_bvcv_has_no_interval_either() -> None:
    """01001 is reached by one head: what it does is the end of the class that it stands in."""
    communes = small(code_bvcv=CODES, population=[700, 900, 400]).communes
    place = situation(communes, times_table({(c, c): 0.0 for c in CODES}), LAW)
    who = People(np.arange(21), np.array([0] + [1] * 10 + [2] * 10), np.ones(21))
    ends = [asked(place, Doubt("france"), people=who, least=least, level=0.5).cuts
            for least in (1, 10)]  # fmt: skip
    assert ends[0].column("apl").to_pylist() == ends[1].column("apl").to_pylist()
    shown, hidden = ends[0].to_pylist()[-1], ends[1].to_pylist()[-1]
    assert shown["zone"] == "intermediaire"
    assert None not in shown.values()
    assert hidden["apl_bas"] is None


def test_three_persons_would_tell_what_each_does() -> None:
    """The ends of their interval are the least and the most active one's; ten hide them."""
    place = situation(EMPTY.communes, times_table({(c, c): 0.0 for c in CODES}), LAW)
    fte = np.array([0.5, 1.0, 2.5])
    who = People(np.arange(3), np.array([2, 2, 2]), fte)
    how: dict[str, Any] = {"people": who, "draws": 500, "level": 0.999}
    row = asked(place, Doubt("bvcv"), **how).table.to_pylist()[-1]
    assert row["code_bvcv"] == "2A004"
    assert [row["apl_bas"], row["apl_haut"]] == pytest.approx([1500.0, 7500.0])
    given = {"seed": 5, **how}
    row = uncertainty(place, LAW, Doubt("bvcv"), **given).table.to_pylist()[-1]
    assert (row["apl_bas"], row["apl_haut"]) == (None, None)
