"""Polygons as the paths of an SVG: relative, rounded to a tenth of a unit, whatever their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

SIDE = 1000.0  # units of the longer side of a map
TENTHS = 10  # what paths are rounded to, in parts of a unit
MARGIN = 0.03  # of the extent, around a map


@dataclass(frozen=True)
class Frame:
    """The rectangle of a map: its north-west corner and the metres of a unit; its size in units."""

    west: float
    north: float
    metres: float
    width: float
    height: float

    @classmethod
    def around(cls, shapes: Iterable[Any]) -> Frame:
        """The rectangle around polygons, with its margin.

        >>> from shapely import box
        >>> Frame.around([box(0, 0, 2000, 1000)]).box
        (0.0, 0.0, 1000.0, 528.3)
        """
        bounds = np.array([shape.bounds for shape in shapes])
        low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
        margin = max(MARGIN * float((high - low).max()), 1.0)
        west, south = (low - margin).tolist()
        east, north = (high + margin).tolist()
        metres = max(east - west, north - south) / SIDE
        size = (round((east - west) / metres, 1), round((north - south) / metres, 1))
        return cls(west, north, metres, *size)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """As ``viewBox`` has it."""
        return (0.0, 0.0, self.width, self.height)

    def units(self, points: F64) -> F64:
        """Points of the map in units, float64[n, 2]: to the right and down."""
        return (points - (self.west, self.north)) / self.metres * (1, -1)

    def points(self, spots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Points in units.

        >>> Frame(0.0, 10.0, 2.0, 10.0, 10.0).points([(4.0, 8.0)])
        [(2.0, 1.0)]
        """
        found = np.round(self.units(np.array(spots, dtype=np.float64).reshape(-1, 2)), 1) + 0.0
        return [(x, y) for x, y in found.tolist()]

    def path(self, shape: Any) -> str:
        """A polygon, or several, as ``d`` of a path; what is less than a tenth wide is a dot.

        >>> from shapely import box
        >>> Frame(0.0, 10.0, 1.0, 10.0, 10.0).path(box(1, 1, 3, 2.5))
        'M3 7.5h-2v1.5h2z'
        >>> Frame(0.0, 10.0, 100.0, 10.0, 10.0).path(box(1, 1, 3, 2.5))
        'M0 .1h.1v.1h-.1z'
        """
        import shapely

        parts = [one for one in shapely.get_parts(shape) if one.geom_type == "Polygon"]
        rings = shapely.get_rings(parts)
        drawn = [_ring(self._tenths(ring)) for ring in rings]
        if any(drawn):
            return "".join(drawn)
        return "".join(_dot(self._tenths(ring)[0]) for ring in rings[:1])

    def _tenths(self, ring: Any) -> I64:
        import shapely

        points = self.units(shapely.get_coordinates(ring))
        return np.rint(TENTHS * points).astype(np.int64)


def _ring(points: I64) -> str:
    """A ring, closed; nothing where rounding leaves no surface."""
    kept = points[np.any(points != np.roll(points, 1, axis=0), axis=1)]
    if len(kept) < 3:
        return ""
    (x, y), steps = kept[0], np.diff(kept, axis=0).tolist()
    text = [f"M{_number(int(x))}{_next(int(y))}"]
    last = "M"
    for right, down in steps:
        kind = "h" if not down else "v" if not right else "l"
        value = _number(down if kind == "v" else right) + (_next(down) if kind == "l" else "")
        again = kind == last and value[0] != "-"
        text.append((" " if again else "") + value if kind == last else kind + value)
        last = kind
    return "".join(text) + "z"


def _dot(point: I64) -> str:
    """The smallest square: a commune that is too small to draw is not lost."""
    x, y = point.tolist()
    return f"M{_number(x)}{_next(y)}h.1v.1h-.1z"


def _next(tenths: int) -> str:
    """A number that follows another one."""
    text = _number(tenths)
    return text if text[0] == "-" else f" {text}"


def _number(tenths: int) -> str:
    """Tenths as decimal text, no longer than it must be.

    >>> [_number(n) for n in (0, 5, -5, 10, -12)]
    ['0', '.5', '-.5', '1', '-1.2']
    """
    whole, part = divmod(abs(tenths), TENTHS)
    text = f"{whole or '' if part else whole}{f'.{part}' if part else ''}"
    return f"-{text}" if tenths < 0 else text
