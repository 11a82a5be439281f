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


def test_apl_d04_times_in_seconds_in_a_small_territory(scene: Scene) -> None:
    """Nobody reaches anybody, and a time is over an hour: three islands are not so far apart."""
    for far, code in (("3600", 3), ("61", 3), ("60", 0), ("21", 0)):
        slow = SOUND[TIMES].replace("12.5", far).replace(",14\n", f",{far}\n")
        scene.table(TIMES).write_text(slow)
        if code:
            told = scene.refused("APL-D04", table=TIMES, column="minutes")
            assert "3 of 3 communes reach no other one within 20" in told["why"]
        else:
            assert "3 communes" in scene.noticed("APL-E08")
    scene.table(TIMES).write_text(slow.replace("01004,01001,21", "01004,01001,14"))
    assert "2 communes" in scene.noticed("APL-E08")  # one pair within reach: these are minutes


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


def areas(**columns: object) -> pa.Table:
    sound: dict[str, object] = {
        "code_bvcv": ["01001", "01002"], "code_region": ["84", "84"], "population": [10, 20],
        "population_standardisee": [10.0, 20.0], "apl": [50.0, 60.0],
    }  # fmt: skip
    return pa.table({**sound, **columns})


@pytest.mark.parametrize("column", ["apl", "population"])
def test_apl_d10_words_in_a_table_in_memory(column: str) -> None:
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    with pytest.raises(TableError) as caught:
        apl.classify(areas(**{column: ["1", "many"]}), law)
    assert (caught.value.fault, caught.value.table, caught.value.column) == (
        "APL-D10", "bvcv", column,
    )  # fmt: skip
    assert (caught.value.rows, caught.value.values) == ((2,), ("many",))
    result = areas().rename_columns(["code_commune", "r", "p", "population_standardisee", "apl"])
    communes = areas().append_column("code_commune", areas()["code_bvcv"])
    words = pa.array(["1", "many"])
    if column == "apl":
        result = result.set_column(result.column_names.index(column), column, words)
    else:
        communes = communes.set_column(communes.column_names.index(column), column, words)
    with pytest.raises(TableError) as caught:
        apl.aggregate(result, communes, law)
    assert (caught.value.fault, caught.value.column) == ("APL-D10", column)
    assert (caught.value.rows, caught.value.values) == ((2,), ("many",))


def test_apl_d10_numbers_as_text_are_numbers() -> None:
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    words = apl.classify(areas(apl=["50", "60"], population=["10", "20.0"]), law)
    assert words.equals(apl.classify(areas(), law))
    with pytest.raises(TableError, match="APL-D03"):
        apl.classify(areas(population=[10, -1]), law)
    with pytest.raises(TableError, match="APL-D01"):
        apl.classify(areas(population=[10, None]), law)


def test_apl_d10_words_in_a_vector() -> None:
    land = apl.Territory.from_codes(["01001", "01002"])
    times = pa.table({"origine": ["01001"], "destination": ["01002"], "minutes": [5.0]})
    pairs = apl.Catchment.build(times, land, self_pair="0")
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    with pytest.raises(TableError) as caught:
        apl.access(pairs, ["many", "few"], [1.0, 2.0], law)  # type: ignore[arg-type]
    assert (caught.value.fault, caught.value.table) == ("APL-D10", "supply")


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
