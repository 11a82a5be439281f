"""What a table of travel times looks like as a whole: half of it, one-way times, whole minutes.

A sample of pairs is looked at, every k-th of the index (the same whatever the order of the rows):
the whole of a national matrix, rejected, costs 60 ms of a run of 150, and shares need no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apl_core import Catchment, Fault
from apl_core.blockwise import Pairs

SAMPLE = 5_000  # pairs looked at, at most
ENOUGH = 20  # pairs; a smaller table may well be odd
AWAY = 1.0  # minutes between there and back, beyond which a pair is called one-way

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sampled:
    """Pairs of two communes, and the minutes of the way back: NaN where it is not in the table."""

    forth: F64
    back: F64


def sampled(pairs: Catchment) -> Sampled:
    """The sample of a catchment.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl_core import Territory
    >>> land = Territory.from_codes(["01001", "01004"])
    >>> table = pa.table({"origine": ["01001"], "destination": ["01004"], "minutes": [9.0]})
    >>> sampled(Catchment.build(table, land, self_pair="none"))
    Sampled(forth=array([9.]), back=array([nan]))
    """
    word, bits = pairs.words.word, pairs.words.word.dtype.type(pairs.words.bits)
    at = np.arange(0, pairs.size, max(1, -(-pairs.size // SAMPLE)))
    origin = np.searchsorted(pairs.start, at, side="right") - 1
    there = (word[at] >> bits).astype(np.int64)
    at, origin, there = (part[origin != there] for part in (at, origin, there))
    low, high = pairs.start[there].copy(), pairs.start[there + 1].copy()
    end = high.copy()
    while bool((low < high).any()):  # each looks for its way back in the row of its destination
        middle = (low + high) >> 1
        open_ = low < high
        before = open_ & (word[np.minimum(middle, word.size - 1)] >> bits < origin)
        low = np.where(before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    found = low < end
    found[found] = word[low[found]] >> bits == origin[found]
    mask = word.dtype.type((1 << pairs.words.bits) - 1)
    back = np.full(at.size, np.nan)
    back[found] = pairs.times[word[low[found]] & mask]
    return Sampled(pairs.times[word[at] & mask], back)


def half(pairs: Catchment | Pairs) -> Iterator[Fault]:
    """The fault of a matrix of which one triangle alone was given (of one in memory)."""
    if isinstance(pairs, Pairs):
        return
    seen = sampled(pairs)
    if seen.forth.size >= ENOUGH and bool(np.isnan(seen.back).all()):
        yield Fault(
            "APL-E04",
            "half a matrix",
            f"none of {seen.forth.size:,} pairs looked at has its way back: inhabitants of one end "
            "of each would reach nobody at the other",
            "give both directions (a half that stands for both is mirrored where it is made)",
            "temps_de_parcours",
            "origine, destination",
        )


def oddities(pairs: Catchment | Pairs, bounds: list[float]) -> Iterator[tuple[str, str]]:
    """What is to be said of a matrix in memory: ways there and back that differ, times without a
    fraction."""
    if isinstance(pairs, Pairs):
        yield (
            "APL-S08",
            "pairs read in blocks: half a matrix, one-way times and rounded minutes "
            "were not looked for",
        )
        return
    seen = sampled(pairs)
    forth, back = seen.forth, seen.back
    if forth.size < ENOUGH:
        return
    apart = np.abs(forth - back) > AWAY  # NaN is not
    band = [np.searchsorted(bounds, minutes) for minutes in (forth, back)]
    moved = apart & (band[0] != band[1])
    if moved.any():
        yield (
            "APL-E03",
            (
                f"{100 * moved.mean():.1f} % of {forth.size:,} pairs looked at lie in another band "
                f"on the way back, over {AWAY:g} minute apart: times are taken from inhabitant to "
                "professional, as given"
            ),
        )
    if bool((forth == np.rint(forth)).all()):
        on = float(np.isin(forth, bounds).mean())
        yield (
            "APL-E06",
            (
                f"all {forth.size:,} times looked at are whole minutes, {100 * on:.1f} % of them "
                "on a bound: were they rounded?"
            ),
        )
