"""`apl simulate`: a run opened again, held against its manifest; what it tells and writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scenes import LAW
from shared import needs_jit
from test_worked_example import PARAMETERS, written

import apl
from apl.commands.scenarios import simulate as command
from apl.outputs import FINGERPRINT, MANIFEST, fingerprint
from apl.scenarios.opened import open_run
from apl.scenarios.simulate import simulate
from apl_core import AplError, Fault, FileError, RuleError, UsageError
from apl_core.tables import read_table


def run_of(folder: Path, **how: Any) -> tuple[Path, Path, apl.Run]:
    """The worked example: its input folder, its output folder, the run."""
    (folder / "parameters.toml").write_text(PARAMETERS)
    given = apl.read_parameters(folder / "parameters.toml")
    source, out = written(folder / "in"), folder / "out"
    return source, out, apl.run(source, LAW, out=out, parameters=given, **how)


def said(*arguments: str) -> tuple[dict[str, Any], str]:
    """What the command tells, as JSON and as text."""
    found = []
    for more in (["--json"], ["--overwrite"]):
        done = CliRunner().invoke(command, [*arguments, *more])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        found.append(done.stdout)
    return json.loads(found[0]), found[1]


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_run_is_opened_as_it_was(tmp_path: Path, file_format: str) -> None:
    source, out, run = run_of(tmp_path, file_format=file_format)
    opened = open_run(out, source)
    assert opened.rules.as_dict() == run.rules.as_dict()
    before = simulate(opened.place, opened.rules, {}).before
    assert before.communes.equals(run.communes)
    assert before.ranking.bvcv.equals(run.bvcv)


def test_what_changes_is_told_and_written_as_a_run(tmp_path: Path) -> None:
    source, out, run = run_of(tmp_path)
    arguments = [str(out), "--input", str(source), "--add", "01004=2", "--add", "01003=-0.5"]
    there = tmp_path / "more"
    told, text = said(*arguments, "--out", str(there))
    assert told["added"] == {"01004": 2.0, "01003": -0.5}
    assert (told["etp"], told["cuts"], told["synthetic"]) == (1.5, "refreshed", False)
    assert {c["code_commune"] for c in told["communes"]} == {"01001", "01002", "01003", "01004"}
    assert "FTE: 01004 +2, 01003 -0.5" in text
    assert "Cuts: made anew" in text
    assert f"Written: {there}" in text
    stored = read_table(there / "apl_communes.parquet", "apl_communes")
    assert stored["etp"].to_pylist() == [
        fte + more
        for fte, more in zip(run.communes["etp"].to_pylist(), [0, 0, -0.5, 2], strict=True)
    ]
    manifest = json.loads((there / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["simulation"]["added"] == told["added"]
    # a simulation is a run: removing what was added gives the first APL again
    back, _ = said(str(there), "--input", str(source), "--add", "01004=-2", "--add", "01003=0.5")
    again = {c["code_commune"]: c["apl_apres"] for c in back["communes"]}
    assert list(again.values()) == run.communes["apl"].to_pylist()


def test_held_cuts_are_said_and_not_built_upon(tmp_path: Path) -> None:
    source, out, _ = run_of(tmp_path)
    there = tmp_path / "held"
    arguments = [str(out), "--input", str(source), "--add", "01004=50", "--hold-cuts"]
    told, text = said(*arguments, "--out", str(there))
    assert told["cuts"] == "held"
    assert "Cuts: those of the run" in text
    with pytest.raises(FileError, match="a simulation with held cuts"):
        said(str(there), "--input", str(source), "--add", "01004=1")


def test_the_best_places_are_told_and_added(tmp_path: Path) -> None:
    source, out, run = run_of(tmp_path)
    best = ["--best", "2", "--region", "84", "--objective", "shortfall", "--threshold", "100"]
    told, text = said(str(out), "--input", str(source), *best)
    places = told["places"]
    assert places["proved"] is True
    assert places["optimum"]["places"] == {k: int(v) for k, v in told["added"].items()}
    assert places["optimum"]["value"] >= places["greedy"]["value"] > 0
    assert "Best places for 2 FTE in region 84" in text
    with pytest.raises(UsageError, match="no region '99'"):
        said(str(out), "--input", str(source), *best[:3], "99", "--threshold", "100")
    assert run.bvcv.num_rows == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --add"),
        (["--best", "2"], "--best and --region go together"),
        (["--add", "01001=1", "--region", "84"], "--best and --region go together"),
    ],
)
def test_a_question_that_is_none(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(command, [str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_run_that_is_not_what_it_was_is_refused(tmp_path: Path) -> None:
    source, out, _ = run_of(tmp_path)
    kept = tmp_path / "kept"
    shutil.copytree(out, kept)

    def refused(kind: type[AplError], words: str, given: Path | None = source) -> Sequence[Fault]:
        with pytest.raises(kind, match=words) as error:
            open_run(out, given)
        return error.value.faults

    refused(UsageError, "the input folder is missing", None)
    (out / "bvcv.parquet").write_bytes(b"")
    (out / "parts_regionales.parquet").unlink()
    for name in ("professionnels.csv", "temps_de_parcours.csv"):
        (source / name).write_bytes((source / name).read_bytes() + b"\n")
    faults = refused(FileError, "other results than the run's")
    assert [set(fault.values) for fault in faults] == [
        {"bvcv.parquet", "parts_regionales.parquet"},
        {"professionnels.csv", "temps_de_parcours.csv"},
    ]
    for text, words in (("{}", "another command"), ("{", "cannot be read")):
        (out / MANIFEST).write_text(text)
        refused(FileError, words)
    (out / MANIFEST).unlink()
    refused(FileError, f"there is no {MANIFEST}")
    manifest = json.loads((kept / MANIFEST).read_text(encoding="utf-8"))
    manifest["rules"]["values"]["zoning"]["astride"] = "include"
    (kept / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FileError, match="another manifest than the run's"):
        open_run(kept, source)
    manifest[FINGERPRINT] = fingerprint(manifest)
    (kept / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(RuleError, match="another law than the run's"):
        open_run(kept, source)


Spoilt = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda told: told["options"].clear(),
        lambda told: told["options"]["parameters"].update(of_tomorrow=1),
        lambda told: told["options"].update(parameters=None),
        lambda told: told["options"].update(self_pair="1"),
        lambda told: told["options"].update(cog="noon"),
        lambda told: told.update(inputs=[{"file": "x.csv"}]),
        lambda told: told["inputs"][0].update(sha256=None),
        lambda told: told.update(outputs={"apl_communes.parquet": {}}),
        lambda told: told["rules"].pop("profession"),
        lambda told: told["rules"].update(selected_from="noon"),
        lambda told: told.pop("synthetic"),
        lambda told: told.update(simulation=[]),
    ],
)
def test_the_manifest_of_another_version_is_refused(tmp_path: Path, spoilt: Spoilt) -> None:
    source, out, _ = run_of(tmp_path)
    manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    spoilt(manifest)
    manifest[FINGERPRINT] = fingerprint(manifest)
    (out / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FileError, match="not written by this version"):
        open_run(out, source)


def test_a_density_has_no_two_steps_to_simulate(tmp_path: Path) -> None:
    """It has no travel times either: neither with its input folder nor without is it opened."""
    speech = apl.rules("orthophoniste", on=date(2020, 6, 1))
    source = written(tmp_path / "in")
    for name in ("professionnels", "population_par_age", "consommation_par_age"):
        (source / f"{name}.csv").unlink()
    codes = [row.split(",")[0] for row in (source / "communes.csv").read_text("utf-8-sig").split()]
    for name, column in (("offre", "etp"), ("population_standardisee",) * 2):
        rows = [f"code_commune,{column}", *(f"{code},1500" for code in codes[1:])]
        (source / f"{name}.csv").write_text("\n".join(rows))
    apl.run(source, speech, out=tmp_path / "out")
    for given in (None, source):
        with pytest.raises(RuleError, match="is no APL"):
            open_run(tmp_path / "out", given)


def test_a_run_on_tables_in_memory_is_for_python(tmp_path: Path) -> None:
    source, out, run = run_of(tmp_path)
    manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    for entry in manifest["inputs"]:
        entry.pop("sha256")
    manifest[FINGERPRINT] = fingerprint(manifest)
    (out / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FileError, match="a run without input files"):
        open_run(out, source)
    assert run.manifest["synthetic"] is False


@needs_jit
def test_the_embedded_country_needs_no_input(tmp_path: Path) -> None:
    apl.run(None, LAW, out=tmp_path / "out")
    done = CliRunner().invoke(command, [str(tmp_path / "out"), "--add", "04070=2"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("SYNTHETIC COUNTRY")
    assert "Changed: 23 communes, 7 BVCV, of which 0 in another class" in done.stdout
    with pytest.raises(UsageError, match="not needed"):
        open_run(tmp_path / "out", tmp_path)
