"""Supply in full-time equivalents (4.1.1) and demand standardised by age (4.1.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.blocks import SupplyRules
from apl.cog import apart
from apl.law import Rules
from apl.parameters import Parameters
from apl_core import Fault, RuleError, TableError, Territory, exact_sums, refuse_if
from apl_core.cells import Coded, exact_cells
from apl_core.errors import SHOWN, at_rows, listed
from apl_core.exact import exact_sum
from apl_core.territory import column_values

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Supply:
    """FTE by commune, and how they came about.

    Attributes
    ----------
    etp : float64[n]
        In the order of the territory's codes.
    median, ninth_decile : float
        Acts a year.
    computed : bool
        Computed from the table, or given by the caller.
    persons, too_old, newcomers, below_floor, capped : int
        Persons in the table; over the age; installed in the year; under the floor; above the cap.
    """

    etp: F64
    median: float
    ninth_decile: float
    computed: bool
    persons: int
    too_old: int
    newcomers: int
    below_floor: int
    capped: int


@dataclass(frozen=True, eq=False)
class _Persons:
    """One entry a person: sums over places, and where each row of the table belongs."""

    of_row: NDArray[np.int32]
    age: I64
    acts: F64
    fees: F64
    new: Mask


def given_supply(offre: pa.Table, land: Territory) -> F64:
    """The FTE of an ``offre`` table, float64[n] in the order of ``land.codes``."""
    at = positions(offre, land, "offre")
    return exact_sums(at, column_values(offre.column("etp"), np.float64), len(land))


def supply(
    professionnels: pa.Table, land: Territory, rules: Rules, parameters: Parameters | None = None
) -> Supply:
    """Professionals in full-time equivalents by commune (arrêté of 2024, annexe, 4.1.1).

    Rules apply to the person: acts and fees are summed over places, then age, installation in the
    year and floor in the order of the law page; the others count acts / median, the acts capped
    at the ninth decile; and the person's FTE is split over places.

    Parameters
    ----------
    professionnels : pyarrow.Table
        The checked table.
    land : Territory
    rules : Rules
    parameters : Parameters, optional
        The year's median, ninth decile and floor in acts, where they are given.

    Raises
    ------
    TableError
        An unknown commune; a person whose age differs from row to row; parts that do not add up.
    RuleError
        Half of the parameters; no professional to compute a median from.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> people = pa.table({"identifiant": ["a", "b"], "code_commune": ["01001", "01001"],
    ...     "age": [40, 66], "actes": [3783.0, 5000.0], "honoraires": [7e4, 9e4],
    ...     "installe_dans_l_annee": [False, False]})
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> supply(people, Territory.from_codes(["01001"]), law,
    ...        Parameters(3783.0, 6906.0)).etp.tolist()
    [1.0]
    """
    parameters = parameters or Parameters()
    at = positions(professionnels, land, "professionnels")
    who = _persons(professionnels)
    retained, newcomer, counts = _retained(who, rules.supply, parameters)
    median, decile, computed = _bounds(who, retained, newcomer, rules.supply, parameters)
    fte = np.where(retained, np.minimum(who.acts, decile) / median, 0.0)
    fte[newcomer] = float(rules.supply.newcomer_fte)
    share = _shares(professionnels, who, rules.supply.places)
    etp = exact_sums(at, fte[who.of_row] * share, len(land))
    capped = int(np.count_nonzero(retained & ~newcomer & (who.acts > decile)))
    return Supply(etp, median, decile, computed, who.age.size, *counts, capped)


def positions(table: pa.Table, land: Territory, name: str) -> NDArray[np.int32]:
    """The position of each row's commune; an unknown one is a TableError."""
    at = land.positions(table.column("code_commune"))
    if at.min(initial=0) < 0:
        bad = np.flatnonzero(at < 0)
        raise TableError(
            [
                Fault(
                    "APL-C02",
                    "a commune that is not in the table of communes",
                    "it has no inhabitants, no travel times and no zone",
                    "use one vintage of codes in all tables, without the places left out of it",
                    name,
                    "code_commune",
                    **at_rows(bad, table.column("code_commune")),
                ),
                *_other_vintage(table, land, name),
            ]
        )
    return at


