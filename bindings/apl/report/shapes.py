"""Shapes of a map as SVG paths: a region with what lies around it, or the whole country."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from apl.mergers import departement
from apl.report.paths import SIDE, Frame
from apl.report.pieces import Key, Pieces, Point, dissolved, pieces_of
from apl.report.projection import OVERSEAS

FINE, COARSE = 100.0, 500.0  # metres: the square root of what is cut off, in a region and in France
FRAME = 12_000.0  # metres between an overseas territory and its frame


@dataclass(frozen=True)
class Inset:
    """The frame of an overseas territory, in units of the map."""

    name: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, eq=False)
class Shapes:
    """A map.

    Attributes
    ----------
    view_box : (x, y, width, height)
        In units of the map; paths may go beyond it.
    bvcv : mapping of BVCV → ``d`` of an SVG path
    communes_centre : mapping of commune → (x, y)
        Those of its BVCV.
    region : mapping of region → ``d``
        As administered: of a region's map, its own and those around it.
    insets : tuple of Inset
    km_per_unit : float or None
        None where the scale is not known, or is not one.
    """

    view_box: tuple[float, float, float, float]
    bvcv: Mapping[str, str]
    communes_centre: Mapping[str, Point]
    region: Mapping[str, str]
    insets: tuple[Inset, ...] = ()
    km_per_unit: float | None = None


@dataclass(frozen=True, eq=False)
class Country:
    """The land of all BVCV, from which maps are made.

    Attributes
    ----------
    without_shape : tuple of str
        BVCV of the run that no map shows.
    communes_without : tuple of str
        Communes of the run that no outline or point is known of.
    strangers : tuple of str
        Communes of the outlines that the run does not have: they are left white.
    schematic : tuple of str
        Cities whose arrondissements stand by a scheme in their outline.
    """

    pieces: Pieces
    unit_of: Mapping[str, str]
    without_shape: tuple[str, ...]

    @property
    def communes_without(self) -> tuple[str, ...]:
        return self.pieces.without

    @property
    def strangers(self) -> tuple[str, ...]:
        return self.pieces.strangers

    @property
    def schematic(self) -> tuple[str, ...]:
        return self.pieces.schematic

    def region(self, code: str) -> Shapes:
        """The map of a region: the BVCV that it has a commune of, whole.

        Raises
        ------
        KeyError
            No BVCV of it has a shape.
        """
        fine = self._fine
        units = {unit for unit, region in self.pieces.keys if region == code}
        if not units:
            raise KeyError(code)
        whole = _joined({key: one for key, one in fine.items() if key[0] in units}, 0)
        overseas = sorted({departement(c) for c, u in self.unit_of.items() if u in units}
                          & OVERSEAS.keys())  # fmt: skip
        frame = Frame.around(whole.values())
        regions = _clipped(self._regions, frame)
        return Shapes(
            frame.box,
            {unit: frame.path(one) for unit, one in whole.items()},
            self._centres(frame, units),
            {one: frame.path(shape) for one, shape in regions.items()},
            (),
            self._scale(frame, overseas),
        )

    def france(self) -> Shapes:
        """The map of the whole country, coarser, overseas territories in frames."""
        pieces = _simplified(self.pieces, COARSE)
        whole, regions = _joined(pieces, 0), _joined(pieces, 1)
        frame = Frame.around(whole.values())
        return Shapes(
            frame.box,
            {unit: frame.path(one) for unit, one in whole.items()},
            self._centres(frame, set(whole)),
            {region: frame.path(one) for region, one in regions.items()},
            self._insets(frame),
            frame.metres / 1000,
        )

    @cached_property
    def _fine(self) -> dict[Key, Any]:
        return _simplified(self.pieces, FINE)

    @cached_property
    def _regions(self) -> dict[str, Any]:
        return _joined(self._fine, 1)

    def _centres(self, frame: Frame, units: set[str]) -> dict[str, Point]:
        own = [code for code in sorted(self.pieces.centres) if self.unit_of[code] in units]
        spots = frame.points([self.pieces.centres[code] for code in own])
        return dict(zip(own, spots, strict=True))

    def _scale(self, frame: Frame, overseas: list[str]) -> float | None:
        """Kilometres of a unit; unknown where a file has moved what is drawn."""
        scale = self.pieces.places.scale
        if not overseas:
            return frame.metres / 1000
        known = [scale[one] for one in overseas if one in scale]
        return frame.metres / 1000 * known[0] if len(known) == len(overseas) == 1 else None

    def _insets(self, frame: Frame) -> tuple[Inset, ...]:
        """Frames around overseas territories."""
        owners = {unit: departement(code) for code, unit in self.unit_of.items()}
        around: defaultdict[str, list[Any]] = defaultdict(list)
        for (unit, _), shape in zip(self.pieces.keys, self.pieces.shapes, strict=True):
            if owners[unit] in OVERSEAS:
                around[owners[unit]].append(shape.bounds)
        return tuple(_inset(OVERSEAS[one], around[one], frame) for one in sorted(around))


def shapes_of(communes: pa.Table, outlines: Path | None, coordinates: pa.Table | None) -> Country:
    """The land of a country, once for all its maps.

    Parameters
    ----------
    communes : pyarrow.Table
        ``code_commune``, ``code_bvcv``, ``code_region`` (of the commune).
    outlines : Path, optional
        A GeoJSON of communes in degrees; its communes may be of another year than the run's.
    coordinates : pyarrow.Table, optional
        ``code_commune``, ``longitude``, ``latitude``.

    Raises
    ------
    UsageError
        Neither outlines nor coordinates.
    FileError, TableError, ResourceError
        As `apl.report.outlines.read_outlines`.

    Examples
    --------
    >>> communes = pa.table({"code_commune": ["01001", "01002"], "code_bvcv": ["01001", "01002"],
    ...                      "code_region": ["84", "84"]})
    >>> points = pa.table({"code_commune": ["01001", "01002"], "longitude": [4.9, 5.0],
    ...                    "latitude": [46.1, 46.2]})
    >>> shown = shapes_of(communes, None, points).region("84")
    >>> sorted(shown.bvcv), sorted(shown.region), shown.view_box[0]
    (['01001', '01002'], ['84'], 0.0)
    """
    found = pieces_of(communes, outlines, coordinates)
    names = (communes.column(name).to_pylist() for name in ("code_commune", "code_bvcv"))
    unit_of = dict(zip(*names, strict=True))
    missing = set(unit_of.values()) - {unit for unit, _ in found.keys}
    return Country(found, unit_of, tuple(sorted(missing)))


def _simplified(pieces: Pieces, tolerance: float) -> dict[Key, Any]:
    """The pieces with fewer points; neighbours keep the same border."""
    from shapely import coverage_simplify

    return dict(zip(pieces.keys, coverage_simplify(pieces.shapes, tolerance), strict=True))


def _joined(pieces: Mapping[Key, Any], which: int) -> dict[str, Any]:
    """Pieces put together by BVCV (0) or by region (1)."""
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    for key, shape in pieces.items():
        groups[key[which]].append(shape)
    return {name: shapes[0] if len(shapes) == 1 else dissolved(shapes)
            for name, shapes in sorted(groups.items())}  # fmt: skip


def _clipped(regions: Mapping[str, Any], frame: Frame) -> dict[str, Any]:
    """What of the regions is in a frame, and somewhat beyond it: cut edges are not seen."""
    from shapely import clip_by_rect

    beyond = 0.05 * SIDE * frame.metres
    east, south = frame.west + frame.width * frame.metres, frame.north - frame.height * frame.metres
    sides = (frame.west - beyond, south - beyond, east + beyond, frame.north + beyond)
    cut = {code: clip_by_rect(shape, *sides) for code, shape in regions.items()}
    return {code: shape for code, shape in cut.items() if not shape.is_empty}


def _inset(name: str, bounds: list[Any], frame: Frame) -> Inset:
    edges = np.array(bounds)
    west, south = (edges[:, :2].min(axis=0) - FRAME).tolist()
    east, north = (edges[:, 2:].max(axis=0) + FRAME).tolist()
    (x, y), (right, bottom) = frame.points([(west, north), (east, south)])
    return Inset(name, x, y, round(right - x, 1), round(bottom - y, 1))
