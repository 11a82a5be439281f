"""What `apl retirement` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from apl.equity.retirement import Departure, Retirement
from apl.explained.secrecy import LEAST
from apl.lines import aligned, headed, made_up, written_lines
from apl.scenarios.opened import Opened
from apl.scenarios.simulate_text import CUTS, HELD, REFRESHED

HEAD = ["Without those over", "Persons", "FTE", "% of FTE", "Mean APL", "BVCV at 0",
        "BVCV moved, held", "Inhabitants", "BVCV moved, refreshed", "Inhabitants"]  # fmt: skip


def describe(run: Opened, found: Retirement, *, confidential: bool = False) -> dict[str, Any]:
    """The country before and after each departure; FTE of one or two persons where asked for."""
    return {
        **run.told,
        "persons": found.persons,
        "etp": found.etp,
        "mean": found.mean,
        "min_persons": 1 if confidential else LEAST,
        "departures": [
            _plain(one, found, shown=confidential or several)
            for one, several in zip(found.departures, several_persons(found), strict=True)
        ],
    }


def several_persons(found: Retirement, least: int = LEAST) -> list[bool]:
    """Of each departure, whether its FTE are nobody's alone.

    They, and what is left of them beside the last departure that is shown, are of none or of at
    least so many persons; those who stay too.
    """
    last, shown = 0, []
    for one in found.departures:
        more, left = one.persons - last, found.persons - one.persons
        shown.append(not more or (more >= least and (not left or left >= least)))
        last = one.persons if shown[-1] else last
    return shown


def _plain(one: Departure, found: Retirement, *, shown: bool) -> dict[str, Any]:
    names = ("age", "persons", "etp", "mean", "without_supply")
    part = one.etp / found.etp if found.etp else None
    hidden = {} if shown else dict.fromkeys(("etp", "mean"))  # a mean is the FTE, over all
    return {
        **{name: getattr(one, name) for name in names},
        **hidden,
        "part": part if shown else None,
        HELD: asdict(one.held),
        REFRESHED: asdict(one.refreshed),
    }


def results(found: Retirement) -> dict[str, pa.Table]:
    """The table ``retraites``: every BVCV, an age after the other."""
    return {"retraites": pa.concat_tables([one.bvcv for one in found.departures])}


def manifest(run: Opened, found: Retirement) -> dict[str, Any]:
    """Where the results come from: the run's manifest, and who leaves."""
    ages = [one.age for one in found.departures]
    return {
        **run.origin("synthetic", "inputs", "rules", "options", "travel_times_estimate"),
        "simulation": {"run_sha256": run.sha256, "without_those_over": ages},
        "confidential": True,
    }


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    lines = [*made_up(found), *headed(found)]
    lines += [
        f"{found['persons']:,} persons with {found['etp']:,.1f} FTE; mean APL "
        f"{_number(found['mean'])} ({found['unit']})",
        "Without replacement; the year's acts, inhabitants and times as they are.",
        "",
    ]
    lines += aligned([HEAD, *map(_row, found["departures"])])
    if any(one["etp"] is None for one in found["departures"]):
        lines += [f"–: of fewer than {found['min_persons']} persons, FTE are not shown"]
    lines += [f"{name}: {CUTS[name]}" for name in (HELD, REFRESHED)]
    for one in found["departures"]:
        lines += _matrix(one)
    if found.get("out"):
        words = (
            "the table by BVCV tells the age and the activity of few persons: for who holds them"
        )
        lines += ["", f"CONFIDENTIAL: {words}."]
    return "\n".join([*lines, *written_lines(found)])


def _row(one: Mapping[str, Any]) -> list[str]:
    moves = [
        f"{one[name][what]:,}" for name in (HELD, REFRESHED) for what in ("bvcv", "population")
    ]
    share = "–" if one["part"] is None else f"{100 * one['part']:.1f}"
    etp = "–" if one["etp"] is None else f"{one['etp']:,.1f}"
    return [str(one["age"]), f"{one['persons']:,}", etp, share,
            _number(one["mean"]), f"{one['without_supply']:,}", *moves]  # fmt: skip


def _matrix(one: Mapping[str, Any]) -> list[str]:
    """From which class to which, by the cuts of the run."""
    rows = [[row["zone"] or "–", row["zone_apres"] or "–", f"{row['bvcv']:,}",
             f"{row['population']:,}"]
            for row in one[HELD]["matrix"] if row["zone"] != row["zone_apres"]]  # fmt: skip
    if not rows:
        return []
    head = ["Zone", "then, cuts held", "BVCV", "Inhabitants"]
    return ["", f"Without those over {one['age']}", *aligned([head, *rows])]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
