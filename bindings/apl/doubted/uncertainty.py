"""How sure a zoning is: many draws of the country, the interval of each APL, the odds of each zone.

Every draw is what `apl.run` would make of it: the same two steps, means, order and cuts, to the
bit. Draws differ in what `apl.doubted.draws.Doubt` names and in nothing else: how the law is read,
and what all draws share (the year's median of acts), is not in these intervals, which are of
percentiles. (Bias-corrected ones, rejected, want the country without each person in turn.)

A draw adds its chance to that which the country has already, so that draws scatter more than the
country does: where they are cut anew, the lowest class ends lower in most of them (embedded
country: at 64.55; in nine draws of ten at 62.4 to 64.4). Held cuts do not move.

One BVCV's figures are all that comes out: no commune's, no person's. With a few persons, the ends
of an interval are sums of what some of them do; with three, whom one draw in nine makes one person
thrice, they are what the least and the most active does. None is shown where they are fewer than
``least``, nor the end of a class that is the APL of such a BVCV. Ten, not the three of secrecy
elsewhere: a draw makes them one person once in a thousand million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.doubted.draws import NONE, Doubt, People, no_persons, unasked
from apl.doubted.draws_ranked import Country, Ranker
from apl.law import Rules
from apl.provenance import stamped
from apl.scenarios.situation import Outcome, Situation, outcome
from apl_core import Fault, UsageError, refuse_if
from apl_core.exact import F64, I64
from apl_core.many import TILE

FEW = 10  # persons whose draws have an interval that is shown; a parameter everywhere
MOST_DRAWS = 20_000  # of 3,000 BVCV: half a gigabyte


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How sure the zones of a country are.

    Attributes
    ----------
    place : Situation
    doubt : Doubt
    draws, seed : int
    least : int
        Persons whose APL shows an interval.
    level : float
        Of the intervals: 0.9 leaves a twentieth of the draws on either side.
    threshold : float
        A class that a smaller share of the draws holds is a coin toss.
    hold_cuts : bool
    people : People or None
        Who is drawn.
    before : Outcome
        The run itself.
    table : pyarrow.Table
        ``incertitude``: ``code_bvcv``, ``code_region``, ``population``, ``apl``, ``apl_bas``,
        ``apl_haut``, ``p_<zone>`` for each class of the law, ``zone`` (the run's), ``tenue`` (share
        of the draws that hold it), ``pile_ou_face``. Of a BVCV that reaches fewer persons than
        ``least``, no interval is shown.
    cuts : pyarrow.Table
        Where classes end: ``zone``, ``apl``, ``apl_bas``, ``apl_haut``; an end that is the APL of a
        BVCV without interval is not shown either.
    moved : int64[draws]
        How many BVCV each draw has in another class than the run.
    """

    place: Situation
    doubt: Doubt
    draws: int
    seed: int
    least: int
    level: float
    threshold: float
    hold_cuts: bool
    people: People | None
    before: Outcome
    table: pa.Table
    cuts: pa.Table
    moved: I64


