"""Shapes of maps: outlines read and held, cells from points, shared borders kept, nothing lost."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import apl
from apl import bvcv
from apl.country import country
from apl_core import FileError, TableError, UsageError
from apl_core.errors import ResourceError

shapely = pytest.importorskip("shapely", reason="the extra report is not installed: shapely")

from apl.report import outlines as reading  # noqa: E402
from apl.report.cells import cells, shares, spread  # noqa: E402
from apl.report.outlines import read_outlines  # noqa: E402
from apl.report.paths import Frame  # noqa: E402
from apl.report.projection import lambert93, placed  # noqa: E402
from apl.report.shapes import Country, shapes_of  # noqa: E402

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
# EPSG:2154 by PROJ 9: Paris, Brest, Ajaccio
KNOWN = [((2.3522, 48.8566), (652469.02, 6862035.26)),
         ((-4.4861, 48.3904), (146632.98, 6836262.33)),
         ((8.7369, 41.9192), (1176526.60, 6108263.02))]  # fmt: skip


def square(x: float, y: float, size: float = 0.1) -> list[list[list[float]]]:
    return [[[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]]


def feature(code: str, rings: Any, *, name: str = "code", kind: str = "Polygon") -> dict[str, Any]:
    return {"type": "Feature", "properties": {name: code},
            "geometry": rings and {"type": kind, "coordinates": rings}}  # fmt: skip


def file(folder: Path, *features: Any, name: str = "c.geojson") -> Path:
    path = folder / name
    text = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def table(*rows: tuple[str, str, str]) -> pa.Table:
    codes, units, regions = zip(*rows, strict=True)
    return pa.table({"code_commune": codes, "code_bvcv": units, "code_region": regions})


def spots(**found: tuple[float, float]) -> pa.Table:
    return pa.table({"code_commune": [code[1:] for code in found],
                     "longitude": [x for x, _ in found.values()],
                     "latitude": [y for _, y in found.values()]})  # fmt: skip


def numbers(path: str) -> list[float]:
    return [float(text) for text in re.findall(r"-?\d*\.?\d+", path)]


@pytest.mark.parametrize(("degrees", "metres"), KNOWN)
def test_lambert_93_is_the_official_projection(
    degrees: tuple[float, float], metres: tuple[float, float]
) -> None:
    longitude, latitude = (np.array([one]) for one in degrees)
    assert lambert93(longitude, latitude)[0] == pytest.approx(metres, abs=0.02)


def test_overseas_territories_are_drawn_apart_unless_the_file_has_done_it() -> None:
    codes = ["97101", "97102", "97401", "97402", "75056"]
    longitude = np.array([-61.5, -61.2, 55.3, 55.8, 2.35])
    far = placed(longitude, np.array([16.0, 16.4, -21.0, -21.3, 48.8]), codes)
    assert sorted(far.scale) == ["971", "974"]
    assert np.ptp(far.xy[:4, 1]) < 150_000  # in one row
    near = placed(np.array([-1.5, 2.35]), np.array([41.0, 48.8]), ["97101", "75056"])
    assert near.scale == {}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=40))
@example([(0, 0), (0, 0), (0, 0), (60, 60)])  # one place thrice: no sea of billions of points
def test_cells_are_a_coverage_and_each_has_its_point(places: list[tuple[int, int]]) -> None:
    points = 1000.0 * np.array(places, dtype=np.float64)
    made = cells(points, group=np.zeros(len(points)))
    assert shapely.is_valid(made).all()
    assert shapely.coverage_is_valid(made)
    near = shapely.distance(made, shapely.points(points))
    assert (near <= 2.0).all()  # points of one place are some metres apart
    assert (shapely.area(made) < 80_000.0**2).all()  # the sea bounds them


@pytest.mark.parametrize("wide", [1.0, 4.0, 40.0])
def test_an_outline_is_shared_without_loss(wide: float) -> None:
    outline = shapely.box(0, 0, wide, 1).union(shapely.box(0, 0, 0.3, 4))
    parts = shares(outline, spread(outline, 16))
    assert sum(part.area for part in parts) == pytest.approx(outline.area)
    assert min(part.area for part in parts) > outline.area / 16 / 4


@pytest.mark.parametrize("name", ["code", "INSEE_COM", "code_commune", "codgeo"])
@pytest.mark.parametrize("packed", ["c.geojson", "c.json.gz"])
def test_outlines_are_read(tmp_path: Path, name: str, packed: str) -> None:
    path = file(
        tmp_path, feature("02001", square(3, 49), name=name),
        feature("01001", [square(5, 46), square(5.3, 46)], name=name, kind="MultiPolygon"),
        feature("02001", square(3.2, 49), name=name), feature("03001", None, name=name),
        name=packed,
    )  # fmt: skip
    found = read_outlines(path)
    assert (found.codes, found.empty) == (("01001", "02001"), ("03001",))
    assert [len(shapely.get_parts(shape)) for shape in found.shapes] == [2, 2]
    assert found.shapes[0].centroid.coords[0] == pytest.approx(
        lambert93(np.array([5.2]), np.array([46.05]))[0], abs=300
    )


BOX = square(3, 49)
BAD: dict[str, tuple[Any, str]] = {
    "no features": ({"type": "Topology"}, "APL-B09"),
    "a list": ([1], "APL-B09"),
    "no code": ({"features": [feature("x", BOX, name="nom")]}, "APL-B09"),
    "a number for a code": ({"features": [feature(1001, BOX)]}, "APL-B09"),  # type: ignore[arg-type]
    "points": ({"features": [feature("01001", [3, 49], kind="Point")]}, "APL-B09"),
    "ragged": ({"features": [feature("01001", [[[3], [4, 5], [3]]])]}, "APL-B09"),
    "words": ({"features": [feature("01001", [[["a", "b"]] * 4])]}, "APL-B09"),
    "a line": ({"features": [feature("01001", [[[3, 49], [4, 49]]])]}, "APL-B09"),
    "nothing": ({"features": []}, "APL-B09"),
    "metres": ({"features": [feature("01001", square(652_469, 6_862_035))]}, "APL-D03"),
    "NaN": ({"features": [feature("01001", [[[3, float("nan")]] * 4])]}, "APL-D03"),
}


@pytest.mark.parametrize("case", BAD)
def test_outlines_that_are_none_are_refused(tmp_path: Path, case: str) -> None:
    content, fault = BAD[case]
    path = tmp_path / "c.geojson"
    path.write_text(json.dumps(content))
    with pytest.raises(TableError) as caught:
        read_outlines(path)
    assert caught.value.fault == fault


def test_a_height_beside_each_point_is_left_out(tmp_path: Path) -> None:
    high = [[[*point, 120.0] for point in ring] for ring in BOX]
    flat, raised = (read_outlines(file(tmp_path, feature("01001", one))) for one in (BOX, high))
    assert flat.shapes[0].equals(raised.shapes[0])


def test_outlines_that_cross_themselves_or_vanish(tmp_path: Path) -> None:
    tie = [[[3, 49], [3.1, 49.1], [3.1, 49], [3, 49.1], [3, 49]]]
    path = file(tmp_path, feature("01001", tie), feature("01002", [[[4, 49]] * 4]))
    found = read_outlines(path)
    assert (found.codes, found.empty) == (("01001",), ("01002",))
    assert shapely.is_valid(found.shapes).all()
    land = shapes_of(table(("01001", "A", "84"), ("01002", "B", "84")), path, None)
    assert (land.without_shape, land.communes_without) == (("B",), ("01002",))
    assert set(land.region("84").bvcv) == {"A"}


def test_files_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match="APL-A01"):
        read_outlines(tmp_path / "absent.geojson")
    (tmp_path / "c.shp").write_bytes(b"x")
    with pytest.raises(FileError, match="APL-A07"):
        read_outlines(tmp_path / "c.shp")
    whole = file(tmp_path, feature("01001", BOX), name="c.geojson.gz").read_bytes()
    (tmp_path / "cut.geojson.gz").write_bytes(whole[:-9])
    with pytest.raises(FileError, match="APL-A14"):
        read_outlines(tmp_path / "cut.geojson.gz")
    (tmp_path / "deep.geojson").write_text('{"features":' + "[" * 100_000)
    with pytest.raises(TableError, match="APL-B09"):
        read_outlines(tmp_path / "deep.geojson")
    (tmp_path / "bomb.json.gz").write_bytes(gzip.compress(b" " * 20_000_000))
    with pytest.raises(ResourceError, match="APL-K02"):
        read_outlines(tmp_path / "bomb.json.gz")
    monkeypatch.setattr(reading, "TEXT", 100)
    with pytest.raises(ResourceError, match="APL-K02"):
        read_outlines(file(tmp_path, feature("01001", BOX)))
    with pytest.raises(UsageError, match="APL-U05"):
        shapes_of(table(("01001", "01001", "84")), None, None)


def test_a_city_is_shared_among_its_arrondissements(tmp_path: Path) -> None:
    path = file(tmp_path, feature("13055", square(5.3, 43.2, 0.3)), feature("13001", BOX))
    codes = [str(code) for code in range(13201, 13217)]
    rows = table(*((code, code, "93") for code in codes), ("13001", "13001", "93"))
    found = shapes_of(rows, path, None)
    assert found.schematic == ("13055",)
    assert set(found.region("93").bvcv) == {*codes, "13001"}
    known = spots(**{f"c{code}": (5.31 + 0.015 * k, 43.3) for k, code in enumerate(codes)})
    by_place = shapes_of(rows, path, known)
    assert not by_place.schematic
    centres = by_place.region("93").communes_centre
    assert [centres[code][0] for code in codes] == sorted(centres[code][0] for code in codes)


def test_a_divided_city_leaves_no_crack_to_its_neighbours(tmp_path: Path) -> None:
    around = [(5.0, 43.2), (5.6, 43.2), (5.3, 42.9), (5.3, 43.5)]
    beside = (feature(f"1300{k}", square(*spot, 0.3)) for k, spot in enumerate(around, 1))
    path = file(tmp_path, feature("13055", square(5.3, 43.2, 0.3)), *beside)
    codes = [*map(str, range(13201, 13217)), "13001", "13002", "13003", "13004"]
    found = shapes_of(table(*((code, code, "93") for code in codes)), path, None)
    assert shapely.coverage_is_valid(found.pieces.shapes)
    assert found.region("93").region["93"].count("M") == 1


def test_communes_and_outlines_of_other_years_are_told(tmp_path: Path) -> None:
    path = file(tmp_path, feature("01001", square(5, 46)), feature("01009", square(5.1, 46)))
    rows = table(("01001", "01001", "84"), ("01002", "01002", "84"), ("01003", "01001", "84"))
    found = shapes_of(rows, path, None)
    assert found.strangers == ("01009",)
    assert found.communes_without == ("01002", "01003")
    assert found.without_shape == ("01002",)  # 01003 has gone into its BVCV
    merged = shapes_of(rows, path, spots(c01001=(5.02, 46.05), c01002=(5.08, 46.05)))
    assert merged.without_shape == ()  # 01002 stands in the outline of 01001: they share it
    assert set(merged.region("84").bvcv) == {"01001", "01002"}


def test_a_region_shows_whole_what_is_astride_and_its_neighbours(tmp_path: Path) -> None:
    path = file(tmp_path, *(feature(f"0100{k}", square(5 + 0.1 * k, 46)) for k in range(1, 6)))
    rows = table(("01001", "A", "84"), ("01002", "A", "84"), ("01003", "B", "84"),
                 ("01004", "B", "27"), ("01005", "C", "27"))  # fmt: skip
    found = shapes_of(rows, path, None)
    here = found.region("84")
    assert set(here.bvcv) == {"A", "B"}
    assert set(here.region) == {"84", "27"}
    assert set(here.communes_centre) == {"01001", "01002", "01003", "01004"}
    assert here.km_per_unit == pytest.approx(0.4 * 111.32 * 0.694 * 1.06 / 1000, rel=0.02)
    with pytest.raises(KeyError):
        found.region("11")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.5, 50.0))
def test_paths_hold_their_polygon_to_a_tenth(width: int, height: int, metres: float) -> None:
    frame = Frame(0.0, 100.0, metres, 1000.0, 1000.0)
    drawn = frame.path(shapely.box(3, 20, 3 + width, 20 + height))
    x, y = numbers(drawn)[:2]
    corners = np.array([[3, 20], [3 + width, 20 + height]]) @ np.diag([1, -1]) + [0, 100]
    low, high = (corners / metres).min(axis=0) - 0.11, (corners / metres).max(axis=0) + 0.11
    assert low[0] <= x <= high[0]
    assert low[1] <= y <= high[1]
    assert drawn.endswith("z")


@pytest.fixture(scope="module")
def embedded() -> tuple[pa.Table, pa.Table]:
    tables = country()
    built = bvcv.build(tables["geographie"], tables["population_municipale"], LAW)
    return built.communes, tables["coordonnees"]


def test_the_embedded_country_has_a_map(embedded: tuple[pa.Table, pa.Table]) -> None:
    communes, places = embedded
    found = shapes_of(communes, None, places)
    assert (found.without_shape, found.communes_without) == ((), ())
    france = found.france()
    assert [inset.name for inset in france.insets] == [
        "Guadeloupe", "Martinique", "Guyane", "La Réunion", "Mayotte"
    ]  # fmt: skip
    assert len(france.bvcv) == len(set(communes.column("code_bvcv").to_pylist()))
    assert size(france.bvcv) + size(france.region) < 1_500_000
    here = found.region("93")
    assert size(here.bvcv) + size(here.region) < 400_000
    assert all(path.startswith("M") and path.endswith("z") for path in here.bvcv.values())


def size(paths: Any) -> int:
    return sum(map(len, paths.values()))


def few(embedded: tuple[pa.Table, pa.Table]) -> tuple[pa.Table, pa.Table]:
    """Corsica alone: order and borders can be tried on it."""
    communes, places = embedded
    rows = [region == "94" for region in communes.column("code_region").to_pylist()]
    chosen = communes.filter(pa.array(rows))
    own = set(chosen.column("code_commune").to_pylist())
    kept = [code in own for code in places.column("code_commune").to_pylist()]
    return chosen, places.filter(pa.array(kept))


def test_the_order_of_rows_changes_no_bit(embedded: tuple[pa.Table, pa.Table]) -> None:
    communes, places = few(embedded)
    turned = communes.take(list(range(communes.num_rows))[::-1])
    first, second = (shapes_of(one, None, places).region("94") for one in (communes, turned))
    assert (first.bvcv, first.region) == (second.bvcv, second.region)
    assert first.communes_centre == second.communes_centre


def test_neighbours_keep_one_border(embedded: tuple[pa.Table, pa.Table]) -> None:
    found: Country = shapes_of(few(embedded)[0], None, few(embedded)[1])
    for pieces in (found.pieces.shapes, np.array(list(found._fine.values()), dtype=object)):
        assert shapely.coverage_is_valid(pieces)
