"""What a change comes from: all orders one by one in fractions, mergers, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path
from typing import Any

import naive
import naive_simulate
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from histories import TOLD
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import INHABITANTS, LAW, REGIONS, Scene, scenes
from strategies import minutes

import apl
from apl.__main__ import cli
from apl.equity.change import COLUMNS, Change, Year, change
from apl.equity.effects import AGREE, FACTORS, effects, order_of
from apl.equity.years import refuse_other_law, year_of
from apl.outputs import write_file
from apl.scenarios.opened import open_run
from apl.verify import verify
from apl_core import RuleError, TableError
from apl_core.tables import read_table

FTE = st.integers(0, 400).map(lambda k: k / 2)
ALL = list(permutations(FACTORS))


@dataclass(frozen=True)
class Pair:
    """The same communes in two years."""

    before: Scene
    after: Scene


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Anything of the second year may differ: FTE, inhabitants, times, BVCV."""
    before = draw(scenes(size=(2, 6)))
    codes = before.country.codes

    def of(some: st.SearchStrategy[Any]) -> dict[str, Any]:
        return {code: draw(some) for code in codes}

    times = {(i, j): 0.0 if i == j else draw(minutes["bounds"])
             for i, j in before.country.times if i == j or draw(st.booleans())}  # fmt: skip
    country = replace(before.country, times=times, population=of(INHABITANTS), supply=of(FTE))
    unit = of(st.sampled_from(codes))
    region = {head: draw(st.sampled_from(REGIONS)) for head in sorted(set(unit.values()))}
    return Pair(before, Scene(country, unit, region))


# --- the oracle ---------------------------------------------------------------------------------

State = Mapping[str, Scene]  # whose factor it is
Value = Callable[[State], Fraction | None]


def of_unit(state: State, name: str) -> Fraction | None:
    """The mean of a BVCV in a state; None where there is none."""
    return naive_simulate.means(
        state["times"].country.times, state["supply"].country.supply,
        state["demand"].country.population, state["geography"].unit,
    ).get(name)  # fmt: skip


def of_commune(state: State, code: str) -> Fraction:
    return naive.PER_INHABITANTS * naive.two_steps(
        state["times"].country.times, state["supply"].country.supply,
        state["demand"].country.population,
    ).get(code, Fraction(0))  # fmt: skip


def along(pair: Pair, value: Value, order: Sequence[str]) -> dict[str, Fraction] | None:
    """One factor after the other."""
    state = dict.fromkeys(FACTORS, pair.before)
    found, last = {}, value(state)
    for name in order:
        state[name] = pair.after
        now = value(state)
        if now is None or last is None:
            return None
        found[name], last = now - last, now
    return found


def shapley(pair: Pair, value: Value) -> dict[str, Fraction] | None:
    """The mean over all 24 orders, one by one."""
    known: dict[tuple[bool, ...], Fraction | None] = {}

    def once(state: State) -> Fraction | None:
        key = tuple(state[name] is pair.after for name in FACTORS)
        if key not in known:
            known[key] = value(state)
        return known[key]

    every = [along(pair, once, order) for order in ALL]
    some = [one for one in every if one is not None]
    if len(some) < len(every):
        return None
    return {name: sum((one[name] for one in some), Fraction(0)) / len(ALL) for name in FACTORS}


def found_of(pair: Pair, order: Sequence[str] | None = None) -> Change:
    return change(Year(pair.before.situation()), Year(pair.after.situation()), LAW, order=order)


@given(pairs(), st.sampled_from([None, *ALL]))
@settings(max_examples=25, deadline=None)
def test_every_effect_is_that_of_the_orders_one_by_one(
    pair: Pair, order: tuple[str, ...] | None
) -> None:
    found = found_of(pair, order)
    rows = {row["code_bvcv"]: row for row in found.bvcv.to_pylist()}
    units = {*pair.before.unit.values(), *pair.after.unit.values()}
    for name in sorted(units):

        def value(state: State, name: str = name) -> Fraction | None:
            return of_unit(state, name)

        wanted = shapley(pair, value) if order is None else along(pair, value, order)
        every = shapley(pair, value)  # a state that any order passes has no mean
        if every is None:
            assert name in (*found.before_only, *found.after_only, *found.undefined)
            continue
        assert wanted is not None
        agree(rows[name], wanted)
    for row in found.communes.to_pylist():

        def single(state: State, code: str = row["code_commune"]) -> Fraction:
            return of_commune(state, code)

        wanted = shapley(pair, single) if order is None else along(pair, single, order)
        assert wanted is not None
        agree(row, wanted)
        assert row["effet_geographie"] == 0


