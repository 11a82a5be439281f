"""Without the oldest: against runs on the table of those who stay, and what the command says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner, Result
from faults.faulty import SOUND
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import LAW, Scene, scenes
from test_simulate_command import run_of
from test_worked_example import written

import apl
from apl.__main__ import cli
from apl.activity import supply
from apl.equity.retirement import Departure, Moves, Retirement, retirement, staff_of
from apl.equity.retirement_text import several_persons
from apl.outputs import MANIFEST
from apl.scenarios.opened import open_run
from apl.scenarios.simulate import simulate
from apl.staff import staff
from apl.verify import verify
from apl_core import FileError, exact_sums
from apl_core.tables import checked, read_table

GIVEN = apl.Parameters(median_acts=3783.0, ninth_decile_acts=6906.0)
AGES = st.integers(25, 75)


@st.composite
def professionals(draw: st.DrawFn, codes: Sequence[str]) -> list[naive.Place]:
    """Persons with one or two places each."""
    at = st.tuples(st.sampled_from(codes), st.integers(0, 9_000))
    some = st.lists(at, min_size=1, max_size=2, unique_by=lambda place: place[0])
    people = draw(st.lists(st.tuples(AGES, some, st.booleans()), max_size=8))
    return [
        naive.Place(f"p{k}", code, age, acts, 20.0 * acts, new)
        for k, (age, places, new) in enumerate(people) for code, acts in places
    ]  # fmt: skip


def table(places: Sequence[naive.Place]) -> pa.Table:
    types = {"identifiant": pa.string(), "code_commune": pa.string(), "age": pa.int64(),
             "actes": pa.float64(), "honoraires": pa.float64(),
             "installe_dans_l_annee": pa.bool_()}  # fmt: skip
    rows = {name: [getattr(place, name) for place in places] for name in types}
    return checked(pa.table({n: pa.array(rows[n], kind) for n, kind in types.items()}),
                   "professionnels")  # fmt: skip


@given(st.data(), scenes(size=(2, 6)))
@settings(max_examples=25, deadline=None)
def test_a_departure_is_the_country_of_those_who_stay(data: st.DataObject, scene: Scene) -> None:
    codes = scene.country.codes
    places = data.draw(professionals(codes))
    place = scene.situation()
    land = place.pairs.land
    who = staff(table(places), land, LAW, GIVEN)
    place = replace(place, supply=supply(table(places), land, LAW, GIVEN).etp)
    ages = data.draw(st.lists(AGES, min_size=1, max_size=3, unique=True))
    found = retirement(place, LAW, who, ages)
    assert [one.age for one in found.departures] == sorted(ages, reverse=True)
    for one in found.departures:
        stay = [p for p in places if p.age <= one.age]
        fte = naive.supply(stay, median=3783, ninth_decile=6906)
        apl_ = naive.two_steps(scene.country.times, fte, scene.country.population)
        means = naive.zone_means(apl_, scene.country.population, scene.unit)
        rows = {row["code_bvcv"]: row for row in one.bvcv.to_pylist()}
        for unit, value in means.items():
            wanted = float(naive.PER_INHABITANTS * value)
            assert rows[unit]["apl_apres"] == pytest.approx(wanted, rel=1e-12, abs=0)
        left = naive.supply(places, median=3783, ninth_decile=6906)
        lost = sum(left.values(), Fraction(0)) - sum(fte.values(), Fraction(0))
        assert one.etp == pytest.approx(float(lost), rel=1e-12, abs=1e-12)


@given(st.data(), scenes(size=(2, 6)))
@settings(max_examples=15, deadline=None)
def test_classes_are_those_of_a_simulation(data: st.DataObject, scene: Scene) -> None:
    """`apl simulate` with the same FTE removed: the same classes, by cuts held and refreshed."""
    places = data.draw(professionals(scene.country.codes))
    place = scene.situation()
    land = place.pairs.land
    who = staff(table(places), land, LAW, GIVEN)
    place = replace(place, supply=supply(table(places), land, LAW, GIVEN).etp)
    one = retirement(place, LAW, who, [50]).departures[0]
    stays = np.zeros(len(land))
    np.add.at(stays, who.at, np.where(who.age <= 50, who.etp, 0.0))
    gone = dict(zip(land.codes.to_pylist(), (stays - place.supply).tolist(), strict=True))
    fewer = {code: max(fte, -place.supply[k]) for k, (code, fte) in enumerate(gone.items())
             if abs(fte) > 1e-9}  # fmt: skip
    for hold, moves, column in ((True, one.held, "zone_tenue"),
                                (False, one.refreshed, "zone_refaite")):  # fmt: skip
        done = simulate(place, LAW, fewer, hold_cuts=hold)
        close = np.allclose(done.after.ranking.bvcv["apl"].to_numpy(),
                            one.bvcv["apl_apres"].to_numpy(), rtol=1e-12, atol=1e-9)  # fmt: skip
        assert close
        zones = done.after.ranking.bvcv["zone"].to_pylist()
        was = one.bvcv["zone_avant"].to_pylist()
        if zones == one.bvcv[column].to_pylist():  # an APL that ties may fall by a rounding
            assert moves.bvcv == sum(a != b for a, b in zip(was, zones, strict=True))
        persons = sum(cell["population"] for cell in moves.matrix)
        assert persons == sum(scene.persons().values())


@given(st.data(), scenes(size=(2, 6)))
@settings(max_examples=25, deadline=None)
def test_who_stays_is_the_supply_bit_for_bit(data: st.DataObject, scene: Scene) -> None:
    places = data.draw(professionals(scene.country.codes))
    place = scene.situation()
    land = place.pairs.land
    who = staff(table(places), land, LAW, GIVEN)
    whole = supply(table(places), land, LAW, GIVEN).etp
    assert exact_sums(who.at, who.etp, len(land)).tobytes() == whole.tobytes()
    place = replace(place, supply=whole)
    found = retirement(place, LAW, who, [30, 50, 200])
    nobody = found.departures[0]
    assert (nobody.persons, nobody.etp, nobody.mean) == (0, 0.0, found.mean)
    assert nobody.bvcv["apl_apres"].equals(nobody.bvcv["apl_avant"])
    assert nobody.held.bvcv == nobody.refreshed.bvcv == 0
    again = retirement(place, LAW, who, [200, 30, 50, 30], threads=2)
    for one, other in zip(found.departures, again.departures, strict=True):
        assert one.bvcv.equals(other.bvcv)
        assert one.etp == other.etp
    lost = [one.etp for one in found.departures]
    assert lost == sorted(lost)


SUPPLIED = """
[supply]
mediane_actes = 3783
neuvieme_decile_actes = 6906
[law.supply]
oldest_age = 75
least_fees = 10000
newcomer_fte = "1"
order = ["age", "installed", "floor"]
floor = "fees"
field = "retained_established"
quantile = "type_2"
places = "by_acts"
[law.decay]
bands = [{ until = 20, includes_until = true, weight = "1" }]
"""


def test_another_profession_whose_text_cuts_at_levels(tmp_path: Path) -> None:
    """Doctors, of whom the caller supplies what no source states: up to 75 years, one band."""
    (tmp_path / "ours.toml").write_text(SUPPLIED, encoding="utf-8")
    given_ = apl.read_parameters(tmp_path / "ours.toml")
    doctors = apl.rules("medecin_generaliste", on=date(2018, 1, 1))
    source, out = written(tmp_path / "in"), tmp_path / "out"
    apl.run(source, doctors, out=out, parameters=given_)
    run = open_run(out, source)
    found = retirement(run.place, run.rules, staff_of(run), [65, 60])
    assert [one.persons for one in found.departures] == [1, 1], "the one of 67 years"
    for one in found.departures:
        assert one.held == one.refreshed, "a level is a level"
        assert one.mean is not None
        assert found.mean is not None
        assert one.mean < found.mean


# --- the command --------------------------------------------------------------------------------


def said(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, ["retirement", *map(str, arguments)])


def test_the_worked_example_without_those_over_45(tmp_path: Path) -> None:
    """A loses the one of 50 years, 2302/1261 FTE; the one of 67 counted for nothing before."""
    source, out, _ = run_of(tmp_path)
    asked = [out, "--input", source, "--ages", "45,65", "--confidential"]
    done = said(*asked, "--out", tmp_path / "left", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["age"] for one in told["departures"]] == [65, 45]
    nobody, some = told["departures"]
    assert (nobody["persons"], nobody["etp"], nobody["mean"]) == (0, 0.0, told["mean"])
    assert (told["persons"], some["persons"]) == (3, 1)
    assert some["etp"] == pytest.approx(float(Fraction(2302, 1261)), rel=1e-12)
    # FTE per standardised inhabitant, all of whom are reached
    assert some["mean"] == pytest.approx(2 / 6_000 * 100_000, rel=1e-12)
    areas = read_table(tmp_path / "left" / "retraites.parquet", "retraites")
    assert areas.num_rows == 4
    assert set(areas["age"].to_pylist()) == {45, 65}
    assert not verify(tmp_path / "left").faults
    text = said(*asked, "--out", tmp_path / "left", "--overwrite").stdout
    assert "CONFIDENTIAL" in text
    assert json.loads((tmp_path / "left" / MANIFEST).read_text())["confidential"] is True
    assert "held: those of the run" in text


def test_the_fte_of_one_person_are_not_told(tmp_path: Path) -> None:
    """Nor the mean APL, from which they follow."""
    source, out, _ = run_of(tmp_path)
    asked = [out, "--input", source, "--ages", "45,65"]
    nobody, some = json.loads(said(*asked, "--json").stdout)["departures"]
    assert (nobody["etp"], nobody["part"]) == (0.0, 0.0)
    assert (some["persons"], some["etp"], some["mean"], some["part"]) == (1, None, None, None)
    assert "of fewer than 3 persons" in said(*asked).stdout


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        ([0, 3, 9], [True, True, True]),
        ([1, 3, 9], [False, True, True]),
        ([1, 2, 9], [False, False, True]),
        ([3, 5, 6], [True, False, True]),  # 6 beside 3, since 5 is not shown
        ([3, 18, 20], [True, False, True]),  # two who stay; all leave
        ([0, 0, 19], [True, True, False]),
    ],
)
def test_what_is_shown_is_never_the_difference_of_one_or_two(
    left: list[int], shown: list[bool]
) -> None:
    none = Moves(0, 0, [])
    departures = tuple(
        Departure(60, count, 1.0, None, 0, none, none, pa.table({})) for count in left
    )
    assert several_persons(Retirement(20, 20.0, None, departures)) == shown


def test_fte_have_no_age(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name, words in SOUND.items():
        (source / f"{name}.csv").write_text(words)
    apl.run(source, LAW, out=tmp_path / "out")
    refused = said(tmp_path / "out", "--input", source)
    assert isinstance(refused.exception, FileError)
    assert "FTE (offre), which have no age" in str(refused.exception)


@pytest.mark.parametrize("ages", ["", "old", "60,-1", "60.5", "60,151", "9" * 30])
def test_ages_that_are_none(tmp_path: Path, ages: str) -> None:
    done = said(tmp_path, "--ages", ages)
    assert done.exit_code == 2
    assert "--ages" in done.stderr


def test_the_given_table_of_a_run_in_python(tmp_path: Path) -> None:
    """Persons whose age is the one asked for stay."""
    source, out, run = run_of(tmp_path)
    opened = open_run(out, source)
    found = retirement(opened.place, opened.rules, staff_of(opened), [50])
    assert found.departures[0].persons == 0
    assert found.etp == pc.sum(run.communes["etp"]).as_py()
