"""The command line: exit codes, what goes to which stream, every command of the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_worked_example import written

from apl.__main__ import cli

LAW = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]


def apl(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "apl", *arguments],
        capture_output=True, text=True, cwd=cwd, check=False,
    )  # fmt: skip


def test_every_command_has_help() -> None:
    commands = {"run", "check", "bvcv", "zone", "rules", "travel-times", "simulate", "verify"}
    commands |= {"report"}
    commands |= {"adapt", "audit", "annexes", "attribution", "benefits", "revision", "cache"}
    commands |= {"certify"}
    commands |= {"compare", "explain"}
    commands |= {"sensitivity", "calibrate"}
    commands |= {"uncertainty"}
    commands |= {"inequality", "change", "retirement"}
    assert set(cli.commands) == commands
    for command in cli.commands.values():
        assert command.help, command.name
    for arguments in ([], ["run"], ["adapt"]):
        done = apl(*arguments, "--help")
        assert done.returncode == 0
        assert "Usage:" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['apl', '--help']\n"
        "from apl.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numba', 'numpy', 'pyarrow', 'scipy', 'jsonschema'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fly"], 2, "No such command"),
        (["run", *LAW], 2, "--out"),
        (["run", "--profession", "masseur_kinesitherapeute", "--out", "o"], 2, "--on"),
        (["run", *LAW[:3], "2025-99-99", "--out", "o"], 2, "2025-99-99"),
        (["run", "nowhere", *LAW, "--out", "o"], 5, "APL-A01"),
        (["run", *LAW, "--parameters", "none.toml", "--out", "o"], 5, "no parameter file"),
        (["run", *LAW[:3], "2018-01-01", "--out", "o"], 4, "2018-09-24"),
        (["run", "--profession", "plombier", *LAW[2:], "--out", "o"], 4, "plombier"),
        (["rules", "--profession", "infirmiere"], 4, "infirmier"),
        (["rules", *LAW[:2], "--diff", "2018-01-01", "2025-01-01"], 4, "2018-09-24"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = apl(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_check_counts_rows_or_lists_all_faults(tmp_path: Path) -> None:
    folder = written(tmp_path / "in")
    done = apl("check", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tables"]["temps_de_parcours"] == 16
    people = (folder / "professionnels.csv").read_text(encoding="utf-8-sig")
    (folder / "professionnels.csv").write_text(people.replace("01003", "1003"), encoding="utf-8")
    times = (folder / "temps_de_parcours.csv").read_text(encoding="utf-8-sig")
    (folder / "temps_de_parcours.csv").write_text(times.replace("12.0", "-3"), encoding="utf-8")
    done = apl("check", str(folder), "--json")
    assert done.returncode == 3
    found = {fault["fault"] for fault in json.loads(done.stdout)["faults"]}
    assert found == {"APL-B05", "APL-D03"}
    assert "Traceback" not in done.stderr


def test_rules_prints_each_figure_beside_its_article() -> None:
    done = apl("rules", *LAW)
    assert done.returncode == 0
    for words in (
        "annexe, 4.1.3",
        "below 10 minutes",
        "2/3",
        "reading: bands — 'moins de 10' leaves 10 to the second band",
        "TSSH2408601A",
        "reading: No public source at hand gives the dates",
    ):
        assert words in done.stdout, words
    shown = {tuple(line.rsplit(maxsplit=1)) for line in done.stdout.splitlines() if line.strip()}
    for key, value in (
        ("  per", "100000"),
        ("  rule", "most_population"),
        ("  urban pole", "pole_commune"),
        ("  rescale", "sum_to_population"),
        ("  bounds", "computed_unless_given"),
    ):
        assert (key, value) in shown, key
    versions = json.loads(apl("rules", *LAW, "--json").stdout)["versions"]
    assert versions[0]["blocks"][5]["values"]["below 15 minutes"] == "2/3"
    assert "masseur_kinesitherapeute" in apl("rules").stdout


def test_bvcv_then_zone_on_files(tmp_path: Path) -> None:
    geography = "code_commune,code_departement,code_region,code_bassin_de_vie_2022,"
    geography += "code_canton_ville,code_unite_urbaine_2020\n"
    geography += "01001,01,84,01001,0101,00101\n01002,01,84,01001,0102,01000\n"
    geography += "01003,01,84,01003,0103,01000\n"
    (tmp_path / "geo.csv").write_text(geography)
    (tmp_path / "pop.csv").write_text(
        "code_commune,population_2019,population_2020\n01001,1,40000\n01002,2,100\n01003,3,50\n"
    )
    out = tmp_path / "communes.csv"
    done = apl("bvcv", str(tmp_path / "geo.csv"), str(tmp_path / "pop.csv"), *LAW,
               "--year", "2020", "--out", str(out), "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bvcv"] == 3
    codes = [line.split(",")[-1].strip('"') for line in out.read_text().splitlines()[1:]]
    assert codes == ["0101_", "0102_", "01003"]
    again = apl("bvcv", str(tmp_path / "geo.csv"), str(tmp_path / "pop.csv"), *LAW,
                "--year", "2020", "--out", str(out))  # fmt: skip
    assert again.returncode == 5
    (tmp_path / "apl.csv").write_text(
        "code_commune,apl,population_standardisee\n01001,50,41000\n01002,,0\n01003,10,60\n"
    )
    done = apl("zone", str(tmp_path / "apl.csv"), str(out), *LAW, "--out", str(tmp_path / "z"),
               "--format", "csv", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [zone["bvcv"] for zone in told["zones"]] == [2, 0, 0, 1]
    assert any("no published APL" in note["text"] for note in told["noticed"])
    assert {p.name for p in (tmp_path / "z").iterdir()} == {
        "bvcv.csv", "parts_regionales.csv", "manifeste.json"
    }  # fmt: skip


def test_travel_times_refuse_an_output_before_they_search(tmp_path: Path) -> None:
    """The coordinates are not even read: they are not there."""
    (tmp_path / "t.csv").write_text("mine")
    for name, fault in (("t.xlsx", "APL-I13"), ("t.csv", "APL-I03")):
        done = apl("travel-times", str(tmp_path / "none.csv"), "--out", str(tmp_path / name))
        assert done.returncode == 5
        assert fault in done.stderr
        assert "searching" not in done.stderr
    assert (tmp_path / "t.csv").read_text() == "mine"


def places(folder: Path, codes: list[str], communes: list[str]) -> list[str]:
    """Coordinates and communes as files; the arguments of `apl travel-times` on them."""
    rows = (f"{code},{5 + k / 100:.2f},46.0" for k, code in enumerate(codes))
    (folder / "c.csv").write_text("code_commune,longitude,latitude\n" + "\n".join(rows) + "\n")
    table = (f"{code},01,84,100,{code}" for code in communes)
    header = "code_commune,code_departement,code_region,population,code_bvcv\n"
    (folder / "communes.csv").write_text(header + "\n".join(table) + "\n")
    return ["travel-times", str(folder / "c.csv"), "--communes", str(folder / "communes.csv"),
            "--out", str(folder / "t.csv")]  # fmt: skip


def test_travel_times_of_the_communes_of_a_table(tmp_path: Path) -> None:
    """Coordinates of one year, communes of another: who is dropped and who is missing is said."""
    gone = [f"01{k:03}" for k in range(101, 123)]
    arguments = places(tmp_path, ["01001", "01002", *gone], ["01001", "01002", "01300"])
    done = apl(*arguments)
    assert done.returncode == 0, done.stderr
    assert f"22 places that the table of communes does not have: {', '.join(gone[:20])}, …" in (
        done.stdout
    )
    assert "1 commune without coordinates: 01300" in done.stdout
    told = json.loads(apl(*arguments, "--overwrite", "--json").stdout)
    assert told["dropped"] == {"count": 22, "first": gone[:20]}
    assert told["without_coordinates"] == {"count": 1, "first": ["01300"]}
    assert (told["places"], told["pairs"]) == (2, 4)
    codes = {
        line.split(",")[0].strip('"') for line in (tmp_path / "t.csv").read_text().splitlines()
    }
    assert codes == {"origine", "01001", "01002"}


def test_coordinates_of_other_places_altogether_are_refused(tmp_path: Path) -> None:
    done = apl(*places(tmp_path, ["01001"], ["01002"]))
    assert done.returncode == 3
    assert "APL-C02" in done.stderr
    assert not (tmp_path / "t.csv").exists()


def test_what_the_caller_supplies_is_said_once_in_the_head(tmp_path: Path) -> None:
    folder = written(tmp_path / "in")
    (tmp_path / "parameters.toml").write_text('[readings]\n"zoning.astride" = "include"\n')
    arguments = ["run", str(folder), *LAW, "--parameters", str(tmp_path / "parameters.toml")]
    done = apl(*arguments, "--out", str(tmp_path / "o"))
    head, _, _ = done.stdout.partition("Zone ")
    assert head.count("supplied by the caller, not law: zoning.astride = include") == 1
    law = json.loads((tmp_path / "o" / "manifeste.json").read_text(encoding="utf-8"))["rules"]
    assert law["supplied_by_the_caller_not_law"] == ["zoning.astride = include"]
    assert law["values"]["zoning"]["astride"] == "include"
    assert law["readings"]["zoning.astride"].startswith("include: supplied by the caller")


@pytest.mark.parametrize("name", ["temps_de_parcours.parquet", "temps_de_parcours.csv"])
def test_travel_times_are_named_an_estimate(tmp_path: Path, name: str) -> None:
    """In the file, whatever its format, and in what a later run reads of it."""
    from apl.travel import estimate_of
    from apl_core.tables import read_table

    (tmp_path / "c.csv").write_text(
        "code_commune,longitude,latitude\n01001,5.0,46.0\n01002,5.05,46.0\n"
    )
    out = tmp_path / name
    done = apl("travel-times", str(tmp_path / "c.csv"), "--within", "20", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "ESTIMATE" in done.stdout
    found = estimate_of(read_table(out, "temps_de_parcours"))
    assert found is not None
    assert found["estimate"] is True


def test_the_summary_of_a_run_is_for_people_and_for_machines(tmp_path: Path) -> None:
    folder = written(tmp_path / "in")
    arguments = ["run", str(folder), *LAW, "--parameters", str(tmp_path / "parameters.toml")]
    done = apl(*arguments, "--out", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    for words in ("Mean APL", "tres_sous_dotee", "84 Auvergne-Rhône-Alpes", "Written: "):
        assert words in done.stdout
    assert "… reading" in done.stderr
    told = json.loads(apl(*arguments, "--out", str(tmp_path / "b"), "--json").stdout)
    assert told["bvcv"] == 2
    assert len(told["zones"]) == 4
