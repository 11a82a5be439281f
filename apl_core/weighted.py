"""The two steps over weighted pairs.

D_j = Σ_i w(t_ij) · P_i        step 1: the demand that a place of practice faces
R_j = E_j / D_j                (0 where D_j = 0: nobody can reach that supply)
A_i = Σ_j w(t_ij) · R_j        step 2: what a place of residence can reach
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels_steps as kernels
from apl_core.errors import Fault, TableError, at_rows
from apl_core.exact import F64, I64, fitting, frozen, in_turn, split

if TYPE_CHECKING:
    from apl_core.catchment import Catchment
    from apl_core.runs import Both


WORTH_THREADS = 5_000_000  # pairs; of 2.4 million, two threads take 5.4 ms where one takes 4.8


@dataclass(frozen=True, eq=False)
class Weighted:
    """A catchment with weights: the two steps.

    Step decays are summed exactly in whole numbers; other decays, and data whose range does not fit
    (about 2**70), in float64 in the fixed order of positions. `arithmetic` names the choice.

    Attributes
    ----------
    pairs : Catchment
    level : int64[t+1] or None
        The whole weight of each of ``pairs.times`` over ``denominator``, and last the largest
        one of the decay; None where weights are not steps.
    denominator : int
    time_weight : float64[t] or None
        Weights that are not steps.
    runs : Both or None
        See `often`.
    """

    pairs: Catchment
    level: I64 | None
    denominator: int
    time_weight: F64 | None
    runs: Both | None = None

    @property
    def structure(self) -> str:
        """``"pairs"``, or ``"runs"`` where the steps go over those: see `often`."""
        return "pairs" if self.runs is None else "runs"

    @cached_property
    def weight(self) -> F64:
        """The weight of each pair, float64[m]."""
        return frozen(self.by_time[self.pairs.words.mark])

    @cached_property
    def by_time(self) -> F64:
        """The weight of each of ``pairs.times``, float64[t]."""
        if self.time_weight is not None:
            return self.time_weight
        assert self.level is not None
        return frozen(self.level[:-1].astype(np.float64) / self.denominator)

    def towards(self, places: NDArray[np.bool_]) -> Weighted:
        """As `Catchment.towards`, with the weights there are."""
        return replace(self, pairs=self.pairs.towards(places), runs=None)

    def often(self) -> Weighted:
        """The same for some forty solves or more: both steps over runs (`apl_core.runs`).

        The same bits; building takes what forty solves gain. Weights that are not steps stay as
        they are. Nationally a solve takes two thirds of the time, and a pair 2 bytes a step.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from apl_core import Catchment, Steps, Territory
        >>> land = Territory.from_codes(["A", "B"])
        >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
        ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
        >>> weighted = Catchment.build(times, land).weigh(
        ...     Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left"))
        >>> weighted.structure, weighted.often().structure
        ('pairs', 'runs')
        >>> weighted.often().demand(np.array([300.0, 600.0])).tolist()
        [700.0, 800.0]
        """
        from apl_core.runs import both  # compiled for those alone who ask many questions

        if self.level is None or self.runs is not None:
            return self
        return replace(self, runs=both(self.pairs.words, self.level))

    def demand(self, demand: F64, *, threads: int = 1) -> F64:
        """Step 1, D_j: weighted demand around each place of practice, float64[n]."""
        x = vector(demand, "demand", len(self.pairs.land))
        level = self.level
        limbs = None if level is None else split(x, int(level.max()))
        words = self.pairs.words
        if level is None or limbs is None:
            out = np.zeros(x.size, dtype=np.float64)
            kernels.spread_float(*words.index, self.by_time, x, out)
            return out
        if self.runs is not None:
            return self.runs.into.solve(limbs, self.denominator, x.size, threads)

        def block(first: int, last: int) -> I64:
            out = np.zeros((x.size, 2), dtype=np.int64)
            kernels.spread(*words.index, level, limbs.parts, first, last, *in_turn(out))
            return out

        parts = in_blocks(block, words.start, threads)
        return limbs.join(parts[0] if len(parts) == 1 else np.sum(parts, axis=0), self.denominator)

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
        d[d == 0] = np.inf  # nobody reaches it
        return e / d

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
        level = self.level
        limbs = None if level is None else split(x, int(level.max()))
        words = self.pairs.words
        if level is None or limbs is None:
            out = np.empty(x.size, dtype=np.float64)
            weight = self.by_time
            in_blocks(
                lambda a, b: kernels.gather_float(*words.index, weight, x, a, b, out),
                words.start,
                threads,
            )
            return out
        if self.runs is not None:
            return self.runs.out_of.solve(limbs, self.denominator, x.size, threads)
        sums = np.empty((x.size, 2), dtype=np.int64)
        parts = in_turn(limbs.parts)
        in_blocks(
            lambda a, b: kernels.gather(*words.index, level, *parts, a, b, sums),
            words.start,
            threads,
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


def in_blocks(work: Callable[[int, int], Any], start: I64, threads: int) -> list[Any]:
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
    try:
        values = np.ascontiguousarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TableError([_no_numbers(name, str(error))]) from None
    if values.shape != (n,):
        raise TableError([_another_shape(name, values.shape, n)])
    if not (values.min(initial=0.0) >= 0 and values.max(initial=0.0) < np.inf):  # NaN: neither
        at = np.flatnonzero(~(values >= 0) | np.isinf(values))
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


def _no_numbers(name: str, why: str) -> Fault:
    return Fault("APL-D10", f"{name} that is not numbers", why, "give a float64 a place", name)


def _another_shape(name: str, shape: tuple[int, ...], n: int) -> Fault:
    title = f"{name} of other places than the territory's"
    why = f"its shape is {shape}, that of the territory ({n},)"
    return Fault("APL-C14", title, why, "give one number a place, in the order of its codes", name)
