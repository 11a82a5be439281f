"""A regime as a page holds decisions against it: whole numbers and answers, no share, no fraction.

Every bound of a regime depends on the national classes alone, and so does the place of a BVCV in an
exchange zone: both are worked out here, exactly, by the code that `apl adapt` runs. What is left to
the page (``templates/decisions.js``) is to add persons up and to compare whole numbers, which a
script does exactly below 2**53.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apl.blocks import Move, Regime
from apl.law import Rules
from apl.regions.gauges import Gauge, Unit, Units, moved
from apl.regions.regimes import hold, inside

# what a rule is called in pages
RULES = {"limit": "limite", "margin": "marge", "stable": "stabilite"}


def regime_data(
    rules: Rules,
    units: Units,
    regime: Regime,
    *,
    labels: Mapping[str, str] | None = None,
    standing: Mapping[str, tuple[str, str]] | None = None,
    whom: str = "habitants",
) -> dict[str, Any]:
    """All that the page of a region needs to hold decisions against a regime.

    Parameters
    ----------
    rules : Rules
    units : Units
        The BVCV attributed to the region.
    regime : Regime
    labels : mapping of zone → str, optional
        What pages call the classes; without it, their codes.
    standing : mapping of code → (zone, motif), optional
        Decisions that stand already (of a ``zonage``).
    whom : str
        Whom the cuts count, in messages.

    Returns
    -------
    dict
        ``nom``, ``titre``, ``article``, ``region``, ``population``, ``qui``; ``zones`` (code, libelle);
        ``motifs`` that the text names; ``mouvements`` (de, vers, article, ordre, borne: the persons
        that may move, or None); ``jauges`` (regle, sujet, de, vers, avant, plancher, plafond,
        article); ``unites`` by ascending APL (code, niveau: 0 is the lowest, equal APL have the
        same; personnes, zone, and dedans: whether each movement is open to it); ``en_place``.

    Raises
    ------
    RuleError, TableError
        As `apl.regions.regimes.hold`; a regime with exchange zones asks for ``population_cumulee``.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> from apl.regions.regimes import regime_of
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> land = Units("84", (Unit("01001", 10.0, 25, "sous_dotee"),
    ...                     Unit("01002", 50.0, 975, "intermediaire")))
    >>> found = regime_data(law, land, regime_of(law))
    >>> [(gauge["sujet"], gauge["plafond"]) for gauge in found["jauges"]]
    [('sous_dotee → tres_sous_dotee', 25), ('tres_sous_dotee → sous_dotee', 25), ('tres_sous_dotee', 25)]
    """  # noqa: E501 - the output of a doctest
    names, stands = labels or {}, standing or {}
    gauges = hold(units, {}, rules, regime).gauges
    limits = {gauge.subject: gauge.highest for gauge in gauges if gauge.rule == "limit"}
    return {
        "nom": regime.name,
        "titre": regime.title,
        "article": regime.cite,
        "region": units.region,
        "population": units.population,
        "qui": whom,
        "zones": [{"code": zone, "libelle": names.get(zone, zone)} for zone in rules.zoning.zones],
        "motifs": list(regime.motives),
        "mouvements": [_move(move, limits) for move in regime.moves],
        "jauges": [_gauge(gauge, regime) for gauge in gauges],
        "unites": _units(units, regime),
        "en_place": {code: {"zone": zone, "motif": why} for code, (zone, why) in stands.items()},
    }


def _move(move: Move, limits: Mapping[str, int]) -> dict[str, Any]:
    return {
        "de": move.origin,
        "vers": move.target,
        "article": move.cite,
        "ordre": move.order,
        "borne": limits.get(moved(move.origin, move.target)),
    }


def _gauge(gauge: Gauge, regime: Regime) -> dict[str, Any]:
    """A gauge before any change; that of a limit names both classes, the others one."""
    ends = {moved(move.origin, move.target): (move.origin, move.target) for move in regime.moves}
    origin, target = ends.get(gauge.subject, (None, None)) if gauge.rule == "limit" else (None,) * 2
    return {
        "regle": RULES[gauge.rule],
        "sujet": gauge.subject,
        "de": origin,
        "vers": target,
        "avant": gauge.before,
        "plancher": gauge.lowest,
        "plafond": gauge.highest,
        "article": gauge.cite,
    }


def _units(units: Units, regime: Regime) -> list[dict[str, Any]]:
    levels = {level: place for place, level in enumerate(sorted({u.level for u in units.bvcv}))}

    def row(unit: Unit) -> dict[str, Any]:
        return {
            "code": unit.code,
            "niveau": levels[unit.level],
            "personnes": unit.persons,
            "zone": unit.zone,
            "dedans": [inside(unit, move, units) for move in regime.moves],
        }

    return [row(unit) for unit in units.bvcv]
