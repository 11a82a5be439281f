"""Outlines of communes: a GeoJSON file that the user names, read and held to what one is."""

from __future__ import annotations

import gzip
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl.report.projection import Placed, placed
from apl_core import Fault, FileError, TableError, limits
from apl_core.errors import ResourceError, listed

SUFFIXES = (".geojson", ".json", ".geojson.gz", ".json.gz")
TEXT = 1 << 29  # bytes of text: communes in full detail come to 150 MB
UNFOLDED = 8  # bytes in memory of one of text
CODES = ("code_commune", "code", "codgeo", "insee_com", "code_insee", "insee", "depcom")
GZIP = b"\x1f\x8b"

F64 = NDArray[np.float64]
Ring = tuple[str, bool, Sequence[Any]]  # a commune's code, whether a polygon begins, its points


@dataclass(frozen=True, eq=False)
class Outlines:
    """The outline of each commune of a file, in metres of the map, in order of codes.

    ``empty``: codes of features that draw nothing. ``placed``: where the map has them.
    """

    codes: tuple[str, ...]
    shapes: NDArray[Any]
    empty: tuple[str, ...]
    placed: Placed


def read_outlines(path: Path) -> Outlines:
    """Read a GeoJSON of communes, packed by gzip or not.

    Parameters
    ----------
    path : Path
        A FeatureCollection of polygons in degrees (WGS 84), each with the commune's code among its
        properties (``code``, ``code_commune``, ``INSEE_COM``, …).

    Raises
    ------
    FileError, ResourceError
        It is not there, is no GeoJSON, is damaged, or is too large.
    TableError
        No codes, coordinates that are no degrees, outlines that do not close.
    """
    text = _text(path)
    try:
        features = json.loads(text)["features"]
        unsorted = (ring for feature in features for ring in _rings(feature))
        rings = sorted(unsorted, key=lambda ring: ring[0])
        named = {_code(feature) for feature in features}
        points = np.array([point for *_, ring in rings for point in ring], dtype=np.float64)
        if points.ndim != 2 or points.shape[1] < 2:
            raise ValueError("no outline, or points that are not two numbers")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TableError([_unreadable(path, error)]) from None
    return _outlines(path, rings, points, named)


def _text(path: Path) -> bytes:
    limits.refuse_url(path)
    name = path.name.lower()
    if not path.is_file():
        mend = "name a GeoJSON file of the communes' outlines"
        raise FileError([Fault("APL-A01", "no such file", "it is not there", mend, str(path))])
    if not name.endswith(SUFFIXES):
        mend = f"one of {', '.join(SUFFIXES)}"
        raise FileError([Fault("APL-A07", "unknown kind of file", "by its name", mend, str(path))])
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        if packed:
            limits.refuse_packed(path)
        with gzip.open(path) if packed else path.open("rb") as whole:
            text = whole.read(TEXT + 1)
    except (OSError, EOFError) as error:
        why, mend = f"{error}", "get it again"
        raise FileError([Fault("APL-A14", "a damaged file", why, mend, str(path))]) from None
    if len(text) > TEXT:
        why, mend = f"no more than {TEXT:,} bytes are read", "simplify the outlines first"
        raise ResourceError([Fault("APL-K02", "huge outlines", why, mend, str(path))])
    limits.refuse_scarce({str(path): UNFOLDED * len(text)})
    return text


def _code(feature: Any) -> str:
    """The code of the commune of a feature.

    >>> _code({"properties": {"INSEE_COM": "05023", "nom": "Briançon"}})
    '05023'
    """
    found = {str(name).lower(): value for name, value in feature["properties"].items()}
    code = next((found[name] for name in CODES if name in found), None)
    if not isinstance(code, str):
        raise ValueError(f"a feature without the code of its commune as text ({', '.join(CODES)})")
    return code


def _rings(feature: Any) -> Iterator[Ring]:
    """The rings of a feature, and where polygons begin."""
    code, geometry = _code(feature), feature.get("geometry")
    if geometry is None:
        return
    kind, several = geometry["type"], geometry["coordinates"]
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"{code}: a {kind}, where communes are polygons")
    for polygon in [several] if kind == "Polygon" else several:
        yield from ((code, not place, ring) for place, ring in enumerate(polygon) if ring)


def _outlines(path: Path, rings: list[Ring], points: F64, named: set[str]) -> Outlines:
    """Outlines from rings in order of codes: several features of a commune are one outline."""
    import shapely

    sizes = [len(ring) for *_, ring in rings]
    points = _degrees(path, points[:, :2])  # a height may follow
    owner = np.repeat([code for code, *_ in rings], sizes).tolist()
    where = placed(points[:, 0], points[:, 1], owner)
    firsts = [place for place, (_, begins, _) in enumerate(rings) if begins]
    of_polygon = [rings[place][0] for place in firsts]
    codes = sorted(set(of_polygon))
    offsets = (
        np.concatenate([[0], np.cumsum(sizes)]),
        np.array([*firsts, len(rings)]),
        np.array([*(bisect_left(of_polygon, code) for code in codes), len(firsts)]),
    )
    try:
        shapes = shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, where.xy, offsets)
    except (ValueError, shapely.errors.ShapelyError) as error:
        raise TableError([_unreadable(path, error)]) from None
    wrong = ~shapely.is_valid(shapes)
    shapes[wrong] = shapely.buffer(shapes[wrong], 0)  # lines that cross themselves
    drawn = ~shapely.is_empty(shapes)
    kept = tuple(code for code, one in zip(codes, drawn, strict=True) if one)
    return Outlines(kept, shapes[drawn], tuple(sorted(named - set(kept))), where)


def _degrees(path: Path, points: F64) -> F64:
    """Points that are degrees of longitude and latitude."""
    within = (np.abs(points) <= (180, 90)).all(axis=1)  # NaN is not
    if not within.all():
        title = "coordinates that are no degrees"
        why = f"{int((~within).sum()):,} points lie outside longitudes and latitudes"
        mend = "give outlines in WGS 84, as GeoJSON has them (RFC 7946)"
        found = [f"{x:g} {y:g}" for x, y in points[~within][:20]]
        raise TableError([Fault("APL-D03", title, why, mend, str(path), **listed(found))])
    return points


def _unreadable(path: Path, error: Exception) -> Fault:
    why = f"{type(error).__name__}: {error}"[:300]
    mend = "give a GeoJSON: a FeatureCollection of polygons, each with the code of its commune"
    return Fault("APL-B09", "outlines that cannot be read", why, mend, str(path))
