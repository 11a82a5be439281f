"""The two steps over weighted pairs.

D_j = Σ_i w(t_ij) · P_i        step 1: the demand that a place of practice faces
R_j = E_j / D_j                (0 where D_j = 0: nobody can reach that supply)
A_i = Σ_j w(t_ij) · R_j        step 2: what a place of residence can reach
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels
from apl_core.errors import Fault, TableError, at_rows
from apl_core.exact import F64, I64, fitting, frozen, split
from apl_core.territory import I32

if TYPE_CHECKING:
    from apl_core.catchment import Catchment


WORTH_THREADS = 200_000  # pairs; below it, starting a thread takes longer than the sums


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
        return frozen(self.level[self.band].astype(np.float64) / self.denominator)

    def demand(self, demand: F64, *, threads: int = 1) -> F64:
        """Step 1, D_j: weighted demand around each place of practice, float64[n]."""
        x = vector(demand, "demand", len(self.pairs.land))
        limbs = None if self.level is None else split(x, int(self.level.max()))
        if limbs is None:
            out = np.zeros(x.size, dtype=np.float64)
            kernels.spread_float(self.pairs.start, self.pairs.destination, self.weight, x, out)
            return out
        high, low = (frozen(limbs.parts[:, k].copy()) for k in (0, 1))

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
        e = vector(supply, "supply", len(self.pairs.land))
        d = self.demand(demand, threads=threads)
        return np.divide(e, d, out=np.zeros_like(e), where=(e > 0) & (d > 0))

    def access(self, ratio: F64, *, threads: int = 1) -> F64:
        """Step 2, A_i: what each place of residence can reach, per inhabitant, float64[n].

        Examples
        --------
        >>> import pyarrow as pa
        >>> from apl_core import Catchment, Steps, Territory
        >>> land = Territory.from_codes(["A", "B"])
        >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
        ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
        >>> weighted = Catchment.build(times, land).weigh(
        ...     Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left"))
        >>> ratio = weighted.ratio(np.array([1.0, 0.0]), np.array([400.0, 900.0]))
        >>> (weighted.access(ratio) * 100_000).tolist()
        [100.0, 66.66666666666667]
        """
        x = vector(ratio, "ratio", len(self.pairs.land))
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

    def access_many(self, supplies: F64, demand: F64, *, threads: int = 1) -> F64:
        """Both steps for many supplies over one demand, A of each.

        Several professions or years over the same pairs need nothing more: a year is a demand and
        its supplies, a profession a decay (`Catchment.weigh`), both of them over one `Catchment`.

        Parameters
        ----------
        supplies : float64[k, n]
            One scenario a row, in the order of ``land.codes``; finite, ≥ 0.
        demand : float64[n]
        threads : int
            The result has the same bits for any number.

        Returns
        -------
        float64[k, n]
            Row by row the bits of ``access(ratio(supply, demand))``: steps in whole numbers, other
            decays in float64 in the order of positions.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from apl_core import Catchment, Steps, Territory
        >>> land = Territory.from_codes(["A", "B"])
        >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
        ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
        >>> weighted = Catchment.build(times, land).weigh(
        ...     Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left"))
        >>> supplies = np.array([[1.0, 0.0], [2.0, 0.0]])
        >>> (weighted.access_many(supplies, np.array([400.0, 900.0])) * 100_000).round(3).tolist()
        [[100.0, 66.667], [200.0, 133.333]]
        """
        from apl_core.many import access_many  # compiled for those alone who ask many questions

        return access_many(self, supplies, demand, threads=threads)

    def arithmetic(self, *vectors: F64) -> str:
        """``"exact"`` or ``"float64"``: how sums over these vectors are carried."""
        if self.level is None:
            return "float64"
        top = int(self.level.max())
        return "exact" if all(fitting(x, top) for x in vectors) else "float64"

    def _index(self) -> tuple[I64, I32, Any, Any]:
        return self.pairs.start, self.pairs.destination, self.band, self.level


def _in_blocks(work: Callable[[int, int], Any], start: I64, threads: int) -> list[Any]:
    """Run ``work(first, last)`` over blocks of rows of about equal numbers of pairs.

    Python threads around kernels that release the GIL: no OpenMP, so that a process may fork
    afterwards, and half the compile time of ``parallel=True``.
    """
    n = start.size - 1
    if threads <= 1 or start[-1] < WORTH_THREADS:
        return [work(0, n)]
    from concurrent.futures import ThreadPoolExecutor

    marks = np.searchsorted(start, np.linspace(0, start[-1], threads + 1)[1:-1])
    cuts = [0, *marks.tolist(), n]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))


def vector(x: F64, name: str, n: int) -> F64:
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
                    **at_rows(at, values),
                )
            ]
        )
    return frozen(values)
