"""The sparse catchment: who can reach whom, by origin.

The pairs are stored once. Step 1 (`apl_core.weighted`) is a scatter over that same index: sums of
whole numbers do not depend on their order, so that the second orientation, which a float sum would
need for fixed bits and threads, is not built (15 ms for the nation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import kernels, kernels_steps
from apl_core.convert import Column, converted
from apl_core.decay import Decay, Steps
from apl_core.errors import (
    SHOWN,
    Fault,
    RuleError,
    Whole,
    listed,
    refuse_if,
    refuse_lacking,
    shown,
)
from apl_core.exact import F64, I64, frozen
from apl_core.schema import schema
from apl_core.territory import I32, Territory, column_values
from apl_core.values import value_faults
from apl_core.weighted import Weighted
from apl_core.words import Words, distinct, packed

SELF_PAIR = ("error", "0", "none")
TABLE = "temps_de_parcours"
COLUMNS = ("origine", "destination", "minutes")
LARGEST_LEVEL = 1 << 20  # whole weights beyond it would leave too few bits for the quantities


@dataclass(frozen=True, eq=False)
class Catchment:
    """The pairs of a territory within reach, by origin; read-only.

    Attributes
    ----------
    land : Territory
    within : float
        Minutes beyond which pairs were set aside.
    words : Words
        Of each pair the position of its destination, ascending in each row, without duplicate, and
        which of ``times`` it takes: 4 bytes, where a position and a float64 take 12.
    times : float64[t]
        The distinct minutes, ascending.
    paired : bool[n]
        The place is the destination of some pair of the table, at any time.
    read, self_added : int
        Rows of the table; self pairs that were added at 0 minutes.
    longest : float
        The longest time of the table, kept or not.
    """

    land: Territory
    within: float
    words: Words
    times: F64
    paired: NDArray[np.bool_]
    read: int
    self_added: int
    longest: float

    @property
    def start(self) -> I64:
        """int64[n+1]: row i holds the pairs ``start[i]:start[i+1]``."""
        return self.words.start

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return int(self.words.word.size)

    @property
    def destination(self) -> I32:
        """The position of each pair's destination, int32[m]; made anew."""
        return frozen(self.words.place)

    @property
    def minutes(self) -> F64:
        """The time of each pair, float64[m]; made anew."""
        return frozen(self.times[self.words.mark])

    def count_at(self, minutes: float) -> int:
        """How many pairs take these minutes to the bit of a float64.

        >>> land = Territory.from_codes(["A"])
        >>> times = pa.table({"origine": ["A"], "destination": ["A"], "minutes": [0.5]})
        >>> pairs = Catchment.build(times, land)
        >>> pairs.count_at(0.5), pairs.count_at(0.25)
        (1, 0)
        """
        at = np.flatnonzero(self.times == minutes)
        return int(self.counts[at].sum())

    @cached_property
    def counts(self) -> I64:
        """How many pairs take each of ``times``, int64[t]."""
        found = np.zeros(1 << self.words.bits, dtype=np.int64)
        kernels_steps.count_marks(self.words.word, self.words.index[3], found)
        return frozen(found[: self.times.size])

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
        if within is not None and not within >= 0:
            raise ValueError(f"within is a number of minutes, not {within!r}")
        table = travel_times if isinstance(travel_times, pa.Table) else pa.table(travel_times)
        refuse_lacking(table, TABLE, *COLUMNS)
        origin = land.positions(table.column("origine"))
        destination = land.positions(table.column("destination"))
        code, times, faults = _checked_minutes(table.column("minutes"))
        for column, positions in (("origine", origin), ("destination", destination)):
            faults += _unknown_codes(table, column, positions)
        known = None
        if faults:  # the other faults are looked for among the pairs that are left
            known = np.flatnonzero((origin >= 0) & (destination >= 0))
            origin, destination, code = origin[known], destination[known], code[known]
        start, missing, paired, order = _survey(origin, destination, len(land))
        if self_pair == "error" and missing.any():
            faults.append(_missing_self(land, missing))
        if order is not None:
            rows = order if known is None else known[order]
            faults += _double_pairs(origin[order], destination[order], rows, table)
        refuse_if(faults)

        added = np.flatnonzero(missing).astype(np.int32) if self_pair == "0" else missing[:0]
        if added.size:
            origin, destination = (np.concatenate([ends, added]) for ends in (origin, destination))
            none = np.full(added.size, times.size, dtype=np.int32)
            code, times = np.concatenate([code, none]), np.append(times, 0.0)
            start, _, paired, order = _survey(origin, destination, len(land))
        if order is not None:
            origin, destination, code = origin[order], destination[order], code[order]
        reach = math.inf if within is None else float(within)
        used = np.zeros(times.size, dtype=np.bool_)  # a file's table may hold more than its rows
        kernels_steps.seen(frozen(code), used)
        longest = float(times.max(initial=0.0, where=used))
        if longest > reach:
            used &= times <= reach
            near = np.take(used, code)
            origin, destination, code = origin[near], destination[near], code[near]
            start = _survey(origin, destination, len(land))[0]
        word, bits, times = packed(destination, code, times, used, len(land))
        return cls(
            land,
            reach,
            Words(frozen(start), word, bits),
            times,
            frozen(paired),
            table.num_rows,
            added.size,
            longest,
        )

    def weigh(self, decay: Decay) -> Weighted:
        """The same pairs with weights.

        Parameters
        ----------
        decay : Steps, Table, Gaussian, Epanechnikov, Exponential, Logistic, Power, or a callable
            A callable gets the distinct minutes, float64[t], and returns float64[t], finite and
            ≥ 0.

        Raises
        ------
        RuleError
            The decay reaches farther than the pairs that were kept, or gives a weight that is
            negative or not finite.
        """
        limit = getattr(decay, "limit", math.inf)
        if self.within < limit < math.inf:
            raise RuleError([_too_short(self.within, limit)])
        if isinstance(decay, Steps) and max(decay.levels) <= LARGEST_LEVEL:
            nearest = -math.inf  # its level, the largest, last: of it the scale of sums is made
            times = np.append(self.times, nearest)
            band = np.searchsorted(np.array(decay.closed_limits), times, side="left")
            level = np.array(decay.levels, dtype=np.int64)[band]
            return Weighted(self, frozen(level), decay.denominator, None)
        with np.errstate(all="ignore"):  # what is not finite is refused below, with its minutes
            weight = np.ascontiguousarray(decay(self.times), dtype=np.float64)
        bad = ~np.isfinite(weight) | (weight < 0)
        if bad.shape == self.times.shape and bad.any():  # `towards` may have left a time unused
            bad &= np.bincount(self.words.mark, minlength=self.times.size) > 0
        if weight.shape != self.times.shape or bad.any():
            raise RuleError([_bad_weights(decay, self.times, bad)])
        return Weighted(self, None, 1, frozen(weight))

    def towards(self, places: NDArray[np.bool_]) -> Catchment:
        """The pairs that lead to these places (bool[n]).

        Both steps are the same over the pairs that lead to supply alone, nationally a quarter of
        all: R_j is 0 elsewhere.

        >>> land = Territory.from_codes(["A", "B"])
        >>> times = pa.table({"origine": ["A", "B"], "destination": ["B", "A"],
        ...                   "minutes": [8.0, 9.0]})
        >>> pairs = Catchment.build(times, land, self_pair="0")
        >>> pairs.towards(np.array([True, False])).minutes.tolist()
        [0.0, 9.0]
        """
        return replace(self, words=self.words.towards(np.asarray(places, dtype=np.bool_)))

    def unreached_supply(self, supply: F64) -> NDArray[np.int64]:
        """Positions with supply that are the destination of no pair at all."""
        return np.flatnonzero((supply > 0) & ~self.paired)


