"""Tables that are well formed and make no sense together; `check`, which sees what `run` sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from test_worked_example import tables

import apl
from apl import pipeline
from apl.lines import REGIONS
from apl.noticed import field
from apl.plausible import ENOUGH

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
GIVEN = apl.Parameters(3783.0, 6906.0)
Tables = dict[str, pa.Table]


def in_folder(given: Tables, folder: Path) -> Path:
    folder.mkdir()
    for name, table in given.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def a_line(n: int, step: float) -> Tables:
    """n communes in a row, ``step`` apart, each with inhabitants and one FTE."""
    codes = [f"01{k:03}" for k in range(1, n + 1)]
    pairs = [(i, j) for i in range(n) for j in range(max(i - 3, 0), min(i + 4, n))]
    return {
        "communes": pa.table(
            {
                "code_commune": codes,
                "code_departement": ["01"] * n,
                "code_region": ["84"] * n,
                "population": [100] * n,
                "code_bvcv": [codes[0]] * n,
            }
        ),
        "temps_de_parcours": pa.table(
            {
                "origine": [codes[i] for i, _ in pairs],
                "destination": [codes[j] for _, j in pairs],
                "minutes": [abs(i - j) * step for i, j in pairs],
            }
        ),
        "population_standardisee": pa.table(
            {"code_commune": codes, "population_standardisee": [100.0] * n}
        ),
        "offre": pa.table({"code_commune": codes, "etp": [1.0] * n}),
    }


def changed(given: Tables, name: str, column: str, values: Callable[[pa.Table], object]) -> Tables:
    table = given[name]
    place = table.column_names.index(column)
    return given | {name: table.set_column(place, column, values(table))}


def test_times_in_seconds_are_refused() -> None:
    good = a_line(120, 6.0)
    assert apl.run(good, LAW).communes.num_rows == 120
    seconds = changed(
        good, "temps_de_parcours", "minutes", lambda t: pc.multiply(t["minutes"], 60.0)
    )
    with pytest.raises(apl.TableError, match="seconds") as refused:
        apl.run(seconds, LAW)
    assert refused.value.fault == "APL-D04"


def test_islands_are_not_taken_for_seconds() -> None:
    """Long times and few neighbours are no fault where a twentieth of communes reach another."""
    far = a_line(120, 6.0)
    slow = pc.if_else(
        pc.greater(far["temps_de_parcours"]["origine"], "01012"),
        pc.multiply(far["temps_de_parcours"]["minutes"], 60.0),
        far["temps_de_parcours"]["minutes"],
    )
    assert apl.run(changed(far, "temps_de_parcours", "minutes", lambda _: slow), LAW).bvcv.num_rows


def test_no_supply_and_another_scale_are_refused_together() -> None:
    odd = changed(a_line(5, 6.0), "offre", "etp", lambda t: pc.multiply(t["etp"], 0.0))
    odd = changed(
        odd,
        "population_standardisee",
        "population_standardisee",
        lambda t: pc.multiply(t["population_standardisee"], 1000.0),
    )
    with pytest.raises(apl.TableError) as refused:
        apl.run(odd, LAW)
    assert {fault.fault for fault in refused.value.faults} == {"APL-D13", "APL-D06"}


def test_a_region_with_an_apl_has_no_inhabitants_without() -> None:
    given = apl.Parameters(3783.0, 6906.0, territories_without_apl={"84": 20})
    with pytest.raises(apl.RuleError, match="twice"):
        apl.run(tables(), LAW, parameters=given)


def one_person_two_ages(given: Tables) -> Tables:
    people = given["professionnels"]
    other = people.slice(0, 1).set_column(1, "code_commune", pa.array(["01002"]))
    other = other.set_column(2, "age", pa.array([46]))
    return given | {"professionnels": pa.concat_tables([people, other])}


def without(given: Tables, name: str, code: str) -> Tables:
    return given | {name: given[name].filter(pc.not_equal(given[name]["code_commune"], code))}


FAULTY: dict[str, tuple[Callable[[Tables], Tables], str]] = {
    "two ages": (one_person_two_ages, "APL-D14"),
    "no ages for a commune": (lambda g: without(g, "population_par_age", "01002"), "APL-D06"),
    "a band of fees too many": (
        lambda g: g
        | {"consommation_par_age": pa.table(
            {"age": [0, 30, 65], "honoraires_par_habitant": [1.0, 2.0, 3.0]})},
        "APL-D12",
    ),
    "no fees": (
        lambda g: changed(g, "consommation_par_age", "honoraires_par_habitant",
                          lambda t: pa.array([0.0] * t.num_rows)),
        "APL-D13",
    ),
    "a tie of regions": (
        lambda g: changed(
            changed(g, "communes", "code_region", lambda t: pa.array(["84", "84", "84", "93"])),
            "communes", "population", lambda t: pa.array([3000, 1000, 1000, 1000])),
        "APL-C15",
    ),
    "a lost pair": (
        lambda g: g | {"temps_de_parcours": g["temps_de_parcours"].filter(
            pc.not_equal(g["temps_de_parcours"]["destination"], "01001"))},
        "APL-E02",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_check_refuses_what_run_refuses(name: str, tmp_path: Path) -> None:
    make, fault = FAULTY[name]
    folder = in_folder(make(tables()), tmp_path / "in")
    refusals = []
    for gate in (
        lambda: pipeline.check(folder, LAW, parameters=GIVEN),
        lambda: apl.run(folder, LAW, parameters=GIVEN),
    ):
        with pytest.raises(apl.TableError) as refused:
            gate()
        refusals.append([f.fault for f in refused.value.faults])
    assert fault in refusals[0]
    assert refusals[1] == refusals[0] or name == "a tie of regions"


def test_check_accepts_what_run_accepts(tmp_path: Path) -> None:
    """A professional of 80 where nobody comes counts for nothing: no supply is lost."""
    given = tables()
    people = given["professionnels"]
    old = people.slice(3, 1).set_column(1, "code_commune", pa.array(["01004"]))
    given["professionnels"] = pa.concat_tables(
        [people, old.set_column(0, "identifiant", pa.array(["p9"]))]
    )
    times = given["temps_de_parcours"]
    given["temps_de_parcours"] = times.filter(pc.not_equal(times["destination"], "01004"))
    folder = in_folder(given, tmp_path / "in")
    counts = pipeline.check(folder, LAW, self_pair="none", parameters=GIVEN)
    assert counts["professionnels"] == 6
    assert apl.run(folder, LAW, self_pair="none", parameters=GIVEN).bvcv.num_rows == 2


def test_supply_that_nobody_is_led_to_names_its_own_table(tmp_path: Path) -> None:
    given = tables()
    times = given["temps_de_parcours"]
    given["temps_de_parcours"] = times.filter(pc.not_equal(times["destination"], "01003"))
    with pytest.raises(apl.TableError) as refused:
        apl.run(given, LAW, self_pair="none", parameters=GIVEN)
    assert refused.value.fault == "APL-D07"
    assert refused.value.table == "professionnels"
    assert refused.value.rows == (3, 4, 5)


def test_the_apl_of_another_profession_is_refused() -> None:
    communes = tables()["communes"]
    doctors = pa.table(
        {
            "Code commune": communes["code_commune"],
            "APL aux médecins généralistes de 65 ans et moins": [2.0, 3.0, 4.0, 5.0],
            "Population standardisée pour la médecine générale": [1.0, 1.0, 1.0, 1.0],
        }
    )
    read = apl.checked(doctors, "apl_publie")
    with pytest.raises(apl.RuleError, match="medecin_generaliste"):
        pipeline.zone(read, apl.checked(communes, "communes"), LAW)


def test_parameters_without_effect_are_said() -> None:
    found = apl.run(a_line(5, 6.0), LAW, parameters=GIVEN)
    assert any(n.fault == "APL-F08" and "supply.mediane_actes" in n.text for n in found.noticed)
    assert not any(n.fault == "APL-F08" for n in apl.run(tables(), LAW, parameters=GIVEN).noticed)


def test_no_apl_at_all_is_not_ranked() -> None:
    communes = apl.checked(tables()["communes"], "communes")
    nothing = apl.checked(
        pa.table(
            {
                "code_commune": communes["code_commune"],
                "apl": pa.nulls(4, pa.float64()),
                "population_standardisee": [1.0] * 4,
            }
        ),
        "apl_publie",
    )
    with pytest.raises(apl.TableError, match="nothing to rank"):
        pipeline.zone(nothing, communes, LAW)


def test_cuts_of_a_part_of_the_country_are_said_not_to_be_of_france() -> None:
    """One région alone is ranked within itself; Mayotte alone missing is said too, unless given."""
    codes = [f"05{k:03d}" for k in range(ENOUGH)]
    communes = pa.table({"code_commune": codes, "code_region": ["93"] * ENOUGH})
    (said,) = field(communes, {})
    assert said.fault == "APL-C09"
    assert "84 Auvergne-Rhône-Alpes" in said.text
    assert "93 " not in said.text
    every = pa.table({"code_region": [*(set(REGIONS) - {"06"}), *["93"] * ENOUGH]})
    (said,) = field(every, {})
    assert "nobody of region 06 Mayotte (" in said.text
    assert not list(field(every, {"06": 279_471}))
    assert not list(field(communes.slice(1), {})), "a small territory is nobody's France"
