"""The measures of inequality: ours against packages that have them, on one input.

    python benchmarks/equity.py [--rounds 5] [--short] [--json FILE]

Communes of the embedded country: their APL, their inhabitants (whole persons), and a variable that
ranks them. Exit 1 where a measure differs from ours by more than 1e-12. What packages define
otherwise is asked of ours in their way, and said: see `NOTES`.

* traccess (Python) has Gini, Palma, Theil T and its split, concentration, FGT, quantiles.
* inequality (pysal) has Gini and Theil T and its split, of places without persons.
* accessibility (R) cannot be run from here: its formulas, as documented, in fractions.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for a script that is run as a file
from benchmarks import tables

F64 = NDArray[np.float64]
Measures = dict[str, float]

TOLERANCE = 1e-12  # relative
OURS = "ours"
ZERO = Fraction(0)
FEW = 300  # places of a short run
NOTES = (
    "Theil T where somebody has nothing: 0 ln 0 is 0 here and in pysal's; traccess divides by those"
    " who have something (theirs is multiplied accordingly; its part within groups, where that is"
    " so group by group, is left out); R's gives NaN, so that the fractions take 0.",
    "Quantiles of traccess are the largest value that at most the share do not exceed: ours with"
    " `passed=False`; ours otherwise is the least value that the share do not exceed, as traccess's"
    " own Palma has it.",
    "Palma's quantiles in R are Hmisc's, between two persons: the groups are the same where a"
    " commune has more than one of them.",
    "Equal ranks share their middle in ours; in R and traccess they stand in the order of the rows:"
    " the variable has no equal values here.",
    "pysal's has no weights: every place counts as one.",
)


@dataclass(frozen=True, eq=False)
class Case:
    """One input: values of places, persons there, a rank without equals, groups, a threshold."""

    values: F64
    persons: F64
    rank: F64
    groups: list[str]
    line: float


def nation(short: bool) -> Case:
    """The embedded country, or some communes of it."""
    from apl.scenarios.situation import Situation, outcome
    from benchmarks.scenarios import nation

    here = nation()
    rules = here.rules
    place = Situation(here.pairs, here.supply, here.demand, here.communes)
    values = outcome(place, rules).communes.column("apl").to_numpy()
    persons = here.communes.column("population").to_numpy().astype(np.float64)
    groups = here.communes.column("code_region").to_pylist()
    rank = np.random.default_rng(7).permutation(values.size).astype(np.float64)
    rank += values / values.max() * values.size  # who has more ranks higher, more or less
    some = np.flatnonzero(persons > 0)
    some = some[:: max(some.size // FEW, 1)] if short else some
    named = [groups[k] for k in some]
    return Case(values[some], persons[some], rank[some], named, float(np.quantile(values, 0.3)))


def ours(case: Case) -> Measures:
    """Ours, by the names that all share."""
    from apl.equity import indices

    x, w = case.values, case.persons
    under = indices.under(x, w, case.line)
    split = indices.theil_split(x, w, case.groups)
    assert split is not None
    found = {
        "Gini": indices.gini(x, w),
        "Palma": indices.palma(x, w, case.rank),
        "Theil T": indices.theil_t(x, w),
        "Theil T between": split.between,
        "Theil T within": split.within,
        "concentration": indices.concentration(x, w, case.rank),
        "concentration, corrected": indices.concentration(x, w, case.rank, corrected=True),
        "FGT 0": under.share,
        "FGT 1": under.gap,
        "FGT 2": under.severity,
        "persons under": under.persons,
    }
    for tenth in (1, 5, 9):
        found[f"quantile {tenth}/10, not passed"] = indices.quantile(x, w, tenth, 10, passed=False)
    found |= {f"{name}, unweighted": value for name, value in _unweighted(case).items()}
    return {name: math.nan if value is None else float(value) for name, value in found.items()}


def _unweighted(case: Case) -> dict[str, float | None]:
    from apl.equity import indices

    one = np.ones(case.values.size)
    split = indices.theil_split(case.values, one, case.groups)
    assert split is not None
    found = {"Gini": indices.gini(case.values, one), "Theil T": indices.theil_t(case.values, one)}
    return {**found, "Theil T between": split.between}


def traccess(case: Case) -> Measures:
    """The measures of traccess's EquityComputer."""
    import pandas as pd
    from traccess import Access, Demographic, EquityComputer

    codes = [f"{k:05d}" for k in range(case.values.size)]
    access = Access(pd.DataFrame({"id": codes, "apl": case.values}), id_column="id")
    people = {"id": codes, "persons": case.persons, "rank": case.rank, "group": case.groups}
    computer = EquityComputer(access, Demographic(pd.DataFrame(people), id_column="id"))
    only, ranked = ["persons"], {"access_column": "apl", "income_column": "rank"}
    fgt = {f"FGT {a}": computer.fgt_poverty("apl", case.line, a, population_columns=only)
           for a in (0, 1, 2)}  # fmt: skip
    some = case.values > 0
    with_some = float(case.persons[some].sum() / case.persons.sum())
    ranked_by = partial(computer.concentration_index, **ranked, population_columns=only)
    split = computer.theil_t_decomposition("apl", "group", population_columns=only)
    found = {
        **fgt,
        "Gini": computer.gini_index("apl", only),
        "Palma": computer.palma_ratio(**ranked, population_columns=only),
        "concentration": ranked_by(),
        "concentration, corrected": ranked_by(type="corrected"),
    }
    told = {name: float(series["persons"]) for name, series in found.items()}
    told["Theil T"] = float(computer.theil_t("apl", only)["persons"]) * with_some
    told["Theil T between"] = float(split.loc["persons", "between_group"])
    numbers = Demographic(pd.DataFrame({"id": codes, "persons": case.persons}), id_column="id")
    plain = EquityComputer(access, numbers)
    told["persons under"] = float(plain.in_poverty("apl", case.line)["persons"])
    for tenth in (1, 5, 9):
        found_ = plain.weighted_quantile("apl", tenth / 10)["persons"]
        told[f"quantile {tenth}/10, not passed"] = float(found_)
    return told


