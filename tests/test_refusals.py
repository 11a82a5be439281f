"""What is refused, through the command line: one test a refusal.

Each says which fault, where, which rows and values, on both streams; ends with the exit code of
its kind; and leaves no result behind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from apl.__main__ import main

LAW = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
TABLES = {
    "communes": "code_commune,code_departement,code_region,population,code_bvcv\n"
    "01001,01,84,400,01001\n01002,01,84,900,01001\n01004,01,84,700,01004\n",
    "temps_de_parcours": "origine,destination,minutes\n01001,01001,0\n01001,01002,12\n"
    "01002,01001,12\n01002,01002,0\n01004,01004,0\n01004,01001,14\n",
    "population_standardisee": "code_commune,population_standardisee\n"
    "01001,400\n01002,900\n01004,700\n",
    "offre": "code_commune,etp\n01001,1\n01002,0\n01004,2\n",
}
BY_AGE = {
    "population_par_age": "code_commune,age,population\n01001,0,300\n01001,65,100\n"
    "01002,0,900\n01004,0,600\n01004,65,100\n",
    "consommation_par_age": "age,honoraires_par_habitant\n0,40\n65,200\n",
}
PEOPLE = {
    "professionnels": "identifiant,code_commune,age,actes,honoraires,installe_dans_l_annee\n"
    "p1,01001,45,3783,69500,non\np2,01004,50,9000,165000,non\n",
}

Apl = Callable[..., "Left"]


@dataclass(frozen=True)
class Left:
    """How the program left: exit code, and what it said."""

    code: int
    output: str
    errors: str

    @property
    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.output)["faults"]
        return found


@pytest.fixture
def apl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Apl:
    """The program, in this process."""

    def left(*arguments: object) -> Left:
        monkeypatch.setattr(sys, "argv", ["apl", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Left(code, said.out, said.err)

    return left


def folder_of(place: Path, tables: Mapping[str, str]) -> Path:
    folder = place / "input"
    folder.mkdir()
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def country(tmp_path: Path) -> Path:
    """A folder of three communes that passes every gate."""
    return folder_of(tmp_path, TABLES)


def refused(apl: Apl, source: Path, *options: str, code: int = 3) -> list[dict[str, Any]]:
    """The faults for which a run is refused; nothing else may have happened."""
    out = source.parent / "out"
    left = apl("run", source, *LAW, "--out", out, "--json", *options)
    assert left.code == code, left.errors
    assert not out.exists()
    assert "Traceback" not in left.errors
    for fault in left.faults:
        place = [fault["table"], fault["column"], *map(str, fault["rows"]), *fault["values"]]
        for said in (fault["fault"], fault["title"], fault["mend"], *filter(None, place)):
            assert said in left.errors
    return left.faults


@dataclass(frozen=True)
class Case:
    """An edit of one table (a text replaced), and the one fault it must bring."""

    table: str
    old: str
    new: str
    fault: str
    column: str
    rows: tuple[int, ...]
    values: tuple[str, ...]


OFFRE, TIMES, STANDARD = "offre", "temps_de_parcours", "population_standardisee"
CASES = {
    "null": Case(OFFRE, "01002,0", "01002,", "APL-D01", "etp", (2,), ("(empty)",)),
    "null code": Case(OFFRE, "01002,0", ",0", "APL-D01", "code_commune", (2,), ("(empty)",)),
    "NaN": Case(OFFRE, "01002,0", "01002,NaN", "APL-D01", "etp", (2,), ("nan",)),
    "infinite": Case(OFFRE, "01002,0", "01002,inf", "APL-D02", "etp", (2,), ("inf",)),
    "negative": Case(OFFRE, "01002,0", "01002,-1", "APL-D03", "etp", (2,), ("-1",)),
    "secret": Case(OFFRE, "01002,0", "01002,s", "APL-D01", "etp", (2,), ("s",)),
    "null people": Case("communes", ",900,", ",,", "APL-D01", "population", (2,), ("(empty)",)),
    "null minutes": Case(
        TIMES, "01001,01002,12", "01001,01002,", "APL-D01", "minutes", (2,), ("(empty)",)
    ),
    "NaN minutes": Case(
        TIMES, "01001,01002,12", "01001,01002,nan", "APL-D01", "minutes", (2,), ("nan",)
    ),
    "infinite minutes": Case(
        TIMES, "01001,01002,12", "01001,01002,inf", "APL-D02", "minutes", (2,), ("inf",)
    ),
    "negative minutes": Case(
        TIMES, "01001,01002,12", "01001,01002,-2", "APL-D03", "minutes", (2,), ("-2",)
    ),
    "METRIC's mark": Case(
        TIMES, "01001,01002,12", "01001,01002,9999", "APL-D03", "minutes", (2,), ("9999",)
    ),
    "metric.osrm's mark": Case(
        TIMES, "01001,01002,12", "01001,01002,-999999", "APL-D03", "minutes", (2,), ("-999999",)
    ),
    "commune twice": Case(
        "communes", "01002,01,84,900", "01001,01,84,900", "APL-D05", "code_commune", (1, 2),
        ("01001", "01001"),
    ),
    "demand twice": Case(
        STANDARD, "01002", "01001", "APL-D05", "code_commune", (1, 2), ("01001", "01001")
    ),
    "pair twice": Case(
        TIMES, "01004,01001,14", "01001,01002,14", "APL-E01", "origine, destination", (2, 6),
        ("01001 → 01002: 12.0 then 14.0 min",),
    ),
    "malformed code": Case(
        OFFRE, "01002", "0100X", "APL-C01", "code_commune", (2,), ("0100X",)
    ),
    "Corsica as 20": Case(OFFRE, "01002", "20004", "APL-C01", "code_commune", (2,), ("20004",)),
    "code without its zero": Case(
        OFFRE, "01002", "1002", "APL-B05", "code_commune", (2,), ("1002",)
    ),
    "département without its zero": Case(
        "communes", "01002,01", "01002,1", "APL-B05", "code_departement", (2,), ("1",)
    ),
    "code as a power": Case(OFFRE, "01002", "2.0E+04", "APL-B06", "code_commune", (2,),
                            ("2.0E+04",)),
    "unknown origin": Case(
        TIMES, "01004,01001,14", "01005,01001,14", "APL-C02", "origine", (6,), ("01005",)
    ),
    "unknown destination": Case(
        TIMES, "01004,01001,14", "01004,01005,14", "APL-C02", "destination", (6,), ("01005",)
    ),
    "unknown in supply": Case(
        OFFRE, "01002", "01005", "APL-C02", "code_commune", (2,), ("01005",)
    ),
    "unknown in demand": Case(
        STANDARD, "01002", "01005", "APL-C02", "code_commune", (2,), ("01005",)
    ),
    "missing self pair": Case(
        TIMES, "01004,01004,0\n", "", "APL-E02", "origine, destination", (), ("01004",)
    ),
    "missing column": Case(OFFRE, "etp", "full_time", "APL-B08", "etp", (), ()),
    "column twice": Case(
        OFFRE, "code_commune,etp\n01001,1\n01002,0\n01004,2",
        "code_commune,etp,etp\n01001,1,1\n01002,0,0\n01004,2,2", "APL-B07", "etp", (), ("etp",),
    ),
    "two decimal marks": Case(
        OFFRE, "01001,1\n01002,0", '01001,"1,5"\n01002,0.5', "APL-B02", "etp", (1, 2),
        ("1,5", "0.5"),
    ),
}  # fmt: skip
AMONG_AGES = {
    "unknown by age": Case(
        "population_par_age", "01002", "01005", "APL-C02", "code_commune", (3,), ("01005",)
    ),
    "age band twice": Case(
        "population_par_age", "01001,65", "01001,0", "APL-D05", "code_commune, age", (1, 2),
        ("01001 0", "01001 0"),
    ),
    "age of no person": Case(
        "population_par_age", "01001,65", "01001,165", "APL-D03", "age", (2,), ("165",)
    ),
    "fees twice": Case(
        "consommation_par_age", "65,200", "0,200", "APL-D05", "age", (1, 2), ("0", "0")
    ),
    "professional twice": Case(
        "professionnels", "p2,01004", "p1,01001", "APL-D05", "identifiant, code_commune", (1, 2),
        ("p1 01001", "p1 01001"),
    ),
    "unknown commune of a professional": Case(
        "professionnels", "p2,01004", "p2,01005", "APL-C02", "code_commune", (2,), ("01005",)
    ),
    "neither yes nor no": Case(
        "professionnels", "165000,non", "165000,parfois", "APL-D10", "installe_dans_l_annee", (2,),
        ("parfois",),
    ),
    "acts below zero": Case(
        "professionnels", ",9000,", ",-1,", "APL-D03", "actes", (2,), ("-1",)
    ),
}  # fmt: skip


def meets(fault: Mapping[str, Any], case: Case) -> bool:
    found = (fault["fault"], fault["column"], tuple(fault["rows"]), tuple(fault["values"]))
    assert found == (case.fault, case.column, case.rows, case.values)
    assert fault["table"].startswith(case.table)
    return True


@pytest.mark.parametrize("case", [*CASES.values(), *AMONG_AGES.values()],
                         ids=[*CASES, *AMONG_AGES])  # fmt: skip
def test_refusal(case: Case, apl: Apl, tmp_path: Path) -> None:
    by_age = {**TABLES, **BY_AGE, **PEOPLE}
    by_age = {name: text for name, text in by_age.items() if name not in (OFFRE, STANDARD)}
    tables = TABLES if case in CASES.values() else by_age
    assert tables[case.table].count(case.old) >= 1
    edited = {**tables, case.table: tables[case.table].replace(case.old, case.new, 1)}
    if case.column == "minutes":
        edited[TIMES] = edited[TIMES].replace("01004,01001,14", "01004,01001,19.5")
    source = folder_of(tmp_path, edited)
    (fault,) = refused(apl, source)
    assert meets(fault, case)
    left = apl("check", source, "--json")
    assert (left.code, [f["fault"] for f in left.faults]) == (3, [case.fault])


# --- codes that became numbers in the file itself ----------------------------------------------


def test_a_parquet_column_of_whole_numbers_holds_no_codes(apl: Apl, country: Path) -> None:
    (country / "offre.csv").unlink()
    offre = pa.table({"code_commune": [1001, 1002, 1004], "etp": [1.0, 0.0, 2.0]})
    pq.write_table(offre, country / "offre.parquet")
    (fault,) = refused(apl, country)
    assert (fault["fault"], fault["column"]) == ("APL-B05", "code_commune")
    assert (fault["rows"], fault["values"]) == ([1, 2, 3], ["1001", "1002", "1004"])


def test_a_number_cell_of_a_workbook_holds_no_code(apl: Apl, country: Path) -> None:
    (country / "offre.csv").unlink()
    book = openpyxl.Workbook()
    for row in (["code_commune", "etp"], ["01001", 1], [1002, 0], ["01004", 2]):
        book.active.append(row)
    book.save(country / "offre.xlsx")
    (fault,) = refused(apl, country)
    assert (fault["fault"], fault["column"]) == ("APL-B05", "code_commune")
    assert (fault["rows"], fault["values"]) == ([2], ["1002"])


# --- the self pair -----------------------------------------------------------------------------


def test_a_missing_self_pair_is_asked_about(apl: Apl, country: Path, tmp_path: Path) -> None:
    """01004 has 2 FTE of its own: with 0 minutes it reaches them, with none only 01001's."""
    times = country / "temps_de_parcours.csv"
    times.write_text(TABLES[TIMES].replace("01004,01004,0\n", "01001,01004,16\n"))
    (fault,) = refused(apl, country)
    assert "self" in fault["title"]
    assert "--self-pair 0" in fault["mend"]
    found = {}
    for asked in ("0", "none"):
        out = tmp_path / f"out-{asked}"
        left = apl("run", country, *LAW, "--out", out, "--self-pair", asked, "--format", "csv")
        assert left.code == 0, left.errors
        table = pa_csv.read_csv(out / "apl_communes.csv", convert_options=pa_csv.ConvertOptions(
            column_types={"code_commune": pa.string()}))  # fmt: skip
        found[asked] = dict(
            zip(table["code_commune"].to_pylist(), table["apl"].to_pylist(), strict=True)
        )
    # 01001: 1 FTE for 400 + 2/3·900 + 2/3·700 inhabitants; 01004: 2 FTE for 400/3 (+ 700).
    first = 1 / (400 + 900 * 2 / 3 + 700 * 2 / 3)
    with_self, without = 2 / (400 / 3 + 700), 2 / (400 / 3)
    assert found["0"]["01004"] == pytest.approx(1e5 * (first * 2 / 3 + with_self), rel=1e-12)
    assert found["none"]["01004"] == pytest.approx(1e5 * first * 2 / 3, rel=1e-12)
    assert found["none"]["01001"] == pytest.approx(1e5 * (first + without / 3), rel=1e-12)


