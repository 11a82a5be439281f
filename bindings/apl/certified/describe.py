"""What `apl certify` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apl.certified.certificate import Certificate
from apl.certified.claims import TOMBE, VERDICTS, Claim, parts
from apl.lines import aligned, written_lines


def describe(found: Certificate) -> dict[str, Any]:
    """A certificate as plain data; ``accepted``: no claim fell."""
    faults = found.faults()
    return {
        "accepted": not faults,
        "counts": found.counts,
        "claims": [_claim(claim) for claim in found.claims],
        "short": found.short,
        "software": dict(found.versions),
        "inputs": found.inputs,
        "fingerprint": found.fingerprint,
        "faults": [fault.as_dict() for fault in faults],
    }


def _claim(claim: Claim) -> dict[str, Any]:
    gap = claim.gap
    names = ("subject", "text", "source", "within", "up_to", "why", "traced", "missing")
    return {
        "id": claim.identifier,
        **{name: getattr(claim, name) for name in names},
        "official": _plain(claim.official),
        "ours": _plain(claim.ours),
        "gap": None if gap is None else float(gap),
        "verdict": claim.verdict,
    }


def _plain(value: Any) -> Any:
    return list(parts(value)) if isinstance(value, tuple) else value


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it: verdicts by subject, and what fell."""
    by_subject: dict[str, list[str]] = {}
    for claim in found["claims"]:
        by_subject.setdefault(claim["subject"], []).append(claim["verdict"])
    rows = [[name, *(str(given.count(verdict)) for verdict in VERDICTS)]
            for name, given in by_subject.items()]  # fmt: skip
    rows.append(["all", *(str(found["counts"][verdict]) for verdict in VERDICTS)])
    lines = aligned([["Subject", *VERDICTS], *rows])
    lines += ["", f"Inputs: {len(found['inputs'])} files, {found['fingerprint']}"]
    fallen = [claim for claim in found["claims"] if claim["verdict"] == TOMBE]
    lines += [f"FELL: {one['id']}: {one['ours']}, official {one['official']}" for one in fallen]
    return "\n".join([*lines, *written_lines(found)])
