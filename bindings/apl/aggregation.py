"""The mean APL over each BVCV, and its region of attribution (annexe, 4.1 and 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.counted import column_of, counted
from apl.given import odd, typed
from apl.law import Rules
from apl_core import Fault, TableError, Territory, exact_sums, refuse_if
from apl_core.convert import mask
from apl_core.errors import at_rows, listed, refuse_lacking
from apl_core.territory import column_values

F64 = NDArray[np.float64]

SCORES = ("apl", "population_standardisee")
ONCE = "which of its values counts would depend on the order of rows"


def aggregate(result: pa.Table, communes: pa.Table, rules: Rules) -> pa.Table:
    """The mean APL over each BVCV (annexe, 4.1), and its region of attribution (4.3).

    Parameters
    ----------
    result : pyarrow.Table
        ``code_commune``, ``apl`` (may be null), ``population_standardisee``.
    communes : pyarrow.Table
        ``code_commune``, ``population``, ``code_bvcv``, ``code_region``; ``population_feminine``
        where the law counts women (`apl.counted.counted`).
    rules : Rules
        The weight of the mean (the 2024 text takes the standardised population), and whom the cuts
        count.

    Returns
    -------
    pyarrow.Table
        ``code_bvcv``, ``code_region``, ``population`` (whom the cuts count),
        ``population_standardisee``, ``apl``; ``apl`` is null where no commune has one.

    Raises
    ------
    TableError
        An APL for an unknown commune, or for one twice; an APL or a population that is not a
        quantity, or that lacks (an APL that lacks is none published): all together. A BVCV whose
        weights are all 0; a tie of regions, where one of them is to classify the whole.
    """
    people = counted(communes, rules, published=result)
    return _aggregated(result, people, rules, column_of(rules))


def _aggregated(result: pa.Table, communes: pa.Table, rules: Rules, counting: str) -> pa.Table:
    refuse_lacking(result, "apl", "code_commune", *SCORES)
    people = dict.fromkeys(("population", counting))
    refuse_lacking(communes, "communes", "code_commune", "code_region", "code_bvcv", *people)
    communes = typed(communes, "communes", *people, where="communes")
    result = typed(result, "apl_publie", *SCORES, where="apl")
    order = (land := Territory.from_table(communes)).positions(communes.column("code_commune"))
    if not len(land):
        raise TableError([_no_commune()])
    at = land.positions(result.column("code_commune"))
    strange = odd(communes, "communes", *people, where="communes")
    refuse_if([*strange, *_result_faults(result, communes, at, order)])
    n = len(land)
    apl, standard = np.full(n, np.nan), np.zeros(n)
    here = np.flatnonzero(at >= 0)  # another commune has no APL, as was checked: nothing is lost
    for into, name, none in ((apl, "apl", np.nan), (standard, "population_standardisee", 0.0)):
        into[at[here]] = column_values(result.column(name), np.float64, fill=none)[here]
    persons, counts = (np.zeros(n, dtype=np.int64) for _ in range(2))
    persons[order] = column_values(communes.column("population"), np.int64)
    counts[order] = column_values(communes.column(counting), np.int64)
    units, of_commune = _groups(communes.column("code_bvcv"), order)
    regions, region = _groups(communes.column("code_region"), order)

    known = ~np.isnan(apl)
    by_need = bool(known.any()) and rules.weight == "population_standardisee"  # no mean, no weight
    weight = np.where(known, standard if by_need else persons, 0.0)
    mean, total = means(of_commune, weight, apl, len(units))
    empty = (total == 0) & (np.bincount(of_commune, weights=known, minlength=len(units)) > 0)
    attributed, tied = _attribution(of_commune, region, persons, len(units), len(regions))
    own = rules.attribution == "own_inhabitants"  # of a tie, then, nothing hangs
    refuse_if(_area_faults(units, empty, tied & (not own)))
    return pa.table(
        {
            "code_bvcv": units,
            "code_region": regions.take(pa.array(attributed)),
            "population": np.bincount(of_commune, weights=counts, minlength=len(units)).astype(
                np.int64
            ),
            "population_standardisee": exact_sums(of_commune, standard, len(units)),
            "apl": pa.array(mean, pa.float64(), mask=total == 0),
        }
    )


def means(unit: NDArray[Any], weight: F64, apl: F64, units: int) -> tuple[F64, F64]:
    """The mean of each unit's APL (NaN: none) by weights, and their sum (0: there is no mean)."""
    total = exact_sums(unit, weight, units)
    scored = exact_sums(unit, weight * np.where(np.isnan(apl), 0.0, apl), units)
    mean = np.divide(scored, total, out=np.zeros_like(total), where=total > 0)
    return _between(mean, unit[weight > 0], apl[weight > 0]), total