def test_supply_in_a_commune_of_no_pair(apl: Apl, country: Path) -> None:
    times = country / "temps_de_parcours.csv"
    times.write_text(TABLES[TIMES].replace("01004,01004,0\n", ""))
    (fault,) = refused(apl, country, "--self-pair", "none")
    assert (fault["fault"], fault["table"]) == ("APL-D07", "offre")
    assert (fault["column"], fault["values"]) == ("code_commune", ["01004"])
    assert "2.00 FTE" in fault["why"]


# --- files -------------------------------------------------------------------------------------


def test_a_missing_table(apl: Apl, country: Path) -> None:
    (country / "offre.csv").unlink()
    (fault,) = refused(apl, country, code=5)
    assert (fault["fault"], fault["table"]) == ("APL-A01", "professionnels or offre")


def test_two_files_of_one_table(apl: Apl, country: Path) -> None:
    (country / "offre.tsv").write_text("code_commune\tetp\n01001\t1\n")
    (fault,) = refused(apl, country, code=5)
    assert "offre" in fault["title"]
    assert "offre.csv, offre.tsv" in fault["why"]


def test_one_thing_given_twice(apl: Apl, country: Path) -> None:
    (country / "professionnels.csv").write_text(PEOPLE["professionnels"])
    (fault,) = refused(apl, country, code=5)
    assert "professionnels and offre" in fault["why"]


