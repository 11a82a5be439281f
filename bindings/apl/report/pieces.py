"""What of the land belongs to which BVCV and region: outlines of communes, or cells, dissolved.

A piece is what a BVCV has in a region. All pieces of the country are simplified together, so that
neighbours keep the same border, and BVCV and regions are then put together from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.bvcv import CITIES, CITY_OF
from apl.mergers import departement
from apl.regions.zonage import rows_of
from apl.report.cells import cells, shares, spread
from apl.report.outlines import Outlines, read_outlines
from apl.report.projection import OVERSEAS, Placed, placed
from apl_core import Fault, UsageError
from apl_core.territory import column_values

F64 = NDArray[np.float64]
NEAR = 0.5  # metres between a corner and the border that it is put on
Key = tuple[str, str]  # a BVCV and a region
Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The land of each BVCV in each region, in metres of the map.

    Attributes
    ----------
    keys, shapes : BVCV and region of each piece, and its polygons
    centres : mapping of commune → point within it
    places : where the map has overseas territories, and at which scale
    without : communes of the run that no outline or point is known of
    strangers : communes of the outlines that the run does not have
    schematic : cities whose arrondissements are drawn by a scheme, no place of them being known
    """

    keys: tuple[Key, ...]
    shapes: NDArray[Any]
    centres: Mapping[str, Point]
    places: Placed
    without: tuple[str, ...]
    strangers: tuple[str, ...]
    schematic: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Land:
    """Communes with their shapes, before they are put together."""

    shapes: Mapping[str, Any]
    centres: Mapping[str, Point]
    strangers: tuple[str, ...] = ()
    schematic: tuple[str, ...] = ()


def pieces_of(communes: pa.Table, outlines: Path | None, coordinates: pa.Table | None) -> Pieces:
    """The pieces of a country.

    Parameters
    ----------
    communes : pyarrow.Table
        ``code_commune``, ``code_bvcv``, ``code_region`` (the commune's own).
    outlines : Path, optional
        A GeoJSON of communes. One whose code the run lacks belongs to the communes of the run
        that stand within it: the arrondissements of its city, and those that merged into it.
    coordinates : pyarrow.Table, optional
        ``code_commune``, ``longitude``, ``latitude``: cells where there are no outlines, and how
        several communes share one.

    Raises
    ------
    UsageError
        Neither outlines nor coordinates.
    """
    keys = {code: (unit, region) for code, unit, region in rows_of(
        communes, "code_commune", "code_bvcv", "code_region")}  # fmt: skip
    points: Mapping[str, Point] = {}
    if coordinates is not None:
        points, places = _points(coordinates, keys.keys())
    if outlines is not None:
        given = read_outlines(outlines)
        places = given.placed
        near = {c: spot for c, spot in points.items() if departement(c) not in OVERSEAS}
        land = _outlined(given, keys, near)
    elif points:
        land = _celled(points, places)
    else:
        title, why = "no map", "neither outlines nor coordinates of the communes are known"
        mend = "--outlines: a GeoJSON of the communes"
        raise UsageError([Fault("APL-U05", title, why, mend, "--outlines")])
    groups: defaultdict[Key, list[Any]] = defaultdict(list)
    for code in sorted(land.shapes):
        groups[keys[code]].append(land.shapes[code])
    whole = [dissolved(groups[key]) for key in sorted(groups)]
    without = tuple(sorted(keys.keys() - land.centres.keys()))
    shapes = np.array(whole, dtype=object)
    found = (tuple(sorted(groups)), shapes, land.centres, places, without)
    return Pieces(*found, land.strangers, land.schematic)


def dissolved(shapes: list[Any]) -> Any:
    """Polygons that share borders as one.

    Where their borders are the same to the last bit, they are left out: a sixth of the time that
    GEOS takes to find where any polygons meet, which is kept for files whose outlines overlap.
    """
    from shapely import coverage_is_valid, coverage_union_all, union_all

    return coverage_union_all(shapes) if coverage_is_valid(shapes) else union_all(shapes)