def pysal(case: Case) -> Measures:
    """The measures of pysal's inequality, which weighs nothing."""
    from inequality.gini import Gini
    from inequality.theil import Theil, TheilD

    return {
        "Gini, unweighted": float(Gini(case.values).g),
        "Theil T, unweighted": float(np.ravel(Theil(case.values).T)[0]),
        "Theil T between, unweighted": float(
            np.ravel(TheilD(case.values, np.array(case.groups)).bg)[0]
        ),
    }


def in_fractions(case: Case) -> Measures:
    """The formulas of the R package accessibility 1.4.0, term by term, in fractions."""
    x, w, by = ([Fraction(v) for v in column.tolist()] for column in
                (case.values, case.persons, case.rank))  # fmt: skip
    total = sum(w, ZERO)
    mean = sum((a * b for a, b in zip(x, w, strict=True)), ZERO) / total

    def of(rows: Sequence[int]) -> Fraction:
        return sum((x[k] * w[k] for k in rows), ZERO) / sum((w[k] for k in rows), ZERO)

    order = sorted(range(len(x)), key=x.__getitem__)
    lorenz = list(accumulate(x[k] * w[k] for k in order))
    edges = zip([ZERO, *lorenz], lorenz, order, strict=False)
    area = sum(((a + b) * w[k] for a, b, k in edges), ZERO)
    low, high = (hmisc_quantile(by, w, p) for p in (Fraction(4, 10), Fraction(9, 10)))
    poorest = [k for k, value in enumerate(by) if value <= low]
    richest = [k for k, value in enumerate(by) if value > high]
    ranks = sorted(range(len(x)), key=by.__getitem__)
    after = list(accumulate(w[k] for k in ranks))
    half = Fraction(1, 2)
    terms = (((end - w[k] / 2) / total - half) * (x[k] - mean) * w[k]
             for end, k in zip(after, ranks, strict=True))  # fmt: skip
    lean = sum(terms, ZERO) / total / mean
    line = Fraction(case.line)
    lack = [(line - a) / line if a < line else None for a in x]
    found = {
        "Gini": 1 - area / lorenz[-1] / total,
        "Palma": of(richest) / of(poorest),
        "concentration": 2 * lean,
        "concentration, corrected": 8 * lean * mean / (max(x) - min(x)),
    }
    for power in (0, 1, 2):
        gaps = (b * a**power for a, b in zip(lack, w, strict=True) if a is not None)
        found[f"FGT {power}"] = sum(gaps, ZERO) / total
    return {name: float(value) for name, value in found.items()} | _theil(case, x, w, mean, total)