def agree(row: Mapping[str, Any], wanted: Mapping[str, Fraction]) -> None:
    """Within the bit rule, of values that states may make larger than both ends."""
    large = max(abs(row["apl_avant"]), abs(row["apl_apres"]),
                *(abs(float(v)) for v in wanted.values()))  # fmt: skip
    for column, name in zip(COLUMNS, FACTORS, strict=True):
        assert abs(row[column] - float(wanted[name])) <= 10 * AGREE * large
    total = sum(row[column] for column in COLUMNS)
    assert abs(total - row["changement"]) <= AGREE * large


@given(pairs())
@settings(max_examples=25, deadline=None)
def test_two_years_the_other_way_round_are_the_opposite(pair: Pair) -> None:
    """Shapley's effects have no direction; those in an order come back in the reverse order."""
    there, back = found_of(pair).bvcv, found_of(Pair(pair.after, pair.before)).bvcv
    assert there["code_bvcv"].equals(back["code_bvcv"])
    for name in COLUMNS:
        scale = 1 + max((abs(v) for v in there["apl_avant"].to_pylist()), default=0)
        assert np.allclose(there[name], -back[name].to_numpy(), rtol=1e-9, atol=1e-9 * scale)


@given(scenes(), st.sampled_from([None, *ALL]))
@settings(max_examples=15, deadline=None)
def test_nothing_changed_is_nothing(scene: Scene, order: tuple[str, ...] | None) -> None:
    found = found_of(Pair(scene, scene), order)
    for column in ("changement", *COLUMNS):
        assert not any(found.bvcv[column].to_pylist())
    assert found.national is not None
    assert found.national.change == 0
    assert found.before_only + found.after_only + found.undefined == ()


@given(scenes(), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_one_factor_alone_is_the_whole_change(scene: Scene, times: float) -> None:
    more = {code: fte * times for code, fte in scene.country.supply.items()}
    after = replace(scene, country=replace(scene.country, supply=more))
    found = found_of(Pair(scene, after))
    assert found.national is not None
    assert found.national.parts["supply"] == pytest.approx(found.national.change, rel=1e-12)
    assert found.national.parts["demand"] == found.national.parts["times"] == 0


def test_the_ends_are_the_bits_of_the_runs(tmp_path: Path) -> None:
    first, last = runs(tmp_path)
    opened = [open_run(out, source) for out, source in (first, last)]
    years = [year_of(one) for one in opened]
    found = change(years[0], years[1], LAW)
    for column, one in zip(("apl_avant", "apl_apres"), opened, strict=True):
        assert found.communes[column].to_pylist() == one.place.communes["apl"].to_pylist()
    of = [read_table(out / "bvcv.parquet", "bvcv") for out, _ in (first, last)]
    for column, areas in zip(("apl_avant", "apl_apres"), of, strict=True):
        values = dict(zip(areas["code_bvcv"].to_pylist(), areas["apl"].to_pylist(), strict=True))
        assert found.bvcv[column].to_pylist() == [
            values[c] for c in found.bvcv["code_bvcv"].to_pylist()]  # fmt: skip
    two = change(years[0], years[1], LAW, threads=2)
    assert found.bvcv.equals(two.bvcv)


def test_effects_of_an_order_that_is_none() -> None:
    for names in (["supply"], ["supply", "demand", "times", "times"], [*FACTORS, "weather"]):
        with pytest.raises(ValueError, match="each once"):
            order_of(names)
    assert effects(np.zeros((16, 0))).shape == (4, 0)


# --- years of different communes ----------------------------------------------------------------

OLD = ["01004", "01005", "01006", "01009"]  # 2023 has the last two
RULES = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]


