"""Many scenarios and live edits on the embedded country: against SciPy, and by the microsecond.

    python benchmarks/scenarios.py [--scenarios 1000] [--rounds 5] [--edits 400] [--short]
        [--json FILE]

Ours takes supplies to access (checks, ratios, scales, sums, division); SciPy's part is the product
of its CSR matrix and ready ratios alone, once with all pairs, once with those that lead to supply
(the pruning that ours does by itself, inside its time). All in one process, in turn. Results are
compared before any figure is printed: ours with single solves to the bit, SciPy's within 1e-12.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for a script that is run as a file
from benchmarks import tables

TOLERANCE = 1e-12  # relative, of SciPy's float sums
OURS, COMPILED, REFRESHED = "ours, 1 thread", "supply, compiled code", "supply: zones refreshed"


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
    given = embedded(rules)
    land = apl.Territory.from_table(given["communes"])
    communes = land.ordered(given["communes"])
    times = given["temps_de_parcours"]
    pairs = apl.Catchment.build(times, land, within=rules.decay.limit, self_pair="0")
    supply = activity.supply(given["professionnels"], land, rules, apl.Parameters()).etp
    ages = (given["population_par_age"], given["consommation_par_age"])
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
        OURS: lambda: weighted.access_many(supplies, here.demand),
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
    return tables.in_turn(ways, rounds)


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
        "supply: zones by held cuts": lambda code: whole.add(code, fte=0.01, cuts="held"),
        REFRESHED: lambda code: whole.add(code, fte=0.01),
        "people: communes": lambda code: bare.people(code, standardised=0.5),
    }
    seconds: dict[str, list[float]] = {COMPILED: compiled(here, places)}
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


def report(
    *, short: bool = False, count: int = 1000, rounds: int = 5, edited: int = 400
) -> tables.Report:
    """Rows by way to the scenarios and by kind of edit."""
    if short:
        count, rounds, edited = 20, 1, 20
    here = nation()
    many = scenarios(here, count, rounds)
    one = edits(here, edited)
    title = f"{count:,} supplies on one index"
    rows = [tables.measured(title, name, values, ours=many[OURS]) for name, values in many.items()]
    rows += [tables.measured("one live edit", k, v, unit="µs") for k, v in one.items()]
    ratio = {row.engine: row.ratio for row in rows}
    middle = {row.engine: row.median for row in rows}
    goals = (
        tables.at_least(f"{title}, against scipy's product", 2, ratio["scipy product"]),
        tables.at_most("a supply edit, compiled code", 1, middle[COMPILED], "µs"),
        tables.at_most("a supply edit, communes", 20, middle["supply: communes"], "µs"),
        tables.at_most("a supply edit, zones refreshed", 2000, middle[REFRESHED], "µs"),
    )
    notes = (
        "Ours includes checks, ratios, scales and the division; SciPy's is the product alone, once"
        " with all pairs, once with those that lead to supply, taken out before.",
        "Results equal: ours to the bit with single solves and full recomputation, SciPy's within"
        f" {TOLERANCE:.0e}.",
    )
    return tables.Report("Many scenarios, and live edits", tuple(rows), goals, notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = tables.parser("Many scenarios, and live edits.")
    parser.add_argument("--scenarios", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--edits", type=int, default=400)
    asked = parser.parse_args(arguments)
    if asked.scenarios < 2 or asked.rounds < 1 or asked.edits < 10:
        parser.error("at least 2 scenarios, 1 round and 10 edits")
    sizes = {"count": asked.scenarios, "rounds": asked.rounds, "edited": asked.edits}
    tables.hand_over(report(short=asked.short, **sizes), asked)


if __name__ == "__main__":
    main()
