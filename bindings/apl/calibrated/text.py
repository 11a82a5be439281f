"""What `apl calibrate` tells: plain data (``--json``), and the same as a text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from apl.calibrated.calibration import Calibration
from apl.lines import aligned, wrapped, written_lines

UNTOLD = "cannot be told from this data"
BLURRED = 0.05  # of the communes beside a bound, on its other side
VERDICTS = {
    "same": "the fitted weights are the named ones",
    "untold": f"which of the two is right {UNTOLD}: neither predicts what was left out better by "
    "two standard errors",
    "fitted": "the fitted weights predict what was left out better: with these travel times and "
    "this supply, the named ones fall short",
    "named": "the named weights predict what was left out better: the fitted ones take noise for "
    "weights",
}


def describe(found: Calibration) -> dict[str, Any]:
    """A calibration as plain data."""
    here, left = found.ground, found.left
    return {
        "communes": len(here.pairs.land),
        "published": int(here.known.sum()),
        "without_times": here.without_times,
        "without_apl": here.without_apl,
        "supply": float(here.supply.sum()),
        "supply_left_out": here.supply_left_out,
        "scale": found.fit.scale,
        "settled": found.fit.settled,
        "bands": found.table.to_pylist(),
        "correlation": asdict(found.like),
        "named_correlation": None if found.named_like is None else asdict(found.named_like),
        "named_scale": found.named_scale,
        "left_out": {
            "folds": here.of_folds,
            "fitted": left.root_mean(left.fitted),
            "named": None if left.named is None else left.root_mean(left.named),
            "better": left.better,
            "verdict": found.verdict,
        },
        "blocks": here.of_blocks,
        "plateaus": {
            "communes": found.ratios.communes,
            "places": found.ratios.places,
            "ratios": int(found.ratios.ratio.size),
            "piles": [asdict(pile) for pile in found.piles],
            "agree": found.plateaus_agree,
            "mirrored": None if found.mirrored is None else list(map(str, found.mirrored)),
            "middles": None if found.middles is None else list(found.middles),
            "bounds": [asdict(bound) for bound in found.bounds],
        },
    }


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    lines = [
        f"{found['published']:,} published values of {found['communes']:,} communes; "
        f"{found['supply']:,.0f} of supply, one of which counts for {found['scale']:,.0f}",
        *_outside(found),
        "",
    ]
    named = found["named_correlation"] is not None
    head = ["Minutes", "Pairs", "Weight", "90 %", *(["Named"] if named else []), "Told apart"]
    lines += aligned([head, *(_band(band, named) for band in found["bands"])])
    lines += ["", *_fits(found), "", *_plateaus(found["plateaus"])]
    return "\n".join([*lines, *written_lines(found)])


def _outside(found: Mapping[str, Any]) -> Iterator[str]:
    if found["without_times"] or found["without_apl"] or found["supply_left_out"]:
        yield (f"left out: {found['without_times']:,} published communes without travel times, "
               f"{found['without_apl']:,} with times and not published, "
               f"{found['supply_left_out']:,.0f} of supply")  # fmt: skip
    if not found["settled"]:
        yield "the search did not come to rest: the weights are not to be used"


def _band(band: Mapping[str, Any], named: bool) -> list[str]:
    known = band["poids_nomme"]
    return [
        f"{band['minutes_de']:g}–{band['minutes_a']:g}",
        f"{band['couples']:,}",
        f"{band['poids']:.3f}",
        f"{band['poids_bas']:.3f}–{band['poids_haut']:.3f}",
        *([("–" if known is None else f"{known:.3f}")] if named else []),
        "yes" if band["distingue"] else UNTOLD,
    ]


def _fits(found: Mapping[str, Any]) -> Iterator[str]:
    """How like the published values are, and what was left out says."""
    left, named = found["left_out"], found["named_correlation"]
    rows = [["", "r", "r weighted", "Left out: root mean square"]]
    rows.append(["fitted", *_r(found["correlation"]), f"{left['fitted']:.2f}"])
    if named is not None:
        rows.append(["named", *_r(named), f"{left['named']:.2f}"])
    yield from aligned(rows)
    yield f"left out in turn: {left['folds']}; drawn again: {found['blocks']}"
    if named is not None:
        yield from wrapped("", VERDICTS[left["verdict"]], "")


def _r(one: Mapping[str, float | None]) -> list[str]:
    return ["–" if r is None else f"{r:.3f}" for r in one.values()]


def _mirrored(found: Mapping[str, Any]) -> str:
    """What ratios alone do not say, and the places that do."""
    said = f"the weights {', '.join(found['mirrored'])} have the same ratios"
    if found["middles"] is None:
        return f"{said}: which of the two are right {UNTOLD}"
    named, other = found["middles"]
    return (f"{said}; of supplying communes with all three levels, {named:,} have those of the "
            f"named weights, {other:,} the others")  # fmt: skip


def _plateaus(found: Mapping[str, Any]) -> Iterator[str]:
    communes, places, ratios = (f"{found[name]:,}" for name in ("communes", "places", "ratios"))
    yield (
        f"Plateaus: {communes} communes reach one supplying commune alone ({places} of these); "
        f"{ratios} ratios of their values"
    )
    if not found["piles"]:
        yield f"  they pile up nowhere: weights {UNTOLD}"
        return
    rows = [["  Ratio", "Places", "By chance"]]
    rows += [[f"  {pile['ratio']:.5f}", f"{pile['places']:,}", f"{pile['chance']:.1f}"]
             for pile in found["piles"]]  # fmt: skip
    yield from aligned(rows)
    if found["agree"] is not None:
        which = "all" if found["agree"] else "not just"
        yield f"  these are {which} the ratios of the named weights, whatever the travel times"
    if found["mirrored"] is not None:
        yield from wrapped("  ", _mirrored(found), "    ")
    for bound in found["bounds"]:
        blurred = f": to the minute it {UNTOLD}" if bound["wrong"] > BLURRED else ""
        yield from wrapped(
            "  ", f"{bound['until']:g} minutes: the communes of the two weights "
            f"({bound['nearer']:,} and {bound['farther']:,}) part best at {bound['minutes']:g}, "
            f"{100 * bound['wrong']:.0f} % on the other side{blurred}", "    "
        )  # fmt: skip
