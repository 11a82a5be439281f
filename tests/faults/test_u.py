"""Families N, S, U: what a run is, and questions that are none. One test a fault."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa
import pytest
from faults.faulty import OFFRE, STANDARD, Scene

import apl
from apl.counted import WOMEN
from apl.noticed import whom
from apl.outputs import marked
from apl.regions.audit import audit
from apl_core import AplError
from apl_core.errors import UsageError

RULES = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))


def test_apl_n01_sums_in_float64(scene: Scene) -> None:
    scene.edit(OFFRE, "01001,1", "01001,1e-30").edit(OFFRE, "01004,2", "01004,1e4")
    assert "float64" in scene.noticed("APL-N01")


def test_apl_s01_embedded_country() -> None:
    made = marked(pa.table({"code_commune": ["01001"]}), "parquet")
    assert b"synthetic" in (made.schema.metadata or {})[b"apl.synthetic"]


def test_apl_s02_estimated_travel_times(scene: Scene) -> None:
    places = scene.place / "places.csv"
    places.write_text(
        "code_commune,longitude,latitude\n01001,5,46\n01002,5.05,46\n01004,5.1,46.01\n"
    )
    times = scene.table("temps_de_parcours")
    left = scene.apl("travel-times", places, "--out", times, "--overwrite", "--json")
    assert left.code == 0, left.errors
    assert "estimate" in scene.noticed("APL-S02")


def test_apl_s03_women_counted_as_the_population() -> None:
    people = pa.table({"code_commune": ["01001"], "population": [100], WOMEN: [51]})
    said = {
        one.fault: one.text for one in whom(people, apl.rules("sage_femme", on=date(2020, 6, 1)))
    }
    assert "51 of 100" in said["APL-S03"]


def test_apl_s04_density_in_place_of_an_apl() -> None:
    people = pa.table({"code_commune": ["01001"], "code_departement": ["01"], "code_region": ["84"],
                       "population": [100], "code_bvcv": ["01001"]})  # fmt: skip
    offer = pa.table({"code_commune": ["01001"], "etp": [1.0]})
    demand = pa.table({"code_commune": ["01001"], "population_standardisee": [100.0]})
    law = apl.rules("orthophoniste", on=date(2020, 6, 1))
    done = apl.run({"communes": people, "offre": offer, "population_standardisee": demand}, law)
    assert "APL-S04" in {one.fault for one in done.noticed}


def test_apl_s05_units_in_several_regions() -> None:
    law = apl.rules("medecin_generaliste", on=date(2022, 6, 1))
    people = pa.table({"code_commune": ["01001"], "population": [100]})
    said = {one.fault for one in whom(people, law)}
    assert "APL-S05" in said
    assert "APL-S05" not in {one.fault for one in whom(people, RULES)}  # attributed whole


def test_apl_s06_units_that_are_tvs() -> None:
    law = apl.rules("medecin_generaliste", on=date(2022, 6, 1))
    people = pa.table({"code_commune": ["01001"], "population": [100]})
    said = {one.fault for one in whom(people, law)}
    assert "APL-S06" in said
    assert "APL-S06" not in {one.fault for one in whom(people, RULES)}  # BVCV


def test_apl_u01_table_that_does_not_exist(scene: Scene) -> None:
    with pytest.raises(UsageError) as caught:
        apl.read_table(scene.table(OFFRE), "offres")
    assert (caught.value.fault, "offre" in caught.value.mend) == ("APL-U01", True)
    assert caught.value.exit_code == 2


def run_of(scene: Scene) -> apl.Situation:
    left = scene.run()
    assert left.code == 0, left.errors
    return apl.open_run(scene.out, scene.source).place


def test_apl_u02_objective_that_does_not_exist(scene: Scene) -> None:
    with pytest.raises(AplError) as caught:
        apl.best_places(run_of(scene), RULES, 1, region="84", objective="happiness", threshold=50.0)
    assert "APL-U02" in {one.fault for one in caught.value.faults}


def test_apl_u03_region_that_does_not_exist() -> None:
    bvcv = pa.table({"code_bvcv": ["01001"], "code_region": ["84"], "population": [10],
                     "apl": [1.0], "zone": ["sous_dotee"]})  # fmt: skip
    with pytest.raises(UsageError) as caught:
        audit(bvcv, bvcv, RULES, region="zz")
    assert (caught.value.fault, caught.value.exit_code) == ("APL-U03", 2)


def test_apl_u04_threshold_that_is_no_number(scene: Scene) -> None:
    place, level = run_of(scene), float("nan")
    with pytest.raises(AplError) as caught:
        apl.best_places(place, RULES, 1, region="84", objective="persons", threshold=level)
    assert "APL-U04" in {one.fault for one in caught.value.faults}


def test_apl_u05_input_folder_that_is_needed(scene: Scene) -> None:
    run_of(scene)
    with pytest.raises(UsageError) as caught:
        apl.open_run(scene.out, None)
    assert (caught.value.fault, "--input" in caught.value.mend) == ("APL-U05", True)


def test_a_strict_check_refuses_what_would_be_noticed(scene: Scene) -> None:
    scene.write("offre.csv", "code_commune,etp\n01001,1\n01002,0\n01004,2")
    asked = ["check", scene.source, "--json"]
    assert scene.apl(*asked).code == 0
    told = scene.apl(*asked, "--strict", "--out", scene.out)
    assert told.code == 3
    assert [one["fault"] for one in told.told["faults"]] == ["APL-A06"]
    assert scene.listed()[0]["fault"] == "APL-A06"


def test_a_strict_run_names_all_it_noticed_together(scene: Scene) -> None:
    scene.write("offre.csv", "code_commune,etp\n01001,1\n01002,0\n01004,2")
    scene.edit(STANDARD, "700", "900").edit("temps_de_parcours", "01004,01001,14\n", "")
    left = scene.run("--strict")
    assert left.code == 3
    assert {one["fault"] for one in left.told["faults"]} == {"APL-A06", "APL-D06", "APL-E08"}
    assert not scene.out.exists()


def test_a_full_list_goes_when_a_run_succeeds_and_is_never_someone_s_file(scene: Scene) -> None:
    text = scene.table(OFFRE).read_text()
    rows = "".join("=1+1,-1\n" for _ in range(50))
    scene.table(OFFRE).write_text(text + rows)
    left = scene.run()
    assert (left.code, left.told["list"]) == (3, str(scene.place / "out.faults.csv"))
    assert [one["count"] for one in left.told["faults"]] == [50, 50]
    found = scene.listed()
    assert [row["row"] for row in found] == [str(k) for k in range(4, 54)] * 2
    assert {row["value"] for row in found} == {"'=1+1", "-1"}
    scene.table(OFFRE).write_text(text)
    assert scene.run().code == 0
    assert not (scene.place / "out.faults.csv").exists()
    (scene.place / "out.faults.csv").write_text("mine")
    scene.table(OFFRE).write_text(text + rows)
    left = scene.run("--overwrite")
    assert (left.code, left.told["list"]) == (3, None)
    assert "cannot be written" in left.errors
    scene.table(OFFRE).write_text(text)
    assert scene.run("--overwrite").code == 0
    assert (scene.place / "out.faults.csv").read_text() == "mine"
    assert json.loads((scene.out / "manifeste.json").read_text())["noticed"] == []


def test_apl_s07_tables_brought_to_another_year(scene: Scene) -> None:
    moves = scene.place / "mouvements.csv"  # 01002 joins 01001
    moves.write_text(
        "mod,date_effet,type_avant,code_avant,type_apres,code_apres\n"
        "32,2019-01-01,COM,01001,COM,01001\n32,2019-01-01,COM,01002,COM,01001\n"
    )
    said = scene.noticed("APL-S07", "--cog", "2019", "--movements", moves)
    assert "brought" in said


def test_apl_s08_pairs_that_are_read_in_blocks(scene: Scene) -> None:
    assert "half a matrix" in scene.noticed("APL-S08", "--scheduler", "threads")
