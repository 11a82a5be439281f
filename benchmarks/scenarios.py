"""Many scenarios and live edits on the embedded country: against SciPy, and by the microsecond.

    python benchmarks/scenarios.py [--scenarios 1000] [--rounds 5] [--edits 400] [--json FILE]

Ours takes supplies to access (checks, ratios, scales, sums, division); SciPy's part is the product
of its CSR matrix and ready ratios alone, once with all pairs, once with those that lead to supply
(the pruning that ours does by itself, inside its time). All in one process, in turn. Results are
compared before any figure is printed: ours with single solves to the bit, SciPy's within 1e-12.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-12  # relative, of SciPy's float sums
US, MS = 1e6, 1e3


@dataclass(frozen=True)
class Nation:
    """The embedded country, indexed."""

    pairs: Any
    supply: Any
    demand: Any
    communes: pa.Table
    rules: Any


def nation() -> Nation:
    """The embedded country as `apl.run` knows it before the two steps."""
    import apl
    from apl import activity
    from apl.inputs import embedded

    rules = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    tables = embedded(rules)
    land = apl.Territory.from_table(tables["communes"])
    communes = land.ordered(tables["communes"])
    times = tables["temps_de_parcours"]
    pairs = apl.Catchment.build(times, land, within=rules.decay.limit, self_pair="0")
    supply = activity.supply(tables["professionnels"], land, rules, apl.Parameters()).etp
    ages = (tables["population_par_age"], tables["consommation_par_age"])
    demand = activity.demand(*ages, land, rules, communes)
    return Nation(pairs, supply, demand, communes, rules)


def scenarios(here: Nation, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way to ``count`` scenarios, by round."""
    from scipy.sparse import csr_array

    weighted = here.pairs.weigh(here.rules.decay)
    rng = np.random.default_rng(20240320)
    supplies = here.supply * rng.uniform(0.5, 1.5, (count, here.supply.size))
    n, keep = here.supply.size, here.supply > 0
    matrix = csr_array((weighted.weight, here.pairs.destination, here.pairs.start), shape=(n, n))
    ratios = np.array([weighted.ratio(supply, here.demand) for supply in supplies]).T.copy()
    pruned, fewer = matrix[:, keep], ratios[keep]
    ways: dict[str, Callable[[], Any]] = {
        "ours, 1 thread": lambda: weighted.access_many(supplies, here.demand),
        "ours, 2 threads": lambda: weighted.access_many(supplies, here.demand, threads=2),
        "scipy product": lambda: matrix @ ratios,
        "scipy product, pruned": lambda: pruned @ fewer,
    }
    found = {name: way() for name, way in ways.items()}
    ours, two, full, part = found.values()
    single = [weighted.access(ratios[:, k].copy()) for k in (0, count - 1)]
    same = ours.tobytes() == two.tobytes() and (ours[[0, count - 1]] == single).all()
    close = all(np.allclose(ours, other.T, rtol=TOLERANCE, atol=0) for other in (full, part))
    if not same or not close:
        sys.exit("results differ")
    del found, ours, two, full, part
    return in_turn(ways, rounds)


