"""Family C: codes and geography. One test a fault, named after it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from faults.faulty import AGES, COMMUNES, OFFRE, PEOPLE, SOUND, STANDARD, TIMES, Scene

import apl
from apl.conversion import converted
from apl.noticed import field
from apl_core import Catchment, TableError, Territory

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
DAYS = (date(2022, 1, 1), date(2024, 1, 1))


def geography(**columns: list[str]) -> pa.Table:
    """Three communes of the Ain, two living areas under 30,000 inhabitants."""
    codes = columns.get("code_commune", ["01001", "01002", "01004"])
    usual = {
        "code_commune": codes,
        "code_departement": ["01"] * len(codes),
        "code_region": ["84"] * len(codes),
        "code_bassin_de_vie": codes,
        "code_canton_ville": [f"01{k:02}" for k in range(1, len(codes) + 1)],
        "code_unite_urbaine": [f"01{k:03}" for k in range(1, len(codes) + 1)],
    }
    return pa.table({**usual, **columns})


def persons(codes: list[str]) -> pa.Table:
    return pa.table({"code_commune": codes, "population": [1000 + k for k in range(len(codes))]})


def movements(*rows: tuple[int, str, str]) -> pa.Table:
    kinds = ("mod", "date_effet", "type_avant", "code_avant", "type_apres", "code_apres")
    whole = [(mod, "2023-01-01", "COM", before, "COM", after) for mod, before, after in rows]
    return pa.table({kind: [row[k] for row in whole] for k, kind in enumerate(kinds)})


def merged(*rows: tuple[int, str, str], people: list[str] | None = None, **columns: Any) -> Any:
    people = people or ["01001", "01002", "01004"]
    return apl.build_bvcv(
        geography(**columns), persons(people), LAW, movements=movements(*rows), between=DAYS
    )


def test_apl_c01_malformed_code(scene: Scene) -> None:
    for wrong in ("0100X", "20004", "96001", "97901", "010011"):
        scene.table(OFFRE).write_text(SOUND[OFFRE].replace("01002", wrong))
        scene.refused("APL-C01", column="code_commune", rows=[2], values=[wrong])


def test_apl_c02_code_that_the_communes_do_not_have(scene: Scene) -> None:
    scene.edit(OFFRE, "01002", "01005")
    scene.refused("APL-C02", table="offre", column="code_commune", rows=[2], values=["01005"])
    scene.edit(TIMES, "01004,01001", "01004,01006")
    told = scene.run().told["faults"]
    assert [(f["fault"], f["column"], f["rows"], f["values"]) for f in told] == [
        ("APL-C02", "destination", [6], ["01006"]),
        ("APL-C02", "code_commune", [2], ["01005"]),
    ]


def test_apl_c02_each_code_with_the_first_row_that_has_it() -> None:
    codes = [f"01{k:03}" for k in range(1, 31)]
    land = Territory.from_codes(["75101"])
    ends = {"origine": ["75101", *codes * 4000], "destination": ["75101"] * 120_001}
    times = pa.table({**ends, "minutes": [0.0] * 120_001})
    with pytest.raises(TableError) as caught:
        Catchment.build(times, land)
    (told,) = (one for one in caught.value.faults if one.fault == "APL-C02")
    assert told.why.startswith("30 codes ")
    assert (told.rows, told.values, told.count) == (
        tuple(range(2, 22)), tuple(codes[:20]), 120_000,
    )  # fmt: skip
    assert list(told.cells())[-1] == (120_001, "01030")


EVENTS = (  # 01002 goes into 01001, and is a delegated commune from then on; then 01003 is renamed
    "32,2019-01-01,COM,01001,COM,01001\n32,2019-01-01,COM,01002,COM,01001\n",
    "32,2019-01-01,COM,01002,COMD,01002\n",
    "50,2021-01-01,COM,01003,COM,01004\n",
)


def moves(scene: Scene, *events: str) -> Path:
    path = scene.place / "mouvements.csv"
    head = "mod,date_effet,type_avant,code_avant,type_apres,code_apres\n"
    path.write_text(head + "".join(events))
    return path


GONE = ["01002 (until 2018-12-31, then 01001)"]


def test_apl_c02_code_of_another_year_with_its_successor(scene: Scene) -> None:
    told_by = apl.read_table(moves(scene, EVENTS[0], EVENTS[2]), "mouvements")
    offre = apl.read_table(scene.table(OFFRE), OFFRE)
    day = date(2021, 1, 1)
    with pytest.raises(TableError) as caught:
        converted(offre, OFFRE, movements=told_by, since=day, to=day)
    assert (caught.value.fault, list(caught.value.values)) == ("APL-C02", GONE)
    assert caught.value.faults[0].title == "codes of no commune on 2021-01-01"
    assert "looks like 20" in caught.value.faults[0].why
    scene.refused(
        "APL-C02", "--cog", "2030", "--movements", moves(scene, EVENTS[0]), table="mouvements"
    )


def test_apl_c03_two_vintages_of_codes_in_one_table(scene: Scene) -> None:
    """No year has both 01002, which ended with 2018, and 01004, which began with 2021."""
    path = moves(scene, EVENTS[0], EVENTS[2])
    told = scene.refused("APL-C03", "--cog", "2021", "--movements", path, table=COMMUNES)
    assert told["values"] == GONE
    assert "2018 has 1 of the 1 that 2021 lacks" in told["why"]


def test_apl_c04_merged_commune_in_several_bvcv() -> None:
    """It stays in the BVCV of the commune whose code it keeps, and the case is named."""
    built = merged((32, "01001", "01001"), (32, "01002", "01001"))
    assert dict(zip(*(built.communes.column(n).to_pylist() for n in ("code_commune", "code_bvcv")),
                    strict=True))["01001"] == "01001"  # fmt: skip
    assert built.merged
    with pytest.raises(TableError) as caught:
        merged((32, "01001", "01009"), (32, "01002", "01009"))
    assert (caught.value.fault, caught.value.column) == ("APL-C04", "code_apres")


def test_apl_c05_merger_of_two_poles() -> None:
    """Both were poles: their living areas become one, and a third commune goes along."""
    built = merged(
        (32, "01001", "01001"), (32, "01004", "01001"),
        code_bassin_de_vie=["01001", "01004", "01004"],
    )  # fmt: skip
    assert set(built.communes.column("code_bvcv").to_pylist()) == {"01001"}


def test_apl_c06_commune_that_was_split() -> None:
    with pytest.raises(TableError) as caught:
        merged((21, "01001", "01001"), (21, "01001", "01003"))
    assert (caught.value.fault, caught.value.values) == ("APL-C06", ("01001 → 01003",))
    assert (caught.value.table, caught.value.exit_code) == ("mouvements", 3)


def test_apl_c07_city_beside_its_arrondissements() -> None:
    codes = ["75056", "01001"]
    places = geography(code_commune=codes, code_departement=["75", "01"], code_region=["11", "84"])
    with pytest.raises(TableError) as caught:
        apl.build_bvcv(places, persons(["75056", "75101", "01001"]), LAW)
    assert caught.value.fault == "APL-C07"
    assert "75056" in caught.value.values
    assert caught.value.exit_code == 3


PARIS = {
    COMMUNES: "75056,75,11,5,75056\n",
    STANDARD: "75056,5\n",
    OFFRE: "75056,1\n",
    TIMES: "75101,75056,5\n",
    AGES: "75056,0,5\n",
    PEOPLE: "p9,75056,45,3783,69500,non\n",
}


@pytest.mark.parametrize("name", PARIS)
def test_apl_c07_in_every_table_of_a_run(scene: Scene, name: str) -> None:
    if name in (AGES, PEOPLE):
        scene.by_age()
    for path in scene.source.iterdir():
        path.write_text(path.read_text().replace("01001", "75101").replace("01002", "75102"))
    table = scene.table(name)
    table.write_text(table.read_text() + PARIS[name])
    column = "destination" if name == TIMES else "code_commune"
    told = scene.refused("APL-C07", table=name)
    told = next(one for one in scene.run().told["faults"]
                if (one["fault"], one["column"]) == ("APL-C07", column))  # fmt: skip
    rows = len(table.read_text().splitlines()) - 1
    assert (told["rows"][-1], told["values"][-1]) == (rows, "75056")
    assert "twice" in told["why"]


def test_apl_c07_city_in_the_communes_and_arrondissements_elsewhere(scene: Scene) -> None:
    scene.edit(COMMUNES, "01001", "75056").edit(OFFRE, "01001", "75101")
    told = scene.refused("APL-C07", table=OFFRE, rows=[1], values=["75101"])
    assert "each alone" in told["why"]


def test_apl_c07_city_alone(scene: Scene) -> None:
    """One level in all tables is no fault; which one is said."""
    for path in scene.source.iterdir():
        path.write_text(path.read_text().replace("01001", "75056"))
    left = scene.run()
    assert left.code == 0, left.errors
    said = {one["fault"]: one["text"] for one in left.told["noticed"]}
    assert said["APL-C07"].startswith("Paris (75056) is one commune here")
    told = scene.refused("APL-C07", "--strict", "--overwrite", why=said["APL-C07"])
    assert "by arrondissement" in told["mend"]


def test_apl_c08_delegated_communes(scene: Scene) -> None:
    path = moves(scene, *EVENTS)
    told = scene.refused("APL-C08", "--cog", "2021", "--movements", path, table=COMMUNES)
    assert told["values"] == GONE
    assert "parts of another commune" in told["why"]


def test_apl_c09_regions_that_are_missing() -> None:
    codes = [f"01{k:03}" for k in range(1, 151)]
    communes = pa.table({"code_commune": codes, "code_region": ["84"] * len(codes)})
    (said,) = field(communes, {})
    assert said.fault == "APL-C09"
    assert "06 Mayotte" in said.text
    (said,) = field(communes, {"06": 300_000})
    assert "06 Mayotte" not in said.text


def test_apl_c10_communes_without_inhabitants(scene: Scene) -> None:
    scene.edit(COMMUNES, "84,400", "84,0").edit(STANDARD, "01001,400", "01001,0")
    assert scene.noticed("APL-C10") == "1 communes without inhabitants have no weight"


def test_apl_c10_bvcv_of_no_weight(scene: Scene) -> None:
    scene.edit(COMMUNES, "84,700", "84,0").edit(STANDARD, "01004,700", "01004,0")
    scene.refused("APL-C10", column="code_bvcv", values=["01004"])


def test_apl_c11_commune_without_bvcv(scene: Scene) -> None:
    scene.edit(COMMUNES, "700,01004", "700,")
    scene.refused("APL-C11", column="code_bvcv", rows=[3], values=["(empty)"])


def test_apl_c12_commune_in_two_bvcv(scene: Scene) -> None:
    scene.edit(COMMUNES, "01004,01,84,700,01004\n",
               "01004,01,84,700,01004\n01004,01,84,700,01001\n")  # fmt: skip
    scene.refused(
        "APL-C12", column="code_commune", rows=[3, 4], values=["01004 01004", "01004 01001"]
    )


def test_apl_c13_canton_without_its_mark(scene: Scene) -> None:
    scene.edit(COMMUNES, "700,01004", "700,0104")
    assert scene.noticed("APL-C13").endswith("0104 → 0104_")


def test_apl_c13_overseas_code_without_a_mark(scene: Scene) -> None:
    scene.edit(COMMUNES, "01004,01,84,700,01004", "97120,971,01,700,97106")
    for name in (TIMES, OFFRE, STANDARD):
        scene.table(name).write_text(SOUND[name].replace("01004", "97120"))
    told = scene.refused("APL-C13", column="code_bvcv", rows=[3], values=["97106"])
    assert "97106_" in told["mend"]


def test_apl_c14_tables_of_different_communes(scene: Scene) -> None:
    published = scene.place / "published.csv"
    published.write_text(
        "code_commune,apl,population_standardisee\n01001,50,400\n01005,50,900\n01004,60,700\n"
    )
    law = ("--profession", "masseur_kinesitherapeute", "--on", "2025-06-06")
    asked = ["zone", published, scene.table(COMMUNES), *law, "--out", scene.out, "--json"]
    scene.refused("APL-C14", arguments=asked, column="code_commune", values=["01005"])


def test_apl_c14_both_sides(scene: Scene) -> None:
    scene.edit(STANDARD, "01002", "01005").edit(STANDARD, "01004", "01006")
    told = scene.refused("APL-C14", table=STANDARD, values=["01005", "01006"])
    assert told["why"] == (
        "only in population_standardisee: 01005, 01006; only in communes: 01002, 01004"
    )


def test_apl_c14_vector_of_another_length() -> None:
    land = Territory.from_codes(["01001", "01002"])
    times = pa.table({"origine": ["01001"], "destination": ["01002"], "minutes": [5.0]})
    pairs = Catchment.build(times, land, self_pair="0")
    with pytest.raises(TableError) as caught:
        apl.access(pairs, [1.0, 0.0, 2.0], [400.0, 900.0], LAW)  # type: ignore[arg-type]
    assert (caught.value.fault, caught.value.table) == ("APL-C14", "supply")
    assert apl.access(pairs, [1.0, 0.0], [400.0, 900.0], LAW).num_rows == 2  # type: ignore[arg-type]


def test_apl_c15_region_that_is_not_settled() -> None:
    """A commune moves to a département of which the geography has no region."""
    with pytest.raises(TableError) as caught:
        merged((41, "01002", "69002"))
    assert (caught.value.fault, caught.value.values) == ("APL-C15", ("69002",))


def test_apl_c16_bvcv_that_is_not_contiguous(scene: Scene) -> None:
    """01004 reaches 01001 and not 01002; a BVCV of 01002 and 01004 is as good as another."""
    scene.edit(COMMUNES, "900,01001", "900,01004")
    assert scene.run("--strict").code == 0


def test_apl_c17_regions_of_before_2016(scene: Scene) -> None:
    scene.edit(COMMUNES, ",84,700", ",82,700")
    told = scene.refused("APL-C17", column="code_region", rows=[3], values=["82"])
    assert "2016" in told["mend"]


def test_apl_c18_inhabitants_without_an_apl(scene: Scene) -> None:
    published = scene.place / "published.csv"
    published.write_text(
        "code_commune,apl,population_standardisee\n01001,50,400\n01002,,900\n01004,60,700\n"
    )
    law = ("--profession", "masseur_kinesitherapeute", "--on", "2025-06-06")
    asked = ["zone", published, scene.table(COMMUNES), *law, "--out", scene.out, "--json"]
    told = scene.refused("APL-C18", arguments=[*asked, "--strict"])
    assert told["why"] == "1 communes (900 inhabitants) have no published APL: 01002"
    left = scene.apl(*asked)
    assert left.code == 0
    assert "APL-C18" in {one["fault"] for one in left.told["noticed"]}
