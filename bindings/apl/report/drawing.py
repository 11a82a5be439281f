"""The map of a zoning on a sheet of paper, as SVG and as PNG.

Classes have a hatch as well as a colour, so that a copy in grey is read as well. Rejected for the
PNG: Pillow, which draws no SVG, and CairoSVG, which needs a library of the system; resvg is one
wheel, and draws the file that is printed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from apl.bvcv import CITY_OF
from apl.cities import NAMES
from apl.report.pages import environment, percent, whole_number
from apl.report.shapes import Shapes

A4 = (297.0, 210.0)  # mm
EDGE, ABOVE, CLASSES, FOOT = 12.0, 28.0, 9.5, 22.0  # mm: margin, title, a line of classes, sources
COLUMNS = {True: 4, False: 2}  # classes side by side, by whether the sheet lies
TEXT, LINE, HATCH = 2.4, 0.12, 0.3  # mm on paper: names, borders, a unit of a hatch
NAMED = 24  # places that a map names, at most
LETTER = 1.25  # mm, of the lines at the foot
WIDTH_OF = 0.56  # of its height: a letter
PIXELS = 2480  # of the longer side of a PNG: A4 at 212 dots an inch
DOTS = 96.0  # an inch of SVG, by which it knows what a millimetre is
LONGEST = 45.0  # mm of paper: a scale
ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # kilometres of a scale

# class → colour, hatch, its colour: those of the pages (templates/style.css), held by a test
INK = "#1c2430"
LOOKS: Mapping[str, tuple[str, str, str]] = {
    "tres_sous_dotee": ("#a3242b", "M-2 2 2-2M0 8 8 0M6 10 10 6", "#fff"),
    "sous_dotee": ("#e8a33d", "M-2 6 2 10M0 0 8 8M6-2 10 2", INK),
    "intermediaire": ("#efe8d8", "", INK),
    "non_prioritaire": ("#7fa8cf", "M0 4H8", "#173a5e"),
    "tres_dotee": ("#a9cfc0", "M4 0V8", INK),
    "sur_dotee": ("#4d8f86", "M0 4H8M4 0V8", INK),
}
PLAIN = ("#fff", "", INK)


def map_svg(page: Mapping[str, Any], shapes: Shapes) -> str:
    """The map of a page on a sheet of A4, which lies or stands as the region does.

    Parameters
    ----------
    page : mapping
        Of `apl.report.payload`: region, classes and their shares, BVCV, the text, the fingerprint.
    shapes : Shapes

    Returns
    -------
    str
        SVG without any reference to anything outside it.
    """
    place = max((_fitted(shapes, lies, len(page["zones"])) for lies in (True, False)),
                key=lambda found: found["w"])  # fmt: skip
    sheet = A4 if place["lies"] else A4[::-1]
    unit = shapes.view_box[2] / place["w"]  # of the map, a millimetre
    shown = [one for one in page["bvcv"] if one["code"] in shapes.bvcv]
    codes = {one["code"] for one in shown}
    return str(environment().get_template("impression.svg").render(
        page=page,
        feuille={"w": sheet[0], "h": sheet[1], "marge": EDGE},
        carte={**place, "cadre": " ".join(f"{number:g}" for number in shapes.view_box)},
        trame=round(HATCH * unit, 3),
        trait=round(LINE * unit, 3),
        texte=round(TEXT * unit, 2),
        classes=_classes(page, sheet, place),
        autour=[*shapes.region.values(), *(d for code, d in shapes.bvcv.items()
                                           if code not in codes)],
        bvcv=[{"d": shapes.bvcv[one["code"]], "motif": _fill(one["zone"]),
               "ailleurs": not one.get("dans_region", True)} for one in shown],
        regions=list(shapes.region.values()),
        encarts=list(shapes.insets),
        noms=list(_names(shown, shapes, TEXT * unit)),
        echelle=_scale(shapes, unit, sheet[0] - EDGE),
        lignes=list(_lines(page, shown, shapes, sheet[0])),
    ))  # fmt: skip


def map_png(svg: str, *, pixels: int = PIXELS) -> bytes:
    """A map as an image.

    Parameters
    ----------
    svg : str
        Of `map_svg`.
    pixels : int
        Of its longer side.
    """
    from resvg_py import svg_to_bytes

    lies = f'width="{A4[0]}mm"' in svg
    wide, high = (pixels, None) if lies else (None, pixels)
    return bytes(svg_to_bytes(svg_string=svg, dpi=DOTS, width=wide, height=high))


def _fitted(shapes: Shapes, lies: bool, classes: int) -> dict[str, Any]:
    """Where a map stands on a sheet that lies or stands, as large as there is room for, in mm."""
    _, _, width, height = shapes.view_box
    wide, high = A4 if lies else A4[::-1]
    columns = COLUMNS[lies]
    below = FOOT + CLASSES * -(-classes // columns) + 5
    scale = min((wide - 2 * EDGE) / width, (high - ABOVE - below) / height)
    size = (round(scale * width, 2), round(scale * height, 2))
    return {"x": round((wide - size[0]) / 2, 2), "y": ABOVE, "w": size[0], "h": size[1],
            "lies": lies, "columns": columns, "top": ABOVE + size[1] + 5}  # fmt: skip


def _classes(
    page: Mapping[str, Any], sheet: tuple[float, ...], place: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The legend: how each class looks, how many BVCV and inhabitants it has."""
    columns, told = place["columns"], []
    wide = (sheet[0] - 2 * EDGE) / columns
    for at, zone in enumerate(page["zones"]):
        ground, hatch, ink = LOOKS.get(zone["code"], PLAIN)
        persons = f"{whole_number(zone['population'])} {page['qui']}"
        told.append({
            "motif": zone["code"], "fond": ground, "trait": hatch, "encre": ink,
            "libelle": zone["libelle"],
            "compte": f"{zone['bvcv']} BVCV, {persons} ({percent(zone['part'])})",
            "x": round(EDGE + wide * (at % columns), 2),
            "y": round(place["top"] + CLASSES * (at // columns), 2),
        })  # fmt: skip
    return told


def _fill(zone: str | None) -> str:
    """What a class is filled with: its hatch, or its colour alone."""
    ground, hatch, _ = LOOKS.get(zone or "", PLAIN)
    return f"url(#{zone})" if hatch else ground


def _names(shown: list[dict[str, Any]], shapes: Shapes, size: float) -> Iterator[dict[str, Any]]:
    """The most populous places, as far as their names do not lie on one another."""
    taken: list[tuple[float, float, float, float]] = []
    for text, (x, y) in _towns(shown, shapes):
        half = WIDTH_OF * size * len(text) / 2
        box = (x - half, y - size, x + half, y + size / 3)
        _, _, width, height = shapes.view_box
        free = all(box[2] < a or c < box[0] or box[3] < b or d < box[1] for a, b, c, d in taken)
        if free and box[0] > 0 and box[2] < width and box[1] > 0 and box[3] < height:
            taken.append(box)
            yield {"texte": text, "x": x, "y": y}
        if len(taken) == NAMED:
            return


def _towns(
    shown: list[dict[str, Any]], shapes: Shapes
) -> Iterator[tuple[str, tuple[float, float]]]:
    """The first commune of each BVCV by inhabitants, cities of arrondissements as one."""
    first = [one["communes"][0] for one in shown
             if one.get("dans_region", True) and isinstance(one.get("communes"), list)]  # fmt: skip
    persons: dict[str, int] = {}
    for place in first:
        if place["code"] in CITY_OF:
            city = CITY_OF[place["code"]]
            persons[city] = persons.get(city, 0) + place["population"]
    towns = [(place["population"], place["libelle"], [place["code"]]) for place in first
             if place["code"] not in CITY_OF]  # fmt: skip
    towns += [(count, NAMES[city], [place["code"] for place in first
                                    if CITY_OF.get(place["code"]) == city])
              for city, count in persons.items()]  # fmt: skip
    for _, text, codes in sorted(towns, key=lambda town: (-town[0], town[1])):
        spots = [shapes.communes_centre[code] for code in codes if code in shapes.communes_centre]
        if spots:
            x, y = (sum(axis) / len(spots) for axis in zip(*spots, strict=True))
            yield text, (round(x, 1), round(y, 1))


def _scale(shapes: Shapes, unit: float, right: float) -> dict[str, Any] | None:
    """A scale as long as a round number of kilometres, that ends at a margin."""
    if shapes.km_per_unit is None:
        return None
    millimetre = shapes.km_per_unit * unit  # kilometres on the ground
    length = max((one for one in ROUND if one / millimetre < LONGEST), default=ROUND[0])
    wide = round(length / millimetre, 2)
    return {"x": round(right - wide, 2), "y": ABOVE - 4, "w": wide, "texte": f"{length} km"}


def _lines(
    page: Mapping[str, Any], shown: list[dict[str, Any]], shapes: Shapes, wide: float
) -> Iterator[str]:
    """What stands at the foot of a map: what it shows, from where, of when, by which figures."""
    law = page["droit"]
    if any(not one.get("dans_region", True) for one in shown):
        yield "Contour tireté : bassins de vie qu'une autre région classe."
    lost = [one["code"] for one in page["bvcv"] if one["code"] not in shapes.bvcv]
    if lost:
        yield f"Sans contour connu : {', '.join(lost[:12])}{' …' if len(lost) > 12 else ''}."
    said = (f"Texte appliqué : {law['texte']} (NOR {law['nor']}). Bassins de vie ou "
            "cantons-ou-villes (BVCV).")  # fmt: skip
    yield from textwrap.wrap(said, int((wide - 2 * EDGE) / LETTER))
    decided = sum(one["zone"] != one["zone_nationale"] for one in shown
                  if one.get("dans_region", True))  # fmt: skip
    if decided:
        yield f"Classes après {decided} décision{'s' * (decided > 1)} de la région."
    if page["hors_loi"]:
        yield f"Fourni par l'utilisateur, hors du texte : {'; '.join(page['hors_loi'])}"[:180]
    yield f"Source : résultats du calcul d'empreinte {page['empreinte']}"