def test_rows_of_another_length(apl: Apl, country: Path) -> None:
    (country / "offre.csv").write_text("title\ncode_commune,etp\n01001,1\n01002\n\n01004,2,5\n")
    (fault,) = refused(apl, country)
    assert fault["fault"] == "APL-B09"
    assert (fault["rows"], fault["values"]) == ([2, 3], ["01002", "01004,2,5"])
    assert "2 cells, these rows have 1, 3" in fault["why"]
    assert fault["table"].endswith("offre.csv")


def test_latin_1(apl: Apl, country: Path) -> None:
    """In a sample at the head of the file, and in a wanted column beyond it."""
    head = TABLES["communes"].replace("code_bvcv", "code_bvcv,libelle", 1)
    rows = head.replace("01001\n", "01001,x\n").replace("01004\n", "01004,Ambérieu\n")
    (country / "communes.csv").write_bytes(rows.encode("latin-1"))
    (fault,) = refused(apl, country)
    assert fault["fault"] == "APL-B03"
    assert fault["values"] == ["01004,01,84,700,01004,Ambérieu"]
    assert "line 4" in fault["why"]
    far = rows.splitlines()
    far[3:3] = [f"{k},01,84,0,{k},x" for k in range(13000, 17000)]
    (country / "communes.csv").write_bytes("\n".join([*far, ""]).encode("latin-1"))
    (fault,) = refused(apl, country)
    assert fault["fault"] == "APL-B03"
    assert "line 4004" in fault["why"]