def in_turn(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, by round; each round begins with another one."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begin = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def edits(here: Nation, count: int) -> dict[str, list[float]]:
    """Seconds of each edit, by kind, at places with supply drawn at random."""
    from apl.indicator import two_steps
    from apl.live import Live

    rest = (here.pairs, here.supply, here.demand, here.rules)
    bare, whole = Live(*rest), Live(*rest, here.communes)
    rng = np.random.default_rng(20240320)
    codes = here.pairs.land.codes.to_pylist()
    places = rng.choice(np.flatnonzero(here.supply > 0), count)
    some = [codes[k] for k in places]
    kinds: dict[str, Callable[[str], Any]] = {
        "supply: communes": lambda code: bare.add(code, fte=0.01),
        "supply: communes, BVCV": lambda code: whole.add(code, fte=0.01, cuts="none"),
        "supply: the same, zones by held cuts": lambda code: whole.add(code, fte=0.01, cuts="held"),
        "supply: the same, zones refreshed": lambda code: whole.add(code, fte=0.01),
        "people: communes": lambda code: bare.people(code, standardised=0.5),
    }
    seconds: dict[str, list[float]] = {"supply, compiled code": compiled(here, places)}
    for name, edit in kinds.items():
        edit(some[0])
        seconds[name] = [timed(edit, code) for code in some]
    seconds["people: communes, BVCV, zones"] = [
        timed(lambda code: whole.people(code, 1), code) for code in some[: count // 10]
    ]
    for live in (bare, whole):
        fresh = two_steps(here.pairs, live.supply, live.demand, here.rules)
        if live.apl.tobytes() != fresh.apl.tobytes():
            sys.exit("live edits differ from a full recomputation")
    return seconds


def timed(edit: Callable[[str], Any], code: str) -> float:
    begin = time.perf_counter()
    edit(code)
    return time.perf_counter() - begin


def compiled(here: Nation, places: Any) -> list[float]:
    """Seconds of one supply edit where a compiled loop makes them, by batch of them all.

    The scale does not move: +1 then -1 unit of the second limb.
    """
    from numba import njit

    from apl_core import kernels_live
    from apl_core.live import LiveAccess

    nudge = kernels_live.nudge

    @njit
    def loop(start, other, mark, level, place, one, none, stamp, sums, joined, seen, rows, ends):  # type: ignore[no-untyped-def]
        for k in range(place.size):
            nudge(start, other, mark, level, place[k : k + 1], none, one, 1.0, 1.0, stamp + k,
                  sums, joined, seen, rows, ends)  # fmt: skip

    sums = LiveAccess(here.pairs.weigh(here.rules.decay), here.supply, here.demand)._reach
    links, place = sums._out_of, places.astype(np.int32)
    state = (sums._sums, sums._joined, sums._seen, sums._rows, sums._ends)
    none, found = np.zeros(1, dtype=np.int64), []
    for batch in range(12):
        one = np.array([1 - 2 * (batch % 2)])
        begin = time.perf_counter()
        loop(links.start, links.other, links.mark, links.level, place, one, none,
             1 + batch * place.size, *state)  # fmt: skip
        found.append((time.perf_counter() - begin) / place.size)
    return found[2:]  # compiled by then


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    from benchmarks.national import show, versions

    parser = argparse.ArgumentParser(description="Many scenarios, and live edits.")
    parser.add_argument("--scenarios", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--edits", type=int, default=400)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args(arguments)
    if asked.scenarios < 2 or asked.rounds < 1 or asked.edits < 10:
        parser.error("at least 2 scenarios, 1 round and 10 edits")
    print(f"{os.cpu_count()} cores; " + ", ".join(f"{k} {v}" for k, v in versions().items()))
    here = nation()
    many = scenarios(here, asked.scenarios, asked.rounds)
    rows = [
        [name, f"{MS * median(s):.0f}", f"{MS * min(s):.0f}"]
        + [f"{by_round(s, many[ours]):.2f}" for ours in ("ours, 1 thread", "ours, 2 threads")]
        for name, s in many.items()
    ]
    heads = ["way", "median ms", "min ms", "× ours, 1 thread", "× ours, 2 threads"]
    show(f"{asked.scenarios:,} scenarios, {asked.rounds} rounds (ratios by round)", heads, rows)
    one = edits(here, asked.edits)
    show(
        f"One live edit, of {asked.edits}",
        ["edit", "median µs", "min µs", "nine tenths below µs"],
        [[name, f"{US * median(s):.2f}", f"{US * min(s):.2f}", f"{US * np.quantile(s, 0.9):.2f}"]
         for name, s in one.items()],
    )  # fmt: skip
    print("\nResults equal: ours to the bit with single solves and full recomputation")
    if asked.json:
        report = {"versions": versions(), "scenarios": many, "edits": one}
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def by_round(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """The median of the ratios within a round."""
    return median(t / o for t, o in zip(theirs, ours, strict=True))


if __name__ == "__main__":
    sys.path.append(str(ROOT))  # run as a file, `benchmarks` is not on the path
    main()
