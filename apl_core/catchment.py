"""The sparse catchment: who can reach whom, and the two steps of the floating method.

    D_j = Σ_i w(t_ij) · P_i        step 1: the demand that a place of practice faces
    R_j = E_j / D_j                (0 where D_j = 0: nobody can reach that supply)
    A_i = Σ_j w(t_ij) · R_j        step 2: what a place of residence can reach

The pairs are stored once, by origin. Step 1 is a scatter over that same index: sums of whole
numbers do not depend on their order, so that the second orientation, which a float sum would need
for fixed bits and threads, is not built (8 ms of 40 for the nation).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import kernels
from apl_core.decay import Decay, Steps
from apl_core.errors import SHOWN, Fault, RuleError, TableError, refuse_if
from apl_core.exact import F64, I64, split
from apl_core.territory import I32, Territory, column_values

SELF_PAIR = ("error", "0", "none")
SENTINELS = {9999.0: "METRIC's mark", -999999.0: "metric.osrm's mark"}
TABLE = "temps_de_parcours"


@dataclass(frozen=True, eq=False)
class Catchment:
    """The pairs of a territory within reach, by origin; read-only.

    Attributes
    ----------
    land : Territory
    within : float
        Minutes beyond which pairs were set aside.
    start : int64[n+1]
        Row i holds the pairs ``start[i]:start[i+1]``.
    destination : int32[m]
        Positions, ascending in each row, without duplicate.
    minutes : float64[m]
    paired : bool[n]
        The place is the destination of some pair of the table, at any time.
    read, self_added : int
        Rows of the table; self pairs that were added at 0 minutes.
    """

    land: Territory
    within: float
    start: I64
    destination: I32
    minutes: F64
    paired: NDArray[np.bool_]
    read: int
    self_added: int

    @classmethod
    def build(
        cls,
        travel_times: Any,
        land: Territory,
        *,
        within: float | None = 20,
        self_pair: str = "error",
    ) -> Catchment:
        """Index a travel-time table; the door through which codes become positions.

        Parameters
        ----------
        travel_times : pyarrow.Table, or anything with ``__arrow_c_stream__``
            Columns ``origine`` (where people live), ``destination`` (where the professional
            works), ``minutes``. Times are never assumed symmetric.
        land : Territory
        within : float or None
            Pairs farther than this many minutes are set aside (the bound itself is kept); None
            keeps all.
        self_pair : {"error", "0", "none"}
            What a missing self pair means: a fault, 0 minutes (METRIC's convention), or no access
            to one's own commune.

        Raises
        ------
        TableError
            Unknown code, null, NaN, infinite or negative minutes, a mark for "not computed"
            (9999, -999999), a pair given twice, a missing self pair: all of them together.

        Examples
        --------
        >>> land = Territory.from_codes(["A", "B"])
        >>> times = pa.table({"origine": ["A", "B"], "destination": ["B", "A"],
        ...                   "minutes": [8.0, 9.0]})
        >>> pairs = Catchment.build(times, land, self_pair="0")
        >>> pairs.minutes.tolist(), pairs.self_added
        ([0.0, 8.0, 9.0, 0.0], 2)
        """
        if self_pair not in SELF_PAIR:
            raise ValueError(f"self_pair is one of {SELF_PAIR}, not {self_pair!r}")
        table = travel_times if isinstance(travel_times, pa.Table) else pa.table(travel_times)
        origin = land.positions(table.column("origine"))
        destination = land.positions(table.column("destination"))
        minutes, faults = _checked_minutes(table.column("minutes"))
        faults += _unknown_codes(table, "origine", origin)
        faults += _unknown_codes(table, "destination", destination)
        refuse_if(faults)

        origin, destination, minutes = _ordered(origin, destination, minutes, len(land), table)
        paired = np.zeros(len(land), dtype=np.bool_)
        paired[destination] = True
        missing = np.ones(len(land), dtype=np.bool_)
        missing[origin[origin == destination]] = False
        added = 0
        if missing.any() and self_pair != "none":
            if self_pair == "error":
                raise TableError([_missing_self(land, missing)])
            paired |= missing
            own = np.flatnonzero(missing).astype(np.int32)
            added = own.size
            origin, destination, minutes = _ordered(
                np.concatenate([origin, own]),
                np.concatenate([destination, own]),
                np.concatenate([minutes, np.zeros(added)]),
                len(land),
                table,
            )
        reach = math.inf if within is None else float(within)
        if minutes.size and float(minutes.max()) > reach:
            near = minutes <= reach
            origin, destination, minutes = origin[near], destination[near], minutes[near]
        start = np.zeros(len(land) + 1, dtype=np.int64)
        kernels.count_keys(_frozen(origin), start)
        return cls(
            land,
            reach,
            _frozen(start),
            _frozen(destination),
            _frozen(minutes),
            _frozen(paired),
            table.num_rows,
            added,
        )

    def weigh(self, decay: Decay) -> Weighted:
        """The same pairs with weights.

        Parameters
        ----------
        decay : Steps, Power, Exponential, Gaussian, or a callable minutes → weights
            A callable gets float64[m] and returns float64[m], finite and ≥ 0.

        Raises
        ------
        RuleError
            The decay reaches farther than the pairs that were kept, or gives a weight that is
            negative or not finite.
        """
        limit = getattr(decay, "limit", None)
        if isinstance(decay, Steps) and decay.limit > self.within:
            raise RuleError([_too_short(self.within, decay.limit)])
        if isinstance(decay, Steps):
            band = np.empty(self.minutes.size, dtype=np.uint8)
            limits = _frozen(np.array(decay.closed_limits, dtype=np.float64))
            kernels.bands(self.minutes, limits, band)
            levels = _frozen(np.array(decay.levels, dtype=np.int64))
            return Weighted(self, _frozen(band), levels, decay.denominator, None)
        weight = np.ascontiguousarray(decay(self.minutes), dtype=np.float64)
        bad = ~np.isfinite(weight) | (weight < 0)
        if weight.shape != self.minutes.shape or bad.any():
            raise RuleError([_bad_weights(decay, limit, self.minutes, bad)])
        return Weighted(self, None, None, 1, _frozen(weight))

    def unreached_supply(self, supply: F64) -> NDArray[np.int64]:
        """Positions with supply that are the destination of no pair at all."""
        return np.flatnonzero((supply > 0) & ~self.paired)


@dataclass(frozen=True, eq=False)
class Weighted:
    """A catchment with weights: the two steps.

    Step decays are summed exactly in whole numbers; other decays, and data whose range does not fit
    (about 2**70), in float64 in the fixed order of positions. `arithmetic` names the choice.
    """

    pairs: Catchment
    band: NDArray[np.uint8] | None
    level: I64 | None
    denominator: int
    given_weight: F64 | None

    @cached_property
    def weight(self) -> F64:
        """The weight of each pair, float64[m]."""
        if self.given_weight is not None:
            return self.given_weight
        assert self.level is not None
        return _frozen(self.level[self.band].astype(np.float64) / self.denominator)

    def demand(self, demand: F64, *, threads: int = 1) -> F64:
        """Step 1, D_j: weighted demand around each place of practice, float64[n]."""
        x = _vector(demand, "demand", len(self.pairs.land))
        limbs = None if self.level is None else split(x, int(self.level.max()))
        if limbs is None:
            out = np.zeros(x.size, dtype=np.float64)
            kernels.spread_float(self.pairs.start, self.pairs.destination, self.weight, x, out)
            return out
        high, low = (_frozen(limbs.parts[:, k].copy()) for k in (0, 1))

        def block(first: int, last: int) -> I64:
            out = np.zeros((x.size, 2), dtype=np.int64)
            kernels.spread(*self._index(), high, low, first, last, out)
            return out

        parts = _in_blocks(block, self.pairs.start, threads)
        return limbs.join(np.sum(parts, axis=0), self.denominator)

    def ratio(self, supply: F64, demand: F64, *, threads: int = 1) -> F64:
        """R_j = E_j / D_j: supply per inhabitant that can reach it.

        Parameters
        ----------
        supply, demand : float64[n]
            In the order of ``land.codes``; finite, ≥ 0. FTE; (standardised) inhabitants.
        threads : int
            The result has the same bits for any number.

        Returns
        -------
        float64[n]
            0 where there is no supply, and where nobody can reach it.
        """
        e = _vector(supply, "supply", len(self.pairs.land))
        d = self.demand(demand, threads=threads)
        return np.divide(e, d, out=np.zeros_like(e), where=(e > 0) & (d > 0))

    def access(self, ratio: F64, *, threads: int = 1) -> F64:
        """Step 2, A_i: what each place of residence can reach, per inhabitant, float64[n].

        Examples
        --------
        >>> land = Territory.from_codes(["A", "B"])
        >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
        ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
        >>> weighted = Catchment.build(times, land).weigh(
        ...     Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left"))
        >>> ratio = weighted.ratio(np.array([1.0, 0.0]), np.array([400.0, 900.0]))
        >>> (weighted.access(ratio) * 100_000).tolist()
        [100.0, 66.66666666666667]
        """
        x = _vector(ratio, "ratio", len(self.pairs.land))
        limbs = None if self.level is None else split(x, int(self.level.max()))
        start = self.pairs.start
        if limbs is None:
            out = np.empty(x.size, dtype=np.float64)
            weight = self.weight
            _in_blocks(
                lambda a, b: kernels.gather_float(
                    start, self.pairs.destination, weight, x, a, b, out
                ),
                start,
                threads,
            )
            return out
        sums = np.empty((x.size, 2), dtype=np.int64)
        _in_blocks(
            lambda a, b: kernels.gather(*self._index(), limbs.parts, a, b, sums), start, threads
        )
        return limbs.join(sums, self.denominator)

    def arithmetic(self, *vectors: F64) -> str:
        """``"exact"`` or ``"float64"``: how sums over these vectors are carried."""
        if self.level is None:
            return "float64"
        top = int(self.level.max())
        return "exact" if all(split(x, top) is not None for x in vectors) else "float64"

    def _index(self) -> tuple[Any, ...]:
        return self.pairs.start, self.pairs.destination, self.band, self.level


def _in_blocks(work: Callable[[int, int], Any], start: I64, threads: int) -> list[Any]:
    """Run ``work(first, last)`` over blocks of rows of about equal numbers of pairs.

    Python threads around kernels that release the GIL: no OpenMP, so that a process may fork
    afterwards, and half the compile time of ``parallel=True``.
    """
    n = start.size - 1
    if threads <= 1:
        return [work(0, n)]
    from concurrent.futures import ThreadPoolExecutor

    marks = np.searchsorted(start, np.linspace(0, start[-1], threads + 1)[1:-1])
    cuts = [0, *marks.tolist(), n]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))


def _ordered(
    origin: I32, destination: I32, minutes: F64, n: int, table: pa.Table
) -> tuple[I32, I32, F64]:
    """The pairs by origin, then destination; a pair given twice is refused.

    A file that is already in order (as matrices are exported) costs one pass; else two counting
    sorts (numpy's argsort of a combined key, rejected, takes ten times as long).
    """
    if kernels.first_disorder(_frozen(origin), _frozen(destination)) < 0:
        return origin, destination, minutes
    order = np.arange(origin.size, dtype=np.int64)
    for key in (destination, origin):
        cursor = np.zeros(n + 1, dtype=np.int64)
        kernels.count_keys(_frozen(key), cursor)
        after = np.empty_like(order)
        kernels.stable_order(_frozen(key), _frozen(order), cursor, after)
        order = after
    origin, destination, minutes = origin[order], destination[order], minutes[order]
    same = (origin[1:] == origin[:-1]) & (destination[1:] == destination[:-1])
    if same.any():
        raise TableError([_double_pairs(np.flatnonzero(same), order, table)])
    return origin, destination, minutes


def _checked_minutes(column: pa.ChunkedArray) -> tuple[F64, list[Fault]]:
    """Minutes as float64[m], and what is wrong with them (one fault a kind)."""
    minutes = column_values(column, np.float64, fill=math.nan)
    if not minutes.size:
        return minutes, []
    least, most = float(minutes.min()), float(minutes.max())  # NaN comes through both
    if least >= 0 and most < 9999:
        return minutes, []
    faults = []
    for bad, fault, title, why in (
        (np.isnan(minutes), "APL-D01", "missing minutes", "a missing time is not a time"),
        (np.isinf(minutes), "APL-D02", "infinite minutes", "an infinite time is not a time"),
        *(
            (minutes == value, "APL-D03", f"{mark} for 'not computed'", "it is not a duration")
            for value, mark in SENTINELS.items()
        ),
        (
            (minutes < 0) & np.isfinite(minutes) & ~np.isin(minutes, list(SENTINELS)),
            "APL-D03",
            "negative minutes",
            "a time cannot be negative",
        ),
    ):
        at = np.flatnonzero(bad)
        if at.size:
            mend = "remove these rows: a pair that is absent is out of reach"
            found = tuple(f"{value:g}" for value in minutes[at[:SHOWN]])
            rows = tuple(int(p) + 1 for p in at[:SHOWN])
            faults.append(Fault(fault, title, why, mend, TABLE, "minutes", rows, found, at.size))
    return minutes, faults


def _unknown_codes(table: pa.Table, column: str, positions: I32) -> list[Fault]:
    at = np.flatnonzero(positions < 0)
    if not at.size:
        return []
    values = tuple(str(table.column(column)[int(p)].as_py()) for p in at[:SHOWN])
    return [
        Fault(
            "APL-C02",
            "a pair whose end is in no commune",
            "the code is not in the table of communes, so it has no inhabitants and no zone",
            "use one vintage of codes in both tables, or remove the pairs of these places",
            TABLE,
            column,
            tuple(int(p) + 1 for p in at[:SHOWN]),
            values,
            at.size,
        )
    ]


def _double_pairs(at: NDArray[np.int64], order: I64, table: pa.Table) -> Fault:
    rows: list[int] = []
    values: list[str] = []
    for p in at[: SHOWN // 2]:
        first, second = sorted((int(order[p]), int(order[p + 1])))
        if second >= table.num_rows:
            continue
        rows += [first + 1, second + 1]
        ends, minutes = [table.column(c) for c in ("origine", "destination")], table.column(2)
        minutes = table.column("minutes")
        values.append(
            f"{ends[0][first]} → {ends[1][first]}: {minutes[first]} then {minutes[second]} min"
        )
    return Fault(
        "APL-E01",
        "a pair given twice",
        "adding them up would double the weight of the pair",
        "keep one row a pair of communes",
        TABLE,
        "origine, destination",
        tuple(rows),
        tuple(values),
        2 * at.size,
    )


def _missing_self(land: Territory, missing: NDArray[np.bool_]) -> Fault:
    at = np.flatnonzero(missing)
    return Fault(
        "APL-E02",
        "missing self pair",
        "the travel time from a commune to itself (its self pair) is not in the table, and without "
        "it the inhabitants do not reach the professionals of their own commune",
        "--self-pair 0 takes 0 minutes (METRIC's convention); --self-pair none leaves them out",
        TABLE,
        "origine, destination",
        (),
        tuple(land.codes[int(p)].as_py() for p in at[:SHOWN]),
        at.size,
    )


def _too_short(within: float, limit: float) -> Fault:
    return Fault(
        "APL-E07",
        "the catchment is cut below the last band",
        f"pairs were kept up to {within:g} minutes; the decay reaches {limit:g}",
        f"build the catchment with within={limit:g}",
    )


def _bad_weights(
    decay: Decay, limit: float | None, minutes: F64, bad: NDArray[np.bool_]
) -> Fault:
    at = float(minutes[bad][0]) if bad.shape == minutes.shape and bad.any() else math.nan
    return Fault(
        "APL-F03",
        "a decay that does not give weights",
        f"{decay!r} (limit {limit}) is negative or not finite, at {at:g} minutes for example",
        "give a decay that is finite and not negative at every time of the table",
    )


def _vector(x: F64, name: str, n: int) -> F64:
    """``x`` as read-only contiguous float64[n], finite and not negative."""
    values = np.ascontiguousarray(x, dtype=np.float64)
    if values.shape != (n,):
        raise ValueError(f"{name} has shape {values.shape}; the territory wants ({n},)")
    bad = ~(values >= 0) | np.isinf(values)
    if bad.any():
        at = np.flatnonzero(bad)
        raise TableError(
            [
                Fault(
                    "APL-D03",
                    f"{name} that is missing, infinite or negative",
                    "the two steps add up finite quantities that are not negative",
                    "correct these values",
                    name,
                    None,
                    tuple(int(p) + 1 for p in at[:SHOWN]),
                    tuple(f"{v:g}" for v in values[at[:SHOWN]]),
                    at.size,
                )
            ]
        )
    return _frozen(values)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory, read-only: kernels are compiled once, for read-only inputs."""
    view = array.view()
    view.flags.writeable = False
    return view
