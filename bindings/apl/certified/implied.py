"""The weights of distance that the published APL of 2021 implies, five professions.

Two communes that reach one and the same supplying commune alone have APL in the ratio of their
weights (`apl.calibrated.plateaus`). Which communes these are is taken from estimated minutes and
heads of 2024; the ratios themselves are of published values alone. Other weights have the same
ratios: places with all three levels are counted by which level stands in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pyarrow as pa

from apl.calibrated.calibration import Calibration, calibrate
from apl.calibrated.ground import ground as brought
from apl.calibrated.plateaus import (
    WIDE,
    Pile,
    Ratios,
    bounds,
    middles,
    mirrored,
    of_weights,
    piles,
    ratios,
    standing,
)
from apl.calibrated.text import VERDICTS
from apl.certified.ends import HEADS, ISERE, estimated
from apl.certified.figures import Annex, Figures
from apl.certified.ground import MK, WORKBOOKS, Ground
from apl_core import Steps

NEARER = (6, 4, 2, 0)  # minutes less than where the weights end: the horizons that are tried
SHOWN = 2  # of them: nearer, more communes reach one place alone; farther, minutes err less
DRAWS, SEED = 200, 0
MATRICES = {"isere": "Isère, a router's minutes", "france": "France, estimated minutes"}


def figures(ground: Ground) -> Figures:
    """Plateaus of the five professions, then what a fit on the minutes at hand says beside them."""
    decay = ground.law.decay
    weights = [band.weight for band in decay.bands]
    expected = of_weights(weights)
    values: dict[str, object] = {}
    beside: list[list[str]] = []
    between: list[list[str]] = []
    for profession in WORKBOOKS:
        tried = dict(_tried(ground, profession, decay))
        stood = {horizon: _held(piles(found), expected) for horizon, found in tried.items()}
        shown = tried[decay.limit - SHOWN]
        levels = [len(middles(shown, order)) for order in (weights, mirrored(weights))]
        values |= {
            f"stand_{profession}": tuple(sum(p is not None for p in at) for at, _ in
                                         stood.values()),
            f"others_{profession}": tuple(other for _, other in stood.values()),
            f"places_{profession}": tuple(
                _places(shown, pile, one)
                for pile, one in zip(stood[decay.limit - SHOWN][0], expected, strict=True)
            ),
            f"levels_{profession}": levels[0],
            f"order_{profession}": levels[1],
        }  # fmt: skip
        beside += _beside(profession, tried, stood, expected)
        between.append([profession, *map(str, levels), *_parted(shown, decay)])
    fits, told = _fits(ground)
    annexes = (_of_ratios(expected, beside), _of_order(decay, between), *told)
    return Figures({**values, **fits}, annexes)


def _tried(ground: Ground, profession: str, decay: Steps) -> Iterator[tuple[float, Ratios]]:
    """The ratios under each horizon, minutes."""
    offre = _heads(ground, profession)
    here = brought(estimated(ground), ground.workbook(profession), offre, within=decay.limit,
                   self_pair="0")  # fmt: skip
    for less in NEARER:
        yield decay.limit - less, ratios(here, decay.limit - less)


def _heads(ground: Ground, profession: str) -> pa.Table:
    rows = ground.rows(HEADS, "code_commune", profession)
    return pa.table({"code_commune": [row["code_commune"] for row in rows],
                     "etp": [float(row[profession] or 0) for row in rows]})  # fmt: skip


Held = tuple[list[Pile | None], int]


def _held(found: tuple[Pile, ...], expected: list[Fraction]) -> Held:
    """The pile of each expected ratio (None: it does not stand out), and how many others."""
    at = [next((p for p in found if abs(p.ratio - one) <= WIDE / 2), None) for one in expected]
    return at, len(found) - sum(pile is not None for pile in at)


def _places(found: Ratios, pile: Pile | None, ratio: Fraction) -> int:
    """How many supplying communes have a ratio, whether or not it stands out."""
    return int(np.unique(found.place[standing(found, ratio)]).size) if pile is None else pile.places


def _beside(
    profession: str,
    tried: Mapping[float, Ratios],
    stood: Mapping[float, Held],
    expected: list[Fraction],
) -> Iterator[list[str]]:
    """A row a horizon: places of each ratio, and in brackets those of chance."""
    for horizon, found in tried.items():
        at, others = stood[horizon]
        cells = [f"{_places(found, pile, one)} ({'–' if pile is None else f'{pile.chance:.1f}'})"
                 for one, pile in zip(expected, at, strict=True)]  # fmt: skip
        yield [profession, f"{horizon:g}", f"{found.communes:,}", f"{found.places:,}", *cells,
               str(others)]  # fmt: skip


def _parted(found: Ratios, decay: Steps) -> list[str]:
    return [f"{one.minutes:.1f} ({100 * one.wrong:.0f} %)" for one in bounds(found, decay)]


def _of_ratios(expected: list[Fraction], rows: list[list[str]]) -> Annex:
    before = (
        "Two communes that reach one and the same supplying commune alone, within the minutes of "
        "the second column; the lower published value over the higher. Under each ratio the "
        "supplying communes that have it (each counted once), and in brackets those that would by "
        "chance: the mean of the windows beside it, each a thousandth wide. (–): it does not "
        "stand out. The last column counts windows elsewhere that stand out."
    )
    after = (
        "Minutes and heads choose the communes and do not enter the ratios: where they are wrong, "
        "a value is a sum and a ratio falls anywhere, which thins the piles and makes none. Had "
        "weights gone on farther, most of these communes would reach others there and little "
        "would pile up. The horizon was not fixed beforehand: all that were tried are shown. "
        "Ratios are those of weights, not of bounds, and of the APL that DREES published for 2021, "
        "not of a text."
    )
    head = ["Profession", "Minutes", "Communes", "Places", *map(str, expected), "Others"]
    return Annex("Ratios that stand out", head, rows, before, after)


def _of_order(decay: Steps, rows: list[list[str]]) -> Annex:
    weights = [band.weight for band in decay.bands]
    (high, middle, low), other = weights, mirrored(weights)[1]
    before = (
        f"The ratios of {high}, {middle}, {low} are those of {high}, {other}, {low} too. Supplying "
        "communes that have all three levels tell the two apart: by which one is in the middle. "
        "Then the minutes that best part the communes of two weights, and how many stand on the "
        "other side all the same."
    )
    after = (
        "So many on the other side show how far estimated minutes err, and the horizon itself cuts "
        "the last ones off: where a weight ends cannot be told to the minute from this data, for "
        "any of the five."
    )
    ends = [f"{a.weight} and {b.weight} part at, min" for a, b in pairwise(decay.bands)]
    head = ["Profession", f"Places with {high}, {middle}, {low}",
            f"with {high}, {other}, {low}", *ends]  # fmt: skip
    return Annex("Which weight stands in the middle", head, rows, before, after)


def _fits(ground: Ground) -> tuple[dict[str, object], tuple[Annex, ...]]:
    """Weights by band, fitted to the physiotherapists' APL on both matrices at hand."""
    decay, offre = ground.law.decay, _heads(ground, MK)
    step = min(b.until - a.until for a, b in pairwise(decay.bands))
    edges = tuple(step * k for k in range(1, round(decay.limit / step) + 2))  # one band beyond
    times = {"isere": ground.table(ISERE, "temps_de_parcours"), "france": estimated(ground)}
    values: dict[str, object] = {}
    rows: list[list[str]] = []
    out: list[list[str]] = []
    for name, table in times.items():
        found = calibrate(table, ground.workbook(MK), offre, seed=SEED, edges=edges, named=decay,
                          self_pair="0", draws=DRAWS)  # fmt: skip
        of_law = found.named_weights
        assert of_law is not None
        values[f"apart_{name}"] = float(np.abs(found.fit.weights - of_law).max())
        rows += _by_band(MATRICES[name], found)
        out.append(_left_out(MATRICES[name], found))
    return values, (_of_fits(rows), _of_what_was_left_out(out))