def _other_vintage(table: pa.Table, land: Territory, name: str) -> Iterator[Fault]:
    """Of a table that has every commune: each has codes that the other lacks."""
    if name.startswith("population"):
        yield from apart((name, table.column("code_commune").to_pylist()), land.codes.to_pylist())


def _persons(table: pa.Table) -> _Persons:
    """Rows gathered by ``identifiant``."""
    names = table.column("identifiant")
    if not pa.types.is_dictionary(names.type):
        names = names.dictionary_encode()
    names = names.unify_dictionaries()
    of_row = column_values(_indices(names), np.int32)
    size = len(names.chunk(0).dictionary) if names.num_chunks else 0
    age = column_values(table.column("age"), np.int64)
    oldest = np.full(size, -1, dtype=np.int64)
    oldest[of_row] = age
    differ = np.flatnonzero(oldest[of_row] != age)
    if differ.size:
        raise TableError(
            [
                Fault(
                    "APL-D14",
                    "one person with two ages",
                    "rules apply to the person, who has one age",
                    "give the same age in each of the person's rows",
                    "professionnels",
                    "age",
                    **at_rows(differ, names),
                )
            ]
        )
    acts, fees = (
        exact_sums(of_row, column_values(table.column(name), np.float64), size)
        for name in ("actes", "honoraires")
    )
    new = np.zeros(size, dtype=np.bool_)
    new[of_row[column_values(table.column("installe_dans_l_annee"), np.bool_)]] = True
    return _Persons(of_row, oldest, acts, fees, new)


def _indices(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.indices for chunk in column.chunks], pa.int32())


def _retained(
    who: _Persons, law: SupplyRules, parameters: Parameters
) -> tuple[Mask, Mask, tuple[int, int, int]]:
    """Who counts, who counts as a newcomer, and how many each rule concerns, in the law's order."""
    if law.floor == "acts" and parameters.least_acts is None:
        raise RuleError(
            [
                Fault(
                    "APL-F11",
                    "the floor in acts is not given",
                    "the text gives that of 2021 as an example, not a figure for every year",
                    "give supply.plancher_actes with --parameters, or read the floor in fees",
                )
            ]
        )
    low = (
        who.acts < (parameters.least_acts or 0.0)
        if law.floor == "acts"
        else (who.fees < law.least_fees)
    )
    open_to = np.ones(who.age.size, dtype=np.bool_)  # not yet decided by a rule before
    out = np.zeros_like(open_to)
    newcomer = np.zeros_like(open_to)
    counted = {"age": 0, "installed": 0, "floor": 0}
    for rule in law.order:
        concerned = {"age": who.age > law.oldest_age, "installed": who.new, "floor": low}[rule]
        decided = concerned & open_to
        counted[rule] = int(np.count_nonzero(decided))
        (newcomer if rule == "installed" else out)[decided] = True
        open_to &= ~decided
    return ~out, newcomer, (counted["age"], counted["installed"], counted["floor"])