def said(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def written(folder: Path, codes: Sequence[str], etp: float, people: Sequence[int]) -> Path:
    """An input folder of these communes, all 12 minutes apart, in a BVCV of most and one of one."""
    folder.mkdir()
    n = len(codes)
    both = list(product(codes, codes))
    tables: dict[str, dict[str, Any]] = {
        "communes": {"code_commune": codes, "code_departement": ["01"] * n,
                     "code_region": ["84"] * n, "population": people,
                     "code_bvcv": [*["01006"] * (n - 1), "01009"]},
        "temps_de_parcours": {"origine": [i for i, _ in both], "destination": [j for _, j in both],
                              "minutes": [12.0 * (i != j) for i, j in both]},
        "population_standardisee": {"code_commune": codes,
                                    "population_standardisee": [float(p) for p in people]},
        "offre": {"code_commune": ["01006"], "etp": [etp]},
    }  # fmt: skip
    for name, columns in tables.items():
        write_file(pa.table(columns), folder / f"{name}.csv")
    return folder


def runs(folder: Path, *, merged: bool = False) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    """Two runs and their inputs; the second, of fewer communes, where ``merged``."""
    first = written(folder / "in1", OLD, 1.5, [10, 20, 30, 40])
    codes, people = (OLD[2:], [66, 44]) if merged else (OLD, [11, 22, 33, 44])
    last = written(folder / "in2", codes, 2.0, people)
    write_file(TOLD, folder / "mouvements.csv")
    done = [(folder / f"out{k}", source) for k, source in ((1, first), (2, last))]
    for out, source in done:
        apl.run(source, LAW, out=out)
    return done[0], done[1]


def test_other_communes_are_refused_until_they_are_brought_together(tmp_path: Path) -> None:
    first, last = runs(tmp_path, merged=True)
    asked = ["change", first[0], last[0], "--input-before", first[1], "--input-after", last[1]]
    refused = said(*asked)
    assert isinstance(refused.exception, TableError)
    assert refused.exception.faults[0].fault == "APL-C14"
    assert "--cog with --movements" in refused.exception.faults[0].mend
    done = said(*asked, "--cog", 2023, "--movements", tmp_path / "mouvements.csv", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {row["code_bvcv"] for row in told["bvcv"]} == {"01006", "01009"}
    for row in [told["national"], *told["regions"].values()]:
        assert row["change"] == pytest.approx(sum(row[name] for name in FACTORS), abs=1e-9)
    # the mean is FTE over inhabitants, whoever merged: 1.5 / 100 and 2 / 110
    assert told["national"]["before"] == pytest.approx(1_500, rel=1e-12)
    assert told["national"]["after"] == pytest.approx(200_000 / 110, rel=1e-12)


def test_a_merger_alone_is_geography(tmp_path: Path) -> None:
    """The same persons and FTE, two communes gone: what moved is what bringing them moved."""
    first, _ = runs(tmp_path)
    last = written(tmp_path / "in3", OLD[2:], 1.5, [60, 40])
    apl.run(last, LAW, out=tmp_path / "out3")
    done = said("change", first[0], tmp_path / "out3", "--input-before", first[1],
                "--input-after", last, "--cog", 2023, "--movements", tmp_path / "mouvements.csv",
                "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    for row in json.loads(done.stdout)["bvcv"]:
        assert row["effet_offre"] == row["effet_demande"] == row["effet_temps"] == 0
        assert row["effet_geographie"] == pytest.approx(row["changement"], rel=1e-12)
        assert row["changement"] != 0


def test_runs_that_brought_their_tables_themselves(tmp_path: Path) -> None:
    """Both runs with --cog: on the same communes, where a merger moves nothing."""
    runs(tmp_path)
    told = ["--movements", tmp_path / "mouvements.csv"]
    for k in (1, 2):
        done = said("run", tmp_path / f"in{k}", *RULES, "--cog", 2023, *told,
                    "--out", tmp_path / f"brought{k}")  # fmt: skip
        assert done.exit_code == 0, done.output
    asked = ["change", tmp_path / "brought1", tmp_path / "brought2", "--json",
             "--input-before", tmp_path / "in1", "--input-after", tmp_path / "in2"]  # fmt: skip
    assert said(*asked).exception is not None
    done = said(*asked, *told)
    assert done.exit_code == 0, done.output
    assert [row["effet_geographie"] for row in json.loads(done.stdout)["bvcv"]] == [0, 0]


def test_other_rules_are_refused() -> None:
    other = apl.rules("infirmier", on=LAW.since)
    with pytest.raises(RuleError, match="two runs under different rules"):
        refuse_other_law(LAW, other)
    refuse_other_law(LAW, replace(LAW, nor="another"))


# --- the command --------------------------------------------------------------------------------


def test_what_is_told_and_written(tmp_path: Path) -> None:
    first, last = runs(tmp_path)
    asked = ["change", first[0], last[0], "--input-before", first[1], "--input-after", last[1]]
    done = said(*asked, "--out", tmp_path / "change", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["order"] is None
    assert told["national"]["times"] == 0
    areas = read_table(tmp_path / "change" / "changements.parquet", "changements")
    assert areas.to_pylist() == told["bvcv"]
    assert read_table(tmp_path / "change" / "changements_communes.parquet",
                      "changements_communes").num_rows == 4  # fmt: skip
    assert not verify(tmp_path / "change").faults
    ordered = said(*asked, "--order", "times,supply,demand,geography")
    assert "in this order: times, then supply" in " ".join(ordered.stdout.split())
    assert "BVCV, those that changed most" in ordered.stdout
    assert said(*asked, "--order", "supply,demand").exit_code == 2
    assert said(*asked, "--cog", "2023").exit_code == 2


def test_what_either_run_was_given_is_told(tmp_path: Path) -> None:
    first, last = runs(tmp_path)
    given = apl.Parameters(readings={"zoning.astride": "include"})
    apl.run(first[1], LAW, out=tmp_path / "given", parameters=given)
    done = said("change", tmp_path / "given", last[0], "--input-before", first[1],
                "--input-after", last[1])  # fmt: skip
    assert "supplied by the caller, not law: zoning.astride" in done.stdout
