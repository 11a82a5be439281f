"""Degrees to the plane of a map: Lambert-93 for the mainland, each overseas territory by itself.

Overseas territories are drawn in a row under the mainland, each enlarged or shrunk to one size.
Files of outlines that draw them near the mainland already are left as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apl.mergers import departement
from apl.travel import EARTH_KM

F64 = NDArray[np.float64]

# Lambert-93 (IGN, NTG 71 and the parameters of RGF93): exponent and constant of the projection, its
# eccentricity (GRS 80), the meridian it is centred on, and its pole in metres.
EXPONENT, CONSTANT, ECCENTRICITY = 0.7256077650532670, 11754255.426096, 0.0818191910428158
MERIDIAN, EAST, NORTH = 3.0, 700_000.0, 12655612.049876

WINDOW = (-12.0, 38.0, 16.0, 56.0)  # degrees: what is within is drawn where it says that it is
ROW, FIRST, STEP = 5_940_000.0, 60_000.0, 210_000.0  # metres: where overseas territories stand
BOX = 96_000.0  # metres of the map around the points of each of them
OVERSEAS = {
    "971": "Guadeloupe", "972": "Martinique", "973": "Guyane", "974": "La Réunion",
    "975": "Saint-Pierre-et-Miquelon", "976": "Mayotte", "977": "Saint-Barthélemy",
    "978": "Saint-Martin",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Placed:
    """Points of a map in metres, and how many kilometres a metre of it is worth by territory.

    ``scale`` has the overseas territories that were moved, and not those that a file draws
    elsewhere than they are, at a scale nobody knows.
    """

    xy: F64
    scale: dict[str, float]


def lambert93(longitude: F64, latitude: F64) -> F64:
    """Metres of Lambert-93 from degrees of WGS 84.

    Parameters
    ----------
    longitude, latitude : float64[n]
        Degrees.

    Returns
    -------
    float64[n, 2]

    Examples
    --------
    >>> lambert93(np.array([3.0]), np.array([46.5])).round(2).tolist()
    [[700000.0, 6600000.0]]
    """
    sine = np.sin(np.radians(latitude))
    isometric = np.arctanh(sine) - ECCENTRICITY * np.arctanh(ECCENTRICITY * sine)
    radius = CONSTANT * np.exp(-EXPONENT * isometric)
    angle = EXPONENT * np.radians(longitude - MERIDIAN)
    return np.column_stack([EAST + radius * np.sin(angle), NORTH - radius * np.cos(angle)])


def placed(longitude: F64, latitude: F64, codes: Sequence[str]) -> Placed:
    """Points on the map of the country.

    Parameters
    ----------
    longitude, latitude : float64[n]
        Degrees, WGS 84.
    codes : sequence of str
        The commune of each point.

    Examples
    --------
    >>> found = placed(np.array([5.4, 55.2, 55.8]), np.array([43.3, -21.4, -20.9]),
    ...     ["13055", "97401", "97402"])
    >>> sorted(found.scale), (found.xy[2] - found.xy[1]).round(-3).tolist()
    (['974'], [96000.0, 86000.0])
    """
    west, south, east, north = WINDOW
    near = (west <= longitude) & (longitude <= east) & (south <= latitude) & (latitude <= north)
    xy = np.zeros((longitude.size, 2))
    xy[near] = lambert93(longitude[near], latitude[near])
    known = {code: departement(code) for code in set(codes)}
    territory = np.array([known[code] for code in codes], dtype=object)
    moved = sorted(set(territory[~near]))
    scale: dict[str, float] = {}
    for code in moved:
        own = ~near & (territory == code)
        spot, scale[code] = _flat(longitude[own], latitude[own])
        xy[own] = spot + np.array([FIRST + STEP * moved.index(code), ROW])
    return Placed(np.round(xy, 1), scale)  # the same point has the same bits, wherever


def _flat(longitude: F64, latitude: F64) -> tuple[F64, float]:
    """A small territory around the middle of its extent, and the kilometres of its kilometre."""
    middle = (latitude.max() + latitude.min()) / 2
    metres = 1000 * EARTH_KM * np.radians(np.column_stack([longitude, latitude]))
    metres[:, 0] *= np.cos(np.radians(middle))
    metres -= (metres.max(axis=0) + metres.min(axis=0)) / 2
    size = float(np.ptp(metres, axis=0).max())
    shrunk = BOX / size if size > 0 else 1.0
    return metres * shrunk, 1 / shrunk
