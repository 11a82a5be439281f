"""The certificate as a page: Markdown that reads by itself, the same bytes for the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from apl.certified.certificate import Certificate, Section
from apl.certified.claims import EXPLIQUE, NON_VERIFIABLE, TENU, TOMBE, VERDICTS, Claim, paper
from apl.certified.figures import Annex

OPENING = """\
# What this project claims, recomputed

The *accessibilité potentielle localisée* (APL) measures how much of a health profession's time the
inhabitants of a commune can reach, in full-time equivalents (FTE) per 100,000 inhabitants
standardised by age: professionals within reach by road, weighted by travel time, shared out over
everyone who can reach them. Living areas (BVCV) ranked by it are cut into zones by share of the
population, and zones decide on aid. This page holds an engine that recomputes both against every
figure that was published about them and that can be checked from public data: official counts,
tables and workbooks, worked cases of other projects, and properties that must hold whatever the
data.

`apl certify --data FOLDER --out FILE.md` writes it whole. What stands under *Ours* and in the
tables is recomputed by that command on the files listed at the end; what is official, how far a
known gap goes and why stands in `data_schemas/claims.toml`. Where the source is *notes*, *example*,
*cases*, *engine* or *weights*, nothing official is public: under *Official* stands what others
counted or computed, or what must hold. Each claim has one of four verdicts:

| Verdict | Means |
|---|---|
| **tenu** | held: equal to the unit, or to the last printed digit |
| **écart expliqué** | a gap that is known and bounded; the reason, or the lead, stands below |
| **tombé** | fallen: the gap is larger than what is known; the command leaves with exit code 6 |
| **non vérifiable ici** | not recomputed in this run, for the reason given |
"""


def page(found: Certificate, on: date) -> str:
    """The certificate as Markdown."""
    lines = [OPENING, *_provenance(found, on), "", *_summary(found)]
    for section in found.sections:
        lines += ["", *_section(section)]
    lines += ["", *_sources(), "", *_inputs(found)]
    return "\n".join(lines) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; columns of figures are aligned to the right."""
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    marks = ("--:" if _figures(column) else "---" for column in columns)
    yield "| " + " | ".join(header) + " |"
    yield "|" + "|".join(marks) + "|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _figures(column: Sequence[str]) -> bool:
    return not any(letter.isalpha() for cell in column for letter in cell)


def _provenance(found: Certificate, on: date) -> Iterator[str]:
    form = "short form (what takes a national matrix was left out)" if found.short else "whole form"
    software = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    yield f"Date: {on.isoformat()} · {form}  "
    yield f"Software: {software}  "
    yield f"Inputs: {len(found.inputs)} files, fingerprint `{found.fingerprint}` (list at the end)"


def _summary(found: Certificate) -> Iterator[str]:
    rows = []
    for section in found.sections:
        given = [claim.verdict for claim in section.claims]
        name = f"[{section.subject.title}](#{_anchor(section.subject.title)})"
        rows.append([name, *(str(given.count(verdict)) for verdict in VERDICTS)])
    rows.append(["**All**", *(f"**{found.counts[verdict]}**" for verdict in VERDICTS)])
    yield from table(["Subject", *VERDICTS], rows)


def _anchor(title: str) -> str:
    kept = (c for c in title.lower() if c.isalnum() or c in " -")
    return "".join(kept).replace(" ", "-")


def _section(section: Section) -> Iterator[str]:
    subject = section.subject
    yield f"## {subject.title}"
    yield ""
    yield subject.about
    yield ""
    yield f"Traced by: `{subject.command}`"
    yield ""
    head = ["Claim", "", "Source", "Official", "Ours", "Gap", "Verdict", "Traced by"]
    rows = [
        [f"`{claim.identifier}`", claim.text, f"[{claim.source}](#sources)",
         *(claim.shown(which) for which in ("official", "ours", "gap")), f"**{claim.verdict}**",
         claim.traced]
        for claim in section.claims
    ]  # fmt: skip
    yield from table(head, rows)
    yield from _reasons(section.claims)
    for annex in section.annexes:
        yield from _annex(annex)


def _reasons(claims: Sequence[Claim]) -> Iterator[str]:
    """Each reason once, with the claims that it explains."""
    by_reason: dict[str, list[str]] = {}
    for claim in claims:
        why = {EXPLIQUE: claim.why, NON_VERIFIABLE: claim.missing, TENU: "", TOMBE: ""}
        if why[claim.verdict]:
            by_reason.setdefault(why[claim.verdict], []).append(f"`{claim.name}`")
    if by_reason:
        yield ""
    for reason, names in by_reason.items():
        yield f"* {', '.join(names)}: {reason}"


def _annex(annex: Annex) -> Iterator[str]:
    yield from ("", f"### {annex.title}", "")
    if annex.before:
        yield from (annex.before, "")
    yield from table(annex.header, annex.rows)
    if annex.after:
        yield from ("", annex.after)


def _sources() -> Iterator[str]:
    yield "## Sources"
    yield ""
    for name, words in paper().sources.items():
        yield f"* **{name}**: {words}"


def _inputs(found: Certificate) -> Iterator[str]:
    yield "## Inputs"
    yield ""
    yield "The fingerprint is the sha256 of `sha256  file`, one line a file, in this order."
    yield ""
    yield "<details><summary>The files</summary>"
    yield ""
    rows = [[f"`{one['file']}`", f"{one['bytes']:,}", f"`{one['sha256']}`"] for one in found.inputs]
    yield from table(["File", "Bytes", "sha256"], rows)
    yield ""
    yield "</details>"
