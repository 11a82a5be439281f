"""What `apl uncertainty` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from apl.doubted.draws import FRANCE, PER_ORIGIN
from apl.doubted.uncertainty import Uncertainty, interval
from apl.lines import (
    aligned,
    headed,
    made_up,
    people_of,
    region_name,
    wrapped,
    written_lines,
)
from apl.scenarios.opened import Opened

FIRST = 10  # BVCV that people read; --json and the table have all
TOLD = 10  # stages of progress
WIDER = (
    "A draw adds its chance to that which the country has already: draws scatter more than it "
    "does, and their classes end at other APL than the run's (--hold-cuts keeps those)"
)
WITHIN = {
    FRANCE: "in the whole country",
    "region": "in each region",
    "departement": "in each département",
    "bvcv": "in each BVCV",
    "commune": "in each commune",
}


def describe(run: Opened, done: Uncertainty) -> dict[str, Any]:
    """What was drawn, where classes end, and which are coin tosses."""
    rules, rows = run.rules, done.table.to_pylist()
    low, high = interval(done.moved.astype(np.float64), done.level)
    regions = sorted({row["code_region"] for row in rows})
    tossed = [row for row in rows if row["pile_ou_face"]]
    return {
        **run.told,
        "counted": rules.zoning.population,
        **asked(done),
        "persons": None if done.people is None else done.people.size,
        "minutes_known": done.place.pairs.longest,
        "minutes_needed": rules.decay.limit * done.doubt.farthest,
        **_share(rows),
        "moved": {"mean": float(done.moved.mean()), "low": int(low), "high": int(high)},
        "intervals_hidden": done.table.column("apl_bas").null_count,
        "cuts": done.cuts.to_pylist(),
        "zones": _by(rows, "zone", rules.zoning.zones),
        "regions": _by(rows, "code_region", regions),
        "coin_tosses": sorted(tossed, key=lambda row: (row["tenue"], row["code_bvcv"])),
    }


def asked(done: Uncertainty) -> dict[str, Any]:
    """What was asked for."""
    return {
        "doubt": asdict(done.doubt),
        "heads": None if done.people is None else done.people.each,
        "min_persons": done.least,
        "draws": done.draws,
        "seed": done.seed,
        "level": done.level,
        "threshold": done.threshold,
        "hold_cuts": done.hold_cuts,
    }


def _share(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many of these are coin tosses, and the mean share of the draws that hold a class."""
    tossed = [row for row in rows if row["pile_ou_face"]]
    return {
        "bvcv": len(rows),
        "population": sum(row["population"] for row in rows),
        "bvcv_tossed": len(tossed),
        "population_tossed": sum(row["population"] for row in tossed),
        "held": float(np.mean([row["tenue"] for row in rows])) if rows else None,
    }


def _by(rows: Sequence[Mapping[str, Any]], key: str, values: Iterable[str]) -> list[dict[str, Any]]:
    """`_share` of the rows of each value."""
    return [{key: value, **_share([row for row in rows if row[key] == value])} for value in values]


def manifest(run: Opened, done: Uncertainty) -> dict[str, Any]:
    """Where the table comes from: the run's inputs and law, and what was drawn."""
    told = {"run_sha256": run.sha256, **asked(done)}
    return {
        **run.origin("synthetic", "inputs", "rules", "noticed"),
        "options": {**run.manifest["options"], "uncertainty": told},
    }


