"""Fit the model of estimated travel times on Isère and Gironde; check that `apl.travel` holds it.

    python benchmarks/fit_travel_times.py

The data are looked for in the folder that ``APL_REAL_DATA`` names, else in ``../shared/data``.
Exit 1 if the coefficients of `apl.travel.MODEL` are not those of the fit, rounded to 0.01.
"""

from __future__ import annotations

import csv
import gzip
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apl.travel import EARTH_KM, MODEL

F64 = NDArray[np.float64]

# Pairs are kept by distance, never by minutes: that would select on what is predicted.
# 20 km holds 99.9 % of the pairs of Isère that are within 20 minutes, 94 % of those of Gironde.
FARTHEST_KM = 20.0
BANDS_KM = (0, 3, 6, 9, 12, 15, 20)


@dataclass(frozen=True)
class Source:
    """Pairs of places with their crow-fly kilometres (> 0) and minutes by road (> 0)."""

    name: str
    km: F64
    minutes: F64

    def keep(self, where: NDArray[np.bool_]) -> Source:
        return Source(self.name, self.km[where], self.minutes[where])

    def near(self) -> Source:
        return self.keep(self.km <= FARTHEST_KM)


@dataclass(frozen=True)
class Fit:
    name: str
    formula: str
    minutes: Callable[[F64], F64]


def data_folder() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("APL_REAL_DATA") or beside)