def uncertainty(
    place: Situation,
    rules: Rules,
    doubt: Doubt,
    *,
    seed: int,
    people: People | None = None,
    draws: int = 1_000,
    level: float = 0.9,
    threshold: float = 0.8,
    least: int = FEW,
    hold_cuts: bool = False,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Uncertainty:
    """Draw the country again and again: the interval of each APL, the odds of each zone.

    Parameters
    ----------
    place : Situation
        With errors of minutes, its pairs reach as far as these may bring in (`draws.reaching`).
    rules : Rules
    doubt : Doubt
    seed : int
        ≥ 0; the same one gives the same bits, whatever the number of threads.
    people : People, optional
        Whom a bootstrap draws from (`draws.people`, `draws.heads`).
    draws : int
        2 to 20,000.
    level, threshold : float
        Between 0 and 1.
    least : int
        ≥ 1. A BVCV that reaches fewer persons shows no interval: its ends would be what some of
        them do.
    hold_cuts : bool
        False: every draw is ranked and cut anew. True: a class ends at the highest APL that it has
        in the run, as `apl.simulate` has it.
    threads : int
        The bits do not depend on it.
    progress : callable, optional
        Told how many draws are done, now and then.

    Raises
    ------
    UsageError
        What cannot be drawn (``APL-U06``): nothing doubted, no persons, too few draws, pairs that
        do not reach far enough.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> from apl.doubted.draws import heads
    >>> from apl.scenarios.situation import situation
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> codes = ["01001", "01002"]
    >>> communes = pa.table({"code_commune": codes, "code_bvcv": codes, "code_region": ["84"] * 2,
    ...     "population": [400, 900], "population_standardisee": [400.0, 900.0], "etp": [1.0, 3.0]})
    >>> times = pa.table({"origine": codes, "destination": codes, "minutes": [0.0, 0.0]})
    >>> here = situation(communes, times, law)
    >>> found = uncertainty(here, law, Doubt("france"), people=heads(here.supply, 0.25), seed=1,
    ...                     draws=200, least=3)
    >>> found.table.select(["code_bvcv", "apl_bas", "apl"]).to_pylist()[0]
    {'code_bvcv': '01001', 'apl_bas': 62.5, 'apl': 250.0}
    """
    refuse_if(_asked(place, rules, doubt, draws, seed, least, level, threshold), UsageError)
    drawn = None if doubt.resample == NONE else people
    if drawn is None and doubt.resample != NONE:
        raise no_persons()
    before = outcome(place, rules, threads=threads)
    country = Country.of(place, rules, doubt, drawn, seed)
    ranker = Ranker.of(place, rules, before, hold_cuts=hold_cuts)
    many, cuts = ranker.apl.size, len(before.ranking.cuts)
    apl, ends = np.empty((draws, many)), np.empty((draws, cuts))
    zone = np.empty((draws, many), dtype=np.int8)
    few = country.few(least)
    hidden = np.zeros((draws, cuts), dtype=np.bool_)  # a class ends at the APL of one of those

    def tile(first: int) -> int:
        last = min(first + TILE, draws)
        for k, (mean, counted) in enumerate(country.draws(first, last), first):
            apl[k] = mean
            zone[k], ends[k] = ranker.ranked(mean, counted)
            if not hold_cuts:
                hidden[k] = np.isin(ends[k], mean[few])
        return last

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        for last in pool.map(tile, range(0, draws, TILE)):
            if progress is not None:
                progress(last)
    shown = [pa.array(ends, mask=few) for ends in interval(apl, level)]
    return Uncertainty(
        place,
        doubt,
        draws,
        seed,
        least,
        level,
        threshold,
        hold_cuts,
        drawn,
        before,
        stamped(_table(before, rules, ranker.zone, zone, threshold, shown), rules),
        _cuts(before, ends, level, hidden),
        np.count_nonzero(zone != ranker.zone, axis=1),
    )


def _table(
    before: Outcome,
    rules: Rules,
    was: I64,
    zone: NDArray[np.int8],
    threshold: float,
    shown: Sequence[pa.Array],
) -> pa.Table:
    """The table ``incertitude``: ``zone`` int8[draws, b], the intervals as they are shown."""
    draws, areas, zones = len(zone), before.ranking.bvcv, rules.zoning.zones
    count = np.stack([np.count_nonzero(zone == k, axis=0) for k in range(len(zones))])
    held = count[was, np.arange(was.size)] / draws
    kept = {name: areas.column(name) for name in ("code_bvcv", "code_region", "population", "apl")}
    odds = {f"p_{name}": one / draws for name, one in zip(zones, count, strict=True)}
    return pa.table(
        {
            **kept,
            "apl_bas": shown[0],
            "apl_haut": shown[1],
            **odds,
            "zone": areas.column("zone"),
            "tenue": held,
            "pile_ou_face": held < threshold,
        }
    )


def _cuts(before: Outcome, ends: F64, level: float, hidden: NDArray[np.bool_]) -> pa.Table:
    """Where classes end: in the run, and in the middle draws; null where a class is empty, or where
    that is a value which an interval does not show (``hidden``, bool[draws, cuts])."""
    cuts = before.ranking.cuts
    low, high = interval(np.where(np.isnan(ends), -np.inf, ends), level)
    found: dict[str, pa.Array] = {"zone": pa.array([cut.zone for cut in cuts], pa.string())}
    found["apl"] = pa.array([cut.apl for cut in cuts], pa.float64())
    for name, values in (("apl_bas", low), ("apl_haut", high)):
        told = ((ends == values) & hidden).any(axis=0)
        found[name] = pa.array(values, mask=~np.isfinite(values) | told)
    return pa.table(found)


def interval(values: F64, level: float) -> tuple[F64, F64]:
    """The percentiles between which ``level`` of the draws lie, of each column: values that were
    drawn. (Between two of them, type 7, an empty class would give no number.)"""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low, high


def _asked(
    place: Situation,
    rules: Rules,
    doubt: Doubt,
    draws: int,
    seed: int,
    least: int,
    level: float,
    threshold: float,
) -> Iterator[Fault]:
    """What cannot be drawn."""
    yield from doubt.faults()
    if not 2 <= draws <= MOST_DRAWS:
        why = "intervals need some, and the APL of all are kept in memory"
        yield unasked(f"{draws:,} draws", why, f"2 to {MOST_DRAWS:,}")
    if least < 1:
        yield unasked(f"intervals of {least} persons", "it is a number of them", "1 or more")
    if seed < 0:
        yield unasked(f"a seed of {seed}", "it numbers the draws", "0 or more")
    for name, value in (("level", level), ("threshold", threshold)):
        if not 0 < value < 1:
            yield unasked(f"{name} = {value!r}", "it is a share of the draws", "between 0 and 1")
    needed = rules.decay.limit * doubt.farthest
    if doubt.minutes and not place.pairs.within >= needed:
        why = f"an error may bring a way of {needed:.4g} minutes within reach"
        mend = "apl.doubted.draws.reaching, or a catchment built up to there"
        yield unasked(f"pairs up to {place.pairs.within:g} minutes", why, mend)
