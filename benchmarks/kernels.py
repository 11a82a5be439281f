"""The two steps against SciPy, and what a pair costs from 1e5 to 1e8 of them.

    python benchmarks/kernels.py [--short] [--rounds 15] [--most 1e8] [--json FILE]

SciPy's part is two products of a CSR matrix that is there already and the quotient; ours checks its
vectors, derives the scales, splits and joins besides, and gives the same bits in any order. "Pairs
with supply" takes the others out for both. Results are compared before any figure is printed:
pairs and runs to the bit, SciPy's within 1e-12.

Places of the scaled countries lie at random in a square, and pairs are those within a distance:
about 70 a place at 1e5 pairs, as in the nation, and 400 at 1e8 (cells of a grid).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-12  # relative, of SciPy's float sums
LEAST = 100_000  # pairs, of the smallest of the scaled countries


def scipy_matrix(weighted: Any) -> Any:
    """The weights of SciPy, by origin."""
    from scipy.sparse import csr_array

    pairs, n = weighted.pairs, len(weighted.pairs.land)
    return csr_array((weighted.weight, pairs.destination, pairs.start), shape=(n, n))


def ways(weighted: Any, often: Any, supply: Any, demand: Any) -> dict[str, Callable[[], Any]]:
    """Both steps and the quotient, by each engine; the first is SciPy's."""
    matrix = scipy_matrix(weighted)
    turned = matrix.T

    def peer() -> Any:
        faced = turned @ demand
        return matrix @ np.divide(supply, faced, out=np.zeros(faced.size), where=faced > 0)

    def ours(structure: Any, threads: int) -> Callable[[], Any]:
        return lambda: structure.access(
            structure.ratio(supply, demand, threads=threads), threads=threads
        )

    found = {"scipy": peer}
    for threads in (1, 2):
        said = f"{threads} thread" + "s" * (threads > 1)
        found[f"ours, pairs, {said}"] = ours(weighted, threads)
        found[f"ours, runs, {said}"] = ours(often, threads)
    results = {name: way() for name, way in found.items()}
    wanted = results.pop("scipy")
    if len({values.tobytes() for values in results.values()}) > 1:
        sys.exit("pairs and runs differ")
    np.testing.assert_allclose(next(iter(results.values())), wanted, rtol=TOLERANCE, atol=0)
    return found


def bytes_a_pair(often: Any) -> dict[str, float]:
    """Of the arrays that a step reads for each pair; SciPy: a weight and an index."""
    runs, size = often.runs, max(often.pairs.size, 1)
    return {
        "scipy": 12.0,
        "ours, pairs": often.pairs.words.word.nbytes / size,
        "ours, runs, step 1": runs.into.words.word.nbytes / size,
        "ours, runs, step 2": runs.out_of.words.word.nbytes / size,
    }


def square(pairs: int, seed: int = 20240320) -> tuple[Any, Any, Any]:
    """A made-up country of about so many pairs: a `Catchment`, supply and demand."""
    from scipy.spatial import cKDTree

    from apl_core import Catchment, Territory
    from apl_core.words import Words, distinct, packed

    near = 70 if pairs < 3e7 else 400
    n, rng = pairs // near, np.random.default_rng(seed)
    reach = np.sqrt(near / (np.pi * n))
    xy = rng.random((n, 2))
    tree = cKDTree(xy)
    place, time_of, count = [], [], np.zeros(n + 1, dtype=np.int64)
    for first in range(0, n, 20_000):  # all at once would hold lists of Python numbers
        some = xy[first : first + 20_000]
        found = tree.query_ball_point(some, reach, return_sorted=True)
        count[first + 1 : first + 1 + len(some)] = [len(row) for row in found]
        to = np.concatenate([np.array(row, dtype=np.int32) for row in found])
        origin = np.repeat(np.arange(first, first + len(some)), count[first + 1 :][: len(some)])
        gap = xy[to] - xy[origin]
        minutes = np.rint(np.hypot(gap[:, 0], gap[:, 1]) * (200 / reach)) / 10
        place.append(to)
        time_of.append(minutes)
    code, values = distinct(np.concatenate(time_of))
    every = np.ones(values.size, dtype=np.bool_)
    word, bits, times = packed(np.concatenate(place), code, values, every, n)
    land = Territory.from_codes([f"{k:07d}" for k in range(n)])
    words = Words(np.cumsum(count), word, bits)
    everywhere = np.ones(n, dtype=np.bool_)
    made = Catchment(land, 20.0, words, times, everywhere, word.size, 0, 20.0)
    supply = np.where(rng.random(n) < 0.3, rng.uniform(0.5, 4.0, n), 0.0)
    return made, supply, rng.uniform(50.0, 3000.0, n)


