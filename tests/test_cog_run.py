"""``--cog``: a run, a check and a zoning in the communes of another year than their tables'."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from histories import HISTORY, TOLD

import apl
from apl.__main__ import cli
from apl.outputs import write_file

RULES = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
OLD = ["01004", "01005", "01006", "01009"]  # 2023 has the last two


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    tables = {
        "communes": {"code_commune": OLD, "code_departement": ["01"] * 4, "code_region": ["84"] * 4,
                     "population": [10, 20, 30, 40], "code_bvcv": ["01006"] * 3 + ["01009"]},
        "temps_de_parcours": {"origine": OLD * 2, "destination": [*OLD, *OLD[::-1]],
                              "minutes": [0.0] * 4 + [12.0, 5.0, 5.0, 12.0]},
        "population_standardisee": {"code_commune": OLD,
                                    "population_standardisee": [10.0, 20.0, 30.0, 40.0]},
        "offre": {"code_commune": ["01004", "01006"], "etp": [0.5, 1.0]},
    }  # fmt: skip
    for name, columns in tables.items():
        write_file(pa.table(columns), path / f"{name}.csv")
    write_file(TOLD, tmp_path / "mouvements.csv")
    return path


def asked(folder: Path, year: int = 2023) -> list[str]:
    return ["--cog", str(year), "--movements", str(folder.parent / "mouvements.csv")]


def test_a_run_in_the_communes_of_a_later_year(folder: Path) -> None:
    out = folder.parent / "out"
    done = invoke("run", str(folder), *RULES, *asked(folder), "--self-pair", "0", "--format", "csv",
                  "--out", str(out), "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = apl.read_table(out / "apl_communes.csv", "apl_communes").to_pylist()
    assert [(r["code_commune"], r["population"], r["etp"]) for r in rows] == [
        ("01006", 60, 1.5), ("01009", 40, 0.0)]  # fmt: skip
    manifest = json.loads((out / "manifeste.json").read_text(encoding="utf-8"))
    assert manifest["options"]["cog"] == "2023-01-01"
    names = {one["table"]: one.get("file") for one in manifest["inputs"]}
    assert names["mouvements"] == "mouvements.csv"
    said = {note["text"] for note in manifest["noticed"] if note["fault"] == "APL-S07"}
    assert any(text.startswith("offre brought from the communes of 2022-01-01") for text in said)
    assert any("temps_de_parcours: " in text and "set aside" in text for text in said)


def test_a_run_of_the_year_that_stands_is_the_run_without(folder: Path) -> None:
    for name, more in (("a", []), ("b", asked(folder, 2022))):
        done = invoke("run", str(folder), *RULES, *more, "--self-pair", "0", "--format", "csv",
                      "--out", str(folder.parent / name))  # fmt: skip
        assert done.exit_code == 0, done.output
    for table in ("apl_communes.csv", "bvcv.csv", "parts_regionales.csv"):
        one, other = ((folder.parent / name / table).read_bytes() for name in "ab")
        assert one == other


def test_check_and_zone_take_the_year_too(folder: Path) -> None:
    done = invoke("check", str(folder), *asked(folder), "--self-pair", "0", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["tables"]["communes"] == 2
    score = folder.parent / "apl.csv"
    write_file(pa.table({"code_commune": OLD, "apl": [1.0, 2.0, 3.0, 9.0],
                         "population_standardisee": [10.0, 20.0, 30.0, 40.0]}), score)  # fmt: skip
    out = folder.parent / "zoned"
    done = invoke("zone", str(score), str(folder / "communes.csv"), *RULES, *asked(folder),
                  "--format", "csv", "--out", str(out))  # fmt: skip
    assert done.exit_code == 0, done.output
    units = apl.read_table(out / "bvcv.csv", "bvcv").to_pylist()
    assert {u["code_bvcv"]: round(u["apl"], 9) for u in units} == {
        "01006": round(14 / 6, 9), "01009": 9.0}  # fmt: skip
    assert "brought from" in (out / "manifeste.json").read_text(encoding="utf-8")


def test_a_run_in_other_communes_is_opened_with_the_movements(folder: Path) -> None:
    out, told = folder.parent / "out", folder.parent / "mouvements.csv"
    invoke("run", str(folder), *RULES, *asked(folder), "--self-pair", "0", "--out", str(out))
    opened = ["--input", str(folder), "--json"]
    why = invoke(
        "explain", str(out), "01006", "--key", "commune", *opened, "--movements", str(told)
    )
    assert why.exit_code == 0, why.output
    assert json.loads(why.stdout.splitlines()[-1])["population"] == 60
    more = invoke("simulate", str(out), "--add", "01009=1", *opened, "--movements", str(told))
    assert more.exit_code == 0, more.output
    drawn = invoke("uncertainty", str(out), "--heads", "0.5", "--noise-minutes", "0.1", "--draws",
                   "3", *opened, "--movements", str(told))  # fmt: skip
    assert drawn.exit_code == 0, drawn.output
    assert json.loads(drawn.stdout.splitlines()[-1])["persons"] == 3
    readings = invoke("sensitivity", str(out), *opened, "--movements", str(told))
    assert readings.exit_code == 0, readings.output
    places = folder.parent / "places.csv"
    places.write_text("code_commune,longitude,latitude\n01006,5,46\n01009,5.2,46.1\n")
    if all(importlib.util.find_spec(name) for name in ("jinja2", "shapely")):
        pages = invoke("report", str(out), *opened, "--movements", str(told),
                       "--coordinates", str(places), "--out", str(folder.parent / "p"))  # fmt: skip
        assert pages.exit_code == 0, pages.output
    lacking = invoke("explain", str(out), "01006", *opened)
    error: Any = lacking.exception
    assert (error.exit_code, error.faults[0].fault) == (2, "APL-U05")
    assert "--movements" in error.faults[0].mend
    other = folder.parent / "others.csv"
    other.write_bytes(told.read_bytes() + b"\n")
    changed: Any = invoke(
        "explain", str(out), "01006", *opened, "--movements", str(other)
    ).exception
    assert [(one.fault, one.values) for one in changed.faults] == [
        ("APL-I12", ("mouvements.csv",))]  # fmt: skip


def test_movements_that_a_run_was_not_given_are_not_taken_in_silence(folder: Path) -> None:
    out = folder.parent / "out"
    invoke("run", str(folder), *RULES, "--self-pair", "0", "--out", str(out))
    opened = ["explain", str(out), "01006", "--key", "commune", "--input", str(folder)]
    assert invoke(*opened).exit_code == 0
    for option in ("--movements", "--passage"):
        error: Any = invoke(*opened, option, str(folder / "nowhere.csv")).exception
        assert (error.exit_code, error.faults[0].fault) == (2, "APL-U05")
        assert error.faults[0].mend == f"leave {option}"


def test_a_split_is_refused_and_nothing_is_written(folder: Path) -> None:
    write_file(pa.table({"code_commune": ["01001", "01006"], "etp": [1.0, 1.0]}),
               folder / "offre.csv", overwrite=True)  # fmt: skip
    out = folder.parent / "out"
    done = invoke("run", str(folder), *RULES, *asked(folder, 2024), "--out", str(out))
    error: Any = done.exception
    assert [(fault.fault, fault.values) for fault in error.faults] == [
        ("APL-C06", ("01001 → 01002",))]  # fmt: skip
    assert not out.exists()


@pytest.mark.parametrize(
    "more", [["--cog", "2023"], ["--movements", "m.csv"], ["--passage", "p.csv"]]
)
def test_the_options_go_together(folder: Path, more: list[str]) -> None:
    done = invoke("run", str(folder), *RULES, *more, "--out", str(folder.parent / "out"))
    assert done.exit_code == 2
    assert "--cog and --movements go together" in done.output


def test_the_embedded_country_has_one_geography(folder: Path) -> None:
    done = invoke("run", *RULES, *asked(folder), "--out", str(folder.parent / "out"))
    assert done.exit_code == 2


def test_apl_c07_over_the_tables_of_a_folder(folder: Path) -> None:
    write_file(pa.table({"code_commune": [*OLD, "75056"], "code_departement": ["01"] * 4 + ["75"],
                         "code_region": ["84"] * 4 + ["11"], "population": [10] * 5,
                         "code_bvcv": ["01006"] * 4 + ["75056"]}),
               folder / "communes.csv", overwrite=True)  # fmt: skip
    write_file(
        pa.table({"code_commune": ["75101"], "etp": [1.0]}), folder / "offre.csv", overwrite=True
    )
    done = invoke("check", str(folder), "--self-pair", "0")
    assert done.exit_code != 0
    error: Any = done.exception
    assert "APL-C07" in {fault.fault for fault in error.faults}


def test_apl_c14_populations_of_another_year_name_both_lists(folder: Path) -> None:
    write_file(pa.table({"code_commune": ["01006", "01009", "01010"],
                         "population_standardisee": [1.0, 2.0, 3.0]}),
               folder / "population_standardisee.csv", overwrite=True)  # fmt: skip
    done = invoke("check", str(folder), "--self-pair", "0")
    error: Any = done.exception
    (fault,) = [one for one in error.faults if one.fault == "APL-C14"]
    assert fault.why == ("only in population_standardisee: 01010; only in communes: 01004, 01005")


def test_the_library_converts_and_a_run_says_so(folder: Path) -> None:
    def named(name: str) -> pa.Table:
        return apl.read_table(folder / f"{name}.csv", name)

    cog = apl.Cog(date(2023, 1, 1), HISTORY)
    communes = cog.bring(named("communes"), "communes")
    tables = {"communes": communes} | {
        name: cog.bring(named(name), name, communes)
        for name in ("temps_de_parcours", "population_standardisee", "offre")
    }
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    done = apl.run(tables, law, self_pair="0")
    assert [note.fault for note in done.noticed].count("APL-S07") == 5
