"""Classes that end at levels of APL, and units of which each region counts its own inhabitants.

Both are the general practitioners' (text of 2017).
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regions import areas, column

import apl
from apl import pipeline, summary
from apl.counted import own_inhabitants
from apl.law import Rules
from apl.zoning import FRANCE, rank
from apl_core import TableError

DOCTORS = apl.rules("medecin_generaliste", on=date(2019, 6, 1))
quick = settings(deadline=None, max_examples=100)


# Levels of APL, not shares


def levels(*until: str, **more: Any) -> Rules:
    """General practitioners' page with other levels."""
    zones = DOCTORS.zoning.zones
    classes = [{"zone": zone, "until": x} for zone, x in zip(zones, until, strict=False)]
    return DOCTORS.overlaid({"zoning": {"classes": classes, **more}, "attribution": WHOLE})


WHOLE = {"rule": "most_population"}


def test_a_class_includes_its_level() -> None:
    law = levels("2.5", "4")
    found = rank(areas((4.0, 10), (2.5, 10), (4.000001, 10), (2.500001, 10), (0.0, 10)), law)
    low, middle, high = law.zoning.zones
    assert column(found.bvcv, "zone") == [middle, low, high, middle, low]
    assert [(c.zone, c.reached, c.apl, c.share) for c in found.cuts] == [
        (low, 20, 2.5, Fraction(2, 5)), (middle, 40, 4.0, Fraction(2, 5)),
    ]  # fmt: skip
    assert [cut.printed for cut in found.cuts] == [Fraction(5, 2), Fraction(4)]
    assert {cut.astride for cut in found.cuts} == {None}


def test_a_class_may_have_nobody() -> None:
    cuts = rank(areas((9.0, 10), (3.0, 5)), levels("1", "2.5")).cuts
    assert [(c.reached, c.share, c.apl) for c in cuts] == [(0, Fraction(0), None)] * 2


def test_a_level_is_the_decimal_as_a_table_holds_it() -> None:
    """The float64 of 58.8 is above 588/10: the decimal in the table must not fall out."""
    assert Fraction(0.1) > Fraction(1, 10)
    found = rank(areas((0.1, 1), (0.2, 1)), levels("0.1", "0.15"))
    assert column(found.bvcv, "zone")[0] == DOCTORS.zoning.zones[0]


@pytest.mark.parametrize(("rule", "first"), [("lowest", "zone_intervention_prioritaire"),
                                             ("left_out", None)])  # fmt: skip
def test_levels_without_apl(rule: str, first: str | None) -> None:
    law = levels("2.5", "4", without_apl=rule)
    found = rank(areas((None, 7), (3.0, 10)), law, territories_without_apl={"06": 5})
    assert column(found.bvcv, "zone") == [first, "vivier"]
    assert found.total == (22 if rule == "lowest" else 10)
    assert column(found.bvcv, "population_cumulee") == ([12, 22] if first else [None, 10])


def test_distances_to_a_level_are_in_apl_alone() -> None:
    found = rank(areas((1.0, 10), (3.5, 10), (9.0, 10)), levels("2.5", "4")).bvcv
    assert column(found, "ecart_coupure_apl") == [-1.5, -0.5, 5.0]
    assert column(found, "ecart_coupure_habitants") == [None, None, None]


values = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.5, 2.6, 4.0]), st.floats(0, 9))


@quick
@given(st.lists(st.tuples(values, st.integers(0, 20)), min_size=1, max_size=12),
       st.sampled_from(["lowest", "left_out"]))  # fmt: skip
def test_levels_by_the_words_of_the_text(rows: list[tuple[float | None, int]], rule: str) -> None:
    """Each unit alone: at most the level, at most the next, or above; whatever stands beside it."""
    rows = [*rows, (1.0, 1)]
    law = levels("2.5", "4", without_apl=rule)
    found = rank(areas(*rows), law)
    low, middle, high = law.zoning.zones

    def zone(value: float | None) -> str | None:
        if value is None:
            return low if rule == "lowest" else None
        return low if value <= 2.5 else middle if value <= 4 else high

    assert column(found.bvcv, "zone") == [zone(value) for value, _ in rows]
    france = {p["zone"]: p["population"] for p in found.parts.to_pylist()
              if p["code_region"] == FRANCE}  # fmt: skip
    for name in law.zoning.zones:
        assert france[name] == sum(n for value, n in rows if zone(value) == name)


# Each region counts its own inhabitants of a unit


