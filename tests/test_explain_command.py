"""`apl explain`: what it tells of a run, as JSON and as text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scenes import LAW
from shared import needs_jit
from test_simulate_command import run_of

import apl
from apl.commands.explain import explain as command
from apl.explained.describe import describe
from apl.explained.explain import explained, secrecy
from apl.explained.text import text
from apl.scenarios.opened import open_run
from apl_core import UsageError


def said(*arguments: str) -> tuple[dict[str, Any], str]:
    """What the command tells, as JSON and as text."""
    found = []
    for more in (["--json"], []):
        done = CliRunner().invoke(command, [*arguments, *more])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        found.append(done.stdout)
    return json.loads(found[0]), found[1]


def test_the_worked_example_is_explained(tmp_path: Path) -> None:
    source, out, run = run_of(tmp_path)
    asked = [str(out), "01002", "--input", str(source)]
    full, words = said(*asked, "--confidential")
    assert "CONFIDENTIAL" in words
    assert full["apl"] == run.communes["apl"].to_pylist()[1]
    assert [(p["code_commune"], p["minutes"], p["poids"]) for p in full["parts"]] == [
        ("01001", 8.0, 1.0), ("01003", 6.0, 1.0)]  # fmt: skip
    assert math.fsum(p["apl"] for p in full["parts"]) == pytest.approx(full["apl"], rel=1e-12)
    some, words = said(*asked, "--min-persons", "2")
    assert some["secrecy"] == {"confidential": False, "min_persons": 2,
                               "counted": "professionnels", "communes": 2, "added": 1}  # fmt: skip
    kept, words = said(*asked)  # two and one: neither is told
    assert [p["code_commune"] for p in kept["parts"]] == [None]
    assert "01003" not in words
    assert "2 communes are gathered in one line" in words
    assert apl.explain(open_run(out, source), "01002").gathered.communes == 2


def test_a_code_is_a_commune_s_before_it_is_a_bvcv_s(tmp_path: Path) -> None:
    source, out, run = run_of(tmp_path)
    asked = [str(out), "01003", "--input", str(source)]
    found, words = said(*asked)
    assert (found["kind"], found["also_bvcv"]) == ("commune", True)
    assert "--key bvcv" in words
    area, words = said(*asked, "--key", "bvcv", "--confidential")
    assert (area["kind"], area["apl"]) == ("bvcv", run.bvcv["apl"].to_pylist()[1])
    assert area["brought"]["own"] > 0
    assert "Brought by its own communes" in words
    for key, kind in ((["--key", "bvcv"], "no BVCV"), ([], "neither a commune nor a BVCV")):
        with pytest.raises(UsageError, match=kind) as refused:
            said(str(out), "01002" if key else "99999", "--input", str(source), *key)
        assert (refused.value.fault, refused.value.exit_code) == ("APL-C02", 2)


def test_fte_that_are_given_know_no_persons(tmp_path: Path) -> None:
    source, _, run = run_of(tmp_path)
    (source / "professionnels.csv").unlink()
    rows = zip(*(run.communes[n].to_pylist() for n in ("code_commune", "etp")), strict=True)
    lines = ["code_commune,etp", *(f"{code},{fte + 2}" for code, fte in rows)]
    (source / "offre.csv").write_text("\n".join(lines), encoding="utf-8")
    apl.run(source, LAW, out=tmp_path / "given")
    found, words = said(str(tmp_path / "given"), "01003", "--input", str(source))
    assert found["secrecy"]["counted"] == "etp"
    # 01002 and 01004 have 2 FTE; 01003 joins 01004, whose inhabitants see no other of few
    assert {p["code_commune"] for p in found["parts"]} == {"01001", None}
    assert found["secrecy"]["added"] == 1
    assert "knows FTE and no persons" in " ".join(words.split())


@needs_jit
def test_the_embedded_country_is_explained(tmp_path: Path) -> None:
    apl.run(None, LAW, out=tmp_path / "out")
    run = open_run(tmp_path / "out")
    secret = secrecy(run, 3, False)
    assert 1_000 < np.count_nonzero(secret.secret) < 10_000
    for code, key in (("04070", "commune"), ("04075", "bvcv")):
        found = describe(run, explained(run, code, secret, key=key), secret)
        assert math.fsum(p["apl"] for p in found["parts"]) == pytest.approx(found["apl"], rel=1e-12)
        words = text(found)
        assert words.startswith("SYNTHETIC COUNTRY")
        assert "communes are gathered in one line" in words
