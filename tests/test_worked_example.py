"""The worked example: three communes of four with exact answers, by library and command line.

Times: A-B 8, A-C 12, A-D 25, B-C 6, B-D 17, C-D 14 minutes. Median 3,783 acts, ninth decile 6,906,
floor 10,000 € (544 acts). A: 3,783 and 9,000 acts; C: one installed this year with 300 acts, one
aged 67, one of 500 acts.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import date
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest

import apl
from apl.__main__ import main

A, B, C, D = "01001", "01002", "01003", "01004"
TIMES = {(A, B): 8, (A, C): 12, (A, D): 25, (B, C): 6, (B, D): 17, (C, D): 14}
EXPECTED = {
    A: Fraction(20744275, 273637),
    B: Fraction(22698825, 273637),
    C: Fraction(17087100, 273637),
    D: Fraction(100, 7),
}
ZONES = {"01001": Fraction(359493600, 4651829), "01003": Fraction(11157000, 273637)}
PARAMETERS = "[supply]\nmediane_actes = 3783\nneuvieme_decile_actes = 6906\nplancher_actes = 544\n"


def tables() -> dict[str, pa.Table]:
    """The example as input tables."""
    codes = [A, B, C, D]
    both = {**TIMES, **{(b, a): t for (a, b), t in TIMES.items()}, **{(c, c): 0 for c in codes}}
    people = [
        ("p1", A, 45, 3783, False),
        ("p2", A, 50, 9000, False),
        ("p3", C, 30, 300, True),
        ("p4", C, 67, 4000, False),
        ("p5", C, 40, 500, False),
    ]
    young, old = [2400, 900, 700, 800], [600, 100, 300, 200]
    return {
        "communes": pa.table(
            {
                "code_commune": codes,
                "code_departement": ["01"] * 4,
                "code_region": ["84"] * 4,
                "population": [3000, 1000, 1000, 1000],
                "code_bvcv": [A, A, C, C],
            }
        ),
        "temps_de_parcours": pa.table(
            {
                "origine": [a for a, _ in both],
                "destination": [b for _, b in both],
                "minutes": [float(t) for t in both.values()],
            }
        ),
        "population_par_age": pa.table(
            {"code_commune": codes * 2, "age": [0] * 4 + [65] * 4, "population": young + old}
        ),
        "consommation_par_age": pa.table(
            {"age": [0, 65], "honoraires_par_habitant": [40.0, 200.0]}
        ),
        "professionnels": pa.table(
            {
                "identifiant": [p[0] for p in people],
                "code_commune": [p[1] for p in people],
                "age": [p[2] for p in people],
                "actes": [float(p[3]) for p in people],
                "honoraires": [p[3] * 18.38 for p in people],
                "installe_dans_l_annee": [p[4] for p in people],
            }
        ),
    }


def written(folder: Path, separator: str = ",") -> Path:
    """The example as CSV files, as a statistician would have them."""
    folder.mkdir()
    for name, table in tables().items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            rows = csv.writer(file, delimiter=separator)
            rows.writerow(table.column_names)
            rows.writerows(zip(*(c.to_pylist() for c in table.columns), strict=True))
    (folder.parent / "parameters.toml").write_text(PARAMETERS, encoding="utf-8")
    return folder


def law() -> apl.Rules:
    return apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))


def close(value: float, exact: Fraction) -> bool:
    return abs(Fraction(value) - exact) <= exact / 10**12


@pytest.mark.parametrize("floor", ["fees", "acts"])
def test_the_library_gives_the_exact_figures(floor: str) -> None:
    given = apl.Parameters(3783.0, 6906.0, 544.0, readings={"supply.floor": floor})
    found = apl.run(tables(), law(), parameters=given)
    apl_of = dict(
        zip(
            found.communes.column("code_commune").to_pylist(),
            found.communes.column("apl").to_pylist(),
            strict=True,
        )
    )
    assert list(apl_of) == list(EXPECTED)
    assert all(close(apl_of[code], exact) for code, exact in EXPECTED.items())
    assert (found.communes.num_rows, found.bvcv.num_rows, found.parts.num_rows) == (4, 2, 8)
    zones = zip(
        found.bvcv.column("code_bvcv").to_pylist(),
        found.bvcv.column("apl").to_pylist(),
        strict=True,
    )
    assert all(close(value, ZONES[code]) for code, value in zones)
    assert found.bvcv.column("code_bvcv").to_pylist() == list(ZONES)
    assert found.supply is not None
    assert (found.supply.too_old, found.supply.newcomers, found.supply.below_floor) == (1, 1, 1)
    assert found.supply.capped == 1


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_command_line_gives_the_same_on_csv_files(
    tmp_path: Path,
    separator: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = written(tmp_path / "in", separator)
    out = tmp_path / "out"
    arguments = [
        "run", folder, "--profession", "masseur_kinesitherapeute", "--on", "2025-06-06",
        "--out", out, "--format", "csv", "--parameters", tmp_path / "parameters.toml", "--json",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["apl", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    with (out / "apl_communes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["code_commune"] for row in rows] == [A, B, C, D]
    assert all(close(float(row["apl"]), EXPECTED[row["code_commune"]]) for row in rows)
    with (out / "bvcv.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["code_bvcv"] for row in rows] == list(ZONES)
    assert all(close(float(row["apl"]), ZONES[row["code_bvcv"]]) for row in rows)
    summary = json.loads(said)
    assert summary["communes"] == 4
    assert not summary["synthetic"]
    manifest = json.loads((out / "manifeste.json").read_text(encoding="utf-8"))
    assert manifest["activity"]["computed_from_the_table"] is False
    assert manifest["arithmetic"] == "exact"


def test_the_mean_weighted_by_total_population_is_another_one() -> None:
    """The trap that the example names: 77.595181 and 38.365060 are wrong for 2024."""

    given = apl.Parameters(3783.0, 6906.0)
    wrong = law().overlaid({"aggregation": {"weight": "population"}})
    means = apl.run(tables(), wrong, parameters=given).bvcv.column("apl").to_pylist()
    assert [round(mean, 6) for mean in means] == [77.595181, 38.365060]