def resident() -> float:
    """Megabytes that this process holds now."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * 4096 / 2**20 if pages.exists() else float("nan")


def gathers(n: int, rounds: int) -> list[float]:
    """Seconds of the least that a look-up can take on this machine: 4e6 of them, from a table of
    two int64 a place, each place near the one before, as in a row of pairs."""
    from numba import njit

    @njit
    def loop(at, table):  # type: ignore[no-untyped-def]
        a, b = np.int64(0), np.int64(0)
        for p in range(at.size):
            j = at[p]
            if j == 0xFFFFFFFF:  # never: no gather of 8 lanes
                break
            a += table[j]
            b += table[j + np.uint32(1)]
        return a + b

    rng = np.random.default_rng(1)
    steps = np.cumsum(rng.integers(-30, 31, 4_000_000))
    at, table = (2 * (np.abs(steps) % n)).astype(np.uint32), np.ones(2 * n + 2, dtype=np.int64)
    loop(at, table)
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        loop(at, table)
        seconds.append((time.perf_counter() - begin) / at.size)
    return seconds


def scaled(pairs: int, rounds: int) -> tuple[list[Any], str]:
    """Rows of one size: ns a pair of both steps; and a note on memory."""
    from apl_core import Steps
    from benchmarks import tables

    made, supply, demand = square(pairs)
    weighted = made.weigh(Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left"))
    weighted.towards(np.zeros(supply.size, dtype=np.bool_)).often()  # compiles
    begin = time.thread_time()
    often = weighted.often()
    built = time.thread_time() - begin
    jobs = ways(weighted, often, supply, demand)
    seconds = tables.in_turn(jobs, rounds)
    each = {name: [s / made.size for s in took] for name, took in seconds.items()}
    limit = gathers(len(made.land), rounds)
    what = f"{made.size:.1e} pairs"
    ours = each["ours, runs, 1 thread"]
    rows = [tables.measured(what, name, took, unit="ns", ours=ours) for name, took in each.items()]
    terms = often.runs
    looked = (terms.into.words.word.size + terms.out_of.words.word.size) / made.size
    share = 100 * looked * min(limit) / min(ours)
    held = ", ".join(f"{name} {size:.2f}" for name, size in bytes_a_pair(often).items())
    return rows, (
        f"{what}: bytes a pair and step: {held}; {looked / 2:.2f} terms a pair and step; "
        f"runs built in {built:.2f} s of processor time, {1e9 * built / made.size:.0f} ns a pair; "
        f"resident with SciPy's matrix {resident():,.0f} MB; a gather of two int64 "
        f"{1e9 * min(limit):.2f} ns: runs, 1 thread, at {share:.0f} % of that limit"
    )


def report(*, short: bool, rounds: int = 15, most: float = 1e8) -> Any:
    """Everything measured."""
    from benchmarks import tables
    from benchmarks.scenarios import nation

    here = nation()
    rounds = 2 if short else rounds
    rows, goals, notes = [], [], []
    weighted = here.pairs.weigh(here.rules.decay)
    for what, one in (("all pairs", weighted), ("with supply", weighted.towards(here.supply > 0))):
        often = one.often()
        seconds = tables.in_turn(ways(one, often, here.supply, here.demand), rounds)
        peer = seconds["scipy"]
        ours = seconds["ours, runs, 1 thread"]
        rows += [tables.measured(what, n, s, ours=ours) for n, s in seconds.items()]
        for threads, wanted in (("1 thread", 3), ("2 threads", 5)):
            took = seconds[f"ours, runs, {threads}"]
            ratio = min(peer) / min(took)
            goals.append(
                tables.at_least(f"least of scipy / ours, {what}, {threads}", wanted, ratio)
            )
        held = bytes_a_pair(often)
        said = ", ".join(f"{name} {size:.2f}" for name, size in held.items())
        notes.append(f"{what}: bytes a pair and step: {said}")
        if what == "all pairs":
            most_of = max(held["ours, runs, step 1"], held["ours, runs, step 2"])
            goals.append(tables.at_most("bytes a pair and step, runs", 2, most_of, "bytes"))
            goals.append(tables.at_most("the same, pairs", 4, held["ours, pairs"], "bytes"))
    size = LEAST
    while size <= (LEAST if short else most):
        more, note = scaled(size, rounds if size < 3e7 else min(rounds, 5))
        rows += more
        notes.append(note)
        size *= 10
    return tables.Report("The two steps against SciPy", tuple(rows), tuple(goals), tuple(notes))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    from benchmarks import tables

    parser = tables.parser("The two steps against SciPy, and what a pair costs.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--most", type=float, default=1e8, help="pairs of the largest country")
    asked = parser.parse_args(arguments)
    tables.hand_over(report(short=asked.short, rounds=asked.rounds, most=asked.most), asked)


if __name__ == "__main__":
    sys.path.append(str(ROOT))  # run as a file, `benchmarks` is not on the path
    main()
