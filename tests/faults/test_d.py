"""Family D: values and keys. One test a fault, named after it."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.faulty import AGES, COMMUNES, FEES, OFFRE, PEOPLE, SOUND, STANDARD, TIMES, Scene

import apl
from apl.counted import counted
from apl_core import TableError


@pytest.mark.parametrize("mark", ["", "NaN", "nd", "s", "n.d.", "n/a"])
def test_apl_d01_missing_value(scene: Scene, mark: str) -> None:
    scene.edit(OFFRE, "01002,0", f"01002,{mark}")
    shown = {"": "(empty)", "NaN": "nan"}.get(mark, mark)
    told = scene.refused("APL-D01", column="etp", rows=[2], values=[shown])
    assert "never 0" in told["why"]


def test_apl_d02_infinite_value(scene: Scene) -> None:
    scene.edit(OFFRE, "01002,0", "01002,inf")
    scene.refused("APL-D02", column="etp", rows=[2], values=["inf"])


@pytest.mark.parametrize(
    ("table", "old", "new", "column", "row"),
    [
        (OFFRE, "01002,0", "01002,-1", "etp", 2),
        (COMMUNES, "84,700", "84,-700", "population", 3),
        (STANDARD, "01001,400", "01001,-400", "population_standardisee", 1),
        (TIMES, "01001,01002,12.5", "01001,01002,-12.5", "minutes", 2),
        (TIMES, "01001,01002,12.5", "01001,01002,9999", "minutes", 2),
    ],
)
def test_apl_d03_value_out_of_range(
    scene: Scene, table: str, old: str, new: str, column: str, row: int
) -> None:
    scene.edit(table, old, new)
    scene.refused("APL-D03", column=column, rows=[row], values=[new.rpartition(",")[2]])


def test_apl_d04_population_in_thousands(scene: Scene) -> None:
    scene.edit(COMMUNES, "84,700", "84,0.7")
    told = scene.refused("APL-D04", column="population", rows=[3], values=["0.7"])
    assert "thousands" in told["mend"]


def test_apl_d04_times_in_seconds(scene: Scene) -> None:
    codes = [f"01{k:03}" for k in range(1, 121)]
    row = "{0},01,84,100,{0}".format
    heads = {name: text.partition("\n")[0] for name, text in SOUND.items()}
    tables = {
        COMMUNES: map(row, codes),
        TIMES: (f"{a},{b},{60 * 12 * (a != b)}" for a in codes for b in codes),
        STANDARD: (f"{a},100" for a in codes),
        OFFRE: (f"{a},1" for a in codes),
    }
    for name, rows in tables.items():
        scene.table(name).write_text("\n".join([heads[name], *rows]) + "\n")
    told = scene.refused("APL-D04", table=TIMES, column="minutes")
    assert "seconds" in told["mend"]


def test_apl_d05_key_given_twice(scene: Scene) -> None:
    scene.edit(OFFRE, "01002", "01001")
    scene.refused("APL-D05", column="code_commune", rows=[1, 2], values=["01001", "01001"])


def test_apl_d06_standardised_population_of_another_scale(scene: Scene) -> None:
    scene.edit(STANDARD, "01004,700", "01004,900")
    assert "2,200" in scene.noticed("APL-D06")
    scene.table(STANDARD).write_text(SOUND[STANDARD].replace("00\n", "0\n"))
    scene.refused("APL-D06", table=STANDARD)
    scene.table(STANDARD).write_text(SOUND[STANDARD].replace("01002,900\n", ""))
    scene.refused("APL-D06", table=STANDARD, column="code_commune", values=["01002"])


def test_apl_d07_supply_where_no_travel_time_leads(scene: Scene) -> None:
    scene.edit(TIMES, "01004,01004,0\n", "")
    told = scene.refused(
        "APL-D07", "--self-pair", "none", column="code_commune", rows=[3], values=["01004"]
    )
    assert "2.00 FTE" in told["why"]


def test_apl_d08_activity_above_the_ninth_decile(scene: Scene) -> None:
    scene.by_age()
    assert scene.run().code == 0
    manifest = (scene.out / "manifeste.json").read_text()
    assert '"above_ninth_decile"' in manifest


def test_apl_d09_times_in_float32(scene: Scene) -> None:
    rows = [line.split(",") for line in SOUND[TIMES].split()[1:]]
    origin, destination, minutes = (list(column) for column in zip(*rows, strict=True))
    path = scene.write("temps_de_parcours.parquet", b"")
    times = {"origine": origin, "destination": destination}
    pq.write_table(
        pa.table({**times, "minutes": pa.array(map(float, minutes), pa.float32())}), path
    )
    assert "float32" in scene.noticed("APL-D09")


@pytest.mark.parametrize(
    ("table", "old", "new", "column", "value"),
    [
        (AGES, "01002,0,900", "01002,0,many", "population", "many"),
        (PEOPLE, "165000,non", "165000,parfois", "installe_dans_l_annee", "parfois"),
    ],
)
def test_apl_d10_value_that_its_column_does_not_have(
    scene: Scene, table: str, old: str, new: str, column: str, value: str
) -> None:
    scene.by_age().edit(table, old, new)
    scene.refused("APL-D10", column=column, values=[value])


def test_apl_d11_parts_that_do_not_add_up(scene: Scene) -> None:
    scene.by_age().write(
        "professionnels.csv",
        "identifiant,code_commune,age,actes,honoraires,installe_dans_l_annee,part_activite\n"
        "p1,01001,45,3783,69500,non,0.5\np1,01004,45,9000,165000,non,0.4\n",
    )
    scene.refused("APL-D11", column="part_activite", values=["p1", "p1"])


def test_apl_d12_bands_of_age_that_do_not_meet(scene: Scene) -> None:
    scene.by_age().edit(FEES, "65,200", "70,200")
    scene.refused("APL-D12", table=AGES, column="age", values=["70"])


def test_apl_d13_table_that_adds_up_to_nothing(scene: Scene) -> None:
    scene.write("offre.csv", "code_commune,etp\n01001,0\n01002,0\n01004,0\n")
    scene.refused("APL-D13", table=OFFRE)


def test_apl_d14_one_person_with_two_ages(scene: Scene) -> None:
    scene.by_age().edit(PEOPLE, "p2,01004", "p1,01004")
    scene.refused("APL-D14", column="age")


def test_apl_d15_more_women_than_inhabitants() -> None:
    people = pa.table({"code_commune": ["01001"], "population": [100]})
    women = people.append_column("population_feminine", pa.array([101]))
    with pytest.raises(TableError) as caught:
        counted(women, apl.rules("sage_femme", on=date(2020, 6, 1)))
    assert (caught.value.fault, caught.value.column) == ("APL-D15", "population_feminine")


def test_apl_d16_no_commune_at_all() -> None:
    communes = pa.table({n: pa.array([], pa.string()) for n in
                         ("code_commune", "code_region", "code_bvcv")})  # fmt: skip
    nobody = communes.append_column("population", pa.array([], pa.int64()))
    result = pa.table({"code_commune": pa.array([], pa.string())})
    for name in ("apl", "population_standardisee"):
        result = result.append_column(name, pa.array([], pa.float64()))
    with pytest.raises(TableError) as caught:
        apl.aggregate(result, nobody, apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    assert (caught.value.fault, caught.value.exit_code) == ("APL-D16", 3)
