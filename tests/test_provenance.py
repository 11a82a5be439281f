"""What a table says of itself goes with it: its text, what of it is not law, that it is made up."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from regions import LAW, table_of
from test_attribution import run
from test_audit import LEAST, LOW, MIDDLE, SMALL

import apl
from apl import outputs, pipeline
from apl.outputs import LAW_KEY, SUPPLIED, SYNTHETIC_COLUMN, SYNTHETIC_KEY
from apl.provenance import carried, synthetic, under
from apl.regions.adaptation import adapt, adapted, no_decisions
from apl.regions.attribution import annexes
from apl.regions.audit import audit
from apl.regions.revision import revise
from apl.verify import verify
from apl_core import TableError
from apl_core.tables import checked

OLDER = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))
NURSES = apl.rules("infirmier", on=date(2021, 1, 1))
AREAS = SMALL.drop_columns("zone").append_column("population_standardisee", [[20.0, 6, 474, 500]])
COMMUNES = pa.table(
    {
        "code_commune": AREAS.column("code_bvcv"),
        "code_departement": ["01"] * 4,
        "code_region": ["84"] * 4,
        "population": AREAS.column("population"),
        "code_bvcv": AREAS.column("code_bvcv"),
    }
)
ASKED = ["--region", "84", "--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]


def said(table: pa.Table) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(table.schema.metadata[LAW_KEY])
    return found


def test_what_the_caller_supplied_follows_the_table_without_the_file_that_said_it() -> None:
    shares = [{"zone": zone, "share": "1/4"} for zone in (LEAST, LOW, MIDDLE)]
    ranking = apl.rank(AREAS, LAW.overlaid({"zoning": {"classes": shares}}))
    for table in (ranking.bvcv, ranking.parts):
        assert said(table)[SUPPLIED][0].startswith("zoning.classes = ")
    done = adapted(ranking.bvcv, no_decisions(), LAW, region="84")
    again = checked(done.zonage, "zonage")
    for told in (done.rules, audit(again, again, LAW, region="84").rules, under(LAW, z=done.parts)):
        assert told.supplied == tuple(said(ranking.bvcv)[SUPPLIED])
    assert said(apl.rank(AREAS, LAW).bvcv)[SUPPLIED] == []
    assert under(LAW, bvcv=AREAS) == LAW


@pytest.mark.parametrize("other", [OLDER, NURSES])
def test_a_table_made_under_another_text_is_refused(other: apl.Rules) -> None:
    """Both have classes of the same five names."""
    table = apl.rank(AREAS, other).bvcv
    wrong = NURSES if other is OLDER else OLDER
    both = {"communes_before": COMMUNES, "communes_after": COMMUNES}
    for tried in (
        lambda: adapt(table, no_decisions(), wrong, region="84"),
        lambda: audit(table, table, wrong, region="84"),
        lambda: annexes(table, COMMUNES, wrong, region="84"),
        lambda: revise(table, table, **both, rules_before=wrong, rules_after=wrong),
    ):
        with pytest.raises(TableError, match="made under another text") as refused:
            tried()
        assert refused.value.fault == "APL-F07"
        assert other.profession in str(refused.value)
    adapt(table, no_decisions(), other, region="84")


def test_classes_of_another_text_are_refused_without_a_mark_too() -> None:
    table = apl.rank(AREAS, LAW).bvcv.replace_schema_metadata(None)
    both = {"communes_before": COMMUNES, "communes_after": COMMUNES}
    for tried in (
        lambda: annexes(table, COMMUNES, OLDER, region="84"),
        lambda: revise(table, table, **both, rules_before=OLDER, rules_after=LAW),
    ):
        with pytest.raises(TableError, match="a class that the text does not have"):
            tried()


def test_a_made_up_table_marks_what_is_made_from_it(tmp_path: Path) -> None:
    made = AREAS.replace_schema_metadata({SYNTHETIC_KEY: b"made up"})
    column = checked(COMMUNES, "communes", notes=[f"columns ignored: {SYNTHETIC_COLUMN}"])
    assert (synthetic(made), synthetic(column), synthetic(COMMUNES)) == (True, True, False)
    assert SYNTHETIC_KEY in carried(COMMUNES, tmp_path / "x.parquet", made).schema.metadata
    marked = carried(COMMUNES, tmp_path / "x.CSV", COMMUNES, column)
    assert marked.column(SYNTHETIC_COLUMN).to_pylist() == [True] * 4
    assert carried(COMMUNES, tmp_path / "x.csv", COMMUNES) is COMMUNES


def test_each_regional_command_says_that_a_country_is_made_up(tmp_path: Path) -> None:
    ranked = apl.rank(AREAS, LAW).bvcv
    zonage = adapt(ranked, table_of({"01001": LEAST}), LAW, region="84")
    for name, table in (("before", ranked), ("after", zonage), ("communes", COMMUNES)):
        known = table.schema.metadata or {}
        marked = table.replace_schema_metadata({**known, SYNTHETIC_KEY: b"made up"})
        pq.write_table(marked, tmp_path / f"{name}.parquet")
    files = [str(tmp_path / f"{name}.parquet") for name in ("before", "after", "communes")]
    places = ["--communes-before", files[2], "--communes-after", files[2]]
    for name, arguments in (
        ("audit", [*files[:2], *ASKED]),
        ("annexes", [*files[1:], *ASKED]),
        ("attribution", files[2:]),
        ("revision", [*files[:2], *places]),
    ):
        out = str(tmp_path / name)
        done = run(name, *arguments, "--out", f"{out}.parquet")
        assert done.exception is None
        assert done.stdout.startswith("SYNTHETIC COUNTRY"), name
        assert SYNTHETIC_KEY in pq.read_schema(f"{out}.parquet").metadata
        done = run(name, *arguments, "--json", "--out", f"{out}.csv")
        assert json.loads(done.stdout)["synthetic"] is True
        header = Path(f"{out}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert SYNTHETIC_COLUMN in header
        manifest = json.loads(Path(f"{out}.csv.manifeste.json").read_text(encoding="utf-8"))
        assert manifest["synthetic"] is True
        assert set(manifest) >= {"software", "rules", "options", "noticed", "fingerprint"}
        inputs = {entry["file"] for entry in manifest["inputs"]}
        assert inputs == {Path(path).name for path in arguments if path.endswith(".parquet")}
        assert verify(f"{out}.csv", inputs=[tmp_path]).faults == ()


def test_zones_of_a_made_up_country_say_so(tmp_path: Path) -> None:
    """The mark of an APL by commune is the mark of its zones, in the manifest and in the table."""
    scores = pa.table(
        {"code_commune": ["01001"], "apl": [9.0], "population_standardisee": [100.0]}
    ).replace_schema_metadata({SYNTHETIC_KEY: b"yes"})
    communes = pa.table(
        {"code_commune": ["01001"], "code_departement": ["01"], "code_region": ["84"],
         "population": [100], "code_bvcv": ["01001"]}
    )  # fmt: skip
    done = pipeline.zone(scores, communes, LAW, out=tmp_path / "out")
    assert done.manifest["synthetic"] is True
    assert done.noticed[0].fault == "APL-S01"
    assert synthetic(pq.ParquetFile(tmp_path / "out" / "bvcv.parquet").read())


def test_csv_says_in_a_column_what_is_not_law(tmp_path: Path) -> None:
    """It has no metadata; a table under the text alone has no such column."""
    own = LAW.reading({"zoning.astride": "include"})
    for law, said in ((LAW, set()), (own, {"zoning.astride = include"})):
        path = tmp_path / f"{len(said)}.csv"
        outputs.write_file(apl.classify(AREAS, law), path)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert (outputs.SUPPLIED_COLUMN in lines[0]) == bool(said)
        assert all(words in line for line in lines[1:] for words in said)