def _survey(
    origin: I32, destination: I32, n: int
) -> tuple[I64, NDArray[np.bool_], NDArray[np.bool_], I64 | None]:
    """Where rows begin, who lacks a self pair, who is a destination, and the order that sorts.

    The order is by origin, then destination; None where the pairs stand in it: a file in order (as
    matrices are exported) costs this one pass and has no pair twice. Else two counting sorts
    (numpy's argsort of a combined key, rejected, takes five times as long).
    """
    start = np.zeros(n + 1, dtype=np.int64)
    own, paired = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    disorder = kernels.survey(frozen(origin), frozen(destination), start, own, paired)
    start = np.cumsum(start)
    if disorder < 0:
        return start, ~own, paired, None
    order = np.arange(origin.size, dtype=np.int64)
    for key in (destination, origin):
        cursor = np.zeros(n + 1, dtype=np.int64)
        kernels.count_keys(frozen(key), cursor)
        after = np.empty_like(order)
        kernels.stable_order(frozen(key), frozen(order), cursor, after)
        order = after
    return start, ~own, paired, order


def _checked_minutes(column: pa.ChunkedArray) -> tuple[NDArray[Any], F64, list[Fault]]:
    """Minutes as ``times[code]``, and what is wrong with them: the gate's own checks of the schema.

    A table from `apl.read_table` has passed them already (a pass over its minutes, or its distinct
    minutes where they stand in a dictionary); one from elsewhere has not.
    """
    field = schema(TABLE).field("minutes")
    read = converted(Column(column, field, TABLE), encoded=True)
    if read.values is None:
        return np.zeros(len(column), np.uint16), np.array([math.nan]), list(read.faults)
    faults = [*read.faults, *value_faults(Column(read.values, field, TABLE))]
    if pa.types.is_dictionary(read.values.type) and read.values.num_chunks == 1:
        of = read.values.chunk(0)
        code = column_values(of.indices, np.uint16)
        return code, column_values(of.dictionary, np.float64), faults
    return *distinct(column_values(read.values, np.float64, fill=math.nan)), faults