def stages(draws: int, say: Callable[[str], None]) -> Callable[[int], None]:
    """What tells of progress at each tenth of the draws."""
    told = [0]

    def progress(done: int) -> None:
        if done * TOLD // draws > told[0]:
            told[0] = done * TOLD // draws
            say(f"{done:,} of {draws:,} draws")

    return progress


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    lines = [*made_up(found), *headed(found)]
    lines += _doubted(found)
    cuts = "those of the run, held" if found["hold_cuts"] else "made anew in each draw"
    lines += [f"{found['draws']:,} draws (seed {found['seed']}), cuts {cuts}", ""]
    whom, moved = people_of(found), found["moved"]
    lines += [
        f"A coin toss (class held by fewer than {100 * found['threshold']:g} % of the draws): "
        f"{found['bvcv_tossed']:,} of {found['bvcv']:,} BVCV,",
        f"  {found['population_tossed']:,} of {found['population']:,} {whom}",
        f"In another class than the run's, in a draw: {moved['mean']:,.1f} BVCV "
        f"({_between(found)}: {moved['low']:,} to {moved['high']:,})",
    ]
    if found["intervals_hidden"]:
        lines += [f"{found['intervals_hidden']:,} BVCV reach fewer than {found['min_persons']} "
                  "persons: their intervals are not shown"]  # fmt: skip
    head = ["Zone", "BVCV", "coin tosses", whom.capitalize(), "coin tosses", "Held"]
    lines += ["", *aligned([head, *([one["zone"], *_counts(one)] for one in found["zones"])])]
    lines += _ends(found)
    head[0] = "Region"
    regions = [[region_name(one["code_region"]), *_counts(one)] for one in found["regions"]]
    lines += ["", *aligned([head, *regions])]
    return "\n".join([*lines, *_worst(found, whom), *written_lines(found)])


def _doubted(found: Mapping[str, Any]) -> list[str]:
    """What is drawn, and what keeps errors of minutes from being whole."""
    doubt, lines = found["doubt"], []
    if found["persons"] is not None:
        of = "persons" if found["heads"] is None else f"heads of about {found['heads']:g} FTE"
        where = WITHIN[doubt["resample"]]
        lines += [f"Drawn again: {found['persons']:,} {of}, with replacement, as many as there are "
                  f"{where}"]  # fmt: skip
    if doubt["minutes"]:
        by = "all that leave a commune alike" if doubt["minutes_by"] == PER_ORIGIN else "each pair"
        lines += [f"Error of minutes: {doubt['minutes']:.3g} (log-normal), {by}"]
        if found["minutes_known"] < found["minutes_needed"]:
            said = (f"The travel times end at {found['minutes_known']:g} minutes; errors may bring "
                    f"within reach what lies up to {found['minutes_needed']:.1f}: the rest is "
                    "missing from every draw")  # fmt: skip
            lines += wrapped("  ", said, "  ")
    if doubt["population"]:
        lines += [f"Error of population: {doubt['population']:.3g} (log-normal), each commune"]
    return lines


def _ends(found: Mapping[str, Any]) -> list[str]:
    """Where classes end, and why the run may lie outside of the interval of its draws."""
    names, cuts = ("apl", "apl_bas", "apl_haut"), found["cuts"]
    ends = [[cut["zone"], *(_number(cut[name]) for name in names)] for cut in cuts]
    lines = ["", *aligned([["Ends at an APL of", "run", _between(found), "to"], *ends])]
    known = [cut for cut in cuts if None not in [cut[name] for name in names]]
    if any(not cut["apl_bas"] <= cut["apl"] <= cut["apl_haut"] for cut in known):
        lines += wrapped("", WIDER, "")
    return lines


def _between(found: Mapping[str, Any]) -> str:
    """Of an interval."""
    return f"{100 * found['level']:g} % of draws"


def _counts(one: Mapping[str, Any]) -> list[str]:
    names = ("bvcv", "bvcv_tossed", "population", "population_tossed")
    held = "–" if one["held"] is None else f"{one['held']:.1%}"
    return [*(f"{one[name]:,}" for name in names), held]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _worst(found: Mapping[str, Any], whom: str) -> list[str]:
    """The BVCV whose class fewest draws hold, with the likeliest other one."""
    every = found["coin_tosses"]
    if not every:
        return []
    rows = []
    for row in every[:FIRST]:
        odds = {name.removeprefix("p_"): p for name, p in row.items() if name.startswith("p_")}
        other = max((zone for zone in odds if zone != row["zone"]), key=odds.__getitem__)
        apl = [_number(row[name]) for name in ("apl", "apl_bas", "apl_haut")]
        rows.append([row["code_bvcv"], f"{row['population']:,}", *apl, row["zone"],
                     f"{row['tenue']:.1%}", other, f"{odds[other]:.1%}"])  # fmt: skip
    head = [
        "Most in doubt",
        whom.capitalize(),
        "APL",
        _between(found),
        "to",
        "Zone",
        "held",
        "or",
        "",
    ]
    more = [f"… and {len(every) - FIRST:,} more (--json has all)"] * (len(every) > FIRST)
    return ["", *aligned([head, *rows]), *more]