@pytest.mark.parametrize(
    ("name", "data", "fault", "said"),
    [
        ("offre.parquet", b"<!DOCTYPE html><html>404</html>", "APL-A05", "web page"),
        ("offre.csv", b"\xef\xbb\xbf\n<html>404</html>", "APL-A05", "web page"),
        ("offre.xlsx", b"<html>404</html>", "APL-A05", "web page"),
        ("offre.csv", b"", "APL-A02", "0 bytes"),
        ("offre.parquet", b"", "APL-A02", "0 bytes"),
        ("offre.csv", b"PK\x03\x04 and so on", "APL-A07", "archive"),
        ("offre.csv", b"PAR1 and so on", "APL-A07", "Parquet"),
        ("offre.parquet", b"code_commune,etp\n01001,1\n", "APL-A07", "text"),
        ("offre.xlsx", b"code_commune,etp\n01001,1\n", "APL-A07", "text"),
        ("offre.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "APL-A07", "old workbook"),
        ("offre.csv.gz", b"code_commune,etp\n01001,1\n", "APL-A07", "gzip"),
        ("offre.csv.gz", b"\x1f\x8b\x08 and so on", "APL-A14", "damaged"),
        ("offre.xlsx", b"PK\x03\x04 and so on", "APL-A14", "damaged"),
        ("offre.parquet", b"PAR1 and so on PAR1", "APL-A03", "damaged"),
    ],
)
def test_not_what_its_name_says(
    name: str, data: bytes, fault: str, said: str, apl: Apl, country: Path
) -> None:
    (country / "offre.csv").unlink()
    (country / name).write_bytes(data)
    (found,) = refused(apl, country, code=5)
    assert found["fault"] == fault
    assert said in found["title"]
    assert found["table"].endswith(name)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9, 0.999])
