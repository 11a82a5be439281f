"""Each other reading gives the bits of a whole run under it; what cannot be asked says why."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from scenes import LAW
from test_worked_example import PARAMETERS, law, written

import apl
import apl.country
from apl.commands.sensitivity import sensitivity as command
from apl.doubted import sensitivity as room
from apl.doubted.readings import ROUNDED, Reading
from apl.law_schema import known_choices
from apl.parameters import LARGEST
from apl.scenarios.situation import outcome
from apl_core import AplError, RuleError
from apl_core.tables import read_table

HOURS = ("HC", "HP")
OVERSEAS = ("01", "02")
DRAWN = apl.country.country


@cache
def island() -> dict[str, pa.Table]:
    """Two regions of the embedded country, as `apl.country.country` gives the whole."""
    whole = DRAWN()
    of_region = pc.is_in(whole["geographie"]["code_region"], pa.array(OVERSEAS))
    places = whole["geographie"].filter(of_region)
    codes = places["code_commune"].combine_chunks()
    found = {"geographie": places, "consommation_par_age": whole["consommation_par_age"]}
    for name in ("population_municipale", "population_par_age", "professionnels"):
        column = whole[name]["code_commune"].cast(pa.string())
        found[name] = whole[name].filter(pc.is_in(column, codes))
    times = whole["temps_de_parcours"]
    for end in ("origine", "destination"):
        times = times.filter(pc.is_in(times[end].cast(pa.string()), codes))
    return {**found, "temps_de_parcours": times}


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded country is two regions of itself."""
    monkeypatch.setattr(apl.country, "country", lambda: dict(island()))
    room._drawn.cache_clear()


def with_hours() -> dict[str, Any]:
    """The same tables in memory: off-peak and peak minutes, some beyond the last band."""
    tables = apl.inputs.embedded(LAW)
    times = tables["temps_de_parcours"]
    minutes = pc.multiply(times["minutes"].cast(pa.float64()), 1.2)
    ends = {name: times[name].cast(pa.string()) for name in ("origine", "destination")}
    peak = pc.multiply(minutes, 1.15)
    return {**tables, "temps_de_parcours": pa.table({**ends, "HC": minutes, "HP": peak})}


def whole_run(source: Any, asked: Reading, scene: room.Scene) -> apl.Run:
    """`apl.run`, told the other reading as a user would tell it."""
    given = apl.Parameters(readings=asked.readings, law=asked.law)
    how: dict[str, Any] = {"self_pair": scene.self_pair, "time": asked.time or scene.time}
    if asked.uncapped:
        assert scene.how is not None
        given = apl.Parameters(median_acts=scene.how.median, ninth_decile_acts=LARGEST)
    if asked.rounding or asked.self_pair:
        tables = dict(apl.inputs.embedded(LAW) if source is None else source)
        times, name = tables["temps_de_parcours"], scene.time or "minutes"
        ends = [times[end].cast(pa.string()) for end in ("origine", "destination")]
        minutes = times[name].to_numpy()
        if asked.rounding:
            minutes = ROUNDED[asked.rounding](minutes)
        changed = pa.table({"origine": ends[0], "destination": ends[1], "minutes": minutes})
        if asked.self_pair:
            changed = changed.filter(pc.not_equal(*ends))
            how["self_pair"] = asked.self_pair
        source, how["time"] = {**tables, "temps_de_parcours": changed}, None
    return apl.run(source, LAW, parameters=given, **how)


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("kind", ["embedded", "hours"])
def test_a_reading_gives_the_bits_of_a_whole_run_under_it(kind: str) -> None:
    source = None if kind == "embedded" else with_hours()
    scene = room.opened(source, LAW, time=None if source is None else "HC")
    held = []
    for asked in room.asked_of(scene):
        if asked.without:
            continue
        try:
            expected = whole_run(source, asked, scene)
        except AplError:
            assert asked.subject in ("supply.floor", "self pair"), asked
            continue
        found = room.answer(scene, asked)
        assert found.communes.equals(expected.communes), asked
        assert found.ranking.bvcv.equals(expected.bvcv), asked
        assert found.ranking.cuts == expected.ranking.cuts
        held.append(asked.subject)
    subjects = {"minutes", "self pair", "supply cap", "aggregation.weight", "demand.sex"}
    assert subjects <= set(held)
    assert len([name for name in held if name.startswith("decay")]) == (8 if source is None else 9)
    assert ("peak or off-peak" in held) == (source is not None)
    assert ("territory.canton_without_number" in held) == (source is None)


@pytest.mark.usefixtures("embedded")
def test_every_choice_of_the_law_page_is_a_row() -> None:
    found = apl.sensitivity(None, LAW)
    asked = [(row.reading.subject, row.reading.base, row.reading.value) for row in found.rows]
    assert len(set(asked)) == len(asked) == found.table.num_rows
    for name, values in known_choices().items():
        named = {value for subject, _, value in asked if subject == name}
        assert len(named) == len(values) - 1, name
        assert named < set(values)
    without = {row.reading.subject for row in found.rows if row.effect is None}
    assert without == {"decay 20 minutes", "peak or off-peak", "supply.floor",
                       "adaptation.order", "adaptation.reference"}  # fmt: skip
    assert all(row.remark for row in found.rows if row.effect is None)


