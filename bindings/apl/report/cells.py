"""Cells around points: a country from coordinates alone, an outline shared among several places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

ALONE = 4_000.0  # metres: the distance to a neighbour where there is none
PRECISE = 0.1  # metres: the corners of two shares that meet are the same
APART = 1.0  # metres that two points of the same place are drawn apart
REACH, FARTHEST = 3.0, 25_000.0  # how far land goes: times the distance between neighbours, metres
SIDE = 250  # points of the sea along a side of the land
GOLDEN = 2.399963  # radians: turns of a spiral that fills a disc evenly
SAMPLE, ROUNDS = 80, 25  # points a side that stand for an outline, and how often it is shared again


def cells(points: F64, *, group: NDArray[Any]) -> NDArray[Any]:
    """The land around each point that is nearest to it, as far as land goes.

    Points of the sea, as dense as those of the land and farther than it goes, bound the cells of
    the shore: no cell is cut, so neighbours share their borders to the last bit.

    Parameters
    ----------
    points : float64[n, 2]
        Metres of the map.
    group : array[n]
        The land that each is on: how far land goes is by the distances on it.

    Returns
    -------
    array[n] of shapely polygons

    Examples
    --------
    >>> made = cells(np.array([[0.0, 0.0], [1000.0, 0.0]]), group=np.zeros(2))
    >>> made[0].touches(made[1]), made[0].area < 30e6
    (True, True)
    """
    apart = _apart(points)
    sea = [_sea(apart[group == one], apart) for one in np.unique(group)]
    return _voronoi(np.concatenate([apart, *sea]))[: len(points)]


def shares(outline: Any, points: F64) -> NDArray[Any]:
    """An outline divided among points: what of it is nearest to each.

    Examples
    --------
    >>> from shapely import box
    >>> [one.area for one in shares(box(0, 0, 4, 1), np.array([[1.0, 0.0], [3.0, 0.0]]))]
    [2.0, 2.0]
    """
    from shapely import intersection, set_precision

    around = np.array(outline.bounds).reshape(2, 2)
    middle, size = around.mean(axis=0), np.ptp(around, axis=0).max() + 1.0
    far = middle + 9 * size * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    found = _voronoi(np.concatenate([_apart(points), far]))[: len(points)]
    parts = set_precision(intersection(found, outline), PRECISE, mode="pointwise")
    return np.array([_surface(part) for part in parts], dtype=object)


def spread(outline: Any, count: int) -> F64:
    """Points spread evenly over an outline, from its middle outward: a scheme, no place.

    Each is in the middle of what is nearest to it (Lloyd), so that none is left without a share.

    Examples
    --------
    >>> from shapely import box
    >>> spread(box(0, 0, 10, 10), 3).shape
    (3, 2)
    """
    from scipy.spatial import cKDTree
    from shapely import contains_xy

    west, south, east, north = outline.bounds
    axes = np.linspace(west, east, SAMPLE), np.linspace(south, north, SAMPLE)
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    within = grid[contains_xy(outline, grid[:, 0], grid[:, 1])]
    number = np.arange(count)
    radius = np.sqrt((number + 0.5) / count * outline.area / np.pi)
    turned = np.column_stack([np.sin(GOLDEN * number), np.cos(GOLDEN * number)])
    spots: F64 = within.mean(axis=0) + radius[:, None] * turned
    for _ in range(ROUNDS):
        apart, nearest = cKDTree(spots).query(within)
        for one in number:
            own = within[nearest == one]
            spots[one] = own.mean(axis=0) if own.size else within[apart.argmax()]
            apart[apart.argmax()] *= own.size > 0  # another point than for the next that has none
    return spots


def _surface(shape: Any) -> Any:
    """The polygons of a shape: two that touch also have points and lines in common."""
    from shapely import MultiPolygon, get_parts

    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    return MultiPolygon([part for part in get_parts(shape) if part.geom_type == "Polygon"])


def _apart(points: F64) -> F64:
    """Points of which no two are the same: those that were lie some metres apart."""
    _, first, times = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    many = times[first] > 1
    turned = GOLDEN * np.arange(len(points))
    moved = points + APART * np.column_stack([np.cos(turned), np.sin(turned)])
    return np.where(many[:, None], moved, points)


def _sea(own: F64, every: F64) -> F64:
    """Points of a grid that lie beyond the land around ``own``."""
    from scipy.spatial import cKDTree

    tree = cKDTree(own)
    nearest = tree.query(own, k=2)[0][:, 1] if len(own) > 1 else np.array([ALONE])
    least = float(np.ptp(own, axis=0).max()) / SIDE  # a grid of this many points a side, at most
    reach = min(max(REACH * float(np.quantile(nearest, 0.9)), least), FARTHEST)
    low, high = own.min(axis=0) - 3 * reach, own.max(axis=0) + 3 * reach
    axes = [np.arange(a, b + reach, reach) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    grid[::2, :, 0] += reach / 2  # rows that alternate: a shore without corners
    flat = grid.reshape(-1, 2)
    off = (tree.query(flat)[0] > reach) & (cKDTree(every).query(flat)[0] > reach)
    return np.asarray(flat[off])


def _voronoi(points: F64) -> NDArray[Any]:
    """The cell of each point; an empty one where it is not bounded."""
    from scipy.spatial import Voronoi
    from shapely import Polygon

    middle = points.mean(axis=0)
    found = Voronoi(points - middle)
    corners = np.round(found.vertices + middle, 3)
    made = []
    for region in found.point_region:
        ring = found.regions[region]
        bounded = len(ring) > 2 and -1 not in ring
        made.append(Polygon(corners[ring]) if bounded else Polygon())
    return np.array(made, dtype=object)
