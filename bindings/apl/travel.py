"""Estimated travel times, for those who have no matrix: neighbours as the crow flies, by a model.

An estimate is never taken for a measure: the table says in its metadata what it is, by which
model and coefficients, and whatever reads it passes that on (`estimate_of`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl_core.errors import Fault, RuleError, refuse_if
from apl_core.territory import column_values

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

EARTH_KM = 6371.0  # mean radius (IUGG: 6371.0088, 1.4e-6 more); the embedded country has it too
METADATA_KEY = b"apl.estimate"
COLUMN = "estimation"
TENTHS = 10  # per minute: the model is off by minutes, more digits would be noise


@dataclass(frozen=True, kw_only=True)
class TravelModel:
    """Minutes by road from kilometres as the crow flies: ``scale · km ** exponent``.

    Parameters
    ----------
    scale : float
        Minutes for one kilometre, > 0.
    exponent : float
        Below 1, long trips are faster than short ones; > 0.
    fitted_on, script : str
        On what data, and by what, the coefficients were fitted.

    Raises
    ------
    RuleError
        A coefficient is not a positive finite number (``APL-D03``).

    Examples
    --------
    >>> model = TravelModel(scale=2.0, exponent=0.5)
    >>> model.minutes(np.array([0.0, 1.0, 25.0])).tolist()
    [0.0, 2.0, 10.0]
    >>> model.reach(10.0)
    25.0
    """

    scale: float
    exponent: float
    fitted_on: str = "not stated"
    script: str = "not stated"

    def __post_init__(self) -> None:
        refuse_if(
            (
                _not_a_quantity(name, getattr(self, name))
                for name in ("scale", "exponent")
                if not 0 < getattr(self, name) < math.inf
            ),
            RuleError,
        )

    def minutes(self, km: F64) -> F64:
        """Minutes (float64[n]) for great-circle kilometres (float64[n], ≥ 0)."""
        times: F64 = self.scale * km**self.exponent
        return times

    def reach(self, minutes: float) -> float:
        """Kilometres that ``minutes`` reach: the inverse of `minutes`."""
        return float((minutes / self.scale) ** (1 / self.exponent))

    def describe(self) -> dict[str, Any]:
        """The model as plain data, for metadata and manifests."""
        return {
            "model": "minutes = scale * km ** exponent, km as the crow flies",
            "coefficients": {"scale": self.scale, "exponent": self.exponent},
            "fitted_on": self.fitted_on,
            "script": self.script,
        }


# Fitted in November 2026 on 36,694 pairs of communes of Isère (OSRM) and 274 pairs of points of
# Gironde (METRIC, off-peak, the law's own source), 20 km apart at most, by least squares on the
# logarithm of minutes, each département weighing one half. `benchmarks/fit_travel_times.py` redoes
# it and prints what follows.
#
# Residuals within 20 km: median absolute error 4.1 minutes in Isère, 4.0 in Gironde; mean of model
# minus measured -5.8 (mountain: too fast) and +3.0 (plain: too slow). One pace cannot be both, and
# no third département is there to say where between them the country lies: hence halves.
#
# Tried and left, with the median absolute errors in Isère and Gironde:
# * each alone: Isère 3.00·km^0.82 (3.4, 8.9), Gironde 1.94·km^0.82 (7.4, 1.3): the curve is common,
#   the pace is not. METRIC alone, though the law's, is one plain; every pair weighing the same
#   would be Isère alone, which has 134 times the pairs.
# * a straight 1.55·km (3.7, 4.8): wrong in form, both alone having 0.82: short trips are slower.
# * 2.82 + 1.38·km by absolute error (3.4, 5.3): led by the longest trips, those past the limit,
#   and nearly 3 minutes to the next door.
# * pairs kept by minutes (≤ 30) in place of kilometres, 3.61·km^0.63 (5.2, 3.0): selecting on what
#   is predicted drops the slow half of the far pairs and bends the curve down.
# * Isère's OSRM set to METRIC's pace (learnt on the Gironde pairs, which have both), 2.54·km^0.80
#   (3.8, 4.3): the same within the noise, for one more step to explain.
MODEL = TravelModel(
    scale=2.33,
    exponent=0.83,
    fitted_on="Isère (OSRM, pairs of communes) and Gironde (METRIC off-peak), halves, 20 km",
    script="benchmarks/fit_travel_times.py",
)


def travel_times(
    coordinates: pa.Table, *, within: float = 20.0, model: TravelModel = MODEL
) -> pa.Table:
    """Estimate the minutes between all communes that are at most ``within`` minutes apart.

    Parameters
    ----------
    coordinates : pyarrow.Table
        ``code_commune`` (string), ``longitude``, ``latitude`` (degrees, WGS84); one row a commune.
    within : float
        Longest time kept, in minutes (included).
    model : TravelModel
        Minutes from kilometres.

    Returns
    -------
    pyarrow.Table
        ``origine``, ``destination`` (dictionary<int32, string>), ``minutes`` (float64, rounded to
        0.1), sorted by origin and destination. Each pair stands in both directions with the same
        minutes, and each commune with itself at 0 (METRIC's convention). The schema's metadata
        holds the model as JSON under ``apl.estimate``; see `estimate_of`.

    Raises
    ------
    TableError
        A commune twice (``APL-D05``) or without code (``APL-D01``); a coordinate that is not
        finite (``APL-D02``) or not in degrees (``APL-D04``).
    RuleError
        ``within`` is negative or not finite (``APL-D03``).

    Notes
    -----
    Water and relief are not seen: an island is as near as it looks. Two communes at one point are
    0 minutes apart. Minutes are rounded so that no weight depends on a last bit, and so that they
    are whole tenths.

    Examples
    --------
    >>> places = pa.table({"code_commune": ["B", "A"], "longitude": [5.0, 5.0],
    ...                    "latitude": [45.0, 45.05]})
    >>> for pair in travel_times(places).to_pylist():
    ...     print(*pair.values())
    A A 0.0
    A B 9.7
    B A 9.7
    B B 0.0
    """
    if not 0 <= within < math.inf:
        raise RuleError([_not_a_quantity("within", within)])
    codes, points = _places(coordinates)
    first, second, km = _neighbours(points, model.reach(within + 0.5 / TENTHS))
    minutes = np.rint(model.minutes(km) * TENTHS) / TENTHS
    near = minutes <= within
    return _as_table(codes, first[near], second[near], minutes[near]).replace_schema_metadata(
        {METADATA_KEY: json.dumps(_statement(within, model), ensure_ascii=False).encode()}
    )


def estimate_of(times: pa.Table) -> dict[str, Any] | None:
    """What the table says of its own making, if its minutes are an estimate; else None.

    Examples
    --------
    >>> places = pa.table({"code_commune": ["A"], "longitude": [5.0], "latitude": [45.0]})
    >>> estimate_of(travel_times(places))["coefficients"]
    {'scale': 2.33, 'exponent': 0.83}
    >>> estimate_of(places) is None
    True
    """
    statement = (times.schema.metadata or {}).get(METADATA_KEY)
    if statement is not None:
        return dict(json.loads(statement))
    if COLUMN in times.column_names and pc.any(times.column(COLUMN)).as_py():
        return {"estimate": True, "model": f"not stated; the table's column {COLUMN} says so"}
    return None


def on_sphere(longitude: F64, latitude: F64) -> F64:
    """Points of the unit sphere, float64[n, 3], from degrees (float64[n]).

    Examples
    --------
    >>> on_sphere(np.array([0.0]), np.array([90.0])).round(9).tolist()
    [[0.0, 0.0, 1.0]]
    """
    east, north = np.radians(longitude), np.radians(latitude)
    return np.column_stack(
        (np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north))
    )


def marked(times: pa.Table) -> pa.Table:
    """Estimated times with a column that says so, for files without metadata (CSV)."""
    return times.append_column(COLUMN, pa.repeat(pa.scalar(True), times.num_rows))


def _statement(within: float, model: TravelModel) -> dict[str, Any]:
    return {"estimate": True, **model.describe(), "within": within, "rounded_to": 1 / TENTHS}


def _places(coordinates: pa.Table) -> tuple[pa.Array, F64]:
    """Codes in ascending order and their points on the unit sphere (float64[n, 3]), checked."""
    codes = coordinates["code_commune"].cast(pa.string()).combine_chunks()
    degrees = {
        name: column_values(coordinates[name], np.float64, fill=math.nan)
        for name in ("longitude", "latitude")
    }
    order = pc.sort_indices(codes)
    codes, rows = codes.take(order), column_values(order, np.int64)
    refuse_if([*_code_faults(codes, rows), *_degree_faults(degrees)])
    return codes, on_sphere(degrees["longitude"][rows], degrees["latitude"][rows])


def _neighbours(points: F64, km: float) -> tuple[I32, I32, F64]:
    """Positions (first < second) of the points at most ``km`` apart, and their distances in km."""
    from scipy.spatial import cKDTree

    # A chord of the sphere grows with its arc, so the straight-line tree is exact; the margin
    # covers the last bits, the caller cuts by minutes.
    chord = 2 * math.sin(min(km / EARTH_KM, math.pi) / 2) * (1 + 1e-9)
    pairs = cKDTree(points).query_pairs(chord, output_type="ndarray")
    first, second = pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)
    chords = np.sqrt(((points[first] - points[second]) ** 2).sum(axis=1))
    return first, second, 2 * EARTH_KM * np.arcsin(np.minimum(chords / 2, 1.0))


def _as_table(codes: pa.Array, first: I32, second: I32, minutes: F64) -> pa.Table:
    """Both directions and the self pairs, sorted by origin and destination."""
    own = np.arange(len(codes), dtype=np.int32)
    origin = np.concatenate((first, second, own))
    destination = np.concatenate((second, first, own))
    times = np.concatenate((minutes, minutes, np.zeros(len(codes))))
    order = np.lexsort((destination, origin))
    return pa.table(
        {
            "origine": pa.DictionaryArray.from_arrays(_arrow(origin[order]), codes),
            "destination": pa.DictionaryArray.from_arrays(_arrow(destination[order]), codes),
            "minutes": _arrow(times[order]),
        }
    )


def _arrow(values: I32 | F64) -> pa.Array:
    """An Arrow array over ``values``, without a copy (and without pandas, unlike ``pa.array``)."""
    kind = pa.int32() if values.dtype == np.int32 else pa.float64()
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _code_faults(codes: pa.Array, rows: NDArray[np.int64]) -> Iterator[Fault]:
    """Faults of the sorted ``codes``, which stood in ``rows`` (from 0; nulls are sorted last)."""
    known = len(codes) - codes.null_count
    if codes.null_count:
        lost = rows[known:]
        yield _fault("APL-D01", "no code", "it cannot be matched", "code_commune", lost, [])
    same = pc.equal(codes[1:known], codes[: max(known - 1, 0)])
    twice = np.flatnonzero(np.array(same.to_pylist(), dtype=bool)) + 1
    if twice.size:
        found = codes.take(_arrow(twice.astype(np.int32))).to_pylist()
        why = "its place would be ambiguous"
        yield _fault("APL-D05", "commune twice", why, "code_commune", rows[twice], found)


def _degree_faults(degrees: dict[str, F64]) -> Iterator[Fault]:
    for name, limit in (("longitude", 180.0), ("latitude", 90.0)):
        values = degrees[name]
        lost = ~np.isfinite(values)
        far = ~lost & (np.abs(values) > limit)
        for fault, title, why, where in (
            ("APL-D02", "no finite coordinate", "a place needs both", lost),
            ("APL-D04", "not in degrees", f"a {name} is within ±{limit:g}", far),
        ):
            rows = np.flatnonzero(where)
            if rows.size:
                yield _fault(fault, title, why, name, rows, [str(value) for value in values[rows]])


def _fault(
    fault: str, title: str, why: str, column: str, rows: NDArray[np.int64], values: list[str]
) -> Fault:
    return Fault(
        fault,
        title,
        why,
        mend="give one row a commune, with longitude and latitude in degrees (WGS84)",
        table="coordonnees",
        column=column,
        rows=tuple(int(row) + 1 for row in rows[:20]),
        values=tuple(values[:20]),
        count=len(rows),
    )


def _not_a_quantity(name: str, value: float) -> Fault:
    return Fault(
        "APL-D03",
        f"{name} is {value}",
        "it must be a finite number that is not negative (a coefficient: above 0)",
        "give such a number",
        column=name,
        values=(str(value),),
        count=1,
    )