def _unknown_codes(table: pa.Table, column: str, positions: I32) -> list[Fault]:
    """The codes that the communes do not have."""
    if positions.min(initial=0) >= 0:
        return []
    bad, codes = positions < 0, table.column(column)
    every = Whole(np.flatnonzero(bad), codes)
    return [unknown_codes(column, first_rows(codes, bad), int(bad.sum()), every)]


def unknown_codes(
    column: str, first: Mapping[str, int], count: int, every: Whole | None = None
) -> Fault:
    """The fault of codes that the communes do not have, each with the `first_rows` it stands in.

    (The first rows of all, rejected, are in a sorted table those of one code.)
    """
    return Fault(
        "APL-C02",
        "a pair whose end is in no commune",
        f"{len(first):,} codes are not in the table of communes: they have no inhabitants and no "
        "zone",
        "use one vintage of codes in both tables, or remove the pairs of these places",
        TABLE,
        column,
        tuple(row + 1 for row in islice(first.values(), SHOWN)),
        tuple(islice(first, SHOWN)),
        count,
        every,
    )


def first_rows(column: pa.ChunkedArray, bad: NDArray[np.bool_]) -> dict[str, int]:
    """Each value of the rows that ``bad`` marks, and the first of them, from 0, that has it.

    >>> first_rows(pa.chunked_array([["b", "a"], ["b", "c"]]), np.array([True, False, True, True]))
    {'b': 0, 'c': 3}
    """
    first: dict[str, int] = {}
    done = 0
    for chunk in column.chunks:
        at = np.flatnonzero(bad[done : done + len(chunk)])
        codes = chunk.take(pa.array(at)).cast(pa.string()).dictionary_encode("encode")
        # words of a dictionary stand in the order in which they come first
        come = np.unique(column_values(codes.indices, np.int32), return_index=True)[1]
        for code, row in zip(codes.dictionary.to_pylist(), at[come].tolist(), strict=True):
            first.setdefault(shown(code), done + row)
        done += len(chunk)
    return first


def _double_pairs(origin: I32, destination: I32, rows: I64, table: pa.Table) -> list[Fault]:
    """Pairs given twice, among pairs in order that stand at these rows of the table."""
    at = np.flatnonzero((origin[1:] == origin[:-1]) & (destination[1:] == destination[:-1]))
    if not at.size:
        return []
    shown = np.stack([rows[at], rows[at + 1]], axis=1)[: SHOWN // 2]
    minutes = table.column("minutes")
    values = tuple(
        f"{table.column('origine')[int(a)]} → {table.column('destination')[int(a)]}: "
        f"{minutes[int(a)]} then {minutes[int(b)]} min"
        for a, b in shown
    )
    return [
        Fault(
            "APL-E01",
            "a pair given twice",
            "adding them up would double the weight of the pair",
            "keep one row a pair of communes",
            TABLE,
            "origine, destination",
            tuple(int(row) + 1 for row in shown.ravel()),
            values,
            2 * at.size,
            Whole(np.stack([rows[at], rows[at + 1]], axis=1).ravel(), _Pairs(table)),
        )
    ]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The rows of a table of travel times as text, made when they are listed."""

    table: pa.Table

    def __getitem__(self, row: int) -> str:
        origin, destination, minutes = (self.table.column(name)[row] for name in COLUMNS)
        return f"{origin} → {destination}: {minutes} min"


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
        **listed(land.codes.take(pa.array(at)).to_pylist()),
    )


def _too_short(within: float, limit: float) -> Fault:
    return Fault(
        "APL-E07",
        "the catchment is cut below the last band",
        f"pairs were kept up to {within:g} minutes; the decay reaches {limit:g}",
        f"build the catchment with within={limit:g}",
    )


def _bad_weights(decay: Decay, minutes: F64, bad: NDArray[np.bool_]) -> Fault:
    at = float(minutes[bad][0]) if bad.shape == minutes.shape and bad.any() else math.nan
    return Fault(
        "APL-F03",
        "a decay that does not give weights",
        f"{decay!r} is negative or not finite, at {at:g} minutes for example",
        "give a decay that is finite and not negative at every time of the table",
    )
