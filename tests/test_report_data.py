"""What the page of a region carries to decide and to try: read back, without a browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regions import EXCHANGE, GUIDE, LAW, Case, cases, zones_of

import apl
from apl.explained.secrecy import secrecy_of
from apl.regions.regimes import hold, regime_of
from apl.regions.zonage import as_zonage, units_of
from apl.report.pairs_data import _levels, _varint, pairs_data
from apl.report.regime_data import RULES, regime_data
from apl.scenarios.situation import Situation, outcome, situation

N, BVCV = 200, 20


def numbers(packed: bytes) -> Iterator[int]:
    """Whole numbers of seven bits a byte."""
    value, shift = 0, 0
    for octet in packed:
        value, shift = value | (octet & 127) << shift, shift + 7
        if octet < 128:
            yield value
            value, shift = 0, 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**21 - 1) | st.sampled_from([0, 127, 128, 16_383, 16_384])))
def test_whole_numbers_come_back(given: list[int]) -> None:
    assert list(numbers(_varint(np.array(given, dtype=np.int64)).tobytes())) == given


@pytest.fixture(scope="module")
def place() -> Situation:
    rng = np.random.default_rng(3)
    codes = [f"01{k:03d}" for k in range(1, N + 1)]
    a, b = np.divmod(np.unique(rng.integers(0, N * N, 6 * N)), N)
    kept = a != b
    times = pa.table({"origine": [codes[k] for k in a[kept]],
                      "destination": [codes[k] for k in b[kept]],
                      "minutes": rng.integers(0, 22, int(kept.sum())).astype(float)})  # fmt: skip
    communes = pa.table({
        "code_commune": codes, "code_bvcv": [f"010{k % BVCV:02d}" for k in range(N)],
        "code_region": ["84"] * N, "population": rng.integers(0, 900, N),
        "population_standardisee": rng.uniform(0, 900, N),
        "etp": rng.integers(0, 4, N) * 0.75,
    })  # fmt: skip
    return situation(communes, times, LAW, self_pair="0")


def data_of(place: Situation, law: Any, units: list[str]) -> dict[str, Any]:
    cuts = outcome(place, law).ranking.cuts
    return pairs_data(place, law, secrecy_of(place, law, None), cuts, units=units)


def test_the_pairs_of_the_page_are_those_of_the_catchment(place: Situation) -> None:
    units = ["01003", "01000", "01007"]
    data = data_of(place, LAW, units)
    stream = numbers(base64.b64decode(data["trajets"]))
    found = {}
    for destination in data["communes"]:
        for weight in data["poids_trajets"]:
            count, at = next(stream), 0
            for _ in range(count):
                at += next(stream)
                found[data["communes"][at], destination] = weight
    assert next(stream, None) is None
    weighted = place.pairs.weigh(LAW.decay)
    codes = place.pairs.land.codes.to_pylist()
    origin = np.repeat(np.arange(N), np.diff(place.pairs.start))
    inside = set(data["communes"])
    theirs = {
        (codes[i], codes[j]): w
        for i, j, w in zip(origin, place.pairs.destination, weighted.weight, strict=True)
        if w > 0 and {codes[i], codes[j]} <= inside
    }
    assert found == theirs
    by_code = dict(zip(codes, place.communes.column("code_bvcv").to_pylist(), strict=True))
    number = np.frombuffer(base64.b64decode(data["unite"]), "<u2")
    assert [units[k] for k in number] == [by_code[code] for code in data["communes"]]
    assert inside == {code for code, unit in by_code.items() if unit in units}


def test_a_mean_may_be_of_the_total_population(place: Situation) -> None:
    data = data_of(place, LAW.overlaid({"aggregation": {"weight": "population"}}), ["01000"])
    weight = np.frombuffer(base64.b64decode(data["poids"]), "<f8")
    codes, persons = (place.communes.column(n).to_pylist() for n in ("code_commune", "population"))
    by_code = dict(zip(codes, persons, strict=True))
    assert weight.tolist() == [by_code[code] for code in data["communes"]]
    assert np.frombuffer(base64.b64decode(data["poids_bvcv"]), "<f8")[0] == weight.sum()


def test_classes_end_where_they_ended_or_at_the_levels_of_the_text(place: Situation) -> None:
    doctors = apl.rules("medecin_generaliste", on=date(2018, 6, 1))
    assert _levels(doctors, []) == [float(level) for _, level in doctors.zoning.classes]
    cuts = outcome(place, LAW).ranking.cuts
    empty = [replace(cuts[0], apl=None), *cuts[1:]]
    assert _levels(LAW, empty) == [None, cuts[1].apl, cuts[2].apl]
    assert _levels(LAW, [cuts[0], replace(cuts[1], apl=None)]) == [cuts[0].apl] * 2


@settings(deadline=None, max_examples=30)
@given(cases(), st.sampled_from([(LAW, None), (LAW, GUIDE), (EXCHANGE, None)]))
def test_the_bounds_of_the_page_are_whole_and_those_of_the_regime(case: Case, law: Any) -> None:
    rules, name = law
    units, regime = units_of(as_zonage(zones_of(case.country), rules), "84"), regime_of(rules, name)
    data = regime_data(rules, units, regime, standing={"01001": ("sous_dotee", "avant")})
    gauges = hold(units, case.of("84"), rules, regime).gauges  # bounds do not move with decisions
    assert [(one["regle"], one["sujet"], one["avant"], one["plancher"], one["plafond"])
            for one in data["jauges"]] == [
        (RULES[g.rule], g.subject, g.before, g.lowest, g.highest) for g in gauges]  # fmt: skip
    assert [one["code"] for one in data["unites"]] == [unit.code for unit in units.bvcv]
    assert [one["niveau"] for one in data["unites"]] == sorted(
        one["niveau"] for one in data["unites"]
    )
    assert data["en_place"] == {"01001": {"zone": "sous_dotee", "motif": "avant"}}