def _between(mean: F64, unit: NDArray[np.int32], apl: F64) -> F64:
    """Each mean within its communes' APL: where they are equal it is theirs, to the last bit.

    (3 · 0.1 / 3 is not 0.1: equal BVCV would be ranked by a rounding, not by the rule for ties.)
    """
    low, high = np.full(mean.size, np.inf), np.full(mean.size, -np.inf)
    np.minimum.at(low, unit, apl)
    np.maximum.at(high, unit, apl)
    return np.where(low <= high, np.clip(mean, low, np.maximum(low, high)), mean)


def _groups(column: Any, order: NDArray[np.int32]) -> tuple[pa.Array, NDArray[np.int32]]:
    """The sorted distinct values of a text column, and the rank of each row, by position."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    words = encoded.dictionary.cast(pa.string())
    values = pc.unique(words.take(pc.unique(encoded.indices)))  # only those in use
    values = values.take(pc.array_sort_indices(values))
    rank_of = column_values(pc.index_in(words, value_set=values), np.int32, fill=-1)
    ranks = np.empty(len(encoded), dtype=np.int32)
    ranks[order] = rank_of[column_values(encoded.indices, np.int32)]
    return values, ranks


def _attribution(
    unit: NDArray[np.int32],
    region: NDArray[np.int32],
    persons: NDArray[np.int64],
    units: int,
    regions: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The region with most inhabitants of each unit, and where that is a tie."""
    cell = unit.astype(np.int64) * regions + region
    counts = np.bincount(cell, weights=persons, minlength=units * regions).reshape(units, regions)
    there = np.bincount(cell, minlength=units * regions).reshape(units, regions) > 0
    counts = np.where(there, counts, -1.0)
    best = counts.argmax(axis=1)
    tied = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return best, tied


def _area_faults(units: pa.Array, empty: NDArray[np.bool_], tied: NDArray[np.bool_]) -> list[Fault]:
    faults = []
    for bad, fault, title, why, mend in (
        (
            empty,
            "APL-C10",
            "BVCV without any weight",
            "a mean over no inhabitants is 0 / 0",
            "join its communes to another BVCV",
        ),
        (
            tied,
            "APL-C15",
            "BVCV with as many inhabitants in two regions",
            "the law gives it to the region with most, and has no rule for a tie",
            "say which region decides: give its communes one region in the table",
        ),
    ):
        if bad.any():
            found = listed(units[int(k)] for k in np.flatnonzero(bad))
            faults.append(Fault(fault, title, why, mend, "communes", "code_bvcv", **found))
    return faults


def _result_faults(
    result: pa.Table, communes: pa.Table, at: NDArray[np.int32], order: NDArray[np.int32]
) -> Iterator[Fault]:
    """What has no mean: codes that are unknown or twice, values that are no quantities."""
    codes = result.column("code_commune")
    count = np.bincount(at[at >= 0], minlength=order.size)
    twice = (at >= 0) & (count[at] > 1)
    value, weight = (result.column(name) for name in SCORES)
    inhabited = np.zeros(order.size, dtype=np.bool_)
    inhabited[order] = column_values(communes.column("population"), np.float64, fill=0.0) > 0
    lost = mask(pc.is_valid(value)) & mask(pc.is_null(weight)) & (at >= 0) & inhabited[at]
    vintage = "use one vintage of codes in both tables"
    unknown = "an APL for communes that the table of communes does not have"
    missing = "an APL without its population would count for nothing in the mean"
    alien = (at < 0) & mask(pc.is_valid(value))
    yield from _coded("APL-C14", unknown, "they would be in no zone", vintage, codes, alien)
    yield from _coded("APL-D05", "duplicate key", ONCE, "keep one of these rows", codes, twice)
    yield from odd(result, "apl_publie", *SCORES, where="apl")
    yield from _coded("APL-D01", "missing value", missing, "give it", codes, lost, SCORES[1])


def _coded(
    fault: str,
    title: str,
    why: str,
    mend: str,
    codes: pa.ChunkedArray,
    bad: NDArray[np.bool_],
    column: str = "code_commune",
) -> Iterator[Fault]:
    """A fault of the rows that ``bad`` marks, which are named by their codes."""
    rows = np.flatnonzero(bad)
    if rows.size:
        yield Fault(fault, title, why, mend, "apl", column, **at_rows(rows, codes))


def _no_commune() -> Fault:
    return Fault("APL-D16", "no commune at all", "the table is empty", "give its rows", "communes")


def attributed(communes: pa.Table, rules: Rules) -> pa.Table:
    """The BVCV of a table of communes with their region and population, and no APL."""
    none = pa.nulls(communes.num_rows, pa.float64())
    codes = communes.column("code_commune")
    nothing = pa.table({"code_commune": codes, "apl": none, "population_standardisee": none})
    return _aggregated(nothing, communes, rules, "population")