def isere(data: Path) -> Source:
    """All pairs of the communes of Isère (OSRM), but a commune with itself."""
    with (data / "geography" / "coordonnees.csv").open(encoding="utf-8") as file:
        places = {
            row["code_commune"]: (float(row["longitude"]), float(row["latitude"]))
            for row in csv.DictReader(file)
            if row["code_commune"].startswith("38")
        }
    with gzip.open(data / "travel" / "isere_osrm.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["idSrc"] != row["idDst"]]
    km = great_circle_km(
        np.array([places[row["idSrc"]] for row in rows]),
        np.array([places[row["idDst"]] for row in rows]),
    )
    return Source("Isère", km, np.array([float(row["duree"]) for row in rows]))


def gironde(data: Path) -> tuple[Source, F64]:
    """Random pairs of points of Gironde (METRIC, off-peak), and OSRM's minutes for the same pairs.

    Points are in Lambert-93 metres, whose scale is within 0.1 % of 1 there. METRIC's zeros (one
    commune) and 9999 (not computed) are left out.
    """
    x1, y1, x2, y2, metric = read_dbf(data / "travel" / "gironde_metric_HC_2500pairs.dbf").T
    with gzip.open(data / "travel" / "gironde_osrm_2500pairs.csv.gz", "rt") as file:
        osrm_of = {
            tuple(round(float(row[name]), 2) for name in ("X1", "Y1", "X2", "Y2")): row["Dist_min"]
            for row in csv.DictReader(file)
        }
    ends = np.round(np.column_stack((x1, y1, x2, y2)), 2).tolist()
    osrm = np.array([float(osrm_of[tuple(pair)]) for pair in ends])
    km = np.hypot(x1 - x2, y1 - y2) / 1000
    good = (metric > 0) & (metric < 9999) & (km > 0) & (osrm > 0)
    return Source("Gironde", km[good], metric[good]), osrm[good]


def read_dbf(path: Path) -> F64:
    """The records of a dBASE file whose fields are all numbers."""
    raw = path.read_bytes()
    records, header, length = struct.unpack("<IHH", raw[4:12])
    widths = [raw[start + 16] for start in range(32, header - 1, 32)]
    edges = np.cumsum([1, *widths])
    lines = (raw[header + i * length : header + (i + 1) * length] for i in range(records))
    return np.array([[float(line[a:b]) for a, b in pairwise(edges)] for line in lines])


def great_circle_km(a: F64, b: F64) -> F64:
    """Haversine distance between longitudes and latitudes in degrees (float64[n, 2])."""
    (east_a, north_a), (east_b, north_b) = np.radians(a).T, np.radians(b).T
    half = np.sin((north_b - north_a) / 2) ** 2
    half += np.cos(north_a) * np.cos(north_b) * np.sin((east_b - east_a) / 2) ** 2
    km: F64 = 2 * EARTH_KM * np.arcsin(np.sqrt(half))
    return km


def stacked(sources: tuple[Source, ...]) -> tuple[F64, F64, F64]:
    """Kilometres, minutes and the root of the weights, each source weighing the same."""
    km = np.concatenate([source.km for source in sources])
    minutes = np.concatenate([source.minutes for source in sources])
    roots = np.concatenate([np.full(s.km.size, s.km.size**-0.5) for s in sources])
    return km, minutes, roots


def power(*sources: Source) -> tuple[float, float]:
    """``minutes = scale · km ** exponent`` by least squares on the logarithm of minutes."""
    km, minutes, roots = stacked(sources)
    exponent, log_scale = np.polyfit(np.log(km), np.log(minutes), 1, w=roots)
    return float(np.exp(log_scale)), float(exponent)


def power_fit(name: str, *sources: Source) -> Fit:
    scale, exponent = power(*sources)
    return Fit(name, f"{scale:.2f}·km^{exponent:.3f}", lambda km: scale * km**exponent)


def straight_fit(name: str, *sources: Source) -> Fit:
    """``minutes = detour · km``, by least squares on the logarithm."""
    km, minutes, roots = stacked(sources)
    detour = float(np.exp(np.average(np.log(minutes / km), weights=roots**2)))
    return Fit(name, f"{detour:.3f}·km", lambda km: detour * km)


def affine_fit(name: str, *sources: Source) -> Fit:
    """``minutes = start + detour · km``, by least squares on minutes."""
    km, minutes, roots = stacked(sources)
    detour, start = np.polyfit(km, minutes, 1, w=roots)
    return Fit(name, f"{start:.2f} + {detour:.3f}·km", lambda km: start + detour * km)


def all_fits(mountain: Source, plain: Source, plain_osrm: F64) -> list[Fit]:
    """The fit that is kept, first, and the alternatives."""
    short = plain_osrm <= 30
    pace, log_shift = np.polyfit(np.log(plain_osrm[short]), np.log(plain.minutes[short]), 1)
    as_metric = Source("Isère", mountain.km, np.exp(log_shift) * mountain.minutes**pace)
    by_minutes = [source.keep(source.minutes <= 30) for source in (mountain, plain)]
    near = (mountain.near(), plain.near())
    return [
        power_fit("kept: power, halves", *near),
        power_fit("power, Isère alone", near[0]),
        power_fit("power, Gironde alone", near[1]),
        power_fit("power, OSRM in both", near[0], Source("G", plain.km, plain_osrm).near()),
        power_fit("power, Isère at METRIC's pace", as_metric.near(), near[1]),
        power_fit("power, pairs up to 30 minutes", *by_minutes),
        straight_fit("straight, halves", *near),
        affine_fit("affine, absolute error, halves", *near),
    ]


def summary(fit: Fit, source: Source) -> str:
    """Median absolute error and mean bias, in minutes."""
    gap = fit.minutes(source.km) - source.minutes
    return f"{np.median(np.abs(gap)):6.2f} {gap.mean():+6.2f}"


def residuals(fit: Fit, source: Source) -> list[str]:
    """The same by band of distance."""
    bands = pairwise(BANDS_KM)
    parts = [
        (f"{low:2d}-{high:2d} km", source.keep((source.km > low) & (source.km <= high)))
        for low, high in bands
    ]
    return [f"  {name} {part.km.size:7,d} {summary(fit, part)}" for name, part in parts]


def main() -> int:
    data = data_folder()
    if not data.is_dir():
        print(f"no data in {data}: name their folder in APL_REAL_DATA", file=sys.stderr)
        return 5
    mountain, (plain, plain_osrm) = isere(data), gironde(data)
    near = (mountain.near(), plain.near())
    kept = Fit("in apl.travel", f"{MODEL.scale:.2f}·km^{MODEL.exponent:.3f}", MODEL.minutes)
    print("median absolute error and mean bias, minutes, pairs up to 20 km")
    print(f"{'fit':<31} {'minutes':<17} {'Isère':>13}   {'Gironde':>13}")
    for fit in [*all_fits(mountain, plain, plain_osrm), kept]:
        columns = "   ".join(summary(fit, source) for source in near)
        print(f"{fit.name:<31} {fit.formula:<17} {columns}")
    for source in near:
        print(f"\n{source.name}, what apl.travel holds: {source.km.size:,} pairs")
        print("\n".join(residuals(kept, source)))
    fitted = tuple(round(value, 2) for value in power(*near))
    same = fitted == (MODEL.scale, MODEL.exponent)
    print(f"\nfitted {fitted}, held {(MODEL.scale, MODEL.exponent)}: {'same' if same else 'OTHER'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
