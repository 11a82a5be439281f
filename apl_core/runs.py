"""The two steps over runs: the structure for many solves on the same pairs.

Along a walk from each place to its nearest neighbour, who can be reached stands in a few runs. With
C_k the sum of the first k terms of x on that walk, a row is

    Σ_j w_j · x_j = Σ_k (w_{k-1} - w_k) · C_k        over the places k where the weight changes:

a row of the same kind, with fewer terms (nationally 0.45 a pair, 1.8 bytes) and signed weights.
Whole numbers make it possible: C is exact, so the bits are those of the sum over pairs. Nothing can
overflow: Σ largest·x fits (`apl_core.exact.split`), so do C times a weight, and what has been added
up to a place k, the sum over pairs so far less one such product.

The walk needs no coordinates. Rejected: codes of communes in order (1.81 terms a pair), reverse
Cuthill–McKee (0.88), Hilbert's curve through coordinates (0.55), and a tour that joins the closest
ends first (0.43, but a sort of all pairs: ten times as long).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apl_core import kernels_runs as kernels
from apl_core.exact import F64, I64, Limbs, frozen, in_turn
from apl_core.kernels_steps import gather
from apl_core.territory import I32
from apl_core.weighted import in_blocks
from apl_core.words import Words, width

# So many neighbouring rows are put in order of their length: loops end as foreseen (nationally
# 0.54 ms a step for 0.80; rows in the order of the walk 0.62, and results scattered by scenario)
ALIKE = 64


@dataclass(frozen=True, eq=False)
class Runs:
    """One orientation of weighted pairs, as changes of weight.

    Attributes
    ----------
    words : Words
        A row for each of ``rows``; places count ``columns``, one past the last included; marks are
        those of ``step``.
    step : int64[v]
        What the weight loses there.
    rows, columns : int32[r], int32[c]
        Positions.
    """

    words: Words
    step: I64
    rows: I32
    columns: I32

    def solve(self, limbs: Limbs, denominator: int, size: int, threads: int) -> F64:
        """The weighted sums of a vector at each position, float64[size]; 0 where no pair is."""
        before = np.empty((self.columns.size + 1, 2), dtype=np.int64)
        kernels.prefix(limbs.parts, self.columns, before)
        parts, sums = in_turn(frozen(before)), np.empty((self.rows.size, 2), dtype=np.int64)
        in_blocks(
            lambda a, b: gather(*self.words.index, self.step, *parts, a, b, sums),
            self.words.start,
            threads,
        )
        out = np.zeros(size)
        out[self.rows] = limbs.join(sums, denominator)
        return out


@dataclass(frozen=True, eq=False)
class Both:
    """Both orientations: ``into`` each destination (step 1), ``out_of`` each origin (step 2)."""

    into: Runs
    out_of: Runs


def both(words: Words, level: I64) -> Both:
    """The runs of pairs whose marks, ascending with the time, have these levels (≥ 0)."""
    columns, rows = _walk(words)
    by_place = _turned(words, rows)
    by_row = _turned(by_place, columns)  # its rows are the ranks of ``rows``
    by_position = np.argsort(rows).astype(np.int32)
    out_of = _runs(by_row, level, by_position, rows[by_position], columns)
    return Both(_runs(by_place, level, columns, columns, rows), out_of)


def _walk(words: Words) -> tuple[I32, I32]:
    """The places in an order of neighbours; the rows by their nearest place, and the time.

    A row that has no pair, and a place that none leads to, are in neither.
    """
    n = words.start.size - 1
    count = np.zeros(n + 1, dtype=np.int64)
    kernels.count_places(*words.index[1:3], count)
    seen, order = np.diff(count) == 0, np.empty(n, dtype=np.int32)
    size = kernels.tour(*words.index, seen, np.empty(n, dtype=np.int32), order)
    columns = order[:size]
    rank = np.zeros(n, dtype=np.int64)
    rank[columns] = np.arange(size)
    near = np.full(n, np.iinfo(np.int64).max)
    kernels.nearest(*words.index, frozen(rank), near)
    rows = np.argsort(near, kind="stable").astype(np.int32)
    return frozen(columns), frozen(rows[: np.count_nonzero(np.diff(words.start))])


def _turned(words: Words, order: I32) -> Words:
    """The pairs by place, each with the rank of its row in ``order``."""
    start = np.zeros(words.start.size, dtype=np.int64)
    kernels.count_places(*words.index[1:3], start)
    out = np.empty_like(words.word)
    kernels.turned(*words.index, order, start.copy(), out)
    return Words(frozen(start), frozen(out), words.bits)


def _runs(words: Words, level: I64, order: I32, rows: I32, columns: I32) -> Runs:
    """The changes along the rows of ``words``, taken in ``order``; these are positions ``rows``."""
    levels = np.unique(np.append(level, 0))  # from 0: no weight is no pair
    rank = frozen(np.searchsorted(levels, level))
    many = levels.size
    bits, kind = width(columns.size + 1, many * many)
    start = np.zeros(order.size + 1, dtype=np.int64)
    fixed = (*words.index, rank, many)
    kernels.edges(*fixed, order, bits, start, np.empty(0, dtype=kind))
    blocks = np.arange(order.size) // ALIKE
    alike = np.lexsort((np.diff(start), blocks))
    word = np.empty(start[-1], dtype=kind)
    kernels.edges(*fixed, frozen(order[alike]), bits, start, word)
    step = (levels[:, None] - levels[None, :]).ravel()
    return Runs(
        Words(frozen(start), frozen(word), bits), frozen(step), frozen(rows[alike]), columns
    )