@pytest.mark.usefixtures("embedded")
def test_an_effect_is_what_changed() -> None:
    scene = room.opened(None, LAW)
    base = outcome(scene.place, LAW)
    asked = next(one for one in room.asked_of(scene) if one.value == "9")
    other = whole_run(None, asked, scene)
    effect = room.effect(base, room.answer(scene, asked), scene.place.communes, "population")
    before = dict(zip(*(base.communes[n].to_pylist() for n in ("code_commune", "apl")),
                      strict=True))  # fmt: skip
    after = dict(zip(*(other.communes[n].to_pylist() for n in ("code_commune", "apl")),
                     strict=True))  # fmt: skip
    away = {code: abs(after[code] - apl) for code, apl in before.items()}
    assert effect.communes == sum(gap > 0 for gap in away.values()) > 0
    for share, count in zip(room.BEYOND, effect.beyond, strict=True):
        assert count == sum(gap > share * before[code] for code, gap in away.items())
    assert effect.mean == pytest.approx(sum(away.values()) / len(away), rel=1e-12)
    zones = [dict(zip(*(table[n].to_pylist() for n in ("code_bvcv", "zone")), strict=True))
             for table in (base.ranking.bvcv, other.bvcv)]  # fmt: skip
    moved = {code for code in zones[0] if zones[0][code] != zones[1][code]}
    assert effect.bvcv == len(moved)
    persons = dict(zip(*(other.bvcv[n].to_pylist() for n in ("code_bvcv", "population")),
                       strict=True))  # fmt: skip
    assert effect.persons == sum(persons[code] for code in moved)
    assert effect.cuts == tuple(cut.apl for cut in other.ranking.cuts)


@pytest.mark.usefixtures("embedded")
def test_neither_the_order_of_rows_nor_threads_change_a_bit() -> None:
    tables = with_hours()
    rng = np.random.default_rng(5)
    shuffled = {n: t.take(pa.array(rng.permutation(t.num_rows))) for n, t in tables.items()}
    found = [
        apl.sensitivity(source, LAW, time="HP", threads=threads).table
        for source, threads in ((tables, 1), (shuffled, 2))
    ]
    assert found[0].equals(found[1])


def test_what_is_given_is_read_in_no_other_way() -> None:
    tables = {
        "communes": pa.table({"code_commune": ["01001", "01002"], "code_departement": ["01"] * 2,
                              "code_region": ["84"] * 2, "population": [400, 900],
                              "code_bvcv": ["01001"] * 2}),
        "temps_de_parcours": pa.table({"origine": ["01001"], "destination": ["01002"],
                                       "minutes": [12.5]}),
        "population_standardisee": pa.table({"code_commune": ["01001", "01002"],
                                             "population_standardisee": [400.0, 900.0]}),
        "offre": pa.table({"code_commune": ["01001"], "etp": [1.0]}),
    }  # fmt: skip
    found = apl.sensitivity(tables, LAW, self_pair="0")
    said = {row.reading.subject: row.remark for row in found.rows if row.effect is None}
    assert said["supply.order"] == "FTE are given (offre): no rule made them"
    assert said["demand.sex"] == "the standardised population is given: no rule made it"
    assert said["territory.canton_without_number"].startswith("the BVCV are given")
    none = next(row for row in found.rows if row.reading.value == "none everywhere")
    assert none.reading.base == "as given, else 0"
    assert none.remark == "1.0 FTE more are in reach of nobody"
    assert none.effect is not None
    assert (none.effect.communes, none.effect.beyond) == (1, (1, 1))


def test_a_density_has_no_travel_times_to_read() -> None:
    with pytest.raises(RuleError, match="density"):
        apl.sensitivity(None, apl.rules("orthophoniste", on=dataclasses.replace(LAW).since))


def said(*arguments: object) -> tuple[dict[str, Any], str]:
    """What the command tells, as JSON and as text."""
    found = []
    for more in (["--json"], ["--overwrite"]):
        done = CliRunner().invoke(command, [*map(str, arguments), *more])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        found.append(done.stdout)
    return json.loads(found[0]), found[1]


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_run_and_its_input_tell_the_same(tmp_path: Path, file_format: str) -> None:
    folder, results = written(tmp_path / "in"), tmp_path / "run"
    parameters = tmp_path / "parameters.toml"
    parameters.write_text(PARAMETERS)
    apl.run(folder, law(), parameters=apl.read_parameters(parameters), out=results)
    asked = ["--profession", LAW.profession, "--on", "2025-06-06", "--parameters", parameters]
    here, text = said(folder, *asked)
    there, _ = said(results, "--input", folder, "--out", tmp_path / "o", "--format", file_format)
    assert there.pop("out") == str(tmp_path / "o")
    assert here == there
    table = read_table(tmp_path / "o" / f"sensibilite.{file_format}", "sensibilite")
    assert table.num_rows == len(here["readings"])
    acts = next(one for one in here["readings"] if one["subject"] == "supply.floor")
    assert acts["asked"]  # its floor in acts is given
    assert "zoning.astride: exclude → include" in text
    assert "Not to be asked of this input" in text
    manifest = json.loads((tmp_path / "o" / "manifeste.json").read_text())
    assert manifest["inputs"][0]["table"] == "communes"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{run}", "--on", "2025-06-06"], "RUN has its own law"),
        (["{in}"], "--profession and --on are needed"),
        (["{in}", "--profession", "p", "--on", "2025-06-06", "--input", "{in}"], "go with RUN"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], words: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "in")
    apl.run(folder, law(), out=tmp_path / "run")
    named = [one.format_map({"run": tmp_path / "run", "in": folder}) for one in arguments]
    done = CliRunner().invoke(command, named)
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.usefixtures("embedded")
def test_a_folder_tells_what_its_tables_tell(tmp_path: Path) -> None:
    tables = with_hours()
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    there = apl.sensitivity(tmp_path, LAW, time="HC")
    assert there.table.equals(apl.sensitivity(tables, LAW, time="HC").table)
    peak = next(row for row in there.rows if row.reading.subject == "peak or off-peak")
    assert (peak.reading.base, peak.reading.value) == ("HC", "HP")
    assert peak.effect is not None
    assert peak.effect.communes > 0