def communes(*rows: tuple[str, str, str, int]) -> pa.Table:
    """From (commune, region, unit, inhabitants)."""
    code, region, unit, persons = zip(*rows, strict=True)
    return pa.table({"code_commune": code, "code_departement": [c[:2] for c in code],
                     "code_region": region, "population": pa.array(persons, pa.int64()),
                     "code_bvcv": unit})  # fmt: skip


ASTRIDE = communes(("01001", "84", "01001", 30), ("71001", "27", "01001", 20),
                   ("71002", "27", "71002", 50))  # fmt: skip
SCORES = pa.table({"code_commune": ["01001", "71001", "71002"], "apl": [1.0, 1.0, 5.0],
                   "population_standardisee": [30.0, 20.0, 50.0]})  # fmt: skip


def test_each_region_counts_its_own_inhabitants_and_the_unit_has_one_class() -> None:
    own = own_inhabitants(ASTRIDE, DOCTORS)
    assert own is not None
    assert sorted(map(tuple, (row.values() for row in own.to_pylist()))) == [
        ("01001", "27", 20), ("01001", "84", 30), ("71002", "27", 50),
    ]  # fmt: skip
    found = rank(apl.aggregate(SCORES, ASTRIDE, DOCTORS), DOCTORS, inhabitants=own)
    assert column(found.bvcv, "zone") == ["zone_intervention_prioritaire", "hors_vivier"]
    parts = {(p["code_region"], p["zone"]): (p["bvcv"], p["population"], p["part"])
             for p in found.parts.to_pylist()}  # fmt: skip
    assert parts["84", "zone_intervention_prioritaire"] == (1, 30, 1.0)
    assert parts["27", "zone_intervention_prioritaire"] == (1, 20, 20 / 70)
    assert parts["27", "hors_vivier"] == (1, 50, 50 / 70)
    assert parts[FRANCE, "zone_intervention_prioritaire"] == (1, 50, 0.5)
    assert parts[FRANCE, "hors_vivier"] == (1, 50, 0.5)
    assert sum(p[1] for (region, _), p in parts.items() if region == FRANCE) == 100


def test_territories_outside_the_table_are_whole_in_their_regions() -> None:
    own = own_inhabitants(ASTRIDE, DOCTORS)
    found = rank(apl.aggregate(SCORES, ASTRIDE, DOCTORS), DOCTORS, inhabitants=own,
                 territories_without_apl={"03": 2, "06": 7})  # fmt: skip
    low = {p["code_region"]: (p["bvcv"], p["population"]) for p in found.parts.to_pylist()
           if p["zone"] == "zone_intervention_prioritaire"}  # fmt: skip
    assert low == {"03": (0, 2), "06": (0, 7), "27": (1, 20), "84": (1, 30), FRANCE: (1, 59)}


def test_whole_units_count_where_most_live() -> None:
    law = DOCTORS.overlaid({"attribution": WHOLE})
    assert own_inhabitants(ASTRIDE, law) is None
    parts = rank(apl.aggregate(SCORES, ASTRIDE, law), law).parts.to_pylist()
    low = [p for p in parts if p["zone"] == "zone_intervention_prioritaire"]
    assert {p["code_region"]: p["population"] for p in low} == {"27": 0, "84": 50, FRANCE: 50}


def test_own_inhabitants_have_no_tie_and_are_asked_for() -> None:
    even = communes(("01001", "84", "01001", 20), ("71001", "27", "01001", 20))
    scores = SCORES.slice(0, 2)
    found = apl.aggregate(scores, even, DOCTORS)
    with pytest.raises(TableError, match="APL-C15"):
        apl.aggregate(scores, even, DOCTORS.overlaid({"attribution": WHOLE}))
    with pytest.raises(TableError, match="whose inhabitants"):
        rank(found, DOCTORS)
    assert column(apl.classify(found, DOCTORS), "zone") == ["zone_intervention_prioritaire"]


def test_zone_divides_units_over_regions_and_says_so() -> None:
    found = pipeline.zone(apl.checked(SCORES, "apl_publie"), ASTRIDE, DOCTORS)
    assert [n.fault for n in found.noticed] == ["APL-S06", "APL-S05"]
    shown = summary.text(summary.describe(found.rules, found.ranking, found.noticed))
    line = next(x for x in shown.splitlines() if x.startswith("zone_intervention_prioritaire"))
    assert line.split() == ["zone_intervention_prioritaire", "1", "50", "50.00", "1.00", "2.5"]
    assert "astride" not in shown
