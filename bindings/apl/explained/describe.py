"""An explanation as plain data: what ``--json`` prints, and what the words are made from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apl.blocks import Move, Regime
from apl.explained.bvcv import AreaExplained
from apl.explained.commune import CommuneExplained
from apl.explained.explain import BVCV, COMMUNE, Explained, kinds_of
from apl.explained.secrecy import Secrecy
from apl.regions.gauges import Held
from apl.regions.regime_text import describe_gauge
from apl.scenarios.opened import Opened

AREA = ("code_bvcv", "code_region", "population", "population_standardisee", "apl", "rang",
        "part_cumulee", "zone")  # fmt: skip


def describe(run: Opened, done: Explained, secret: Secrecy) -> dict[str, Any]:
    """The law, the value with its parts, and what is not shown."""
    rules = run.rules
    told = _commune(done) if isinstance(done, CommuneExplained) else _area(done)
    return {
        **run.told,
        "counted": rules.zoning.population,
        **told,
        "secrecy": {
            "confidential": secret.confidential,
            "min_persons": secret.least,
            "counted": secret.counted,
            **asdict(done.gathered),
        },
        "also_bvcv": told["kind"] == COMMUNE and BVCV in kinds_of(run, told["code"]),
    }


def _commune(done: CommuneExplained) -> dict[str, Any]:
    return {
        "kind": COMMUNE,
        "code": done.code_commune,
        "population": done.population,
        "population_standardisee": done.population_standardisee,
        "apl": done.apl,
        "parts": [_weighed(asdict(part)) for part in done.parts],
        "bands": [_weighed(asdict(band)) for band in done.bands],
        "bvcv": {name: done.area[name] for name in AREA},
    }


def _weighed(entry: dict[str, Any]) -> dict[str, Any]:
    """A weight as a number, and as the fraction that the law page has."""
    weight = entry["poids"]
    known = weight is not None
    return {**entry, "poids": float(weight) if known else None,
            "poids_exact": str(weight) if known else None}  # fmt: skip


def _area(done: AreaExplained) -> dict[str, Any]:
    return {
        "kind": BVCV,
        "code": done.area["code_bvcv"],
        **{name: done.area[name] for name in AREA},
        "ranked": done.ranked,
        "communes": [asdict(one) for one in done.communes],
        "parts": [asdict(part) for part in done.parts],
        "brought": asdict(done.split),
        "cuts": [asdict(one) for one in done.distances],
        "cuts_held": True,
        "adaptation": _adaptation(done),
    }


def _adaptation(done: AreaExplained) -> dict[str, Any] | None:
    """What its region could change under the text's own regime; None where none is known."""
    if done.regime is None:
        return None
    return {
        "regime": done.regime.name,
        "moves": [_move(done.regime, *one) for one in done.adaptation],
    }


def _move(regime: Regime, move: Move, held: Held) -> dict[str, Any]:
    """A change of class: what it would use of the regime, and what stands against it alone."""
    return {
        "zone": move.target,
        "cite": move.cite,
        "gauges": [describe_gauge(gauge) for gauge in held.gauges if gauge.used],
        "refused": [
            {"rule": one.rule, "title": one.fault(regime).title, "first": list(one.first)}
            for one in held.breaches
        ],
    }