def test_a_parquet_file_that_was_cut(share: float, apl: Apl, country: Path) -> None:
    times = pa_csv.read_csv(country / "temps_de_parcours.csv")
    (country / "temps_de_parcours.csv").unlink()
    path = country / "temps_de_parcours.parquet"
    pq.write_table(times, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    (fault,) = refused(apl, country, code=5)
    assert fault["fault"] == "APL-A03"


def test_a_suffix_that_is_not_known(apl: Apl, country: Path, tmp_path: Path) -> None:
    """In a folder such a file is no table; named by itself, it is refused."""
    (country / "offre.csv").rename(country / "offre.json")
    (fault,) = refused(apl, country, code=5)
    assert fault["fault"] == "APL-A01"
    out = tmp_path / "out"
    arguments = (country / "offre.json", country / "communes.csv", *LAW, "--out", out, "--json")
    left = apl("zone", *arguments)
    assert (left.code, left.faults[0]["fault"]) == (5, "APL-A07")
    assert not out.exists()


def test_no_folder(apl: Apl, tmp_path: Path) -> None:
    (fault,) = refused(apl, tmp_path / "nowhere", code=5)
    assert fault["fault"] == "APL-A01"


# --- several at once, and what stands ----------------------------------------------------------


def test_the_faults_of_several_tables_come_together(apl: Apl, country: Path) -> None:
    (country / "offre.csv").write_text("code_commune,etp\n1001,-1\n01002,nan\n")
    (country / "communes.csv").write_text(TABLES["communes"].replace("900", "x"))
    (country / "temps_de_parcours.csv").write_text(TABLES[TIMES].replace("minutes", "kilometres"))
    found = {(f["table"].split()[0], f["fault"]) for f in refused(apl, country)}
    assert found == {
        ("communes", "APL-D10"),
        ("temps_de_parcours", "APL-B08"),
        ("offre", "APL-B05"),
        ("offre", "APL-D01"),
        ("offre", "APL-D03"),
    }


def test_a_run_that_fails_leaves_a_standing_folder_as_it_was(
    apl: Apl, country: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert apl("run", country, *LAW, "--out", out).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    left = apl("run", country, *LAW, "--out", out, "--json")
    assert (left.code, left.faults[0]["fault"]) == (5, "APL-I03")
    assert "--overwrite" in left.faults[0]["mend"]
    good = (country / "offre.csv").read_text()
    (country / "offre.csv").write_text(good.replace("01001,1", "01001,-1"))
    assert apl("run", country, *LAW, "--out", out, "--overwrite").code == 3
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (country / "offre.csv").write_text(good.replace("01001,1", "01001,3"))
    assert apl("run", country, *LAW, "--out", out, "--overwrite").code == 0
    assert {path.name for path in out.iterdir()} == set(before)
    assert (out / "apl_communes.parquet").read_bytes() != before["apl_communes.parquet"]
