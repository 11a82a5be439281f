"""`apl uncertainty`: a run drawn again, told and written; on the embedded country in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scenes import LAW
from shared import needs_jit
from test_simulate_command import run_of

import apl
from apl.commands.scenarios import simulate
from apl.commands.uncertainty import WITHIN
from apl.commands.uncertainty import uncertainty as command
from apl.doubted.draws import RESAMPLED, people, people_of
from apl.inputs import embedded
from apl.outputs import MANIFEST
from apl.scenarios.opened import open_run
from apl.verify import verify
from apl_core import FileError, UsageError
from apl_core.tables import read_table


def test_the_command_offers_what_can_be_drawn() -> None:
    """It lists it again: to import it would load numpy for `apl --help`."""
    assert tuple(WITHIN) == RESAMPLED


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
def test_the_table_is_written_with_where_it_comes_from(tmp_path: Path, file_format: str) -> None:
    source, out, run = run_of(tmp_path)
    there = tmp_path / "sure"
    told, text = said(
        str(out), "--input", str(source), "--draws", "30", "--seed", "3", "--resample", "france",
        "--noise-minutes", "0.1", "--population-error", "0.05", "--threads", "2",
        "--out", str(there), "--format", file_format,
    )  # fmt: skip
    table = read_table(there / f"incertitude.{file_format}", "incertitude")
    assert table.column("apl").to_pylist() == run.bvcv.column("apl").to_pylist()
    assert table.column("zone").to_pylist() == run.bvcv.column("zone").to_pylist()
    assert [name for name in table.column_names if name.startswith("p_")] == [
        f"p_{zone}" for zone in LAW.zoning.zones]  # fmt: skip
    manifest = json.loads((there / MANIFEST).read_text(encoding="utf-8"))
    asked = manifest["options"]["uncertainty"]
    assert (asked["seed"], asked["draws"], asked["doubt"]["minutes"]) == (3, 30, 0.1)
    assert len(asked["run_sha256"]) == 64
    assert not verify(there).faults
    assert (told["persons"], told["bvcv"]) == (3, 2)  # one is too old, one under the floor
    assert told["draws"] == 30
    assert "Drawn again: 3 persons, with replacement, as many as there are in the whole" in text
    assert "Error of minutes: 0.1 (log-normal), each pair" in text
    assert "The travel times end at 25 minutes" in text
    assert "30 draws (seed 3), cuts made anew in each draw" in text
    assert f"Written: {there}" in text


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    source, out, _ = run_of(tmp_path)
    asked = [str(out), "--input", str(source), "--draws", "12", "--noise-minutes", "0.2",
             "--noise-by", "origin", "--hold-cuts"]  # fmt: skip
    both = []
    for name, threads in (("a", "1"), ("b", "3")):
        _, text = said(*asked, "--threads", threads, "--out", str(tmp_path / name))
        both.append((tmp_path / name / "incertitude.parquet").read_bytes())
    assert both[0] == both[1]
    assert "all that leave a commune alike" in text
    assert "cuts those of the run, held" in text


def test_fte_that_are_given_are_heads_or_are_not_drawn(tmp_path: Path) -> None:
    source, _, run = run_of(tmp_path)
    (source / "professionnels.csv").unlink()
    rows = zip(*(run.communes[n].to_pylist() for n in ("code_commune", "etp")), strict=True)
    lines = ["code_commune,etp", *(f"{code},{fte + 2}" for code, fte in rows)]
    (source / "offre.csv").write_text("\n".join(lines), encoding="utf-8")
    apl.run(source, LAW, out=tmp_path / "given")
    asked = [str(tmp_path / "given"), "--input", str(source), "--draws", "5"]
    with pytest.raises(UsageError, match="no persons to draw") as refused:
        said(*asked)
    noise = ["--heads", "1", "--resample", "none", "--population-error", "0.1"]
    assert CliRunner().invoke(command, [*asked, *noise]).exit_code == 2, "nobody to draw them from"
    assert "--heads" in refused.value.mend
    told, text = said(*asked, "--heads", "1")
    assert told["persons"] == 5 + 2 + 3 + 2
    assert "12 heads of about 1 FTE" in text
    told, text = said(*asked, "--resample", "none", "--population-error", "0.1")
    assert told["persons"] is None
    assert "Error of population: 0.1" in text
    assert "Drawn again" not in text


def test_apl_u06_doubt_that_cannot_be_drawn(tmp_path: Path) -> None:
    source, out, _ = run_of(tmp_path)
    asked = [str(out), "--input", str(source)]
    for more, words in ((["--resample", "none"], "nothing that is doubted"),
                        (["--heads", "1"], "heads that are not needed"),
                        (["--draws", "0"], "0 draws"),
                        (["--noise-minutes", "7"], "an error of minutes")):  # fmt: skip
        with pytest.raises(UsageError, match=words) as refused:
            said(*asked, *more)
        assert (refused.value.fault, refused.value.exit_code) == ("APL-U06", 2)


def test_persons_that_are_not_the_run_s_are_refused(tmp_path: Path) -> None:
    """A simulation has FTE of nobody."""
    source, out, _ = run_of(tmp_path)
    opened = open_run(out, source)
    assert people_of(opened, None) is not None
    more = str(tmp_path / "more")
    done = CliRunner().invoke(
        simulate, [str(out), "--input", str(source), "--add", "01004=2", "--out", more]
    )
    assert done.exit_code == 0, done.output
    with pytest.raises(FileError, match="other FTE than the run's") as refused:
        said(more, "--input", str(source), "--draws", "5")
    assert refused.value.faults[0].values == ("01004",)


@needs_jit
def test_the_embedded_country_is_drawn() -> None:
    tables = embedded(LAW)
    run = apl.run(tables, LAW)
    place = apl.situation(run.communes, tables["temps_de_parcours"], LAW)
    doubt, who = apl.Doubt(), people(tables["professionnels"], place.pairs.land, LAW)
    one, two = (
        apl.uncertainty(place, LAW, doubt, people=who, seed=0, draws=4, threads=threads)
        for threads in (1, 2)
    )
    assert one.table.equals(two.table)
    assert one.table.column("apl").to_pylist() == run.bvcv.column("apl").to_pylist()
    assert 0 < one.moved.min() < one.table.num_rows / 2
