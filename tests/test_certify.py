"""`apl certify`: claims and verdicts, the page, and the pages that quote its figures."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from apl.__main__ import cli
from apl.certified import ages, shares
from apl.certified.certificate import RECOMPUTED, Certificate, Section, certify
from apl.certified.claims import (
    EXPLIQUE,
    NON_VERIFIABLE,
    TENU,
    TOMBE,
    VERDICTS,
    Claim,
    paper,
)
from apl.certified.describe import describe, text
from apl.certified.figures import Annex
from apl.certified.ground import fingerprint
from apl.certified.page import page

DOCS = Path(__file__).resolve().parents[1] / "docs"
DAY = date(2026, 11, 22)


def claim(official: object, **options: object) -> Claim:
    given: dict[str, object] = {"text": "t", "source": "notes", "traced": "f()", **options}
    return Claim("subject", "name", official=official, **given)  # type: ignore[arg-type]


# Claims


@pytest.mark.parametrize(
    ("one", "ours", "verdict"),
    [
        (claim(5), 5, TENU),
        (claim(5), 6, TOMBE),
        (claim(5, up_to=1.0, why="…"), 6, EXPLIQUE),
        (claim(5, up_to=1.0, why="…"), 7, TOMBE),
        (claim(0.4, within=0.05), 0.35, TENU),  # neither is a float64: the bound holds all the same
        (claim(0.4, within=0.05), 0.3499, TOMBE),
        (claim((1, 2)), (1, 2), TENU),
        (claim((1, 2)), (1, 3), TOMBE),
        (claim(("a", 2), up_to=9.0, why="…"), ("b", 2), TOMBE),  # no gap between texts
        (claim(("a", 2), up_to=9.0, why="…"), ("a", 3), EXPLIQUE),
        (claim("1/3", within=1e-12, relative=True), 1 / 3, TENU),
        (claim("1/3", within=1e-12, relative=True), 1 / 3 + 1e-11, TOMBE),
        (claim(0.999, at_least=True), 1.0, TENU),
        (claim(0.999, at_least=True), 0.998, TOMBE),
        (claim(True), True, TENU),
        (claim(True, up_to=1.0, why="…"), False, TOMBE),
        (claim(0), None, NON_VERIFIABLE),
        (claim((1, 2), up_to=9.0, why="…"), (1,), TOMBE),  # the data has another number of them
        (claim(("a", "b")), ("a", "b", "c"), TOMBE),
        (claim((1, 2)), (), TOMBE),
        (claim(1.5, up_to=9.0, why="…"), float("nan"), TOMBE),
        (claim((1.5, 2.0), up_to=9.0, why="…"), (float("inf"), 2.0), TOMBE),
    ],
)
def test_verdicts(one: Claim, ours: object, verdict: str) -> None:
    assert one.held(ours).verdict == verdict


@pytest.mark.parametrize(
    ("one", "ours", "official", "shown", "gap"),
    [
        (claim(2878), 2878, "2,878", "2,878", "0"),
        (claim(3.7, digits=2), 3.709, "3.7", "3.71", "0.009"),
        (claim("9/4", digits=2), 2.25, "2.25", "2.25", "0"),
        (claim((8.8, 43.1)), (8.75, 40.04), "8.8 / 43.1", "8.8 / 40.0", "3.1"),
        (claim(0.999, at_least=True, digits=4), 0.99964, "≥ 0.999", "0.9996", "0"),
        (claim(True), True, "yes", "yes", "–"),
        (claim(1.5), None, "1.5", "–", "–"),
        (claim(-2), -14, "-2", "-14", "12"),
        (claim((1, 2)), (1,), "1 / 2", "1", "–"),
        (claim(1.5), float("nan"), "1.5", "nan", "–"),
    ],
)
def test_figures_as_they_are_shown(
    one: Claim, ours: object, official: str, shown: str, gap: str
) -> None:
    held = one.held(ours)
    assert [held.shown(which) for which in ("official", "ours", "gap")] == [official, shown, gap]


def test_the_paper_is_whole() -> None:
    names = [one.identifier for subject in paper().subjects for one in subject.claims]
    assert len(names) == len(set(names)) >= 100
    assert [subject.name for subject in paper().subjects] == list(RECOMPUTED)
    for subject in paper().subjects:
        assert subject.title, subject.name
        assert subject.command, subject.name
        assert not any(Path(need).is_absolute() for need in subject.needs)
        for one in subject.claims:
            assert one.source in paper().sources, one.identifier
            assert one.text, one.identifier
            assert one.traced, one.identifier
            assert (one.up_to is None) == (not one.why), one.identifier
            assert one.up_to is None or one.up_to > one.within, one.identifier


def test_what_traces_a_claim_exists() -> None:
    """Commands by their name, functions by their path."""
    import apl

    for subject in paper().subjects:
        told = " ".join([subject.command, *(one.traced for one in subject.claims)])
        for command in re.findall(r"\bapl ([a-z-]+)", told):
            assert command in cli.commands, command
        for path in re.findall(r"\bapl(?:\.[A-Za-z_]+)+", told):
            _, *names = path.split(".")
            found: object = apl
            for name in names:
                if not hasattr(found, name):
                    __import__(".".join(path.split(".")[: names.index(name) + 2]))
                found = getattr(found, name)


# What subjects compute


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 40)), min_size=1, max_size=9),
    st.integers(1, 120),
    st.integers(0, 10),
)
def test_the_set_that_mends_is_the_one_whose_furthest_is_nearest(
    places: list[tuple[int, int]], low: int, wide: int
) -> None:
    """Against every subset."""
    some = sorted((float(away), persons, f"{k}") for k, (away, persons) in enumerate(places))
    found = shares.nearest(some, low, low + wide)
    fits = [
        chosen
        for size in range(1, len(some) + 1)
        for chosen in itertools.combinations(some, size)
        if low <= sum(persons for _, persons, _ in chosen) <= low + wide
    ]
    assert bool(found) == bool(fits)
    if fits:
        assert low <= sum(persons for _, persons, _ in found) <= low + wide
        assert found[-1][0] == min(chosen[-1][0] for chosen in fits)


def test_weights_of_age_are_recovered() -> None:
    rng = np.random.default_rng(3)
    parts = rng.dirichlet(np.ones(4), 60)
    weights = np.array([0.2, 0.5, 1.5, 3.0])
    found, fit = ages._regressed(parts, parts @ weights, rng.uniform(1, 9, 60))
    assert found == pytest.approx(weights, rel=1e-9)
    assert fit == pytest.approx(1)


# The page and the command


def certificate(*verdicts: str) -> Certificate:
    """One subject with a claim of each verdict."""
    of = {
        TENU: claim(5).held(5),
        EXPLIQUE: claim(5, up_to=2.0, why="a | reason").held(6),
        TOMBE: claim(5).held(9),
        NON_VERIFIABLE: claim(5).unseen("needs a file"),
    }
    subject = replace(paper().subjects[0], claims=())
    annex = Annex("A table", ["Name", "n"], [["a|b", "1"]], "before", "after")
    section = Section(subject, tuple(of[verdict] for verdict in verdicts), (annex,))
    inputs = [{"file": "a.csv", "bytes": 3, "sha256": "00"}]
    return Certificate((section,), inputs, fingerprint(inputs), {"apl": "0"}, False)


def test_the_page_says_every_verdict_and_why() -> None:
    found = certificate(*VERDICTS)
    written = page(found, DAY)
    for verdict in VERDICTS:
        assert f"| **{verdict}** |" in written
    assert "* `name`: a | reason" in written
    assert "* `name`: needs a file" in written
    assert "| a\\|b | 1 |" in written
    assert "Date: 2026-11-22 · whole form" in written
    assert "| **All** | **1** | **1** | **1** | **1** |" in written
    assert written == page(found, DAY)
    widths = {
        line.replace("\\|", "").count("|") for line in written.splitlines() if "`a.csv`" in line
    }
    assert widths == {4}


def test_what_fell_is_one_fault_and_is_told() -> None:
    assert not certificate(TENU, EXPLIQUE, NON_VERIFIABLE).faults()
    found = certificate(TENU, TOMBE)
    (fault,) = found.faults()
    assert fault.fault == "APL-H08"
    assert fault.values == ("subject.name: 9, official 5",)
    told = json.loads(json.dumps(describe(found)))
    assert told["accepted"] is False
    assert [one["verdict"] for one in told["claims"]] == [TENU, TOMBE]
    assert "FELL: subject.name: 9, official 5" in text(told)


def test_without_a_file_its_claims_are_not_verifiable(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "index.json").write_text("[]")
    found = certify(tmp_path)
    of = {one.identifier: one for one in found.claims}
    assert of["example.communes"].verdict == TENU
    assert of["bvcv.national"].verdict == NON_VERIFIABLE
    assert of["bvcv.national"].missing.startswith("needs geography/")
    assert [one["file"] for one in found.inputs] == ["cases/index.json"]


def test_the_date_is_asked_for_or_of_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "index.json").write_text("[]")
    monkeypatch.setenv("APL_REAL_DATA", str(tmp_path))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    out = tmp_path / "page.md"
    asked = ["certify", "--short", "--out", str(out)]
    CliRunner().invoke(cli, asked)
    first = out.read_text(encoding="utf-8")
    assert "Date: 2023-11-14 · short form" in first
    standing = CliRunner().invoke(cli, asked)
    assert "APL-I03" in str(standing.exception)
    CliRunner().invoke(cli, [*asked, "--overwrite", "--date", "2026-11-22"])
    assert out.read_text(encoding="utf-8") == first.replace("2023-11-14", "2026-11-22")
    for epoch in ("noon", "²", "9" * 20):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        assert CliRunner().invoke(cli, [*asked, "--overwrite"]).exit_code == 2, epoch


# The pages


def rows_of(certified: Path) -> dict[str, tuple[str, str]]:
    """Ours and the verdict of each claim, as the certificate prints them."""
    lines = certified.read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.split(" | ")] for line in lines if line.startswith("| `")
    ]
    return {row[0].strip("| `"): (row[4], row[6].strip("*")) for row in cells if len(row) == 8}


def test_the_certificate_of_the_repository_has_every_claim_and_none_fell() -> None:
    rows = rows_of(DOCS / "CERTIFICATION.md")
    assert set(rows) == {one.identifier for subject in paper().subjects for one in subject.claims}
    assert {verdict for _, verdict in rows.values()} == {TENU, EXPLIQUE}
    assert "· whole form" in (DOCS / "CERTIFICATION.md").read_text(encoding="utf-8")


NUMBER = r"\d{1,3}(?:[ \u00a0\u202f,]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
MARK = re.compile(rf"({NUMBER})\s?%?<!--\s*([a-z0-9_.]+?)(?::(\d+))?\s*-->")
EVIDENCE = {
    "METHOD.md": ("## Evidence", "## Limits"),
    "METHODE.md": ("## Preuves", "## Limites"),
}


def evidence(name: str) -> str:
    """The sections of a page whose figures `apl certify` gives: from the evidence to the limits."""
    whole = (DOCS / name).read_text(encoding="utf-8")
    first, after = EVIDENCE[name]
    return whole[whole.index(first) : whole.index(f"\n{after}\n")]


def plain(figure: str, name: str) -> str:
    """A figure as the certificate prints it, less the commas of its thousands."""
    bare = re.sub(r"[ \u00a0\u202f]", "", figure)
    return bare.replace(",", ".") if name == "METHODE.md" else bare.replace(",", "")


def marked(name: str) -> Iterator[tuple[str, str, int]]:
    for figure, identifier, part in MARK.findall(evidence(name)):
        yield plain(figure, name), identifier, int(part or 1)


@pytest.mark.parametrize("name", EVIDENCE)
def test_every_figure_of_the_evidence_is_the_certificate_s(name: str) -> None:
    rows = rows_of(DOCS / "CERTIFICATION.md")
    found = list(marked(name))
    assert len(found) >= 40
    for figure, identifier, part in found:
        parts = rows[identifier][0].replace(",", "").split(" / ")
        assert figure == parts[part - 1], identifier


@pytest.mark.parametrize("name", EVIDENCE)
def test_the_evidence_has_no_figure_of_its_own(name: str) -> None:
    """But years, names of things (table VI, article V), and what stands in code or as formula."""
    rest = MARK.sub("", evidence(name))
    rest = re.sub(r"`[^`]*`|<!--.*?-->|^    .*$", "", rest, flags=re.MULTILINE)
    rest = re.sub(r"\b(?:19|20)\d\d\b", "", rest)
    assert not re.findall(r"\d+", rest), re.findall(r".{20}\d+.{20}", rest)


def test_both_pages_say_the_same() -> None:
    """The same claims in the same order, and the same sections."""
    both = [[(identifier, part) for _, identifier, part in marked(name)] for name in EVIDENCE]
    assert both[0] == both[1]
    titles = [re.findall(r"^(#+) ", (DOCS / name).read_text("utf-8"), re.M) for name in EVIDENCE]
    assert titles[0] == titles[1]
    for name in EVIDENCE:
        for command in ("sensitivity", "uncertainty", "inequality", "calibrate", "certify"):
            assert f"apl {command}" in (DOCS / name).read_text(encoding="utf-8")


def test_fractions_of_the_worked_example_are_the_pages_own() -> None:
    """The exact values behind the decimals of the evidence."""
    (one,) = (c for s in paper().subjects for c in s.claims if c.identifier == "example.communes")
    for name in EVIDENCE:
        assert all(str(Fraction(part)) in evidence(name) for part in one.official)
