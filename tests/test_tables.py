"""The readers: every kind of file, every known layout, every way a number is written."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apl_core import AplError, TableError
from apl_core.tables import checked, notes_of, read_table

Rows = Sequence[Sequence[Any]]

OFFRE: Rows = [["code_commune", "etp"], ["01001", 1.5], ["2A004", 0], ["97105", 12.25]]
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
FORMATS = [*SEPARATORS, "parquet", "xlsx"]
KINÉ = "APL aux kinésithérapeutes"
OLD = ["Code commune", "Libellé de la commune", "Population totale"]


def as_csv(rows: Rows, separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue()


def as_xlsx(path: Path, **sheets: Rows) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def written(folder: Path, rows: Rows, form: str) -> Path:
    """The same rows (a header first) as a file of that form."""
    if form in SEPARATORS:
        path = folder / "table.csv"
        path.write_text(as_csv(rows, SEPARATORS[form]), encoding="utf-8")
        return path
    if form == "xlsx":
        return as_xlsx(folder / "table.xlsx", table=rows)
    path = folder / "table.parquet"
    columns = dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True))
    pq.write_table(pa.table(columns), path)
    return path


def read(folder: Path, text: str, name: str, **options: Any) -> list[dict[str, Any]]:
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    rows: list[dict[str, Any]] = read_table(path, name, **options).to_pylist()
    return rows


# --- kinds of files ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_table_reads_the_same_from_every_kind_of_file(form: str, tmp_path: Path) -> None:
    table = read_table(written(tmp_path, OFFRE, form), "offre")
    assert [list(row.values()) for row in table.to_pylist()] == [list(row) for row in OFFRE[1:]]
    assert table.schema.field("code_commune").type == pa.dictionary(pa.int32(), pa.string())
    assert table.schema.field("etp").type == pa.float64()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(encoding: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "communes.csv"
    text = "code_commune;libelle;DEP;REG;population;code_bvcv\n01004;Ambérieu;01;84;14134;01004\n"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    table = read_table(path, "communes")
    assert table["libelle"].to_pylist() == ["Ambérieu"]
    assert notes_of(table) == []


@pytest.mark.parametrize("name", ["offre.csv.gz", "OFFRE.CSV.GZ", "offre.tsv", "offre.txt"])
def test_suffixes_and_compression(name: str, tmp_path: Path) -> None:
    data = as_csv(OFFRE, "\t").encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.lower().endswith("gz") else data)
    assert read_table(tmp_path / name, "offre").num_rows == 3


def test_what_was_set_aside_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "offre.csv"
    path.write_text("Offre 2023\n\nSource : x\nCODGEO;etp;note\n01001;1,5;a", encoding="utf-8")
    assert notes_of(read_table(path, "offre")) == [
        "3 lines above the header set aside",
        "the last line has no end: make sure that the file was not cut (APL-A06)",
        "columns ignored: note",
        "etp: decimal commas understood",
    ]


def test_reading_a_table_imports_no_pandas(tmp_path: Path) -> None:
    rows = [["identifiant", "code_commune", "age", "actes", "honoraires", "installe_dans_l_annee"]]
    path = written(tmp_path, [*rows, ["p", "01001", 40, 1.5, 2, True]], "parquet")
    code = (
        "import sys; from apl_core.tables import read_table\n"
        f"read_table({str(path)!r}, 'professionnels')\n"
        "sys.exit(','.join({'pandas', 'pyarrow.dataset'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- layouts that others publish ---------------------------------------------------------------


def test_the_census_by_single_year(tmp_path: Path) -> None:
    text = "NIVGEO;CODGEO;LIBGEO;SEXE;AGED100;NB\n"
    text += "COM;01001;X;1;000;4,5\nCOM;01001;X;2;000;5,25\nCOM;01001;X;2;100;0\n"
    assert read(tmp_path, text, "population_par_age") == [
        {"code_commune": "01001", "age": 0, "sexe": "M", "population": 4.5},
        {"code_commune": "01001", "age": 0, "sexe": "F", "population": 5.25},
        {"code_commune": "01001", "age": 100, "sexe": "F", "population": 0.0},
    ]


@pytest.mark.parametrize("sexe", [[1, 2], [1.0, 2.0], ["H", "F"]])
def test_the_census_in_parquet_counts_sexes_as_numbers(sexe: list[Any]) -> None:
    columns = {"CODGEO": ["01001"] * 2, "SEXE": sexe, "AGED100": ["000"] * 2, "NB": [1.5, 2.5]}
    table = checked(pa.table(columns), "population_par_age")
    assert table["sexe"].to_pylist() == ["M", "F"]


METRIC = "communeA,communeB,KM,HC,HP\n01001,01002,7,8,9.5\n01002,01001,7,8.5,10\n"


def test_metric_holds_two_times_and_one_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(AplError) as caught:
        read(tmp_path, METRIC, "temps_de_parcours")
    assert (caught.value.fault, caught.value.column) == ("APL-E09", "minutes")
    assert caught.value.values == ("HC", "HP")
    for asked, minutes in (("HC", [8.0, 8.5]), ("HP", [9.5, 10.0])):
        found = read(tmp_path, METRIC, "temps_de_parcours", choose={"minutes": asked})
        assert [row["minutes"] for row in found] == minutes


def test_metric_with_one_time_needs_no_choice(tmp_path: Path) -> None:
    text = "depart,arrivee,HC\n01001,01002,8\n"
    assert read(tmp_path, text, "temps_de_parcours")[0]["minutes"] == 8.0


def test_a_choice_wins_over_the_best_known_name(tmp_path: Path) -> None:
    text = "depart,arrivee,minutes,HC\n01001,01002,1,8\n"
    found = read(tmp_path, text, "temps_de_parcours", choose={"minutes": "HC"})
    assert found[0]["minutes"] == 8.0
    with pytest.raises(AplError, match="asked for 'HP'"):
        read(tmp_path, text, "temps_de_parcours", choose={"minutes": "HP"})


def test_metric_osrm(tmp_path: Path) -> None:
    text = "idSrc,idDst,duree,distance\n01001,01002,8.1,7.2\n"
    row = {"origine": "01001", "destination": "01002", "minutes": 8.1}
    assert read(tmp_path, text, "temps_de_parcours") == [row]


def drees(year: int, *, apl: str = KINÉ, units: bool = True) -> Rows:
    """A sheet as it is published since 2022: titles, header on row 9, units, notes below."""
    people = [f"Population standardisée {year - 2} pour les kinésithérapeutes"]
    header = ["Code commune INSEE", "Commune", apl, *people, f"Population totale {year - 2}"]
    return [
        [f"APL {year}"], [], ["Millésime : 2024"], ["Source : SNIIRAM"], ["Champ : France"],
        ["Lecture : …"], ["Note : …"], [],
        header,
        *([[None, None, "(en ETP pour 100 000 habitants)", "(habitants)", "(habitants)"]] * units),
        ["01001", "L'Abergement", 46.093, 796.771, 806.0000004],
        ["01002", "L'Abergement-de-Varey", None, 237.754, 262],
        ["97101", "Les Abymes", 12, 50_000, 53_000],
        [],
        ["Lecture : dans la commune de …"],
        ["Source : DREES, 2024"],
    ]  # fmt: skip


def test_a_drees_workbook_is_a_standardised_population_too(tmp_path: Path) -> None:
    """Whatever its layout; but an empty cell is no population."""
    new: Rows = [row for row in drees(2023) if row[:1] != ["01002"]]
    old: Rows = [[*OLD, KINÉ, "Population standardisée"], ["01001", "x", 806, 46.1, 796.771]]
    oldest: Rows = [["Commune", "APL", "Population standardisée par la consommation de soins"],
              ["01001", 46.1, 796.771]]  # fmt: skip
    for rows in (new, old, oldest):
        path = as_xlsx(tmp_path / "population_standardisee.xlsx", feuille=rows)
        table = read_table(path, "population_standardisee")
        assert table.column_names == ["code_commune", "population_standardisee"]
        row = {"code_commune": "01001", "population_standardisee": 796.771}
        assert table.to_pylist()[0] == row
    holed = [[*row[:3], None, *row[4:]] if row[:1] == ["01002"] else row for row in drees(2023)]
    with pytest.raises(AplError, match="APL-D01 missing value") as caught:
        read_table(as_xlsx(tmp_path / "holed.xlsx", feuille=holed), "population_standardisee")
    assert caught.value.rows == (2,)


def test_a_drees_workbook_of_several_years_needs_its_sheet(tmp_path: Path) -> None:
    sheets = {"Paramètres": [["À lire"]], "APL_2023": drees(2023), "APL_2024": drees(2024)}
    path = as_xlsx(tmp_path / "kines.xlsx", **sheets)
    with pytest.raises(AplError, match=r"--sheet with one of: APL 2023, APL 2024") as caught:
        read_table(path, "apl_publie")
    assert caught.value.fault == "APL-A13"
    with pytest.raises(AplError, match="no such sheet"):
        read_table(path, "apl_publie", sheet="2022")
    table = read_table(path, "apl_publie", sheet="2024")
    assert table.equals(read_table(path, "apl_publie", sheet="APL 2024"))
    assert table["code_commune"].to_pylist() == ["01001", "01002", "97101"]
    assert table["apl"].to_pylist() == [46.093, None, 12.0]
    assert table["population"].to_pylist()[0] == 806.0000004
    assert notes_of(table) == [
        "sheet 'APL 2024', header on row 9",
        "rows [10, 15, 16] hold units or notes, not data: set aside",
        "columns ignored: Commune",
    ]


def test_a_sheet_without_units_and_one_whose_commune_holds_the_code(tmp_path: Path) -> None:
    rows = [list(row) for row in drees(2019, units=False)]
    rows[8][0:2] = ["Commune", "Libellé"]
    table = read_table(as_xlsx(tmp_path / "a.xlsx", APL_2019=rows), "apl_publie")
    assert table["code_commune"].to_pylist() == ["01001", "01002", "97101"]


def test_the_older_layout_has_its_header_on_the_first_row(tmp_path: Path) -> None:
    header = [
        *OLD,
        "APL 2021 aux masseuses-kinésithérapeutes de 65 ans et moins",
        "Population standardisée par la consommation de soins de masso-kinésithérapie",
    ]
    rows: Rows = [
        header,
        ["01001", "L'Abergement", 779.0, 44.254, 761.036],
        ["75115", None, 9, 1.5, 9],
    ]
    table = read_table(as_xlsx(tmp_path / "a.xlsx", Sheet1=rows), "apl_publie")
    assert table["apl"].to_pylist() == [44.254, 1.5]
    assert table["population_standardisee"].to_pylist() == [761.036, 9.0]


def test_doctors_have_three_columns_and_65_is_the_official_one(tmp_path: Path) -> None:
    name = "APL aux médecins généralistes"
    ages = ["(sans borne d'âge)", "de 65 ans et moins", "de 62 ans et moins"]
    header = [*OLD, *(f"{name} {age}" for age in ages), "Population standardisée"]
    path = as_xlsx(tmp_path / "mg.xlsx", S=[header, ["01001", "X", 779, 2.15, 2.076, 2.0, 775]])
    assert read_table(path, "apl_publie")["apl"].to_pylist() == [2.076]
    table = read_table(path, "apl_publie", choose={"apl": "62 ans"})
    assert table["apl"].to_pylist() == [2.0]


def test_a_published_apl_that_is_empty_is_no_fault(tmp_path: Path) -> None:
    text = "code_commune,apl,population_standardisee\n97501,,\n01001,2.5,10\n"
    found = read(tmp_path, text, "apl_publie")
    assert [row["apl"] for row in found] == [None, 2.5]


def test_a_row_without_its_code_is_a_fault_and_no_note(tmp_path: Path) -> None:
    """It holds figures: neither the units nor a remark."""
    for place in (1, 2, 4):
        rows: list[list[Any]] = [list(row) for row in OFFRE]
        rows.insert(place, [None, 2.0])
        with pytest.raises(AplError, match="missing value") as caught:
            read_table(as_xlsx(tmp_path / "offre.xlsx", S=rows), "offre")
        assert caught.value.rows == (place,)
    with pytest.raises(AplError, match="missing value"):
        read_table(as_xlsx(tmp_path / "offre.xlsx", S=[*OFFRE, ["01004", None]]), "offre")


# --- how values are written --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 234", 1234.0), ("1\u202f234,5", 1234.5), ("1\u00a0234", 1234.0), ("12,5", 12.5),
     ("806.0", 806.0), ("1e3", 1000.0), (" 7 ", 7.0), (".5", 0.5), ("+2", 2.0)],
)  # fmt: skip
def test_forms_of_numbers(text: str, value: float, tmp_path: Path) -> None:
    assert read(tmp_path, f"code_commune;etp\n01001;{text}\n", "offre")[0]["etp"] == value
    rows = [OFFRE[0], ["01001", text]]
    path = as_xlsx(tmp_path / "offre.xlsx", S=rows)
    assert read_table(path, "offre")["etp"].to_pylist() == [value]


POPULATION = "code_commune;population\n01001;{}\n"


@pytest.mark.parametrize(("text", "value"), [("806.0", 806), ("806,0", 806), ("1 806", 1806)])
def test_whole_numbers(text: str, value: int, tmp_path: Path) -> None:
    found = read(tmp_path, POPULATION.format(text), "population_municipale")
    assert found[0]["population"] == value
    assert isinstance(found[0]["population"], int)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("12.5", "APL-D04"), ("12,5", "APL-D04"), ("1e300", "APL-D04 APL-D03"), ("nan", "APL-D01"),
     ("inf", "APL-D02"), ("nd", "APL-D01"), ("1,234,567", "APL-D10"), ("", "APL-D01"),
     ("-3", "APL-D03")],
)  # fmt: skip
def test_what_is_no_count(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(AplError) as caught:
        read(tmp_path, POPULATION.format(text), "population_municipale")
    assert [f.fault for f in caught.value.faults] == fault.split()
    assert caught.value.rows == (1,)


def test_two_decimal_marks_in_one_column(tmp_path: Path) -> None:
    with pytest.raises(AplError, match="APL-B02") as caught:
        read(tmp_path, "code_commune;etp\n01001;1,5\n01002;3\n01004;2.5\n", "offre")
    assert (caught.value.rows, caught.value.values) == ((1, 3), ("1,5", "2.5"))


HEADER = "identifiant,code_commune,age,actes,honoraires,installe_dans_l_annee\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("oui", True), ("Oui", True),
     ("false", False), ("0", False), ("non", False)],
)  # fmt: skip
def test_yes_and_no(text: str, value: bool, tmp_path: Path) -> None:
    found = read(tmp_path, f"{HEADER}p,01001,40,1,2,{text}\n", "professionnels")
    assert found[0]["installe_dans_l_annee"] is value


@pytest.mark.parametrize("cell", [True, 1, 1.0, "oui"])
def test_yes_in_workbooks_and_parquet(cell: Any, tmp_path: Path) -> None:
    rows: Rows = [HEADER.strip().split(","), ["p", "01001", 40, 1.5, 2.0, cell]]
    for form in ("xlsx", "parquet"):
        table = read_table(written(tmp_path, rows, form), "professionnels")
        assert table["installe_dans_l_annee"].to_pylist() == [True]


def test_neither_yes_nor_no(tmp_path: Path) -> None:
    with pytest.raises(AplError, match="neither yes nor no") as caught:
        read(tmp_path, f"{HEADER}p,01001,40,1,2,peut-être\n", "professionnels")
    assert caught.value.values == ("peut-être",)


def bvcv(*codes: str) -> pa.Table:
    count = len(codes)
    return pa.table({"code_bvcv": codes, "zone": ["sous_dotee"] * count, "motif": ["x"] * count})


def test_cantons_take_their_mark_where_they_can_be_told_apart() -> None:
    table = checked(bvcv("0405", "2A04", "1004", "13201"), "decisions")
    assert table["code_bvcv"].to_pylist() == ["0405_", "2A04_", "1004_", "13201"]
    assert notes_of(table) == ["cantons took their mark: 0405 → 0405_, 1004 → 1004_, 2A04 → 2A04_"]
    with pytest.raises(AplError, match="APL-B05"):
        checked(bvcv("1004", "13201"), "decisions")  # or the living area 01004
    with pytest.raises(AplError, match="APL-D05"):
        checked(bvcv("0405", "0405_"), "decisions")


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    rows = [["code_bvcv", "zone", "motif"]]
    (tmp_path / "cut.csv").write_text(",".join(rows[0]), encoding="utf-8")
    for path in (written(tmp_path, rows, "comma"), written(tmp_path, rows, "xlsx"), "cut.csv"):
        assert read_table(tmp_path / path, "decisions").num_rows == 0


# --- tables in memory --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()),
     pa.dictionary(pa.int64(), pa.large_string())],
    ids=str,
)  # fmt: skip
def test_types_of_text(kind: pa.DataType) -> None:
    parts = [["01001"], ["01002", "01001"]]
    if pa.types.is_dictionary(kind):
        codes = pa.chunked_array(parts).dictionary_encode().cast(kind)
    else:
        codes = pa.chunked_array(parts, type=kind)
    pairs = pa.table({"origine": codes, "destination": codes, "minutes": pa.array([1, 2, 3])})
    table = checked(pairs, "temps_de_parcours")
    assert table["origine"].to_pylist() == ["01001", "01002", "01001"]
    assert table["origine"].type == pa.dictionary(pa.int32(), pa.string())


def test_a_dictionary_that_holds_a_value_twice_or_null_hides_no_duplicate() -> None:
    made = pa.DictionaryArray.from_arrays
    for words in (["01001", "01001"], ["01001", None, "01001"]):
        codes = made(pa.array([0, len(words) - 1]), pa.array(words))
        for column in (codes, pa.chunked_array([codes[:1], codes[1:]])):
            with pytest.raises(AplError, match="APL-D05"):
                checked(pa.table({"code_commune": column, "etp": [1.0, 2.0]}), "offre")


@pytest.mark.parametrize(
    "column",
    [pa.array([[1.0]]), pa.array([{"x": 1}]), pa.array([b"\xff"]), pa.array([2**60 + 1])],
    ids=["list", "struct", "bytes", "too large"],
)
def test_a_type_that_holds_no_numbers_is_a_fault(column: pa.Array) -> None:
    with pytest.raises(AplError, match="APL-D10 cannot be read as number") as caught:
        checked(pa.table({"code_commune": ["01001"], "etp": column}), "offre")
    assert caught.value.column == "etp"


def test_identifiers_may_be_numbers(tmp_path: Path) -> None:
    rows: Rows = [HEADER.strip().split(","), [101, "01001", 40, 1, 2, True]]
    for form in ("xlsx", "parquet", "comma"):
        table = read_table(written(tmp_path, rows, form), "professionnels")
        assert table["identifiant"].to_pylist() == ["101"]


def test_a_null_is_one_fault_even_where_zero_would_be_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(AplError) as caught:
        read(tmp_path, f"{HEADER}p,01001,,1,2,1\nq,01001,40,1,2,1\n", "professionnels")
    assert [(f.title, f.rows) for f in caught.value.faults] == [("missing value", (1,))]


def test_all_faults_of_a_table_come_together() -> None:
    columns = {"code_commune": ["01001", "01001", "01002"], "etp": [-1.0, float("nan"), None]}
    with pytest.raises(AplError) as caught:
        checked(pa.table(columns), "offre")
    found = [(f.fault, f.rows) for f in caught.value.faults]
    assert found == [
        ("APL-D01", (3,)), ("APL-D01", (2,)), ("APL-D03", (1,)), ("APL-D05", (1, 2)),
    ]  # fmt: skip


def test_only_the_first_rows_are_listed_and_all_are_counted() -> None:
    columns = {"code_commune": [f"{k:05d}" for k in range(1001, 1101)], "etp": [-1.0] * 100}
    with pytest.raises(AplError, match=r"\(and 80 more\)") as caught:
        checked(pa.table(columns), "offre")
    assert len(caught.value.rows) == 20
    assert caught.value.faults[0].count == 100


# --- years ------------------------------------------------------------------------------------


def test_of_several_years_one_is_asked_for(tmp_path: Path) -> None:
    text = "code_commune,population_2020,population_2021\n01001,10,20\n"
    with pytest.raises(AplError, match="several columns would do"):
        read(tmp_path, text, "population_municipale")
    found = read(tmp_path, text, "population_municipale", choose={"population": "2021"})
    assert found[0]["population"] == 20


def test_blank_identifiers_name_nobody() -> None:
    people = pa.table(
        {
            "identifiant": ["a", "", "  "],
            "code_commune": ["01001"] * 3,
            "age": [40] * 3,
            "actes": [1.0] * 3,
            "honoraires": [1.0] * 3,
            "installe_dans_l_annee": [False] * 3,
        }
    )
    with pytest.raises(TableError) as caught:
        checked(people, "professionnels")
    assert (caught.value.fault, caught.value.column) == ("APL-D01", "identifiant")
    assert caught.value.rows == (2, 3)
