"""The pages: one self-contained file each, that asks nothing of any network.

What a browser may do is held by a policy in the page itself: no request at all, and of scripts and
styles only the one whose hash stands there. Data lies in a block that is never run, in which no
character can end it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apl.report.views import curve_view, gauges, scale
from apl.zoning import FRANCE

if TYPE_CHECKING:
    from apl.report.shapes import Shapes

FOLDER = "templates"
# each view has one subject; a later one may call an earlier one when the page starts
SCRIPTS = ("decisions", "fichier", "simulation", "outils", "etat", "carte", "tableau", "jauges",
           "registre", "essai", "fiche", "courbe", "depart")  # fmt: skip
STRICT = "'use strict';\n"  # said once, at the head of them all
THIN = "\u202f"  # the narrow space of French numbers
ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def region_page(page: Mapping[str, Any], shapes: Shapes | None) -> str:
    """The page of a region.

    Parameters
    ----------
    page : mapping
        Of `apl.report.payload.region_payload`.
    shapes : Shapes or None
        None: a page without a map.
    """
    return _rendered("region.html", page, shapes)


def france_page(page: Mapping[str, Any], shapes: Shapes | None) -> str:
    """The page of the whole country, with links to those of its regions."""
    return _rendered("france.html", page, shapes)


def _rendered(template: str, page: Mapping[str, Any], shapes: Shapes | None) -> str:
    labels = {zone["code"]: zone["libelle"] for zone in page["zones"]}
    style, script = _text("style.css"), _script()
    levels = scale(page["courbe"])
    kept = {key: value for key, value in page.items() if key != "courbe"}
    made: str = environment().get_template(template).render(
        page=page,
        noms=labels,
        carte=None if shapes is None else _map(shapes, page, levels),
        courbe=curve_view(page),
        jauges=gauges(page["regime"], labels),
        echelle=levels,
        style=style,
        script=script,
        politique=policy(style, script),
        donnees=embedded({**kept, "echelle": levels}),
    )  # fmt: skip
    return made


def policy(style: str, script: str) -> str:
    """The content security policy of a page: nothing but itself.

    >>> policy("", "").split("; ")[0]
    "default-src 'none'"
    """
    return (f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'")  # fmt: skip


def embedded(data: Any) -> str:
    """Data as JSON in which nothing can end the element around it.

    >>> embedded({"libelle": "</script>"})
    '{"libelle":"\\\\u003c/script\\\\u003e"}'
    """
    plain = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return plain.translate(ESCAPED)


def _map(shapes: Shapes, page: Mapping[str, Any], levels: list[float]) -> dict[str, Any]:
    """What the map is drawn of: a path a BVCV, by ascending APL."""
    x, y, width, height = shapes.view_box
    drawn = []
    for one in page["bvcv"]:
        path = shapes.bvcv.get(one["code"])
        if path:
            level = None if one["apl"] is None else sum(one["apl"] > end for end in levels)
            here = one.get("dans_region", True)
            drawn.append({"code": one["code"], "zone": one["zone"], "d": path, "niveau": level,
                          "ici": here})  # fmt: skip
    mine = {one["code"] for one in drawn}
    return {
        "cadre": f"{x:g} {y:g} {width:g} {height:g}",
        "trame": round(width / 430, 3),
        "bvcv": drawn,
        "regions": list(shapes.region.values()),
        "limites": [
            path for code, path in shapes.region.items() if page["region"]["code"] in (code, FRANCE)
        ],
        "encarts": list(shapes.insets),
        "sans_contour": [one for one in page["bvcv"] if one["code"] not in mine],
    }


@functools.cache
def _script() -> str:
    """All scripts as one, in order."""
    whole = [_text(f"{name}.js") for name in SCRIPTS]
    return "".join([whole[0], *(one.removeprefix(STRICT) for one in whole[1:])])


def _text(name: str) -> str:
    return (importlib.resources.files("apl.report") / FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def environment() -> Any:
    """Templates whose every value is escaped, and whose every name must exist."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"nombre": whole_number, "decimal": decimal, "pourcent": percent}
    return made


def whole_number(value: int | None) -> str:
    """A whole number as French prints it.

    >>> whole_number(5118636), whole_number(None)
    ('5\\u202f118\\u202f636', '–')
    """
    return "–" if value is None else f"{value:,}".replace(",", THIN).replace("-", "−")


def decimal(value: float | None, digits: int = 1) -> str:
    """A decimal number as French prints it.

    >>> decimal(1234.56)
    '1\\u202f234,6'
    """
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".replace(",", THIN).replace(".", ",").replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 1 in percent.

    >>> percent(0.0038)
    '0,4\\u202f%'
    """
    return "–" if value is None else f"{decimal(100 * value, digits)}{THIN}%"