def _left_out(name: str, found: Calibration) -> list[str]:
    left = found.left
    missed = [left.fitted] if left.named is None else [left.fitted, left.named]
    return [name, found.ground.of_folds, *(f"{left.root_mean(one):.1f}" for one in missed),
            VERDICTS.get(found.verdict or "", "–")]  # fmt: skip


def _by_band(name: str, found: Calibration) -> Iterator[list[str]]:
    for band in found.table.to_pylist():
        yield [name, f"{band['minutes_de']:g}–{band['minutes_a']:g}", f"{band['couples']:,}",
               f"{band['poids']:.3f}", f"{band['poids_bas']:.3f}–{band['poids_haut']:.3f}",
               f"{band['poids_nomme']:.3f}", "yes" if band["distingue"] else "no"]  # fmt: skip


def _of_fits(rows: list[list[str]]) -> Annex:
    before = (
        "`apl calibrate` on heads and these minutes: weights that do not rise, by least squares on "
        f"the published APL of physiotherapists, intervals of 90 % from {DRAWS} draws of whole "
        "blocks (seed 0), and whether a weight is told from both its neighbours."
    )
    head = ["Matrix", "Minutes", "Pairs", "Weight", "90 %", "Of the law", "Told apart"]
    return Annex("What a fit says beside it", head, rows, before)


def _of_what_was_left_out(rows: list[list[str]]) -> Annex:
    before = (
        "Each part left out in turn, and its APL predicted by the weights fitted to the others."
    )
    after = (
        "On Isère the weights between cannot be told from their neighbours. On the whole country "
        "they can, and fall evenly: minutes that err by a few smear steps into a slope, which "
        "makes up for some of their error. That is a finding about these minutes and these heads, "
        "and no evidence against steps: the ratios above, which no minute enters, show them."
    )
    head = ["Matrix", "Left out", "Missed by, fitted weights", "by the law's", "Which predicts"]
    return Annex("What was left out of the fit", head, rows, before, after)