def _points(coordinates: pa.Table, wanted: Collection[str]) -> tuple[dict[str, Point], Placed]:
    """Where communes are on the map."""
    codes = coordinates.column("code_commune").to_pylist()
    degrees = [column_values(coordinates.column(name), np.float64)
               for name in ("longitude", "latitude")]  # fmt: skip
    kept = np.array([code in wanted for code in codes], dtype=bool)
    codes = [code for code in codes if code in wanted]
    if not codes:
        return {}, Placed(np.zeros((0, 2)), {})
    where = placed(degrees[0][kept], degrees[1][kept], codes)
    return dict(zip(codes, map(tuple, where.xy.tolist()), strict=True)), where


def _celled(points: Mapping[str, Point], where: Placed) -> _Land:
    """Communes as the cells around their points."""
    codes = list(points)
    group = [_apart(code, where) for code in codes]
    made = cells(where.xy, group=np.array(group))
    return _Land(dict(zip(codes, made, strict=True)), points)


def _apart(code: str, where: Placed) -> str:
    """The territory of a commune, where it is drawn apart."""
    return departement(code) if departement(code) in where.scale else ""


def _outlined(given: Outlines, keys: Mapping[str, Key], points: Mapping[str, Point]) -> _Land:
    """Communes as their outlines; one that several share is divided where that shows."""
    from shapely import point_on_surface

    shapes: dict[str, Any] = {}
    centres: dict[str, Point] = {}
    schematic: list[str] = []
    cut: list[set[str]] = []
    owners = _owners(given, keys, points)
    for at, codes in sorted(owners.items()):
        own, outline = given.codes[at], given.shapes[at]
        first = own if own in codes else codes[0]
        parts = {first: outline}
        if len({keys[code] for code in codes}) > 1:
            if all(code in points for code in codes):
                spots = np.array([points[code] for code in codes])
                parts = dict(zip(codes, shares(outline, spots), strict=True))
            elif own in CITIES:
                schematic.append(own)
                spots = spread(outline, len(codes))
                parts = dict(zip(codes, shares(outline, spots), strict=True))
            else:
                codes = [code for code in codes if keys[code] == keys[first]]
        parts = {code: part for code, part in parts.items() if not part.is_empty}
        shapes |= parts
        middle = point_on_surface(outline)
        for code in codes:
            spot = point_on_surface(parts[code]) if code in parts else middle
            known = code != own and code in points
            centres[code] = points[code] if known else (spot.x, spot.y)
        if len(parts) > 1:
            cut.append(set(parts))
    for city in cut:
        _node(shapes, city)
    strangers = tuple(code for at, code in enumerate(given.codes) if at not in owners)
    return _Land(shapes, centres, strangers, tuple(schematic))


def _node(shapes: dict[str, Any], parts: set[str]) -> None:
    """Give the neighbours of a divided outline the corners that it was given: where one has a
    corner and the other none, simplified borders part, and a crack shows."""
    from shapely import MultiPoint, STRtree, get_coordinates, snap

    codes = list(shapes)
    own = [shapes[code] for code in sorted(parts)]
    corners = MultiPoint(np.unique(get_coordinates(own), axis=0))
    near = STRtree([shapes[code] for code in codes]).query(corners, "dwithin", NEAR).tolist()
    for code in {codes[at] for at in near}:
        noded = snap(shapes[code], corners, NEAR)
        if noded.is_valid:
            shapes[code] = noded


def _owners(
    given: Outlines, keys: Mapping[str, Key], points: Mapping[str, Point]
) -> dict[int, list[str]]:
    """The communes of each outline: by its code, by its city's, else by where they stand."""
    from shapely import STRtree
    from shapely import points as as_points

    index = {code: at for at, code in enumerate(given.codes)}
    found: defaultdict[int, list[str]] = defaultdict(list)
    others = []
    for code in sorted(keys):
        at = index.get(code, index.get(CITY_OF.get(code, "")))
        if at is None:
            others.append(code)
        else:
            found[at].append(code)
    lost = [code for code in others if code in points]
    if lost:
        spots = as_points(np.array([points[code] for code in lost]))
        within = STRtree(given.shapes).query(spots, predicate="within")
        for spot, at in sorted(zip(*within.tolist(), strict=True)):
            found[at].append(lost[spot])
    return dict(found)
