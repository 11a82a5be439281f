"""The map on paper: what stands on it, drawn from nothing outside, and the same each time."""

from __future__ import annotations

import importlib.resources
import re
import struct
from xml.etree import ElementTree

import pytest
from report_scene import HOSTILE, ZONES, scene

for library in ("jinja2", "shapely", "resvg_py"):
    pytest.importorskip(library, reason=f"the extra report is not installed: {library}")

from apl.report.drawing import A4, LOOKS, map_png, map_svg  # noqa: E402
from apl.report.shapes import Inset, Shapes  # noqa: E402

SQUARES = {"13001": "M0 0h100v100h-100z", "1302_": "M100 0h100v100h-100z",
           "13004": "M0 100h100v100h-100z", "26002": "M100 100h100v100h-100z"}  # fmt: skip
CENTRES = {"13001": (500.0, 90.0), "13003": (500.0, 200.0), "13004": (500.0, 300.0)}
PLACE = Shapes((0.0, 0.0, 1000.0, 700.0), SQUARES, CENTRES, {"93": "M0 0h200v200h-200z"},
               (Inset("Mayotte", 800.0, 600.0, 90.0, 80.0),), 0.25)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def drawn(place: Shapes = PLACE) -> ElementTree.Element:
    return ElementTree.fromstring(map_svg(scene()[1], place))


def words(root: ElementTree.Element) -> str:
    return "\n".join(node.text or "" for node in root.iter(f"{SVG}text"))


def test_a_map_says_what_it_is_and_where_from() -> None:
    told = words(drawn())
    for wanted in ("Masseur-kinésithérapeute", "Provence-Alpes-Côte d'Azur", "NOR TSSH2408601A",
                   "c0ffee", "un seuil", "SYNTHÉTIQUE", "Mayotte", "50 km",
                   "Très sous dotée", "1 BVCV, 1\u202f000 habitants (25,0\u202f%)",
                   "une autre région classe",
                   "Classes après 1 décision de la région."):  # fmt: skip
        assert wanted in told, wanted
    assert HOSTILE in told  # as a name of a place, and as nothing else


def test_a_map_asks_for_nothing_and_runs_nothing() -> None:
    text = map_svg(scene()[1], PLACE)
    assert set(re.findall(r"url\(([^)]*)\)", text)) <= {
        f"#{prefix}{zone}" for zone in ZONES for prefix in ("", "legende-")
    }
    nodes = list(ElementTree.fromstring(text).iter())
    known = {"svg", "title", "defs", "pattern", "rect", "path", "g", "text"}
    assert {node.tag.removeprefix(SVG) for node in nodes} == known
    attributes = [pair for node in nodes for pair in node.attrib.items()]
    assert not [name for name, value in attributes if "href" in name or "http" in value]


def test_classes_have_a_hatch_as_well_as_a_colour() -> None:
    grounds, hatches, _ = zip(*LOOKS.values(), strict=True)
    assert len(set(grounds)) == len(set(hatches)) == len(LOOKS)
    root = drawn()
    filled = [
        node.get("fill") for node in root.iter(f"{SVG}path") if node.get("d") in SQUARES.values()
    ]
    assert filled == ["url(#tres_sous_dotee)", LOOKS["intermediaire"][0], "url(#non_prioritaire)",
                      "url(#sous_dotee)"]  # fmt: skip


def test_colours_are_those_of_the_pages() -> None:
    style = (importlib.resources.files("apl.report") / "templates" / "style.css").read_text("utf-8")
    for zone, (ground, _, _) in LOOKS.items():
        assert f"--{zone}:{ground}" in style, zone


def test_what_has_no_shape_is_named() -> None:
    some = {code: path for code, path in SQUARES.items() if code != "13004"}
    place = Shapes(PLACE.view_box, some, CENTRES, PLACE.region)
    told = words(drawn(place))
    assert "Sans contour connu : 13004." in told
    assert " km" not in told  # no scale is known


@pytest.mark.parametrize("box", [(1000.0, 500.0), (500.0, 1000.0)])
def test_the_sheet_lies_or_stands_as_the_region_does(box: tuple[float, float]) -> None:
    place = Shapes((0.0, 0.0, *box), SQUARES, CENTRES, PLACE.region, (), 0.25)
    text = map_svg(scene()[1], place)
    lies = box[0] > box[1]
    sheet = A4 if lies else A4[::-1]
    assert f'width="{sheet[0]}mm" height="{sheet[1]}mm"' in text
    inner = next(drawn(place).iter(f"{SVG}svg"))
    assert inner.get("viewBox") == f"0 0 {sheet[0]} {sheet[1]}"
    image = map_png(text, pixels=400)
    width, height = struct.unpack(">II", image[16:24])
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert max(width, height) == 400
    assert (width > height) == lies


def test_the_scale_is_as_long_as_it_says() -> None:
    root = drawn()
    inner = list(root.iter(f"{SVG}svg"))[1]
    millimetres = float(inner.get("width", 0)) / 1000 / 0.25  # of paper, a kilometre
    bar = next(node.get("d", "") for node in root.iter(f"{SVG}path") if "h" in node.get("d", "")
               and node.get("d", "").count("v") == 2 and "v1.5" in node.get("d", ""))  # fmt: skip
    length = float(re.findall(r"h([\d.]+)", bar)[0])
    assert length == pytest.approx(50 * millimetres, abs=0.02)


def test_a_map_is_the_same_each_time() -> None:
    first, second = (map_svg(scene()[1], PLACE) for _ in range(2))
    assert first == second
    assert map_png(first, pixels=300) == map_png(second, pixels=300)
