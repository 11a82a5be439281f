"""What templates draw: the gauges as text, the curve and the scale of APL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WIDE, HIGH, LEFT, BELOW, ABOVE, RIGHT = 720, 320, 52, 44, 22, 12  # the curve, in its own units
CLASSES = 6  # of the map by APL: as many inhabitants of the country in each
TOP = 0.98  # the curve ends at the APL under which so many live: small places stand far above


def scale(curve: Sequence[Sequence[float]]) -> list[float]:
    """The APL between the classes of a map: those of equal shares of the country's inhabitants.

    >>> scale([[0.2, 10.0], [0.5, 20.0], [1.0, 40.0]])
    [10.0, 20.0, 20.0, 40.0, 40.0]
    """
    wanted = [(k + 1) / CLASSES for k in range(CLASSES - 1)]
    return [next((apl for part, apl in curve if part >= share), curve[-1][1] if curve else 0.0)
            for share in wanted]  # fmt: skip


def curve_view(page: Mapping[str, Any]) -> dict[str, Any]:
    """The curve of a page as points of a drawing.

    Parameters
    ----------
    page : mapping
        Of `apl.report.payload`: ``courbe``, ``seuils``, ``bvcv``.

    Returns
    -------
    dict
        ``largeur``, ``hauteur``, ``ligne`` (points), ``coupures`` (x, part, zone), ``bandes``
        (x, middle and width of each class), ``reperes_x``, ``reperes_y``, ``points`` (code, x, y,
        zone, haut: whether it stands above the drawing).
    """
    curve = page["courbe"]
    top = next((apl for part, apl in curve if part >= TOP), curve[-1][1] if curve else 1.0) or 1.0

    def x(part: float) -> float:
        return round(LEFT + part * (WIDE - LEFT - RIGHT), 1)

    def y(apl: float) -> float:
        return round(HIGH - BELOW - min(apl / top, 1.0) * (HIGH - BELOW - ABOVE), 1)

    mine = [one for one in page["bvcv"] if one.get("dans_region", True)
            and one["apl"] is not None and one["part_cumulee"] is not None]  # fmt: skip
    ends = [0.0, *(cut["part"] for cut in page["seuils"]), 1.0]
    labels = [zone["libelle"] for zone in page["zones"]]
    step = _step(top)
    return {
        "largeur": WIDE,
        "hauteur": HIGH,
        "gauche": LEFT,
        "droite": WIDE - RIGHT,
        "bas": HIGH - BELOW,
        "haut": ABOVE,
        "ligne": " ".join(f"{x(part)},{y(apl)}" for part, apl in curve),
        "coupures": [{"x": x(cut["part"]), "part": cut["part"], "apl": cut["apl"]}
                     for cut in page["seuils"]],
        "bandes": [{"x": x(low), "milieu": x((low + high) / 2), "largeur": x(high) - x(low),
                    "libelle": label, "code": zone["code"]} for low, high, label, zone
                   in zip(ends, ends[1:], labels, page["zones"], strict=False)],
        "reperes_x": [{"x": x(part / 10), "texte": part * 10} for part in range(0, 11, 2)],
        "reperes_y": [{"y": y(step * k), "texte": step * k}
                      for k in range(int(top / step) + 1)],
        "points": [{"code": one["code"], "x": x(one["part_cumulee"]), "y": y(one["apl"]),
                    "zone": one["zone"], "haut": one["apl"] > top} for one in mine],
    }  # fmt: skip


def _step(top: float) -> float:
    """A round step that gives some five lines up to a level."""
    return next((step for step in (1, 2, 5, 10, 20, 50, 100, 200) if top / step <= 6), 500)


def gauges(regime: Mapping[str, Any] | None, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The gauges of a regime with the decisions that stand, for a page without script."""
    if regime is None:
        return []
    held = {code: taken["zone"] for code, taken in regime["en_place"].items()}
    was = [(u["zone"], held.get(u["code"], u["zone"]), u["personnes"]) for u in regime["unites"]]
    told = []
    for one in regime["jauges"]:
        if one["regle"] == "limite":
            persons = sum(n for old, new, n in was if (old, new) == (one["de"], one["vers"]))
            label = f"{labels[one['de']]} → {labels[one['vers']]}"
        else:
            persons = sum(n for _, new, n in was if new == one["sujet"])
            label = labels[one["sujet"]]
        used = persons - one["avant"]
        told.append({**one, "libelle": label, "personnes": persons, "utilise": used,
                     "permis": one["plafond"] - one["avant"] if used >= 0
                     else one["avant"] - one["plancher"]})  # fmt: skip
    return told
