"""The two steps over the blocks of a file: out of core, and beyond one machine.

A block is read, weighed, added up and forgotten, by any worker and in any order: sums of whole
numbers (`apl_core.exact`) are the same bits however they are cut, so that what two workers find of
two halves adds up to what one finds of the whole. Memory holds a few vectors of the territory and a
block a worker. A file is read twice, once a step: D has to be whole before there is an R.

Steps alone are added so, and quantities that fit in whole numbers. Other decays are refused rather
than summed in float64, whose fixed order of additions wants whole rows of pairs in one block.
(Exact sums of rounded products, as `exact.exact_sums` has them, do not depend on their order
either; they want the largest product before the first is added, so a third reading, and give other
bits than pairs in memory do.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import kernels_blockwise as kernels
from apl_core.catchment import LARGEST_LEVEL, SELF_PAIR
from apl_core.decay import Decay, Steps
from apl_core.errors import AplError, Fault, FileError, RuleError, TableError, refuse_if
from apl_core.exact import F64, I64, Limbs, frozen, split
from apl_core.stream import Part, _about, gathered, read_block, without_rows
from apl_core.stream_faults import faults_of
from apl_core.stream_files import Block, Cut, cut, rows_of
from apl_core.stream_rows import Choose, Rows
from apl_core.territory import Territory
from apl_core.weighted import vector
from apl_core.workers import Setting, Workers, hold, setting

Mask = NDArray[np.bool_]
U8 = NDArray[np.uint8]
Progress = Callable[[str], None]
FIRST, SECOND = "step 1", "step 2"
NOT_LOOKED_FOR = (
    "pairs given twice were not looked for: the table is not in the order of origins, and has too "
    "many places to mark their pairs"
)
# a worker: they end together, and one that dies costs half of its work. Each part sends its sums:
# four, over 1e8 pairs on two processes, take 1.24 times as long as threads do; two, 1.0 to 1.1
PARTS = 2


@dataclass(frozen=True, eq=False)
class Pairs:
    """What is known of pairs that are not in memory; a `Catchment` knows the same of its own.

    Attributes
    ----------
    land : Territory
    within : float
        Minutes beyond which pairs were set aside.
    read, size, self_added : int
        Rows of the file; pairs within reach; self pairs that were added at 0 minutes, among them.
    added : int64[k]
        Positions of these.
    paired : bool[n]
        The destination of some pair, at any time.
    leaves : bool[n]
        Reaches another place.
    longest : float
        The longest time of the file.
    on_bounds : mapping of minutes to int
        How many pairs are exactly as long as each band.
    about : pyarrow.Table
        The table of the file without its rows: what was noticed of it, and not looked at.
    """

    land: Territory
    within: float
    read: int
    size: int
    self_added: int
    added: NDArray[np.int64]
    paired: Mask
    leaves: Mask
    longest: float
    on_bounds: Mapping[float, int]
    about: pa.Table

    def unreached_supply(self, supply: F64) -> NDArray[np.int64]:
        """Positions with supply that are the destination of no pair at all."""
        return np.flatnonzero((supply > 0) & ~self.paired)

    def lonely(self) -> NDArray[np.int64]:
        """Positions of places that reach no other."""
        return np.flatnonzero(~self.leaves)

    def count_at(self, minutes: float) -> int:
        """How many pairs are exactly as long as a band; KeyError for other minutes."""
        return self.on_bounds[minutes]


@dataclass(frozen=True, eq=False)
class Blockwise:
    """The two steps over pairs that are not in memory: see `apl_core.weighted.Weighted`.

    Attributes
    ----------
    path : str or Path
        A travel-time file that can be cut: Parquet, or CSV in UTF-8, not packed.
    land : Territory
    decay : Steps
    workers : Workers
        The result has the same bits whoever they are.
    self_pair : {"error", "0", "none"}
        As `Catchment.build`.
    choose : mapping, optional
        As `apl.read_table`.
    progress : callable of str, optional

    Raises
    ------
    RuleError
        A decay that is not steps.
    FileError, TableError
        At the first step: the file, one that cannot be cut, too; a column that is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> land = Territory.from_codes(["01001", "01002"])
    >>> law = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
    >>> with tempfile.TemporaryDirectory() as folder, Workers.threads(2) as workers:
    ...     path = Path(folder, "temps_de_parcours.csv")
    ...     written = path.write_text("origine,destination,minutes\\n01001,01002,12\\n"
    ...                               "01002,01001,12\\n")
    ...     steps = Blockwise(path, land, law, workers, self_pair="0")
    ...     people = np.array([400.0, 900.0])
    ...     summed = steps.first(people)
    ...     found = summed.access(summed.ratio(np.array([1.0, 0.0]), people))
    >>> summed.demand.tolist(), summed.pairs.self_added, found.round(6).tolist()
    ([1000.0, 1166.6666666666667], 2, [0.001, 0.000667])
    """

    path: str | Path
    land: Territory
    decay: Decay
    workers: Workers
    self_pair: str = "error"
    choose: Choose = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.self_pair not in SELF_PAIR:
            raise ValueError(f"self_pair is one of {SELF_PAIR}, not {self.self_pair!r}")
        steps = self.decay
        if not isinstance(steps, Steps) or max(steps.levels) > LARGEST_LEVEL:
            raise RuleError([_not_steps(steps)])

    def first(self, demand: F64) -> Summed:
        """Step 1, and what the pairs are.

        Parameters
        ----------
        demand : float64[n]
            In the order of ``land.codes``; finite, ≥ 0.

        Raises
        ------
        TableError
            What is wrong with the pairs, all together; quantities that do not fit.
        FileError
            The file; workers that die, or that are not like this one.
        """
        given = vector(demand, "demand", len(self.land))
        order, limbs = self._order(FIRST, given)
        n = len(self.land)
        sums, leaves = np.zeros((n, 2), dtype=np.int64), np.zeros(n, dtype=np.bool_)
        on, kept = np.zeros(order.bound.size, dtype=np.int64), 0

        def parts() -> Iterator[Part]:
            nonlocal kept
            for found in self._found(order):
                np.add(sums, found.sums, out=sums)
                np.logical_or(leaves, found.leaves, out=leaves)
                np.add(on, found.on_bounds, out=on)
                kept += found.kept
                yield from _unpacked(found, n)

        facts = gathered(parts(), self._file.blocks, self.land)
        refuse_if(facts.form)
        with ThreadPoolExecutor(1) as pool:
            faults, note = faults_of(facts, self._file.blocks, self.land, self.self_pair, pool, 1)
        refuse_if(faults)
        added = np.flatnonzero(~facts.own) if self.self_pair == "0" else np.empty(0, np.int64)
        sums[added] += self._nearest * limbs.parts[added]
        paired = facts.paired.copy()
        paired[added] = True
        on += [added.size * (bound == 0) for bound in order.bound]
        pairs = Pairs(
            self.land,
            order.within,
            facts.rows,
            kept + added.size,
            added.size,
            added,
            paired,
            leaves,
            facts.longest,
            dict(zip(order.bound.tolist(), on.tolist(), strict=True)),
            _about(self._file, facts, [NOT_LOOKED_FOR] if note else []),
        )
        return Summed(self, given, limbs.join(sums, self._steps.denominator), pairs)

    def second(self, ratio: F64, pairs: Pairs) -> F64:
        """Step 2; see `Summed.access`."""
        order, limbs = self._order(SECOND, vector(ratio, "ratio", len(self.land)))
        sums = np.zeros((len(self.land), 2), dtype=np.int64)
        for found in self._found(order):
            np.add(sums, found.sums, out=sums)
        sums[pairs.added] += self._nearest * limbs.parts[pairs.added]
        return limbs.join(sums, self._steps.denominator)

    @property
    def _steps(self) -> Steps:
        assert isinstance(self.decay, Steps)  # as __post_init__ saw
        return self.decay

    @cached_property
    def _file(self) -> Cut:
        file = cut(Path(self.path).absolute(), self.choose)  # a worker stands elsewhere
        if file is None:
            raise FileError([_not_cut(str(self.path))])
        return file

    @cached_property
    def _setting(self) -> Setting:
        """Taken once: in the second step the file is what it was in the first."""
        return setting(*sorted({block.path for block in self._file.blocks}))

    @property
    def _nearest(self) -> int:
        """The level of a pair of 0 minutes."""
        ends = (*self._steps.closed_limits, 0.0)
        return next(level for end, level in zip(ends, self._steps.levels, strict=True) if end >= 0)

    def _order(self, stage: str, x: F64) -> tuple[Order, Limbs]:
        """What workers need to know, with ``x`` in limbs."""
        steps = self._steps
        limbs = split(x, max(steps.levels))
        if limbs is None:
            raise TableError([_too_wide(stage)])
        return Order(
            stage,
            self._setting,
            Territory(self.land.codes),  # without what a worker makes of it by itself
            steps.limit,
            np.array(steps.closed_limits),
            np.array(steps.levels, dtype=np.int64),
            np.array([band.until for band in steps.bands]),
            limbs.parts,
        ), limbs

    def _found(self, order: Order) -> Iterator[Found]:
        """What workers find in all blocks, each counted once."""
        blocks = self._file.blocks
        size = -(-len(blocks) // (PARTS * self.workers.count))
        parts = [blocks[k : k + size] for k in range(0, len(blocks), size)]
        digest = order.digest
        for done, found in enumerate(self.workers.results(steps_over, order, parts), 1):
            if found.order != digest:
                raise AplError([_another_order()])
            if self.progress is not None:
                self.progress(f"{order.stage}: {100 * done // len(parts)} %")
            yield found


@dataclass(frozen=True, eq=False)
class Summed:
    """Step 1, done: what `indicator.solved` takes in place of a `Weighted`.

    Attributes
    ----------
    steps : Blockwise
    given : float64[n]
        The demand.
    demand : float64[n]
        D_j: weighted demand around each place of practice.
    pairs : Pairs
    """

    steps: Blockwise
    given: F64
    demand: F64
    pairs: Pairs

    def ratio(self, supply: F64, demand: F64, *, threads: int = 1) -> F64:
        """R_j = E_j / D_j, as `Weighted.ratio`; ``demand`` is the one of step 1 (a ValueError)."""
        if not np.array_equal(demand, self.given):
            raise ValueError("step 1 was done for another demand")
        e = vector(supply, "supply", self.given.size)
        where = (e > 0) & (self.demand > 0)
        return np.divide(e, self.demand, out=np.zeros_like(e), where=where)

    def access(self, ratio: F64, *, threads: int = 1) -> F64:
        """Step 2, A_i: what each place of residence can reach, per inhabitant, float64[n].

        Parameters
        ----------
        ratio : float64[n]
            R_j; finite, ≥ 0.
        threads : int
            Not looked at: the workers are those of the steps.

        Raises
        ------
        TableError
            Quantities that do not fit.
        FileError
            As `Blockwise.first`; a file that is not the one of step 1.
        """
        return self.steps.second(ratio, self.pairs)

    def arithmetic(self, *vectors: F64) -> str:
        """``"exact"``: nothing else is added up here."""
        return "exact"


@dataclass(frozen=True, eq=False)
class Order:
    """What a worker needs for one step over any blocks."""

    stage: str
    setting: Setting
    land: Territory
    within: float
    limit: F64
    level: I64
    bound: F64
    limbs: I64

    @property
    def digest(self) -> str:
        """Of all that sums depend on but the blocks: a worker may hold the order of before."""
        arrays = (self.limit, self.level, self.limbs)
        rest = repr((self.stage, self.within, len(self.land)))
        return blake2b(b"".join(a.tobytes() for a in arrays) + rest.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Found:
    """What a worker found in its blocks: sums in two limbs; of step 1, also what the pairs are."""

    order: str
    sums: I64
    kept: int
    leaves: Mask
    on_bounds: I64
    parts: tuple[Part, ...]
    masks: tuple[U8, ...]


def steps_over(order: Order, blocks: tuple[Block, ...]) -> Found:
    """One step over some blocks: what runs in a worker.

    Raises
    ------
    FileError
        The worker has other versions, or another file.
    """
    hold(order.setting)
    n, first = len(order.land), order.stage == FIRST
    sums, leaves = np.zeros((n, 2), dtype=np.int64), np.zeros(n, dtype=np.bool_)
    on, kept = np.zeros(order.bound.size, dtype=np.int64), 0
    parts: list[Part] = []
    masks: list[U8] = []
    for block in blocks:
        if not first:
            for rows in rows_of(block, order.land):
                refuse_if([_changed(block.path)] if rows.faults or rows.unknown else [], FileError)
                _add(kernels.gather_pairs, order, rows, sums)
            continue
        part = read_block(block, order.land, within=order.within)
        _add(kernels.spread_pairs, order, part, sums)
        kernels.leave(frozen(part.origin), frozen(part.destination), leaves)
        on += [np.count_nonzero(part.minutes == bound) for bound in order.bound]
        kept += part.origin.size
        parts.append(without_rows(part))
        masks.append(_packed(part))
    return Found(order.digest, sums, kept, leaves, on, tuple(parts), tuple(masks))


def _add(kernel: Callable[..., None], order: Order, pairs: Part | Rows, sums: I64) -> None:
    """Weigh the pairs and add them up."""
    if not pairs.minutes.size:
        return
    band = np.zeros(pairs.minutes.size, dtype=np.uint8)
    kernels.count_passed(frozen(pairs.minutes), frozen(order.limit), band)
    ends = frozen(pairs.origin), frozen(pairs.destination)
    kernel(*ends, frozen(band), frozen(order.level), frozen(order.limbs), sums)


def _packed(part: Part) -> U8:
    """What the gate needs to know of the places of a part, a bit each."""
    return np.packbits([part.own, part.paired, part.present], axis=1)


def _unpacked(found: Found, n: int) -> Iterator[Part]:
    for part, packed in zip(found.parts, found.masks, strict=True):
        own, paired, present = np.unpackbits(packed, axis=1, count=n).view(np.bool_)
        yield replace(part, own=own, paired=paired, present=present)


def _not_cut(path: str) -> Fault:
    return Fault(
        "APL-A07",
        "cannot be cut in blocks",
        "a packed file, a workbook, UTF-16: they are read from the beginning only",
        "write it as Parquet, or as CSV in UTF-8",
        path,
    )


def _not_steps(decay: Decay) -> Fault:
    return Fault(
        "APL-M05",
        "a decay that is not added up in blocks",
        f"{decay!r} has no whole weights: its sums would depend on how the file is cut",
        "give steps, or run without a scheduler, with the pairs in memory",
    )


def _too_wide(stage: str) -> Fault:
    return Fault(
        "APL-N01",
        "quantities that span too wide a range for whole numbers",
        f"{stage}: in float64 their sums would depend on how the file is cut",
        "look at the smallest quantities, or run without a scheduler, with the pairs in memory",
    )


def _changed(path: str) -> Fault:
    return Fault(
        "APL-M04",
        "a file that changed between the two steps",
        "its pairs were good when they were read for the first",
        "run again, while nobody writes it",
        path,
    )


def _another_order() -> Fault:
    return Fault(
        "APL-M02",
        "sums of another step",
        "a worker held other quantities than it was sent",
        "please report it, with the executor that was used",
    )