def _bounds(
    who: _Persons, retained: Mask, newcomer: Mask, law: SupplyRules, parameters: Parameters
) -> tuple[float, float, bool]:
    """Median and ninth decile of acts: given, or computed over the field of the reading."""
    given = (parameters.median_acts, parameters.ninth_decile_acts)
    if all(value is not None for value in given):
        median, decile = (float(value) for value in given if value is not None)
        if decile < median:
            raise RuleError([_no_bound("the ninth decile is below the median")])
        return median, decile, False
    if any(value is not None for value in given):
        raise RuleError([_no_bound("median and ninth decile are given together or not at all")])
    fields = {
        "retained_established": retained & ~newcomer,
        "retained": retained,
        "all": np.ones_like(retained),
    }
    acts = who.acts[fields[law.field]]
    if acts.size:  # in order where quantiles are looked for; to sort all takes thrice as long
        around = [acts.size * tenths // 10 + k for tenths in (5, 9) for k in (-1, 0, 1)]
        acts = np.partition(acts, np.clip(around, 0, acts.size - 1))
    if not acts.size or quantile(acts, 1, 2, law.quantile) <= 0:
        raise RuleError([_no_bound("no active professional to compute a median from")])
    return quantile(acts, 1, 2, law.quantile), quantile(acts, 9, 10, law.quantile), True


def _no_bound(title: str) -> Fault:
    return Fault(
        "APL-F11",
        title,
        "activity is held against the year's median and ninth decile",
        "give supply.mediane_actes and supply.neuvieme_decile_actes",
    )


def quantile(ordered: F64, over: int, under: int, kind: str) -> float:
    """The quantile ``over / under`` of ascending values; position by whole numbers.

    ``type_2`` and ``type_7`` of Hyndman and Fan (1996), Sample quantiles in statistical packages.

    >>> quantile(np.array([1.0, 2.0, 4.0, 8.0]), 1, 2, "type_2")
    3.0
    >>> quantile(np.arange(11.0), 9, 10, "type_7")
    9.0
    """
    n = ordered.size
    if kind == "type_2":
        whole, rest = divmod(n * over, under)
        if rest:
            return float(ordered[whole])
        return float(ordered[max(whole - 1, 0)] + ordered[min(whole, n - 1)]) / 2
    whole, rest = divmod((n - 1) * over, under)
    low, high = float(ordered[whole]), float(ordered[min(whole + 1, n - 1)])
    return low + (high - low) * rest / under


def _shares(table: pa.Table, who: _Persons, places: str) -> F64:
    """The part of a person's FTE that goes to each row: given, else by acts, else equally."""
    rows = np.bincount(who.of_row, minlength=who.age.size)[who.of_row].astype(np.float64)
    if "part_activite" in table.column_names:
        part = column_values(table.column("part_activite"), np.float64)
        total = exact_sums(who.of_row, part, who.age.size)
        bad = np.flatnonzero(np.abs(total[who.of_row] - 1) > 1e-6)
        if bad.size:
            raise TableError(
                [
                    Fault(
                        "APL-D11",
                        "parts that do not add up to 1",
                        "a person's activity is split, not created",
                        "give parts that add up to 1",
                        "professionnels",
                        "part_activite",
                        **at_rows(bad, table.column("identifiant")),
                    )
                ]
            )
        return part / total[who.of_row]
    if places == "equally":
        return np.asarray(1 / rows)
    acts = column_values(table.column("actes"), np.float64)
    total = who.acts[who.of_row]
    share: F64 = np.divide(acts, total, out=1 / rows, where=total > 0)
    return share


def given_demand(population_standardisee: pa.Table, land: Territory, communes: pa.Table) -> F64:
    """The standardised population of a table, float64[n]; a commune with inhabitants must be there.

    ``communes`` is the table of that name.
    """
    at = positions(population_standardisee, land, "population_standardisee")
    values = column_values(population_standardisee.column("population_standardisee"), np.float64)
    present = np.zeros(len(land), dtype=np.bool_)
    present[at] = True
    _all_there(present, land, communes, "population_standardisee")
    return exact_sums(at, values, len(land))


def demand(
    population_par_age: pa.Table,
    consommation_par_age: pa.Table,
    land: Territory,
    rules: Rules,
    communes: pa.Table | None = None,
) -> F64:
    """The population standardised by age (arrêté of 2024, annexe, 4.1.2).

        P*_i = (Σ_a c_a n_ia) · (Σ_i n_i) / (Σ_i Σ_a c_a n_ia)

    with n_ia inhabitants of band a and c_a fees per inhabitant of the band; Σ P* = Σ n (DREES,
    Études et résultats 1206). Ages finer than the bands of ``consommation_par_age`` (the census by
    single year) are summed into them.

    Parameters
    ----------
    population_par_age, consommation_par_age : pyarrow.Table
        Checked tables.
    land : Territory
    rules : Rules
    communes : pyarrow.Table, optional
        The table of that name; a commune with inhabitants and no ages is refused.

    Returns
    -------
    float64[n]
        In the order of ``land.codes``.

    Raises
    ------
    TableError
        Bands that cannot be matched, an unknown or a missing commune, no consumption at all.
    """
    at = positions(population_par_age, land, "population_par_age")
    ages = column_values(consommation_par_age.column("age"), np.int64)
    fees = column_values(consommation_par_age.column("honoraires_par_habitant"), np.float64)
    order = np.argsort(ages, kind="stable")
    bands, fees = ages[order], fees[order]
    age = Coded.of(population_par_age.column("age"), np.int64)
    persons = Coded.of(population_par_age.column("population"), np.float64)
    if rules.demand.sex != "both":
        persons = _of_sex(population_par_age, persons, rules.demand.sex)
    n, m = len(land), bands.size
    # the last band whose lower bound an age reaches (or the first)
    band_of = np.maximum(np.searchsorted(bands, age.values, side="right") - 1, 0)
    found = exact_cells(at, age, band_of, persons, n, m)
    refuse_if(_band_faults(np.sort(age.values[found.keys]), bands))
    if communes is not None:
        _all_there(found.rows, land, communes, "population_par_age")
    weighted = np.zeros(n)
    for k in range(m):  # a fixed order of additions, whatever the order of the rows
        weighted += fees[k] * found.sums[k]
    inhabitants, total = exact_sum(found.sums), exact_sum(weighted)
    if not total > 0:
        raise TableError(
            [
                Fault(
                    "APL-D13",
                    "no consumption at all",
                    "the standardised population would be 0 / 0",
                    "give fees per inhabitant",
                    "consommation_par_age",
                    "honoraires_par_habitant",
                )
            ]
        )
    return weighted * (inhabitants / total)


def _band_faults(present: I64, bands: I64) -> list[Fault]:
    """Bands that the ages present do not fit."""
    coarser = np.setdiff1d(bands, present)
    below = present[present < bands[0]] if bands.size else present
    faults = []
    if coarser.size:
        faults.append(
            Fault(
                "APL-D12",
                "bands of age that the population does not have",
                f"fees stand from {', '.join(map(str, coarser[:SHOWN]))}, the population is not",
                "use the same bands in both tables (the population's may be finer)",
                "population_par_age",
                "age",
                **listed(coarser.tolist()),
            )
        )
    if below.size:
        faults.append(
            Fault(
                "APL-D12",
                "ages below the first band of fees",
                "no fees are given for them",
                "add the band to consommation_par_age",
                "population_par_age",
                "age",
                **listed(below.tolist()),
            )
        )
    return faults


def _of_sex(table: pa.Table, persons: Coded, sex: str) -> Coded:
    """The persons of one sex; 0 in the rows of the other."""
    if "sexe" not in table.column_names:
        raise TableError(
            [
                Fault(
                    "APL-B08",
                    "a column is missing",
                    f"this profession counts {sex} alone",
                    "give the population by sex",
                    "population_par_age",
                    "sexe",
                )
            ]
        )
    import pyarrow.compute as pc

    same: Any = pc.equal(table.column("sexe").cast(pa.string()), sex)
    nobody = persons.values.size
    code = np.where(column_values(same, np.bool_), persons.code, nobody).astype(np.int32)
    return Coded(code, np.append(persons.values, 0.0))


def _all_there(present: Mask, land: Territory, communes: pa.Table, table: str) -> None:
    populations = column_values(land.ordered(communes).column("population"), np.int64)
    missing = np.flatnonzero((populations > 0) & ~present)
    if missing.size:
        persons = int(populations[missing].sum())
        raise TableError(
            [
                Fault(
                    "APL-D06",
                    "communes with inhabitants that the table leaves out",
                    f"{persons:,} inhabitants would have no demand",
                    "complete the table",
                    table,
                    "code_commune",
                    **listed(land.codes.take(pa.array(missing)).to_pylist()),
                )
            ]
        )