def _theil(
    case: Case, x: list[Fraction], w: list[Fraction], mean: Fraction, total: Fraction
) -> Measures:
    """calc_theil_t, whole and in groups; shares in fractions, their logarithms in float64."""

    def theil(rows: Sequence[int], mean: Fraction) -> float:
        persons = sum((w[k] for k in rows), ZERO)
        shares = ((float(w[k] / persons), float(x[k] / mean)) for k in rows if x[k])
        return math.fsum(weight * share * math.log(share) for weight, share in shares)

    groups: dict[str, list[int]] = {}
    for k, group in enumerate(case.groups):
        groups.setdefault(group, []).append(k)
    held = {g: sum((x[k] * w[k] for k in rows), ZERO) for g, rows in groups.items()}
    persons = {g: sum((w[k] for k in rows), ZERO) for g, rows in groups.items()}
    parts = [(float(held[g] / (mean * total)), theil(rows, held[g] / persons[g]))
             for g, rows in groups.items() if held[g]]  # fmt: skip
    between = (
        (float(persons[g] / total), float(held[g] / persons[g] / mean)) for g in groups if held[g]
    )
    return {
        "Theil T": theil(range(len(x)), mean),
        "Theil T between": math.fsum(p * share * math.log(share) for p, share in between),
        "Theil T within": math.fsum(share * inside for share, inside in parts),
    }


def hmisc_quantile(values: list[Fraction], persons: list[Fraction], share: Fraction) -> Fraction:
    """Hmisc::wtd.quantile of whole persons: between two of them, by their order."""
    ordered = sorted(zip(values, persons, strict=True))
    after = list(accumulate(weight for _, weight in ordered))
    place = 1 + (after[-1] - 1) * share
    low = max(int(place), 1)

    def at(order: int | Fraction) -> Fraction:
        return next((v for (v, _), end in zip(ordered, after, strict=True) if end >= order),
                    ordered[-1][0])  # fmt: skip

    rest = place - int(place)
    return (1 - rest) * at(low) + rest * at(min(low + 1, int(after[-1])))


PEERS: Mapping[str, tuple[str | None, Callable[[Case], Measures]]] = {
    "traccess": ("traccess", traccess),
    "inequality (pysal)": ("inequality", pysal),
    "accessibility (R), its formulas in fractions": (None, in_fractions),
}


def known() -> dict[str, Callable[[Case], Measures]]:
    """The peers whose package is at hand."""
    return {name: way for name, (package, way) in PEERS.items()
            if package is None or find_spec(package)}  # fmt: skip


def gaps(mine: Measures, theirs: Measures) -> Measures:
    """How far each of their measures is from ours, relative."""
    return {name: abs(mine[name] - value) / abs(value) if value else abs(mine[name])
            for name, value in theirs.items()}  # fmt: skip


def report(*, short: bool = False, rounds: int = 5) -> tables.Report:
    """Whether measures agree, then how long each takes for those that it has."""
    case, rows, notes = nation(short), list[tables.Row](), list(NOTES)
    mine, furthest = ours(case), 0.0
    ways: dict[str, Callable[[], object]] = {OURS: partial(ours, case)}
    for name, way in known().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas' own, of traccess
            away = gaps(mine, way(case))
        worst = max(away, key=away.__getitem__)
        if not away[worst] <= TOLERANCE:
            sys.exit(f"{name}: {worst} differs from ours by {away[worst]:.1e}")
        furthest = max(furthest, away[worst])
        notes.append(f"{name}: {len(away)} measures, equal within {away[worst]:.0e}: "
                     f"{', '.join(away)}.")  # fmt: skip
        if PEERS[name][0] is not None:
            ways[name] = partial(way, case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = tables.in_turn(ways, 1 if short else rounds)
    what = f"all measures that it has, {case.values.size:,} places"  # not the same: no ratio
    rows += [tables.measured(what, name, values) for name, values in seconds.items()]
    lacking = [name for name in PEERS if name not in known()]
    notes += [f"Not installed, so not compared: {', '.join(lacking)}."] if lacking else []
    goal = tables.Goal("measures of inequality, against each peer", f"≤ {TOLERANCE:g}",
                       f"{furthest:.0e}", furthest <= TOLERANCE)  # fmt: skip
    return tables.Report("Inequality against its packages", tuple(rows), (goal,), tuple(notes))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = tables.parser("The measures of inequality, ours and packages'.")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    if asked.rounds < 1:
        parser.error("--rounds is at least 1")
    tables.hand_over(report(short=asked.short, rounds=asked.rounds), asked)


if __name__ == "__main__":
    main()
