"""Why a BVCV changed class: the earlier state turned into the later one, one thing at a time.

The order is stated, not found: another order may name another cause. Each step is the whole ranking
made again; the first at which the class is the new one is the cause.

1. ``decision_anterieure``: the earlier national class, before a decision of the region.
2. ``geographie``: the earlier APL and inhabitants, in the BVCV of the later geography.
3. ``apl_propre``: the APL of this BVCV alone is the later one.
4. ``apl_autres``: the APL of all others too; neighbours rise or fall, and the cuts with them.
5. ``population``: the inhabitants are the later ones.
6. ``loi``: the classes and shares are those of the later text.
7. ``non_expliquee``: the later classes given are not those that text and APL give.
8. ``decision``: a decision of the region, which changed the later national class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from apl.law import Rules
from apl.zoning import rank

Zones = list[str | None]

# cause → column with the class after that step; a step that is not needed is null
STEPS = {
    "decision_anterieure": "zone_nationale_avant",
    "geographie": "zone_geographie",
    "apl_propre": "zone_apl_propre",
    "apl_autres": "zone_apl_autres",
    "population": "zone_population",
    "loi": "zone_loi",
    "non_expliquee": "zone_nationale_apres",
    "decision": "zone_apres",
}


@dataclass(frozen=True, eq=False)
class Moment:
    """The BVCV of the later geography at one of the two dates, all in one order.

    Attributes
    ----------
    zones, national : list of str or None
        Classes after and before regional decisions.
    apl : list of float or None
    persons : list of int
        Whom the cuts count.
    """

    zones: Zones
    national: Zones
    apl: list[float | None]
    persons: list[int]


@dataclass(frozen=True, eq=False)
class Ranked:
    """What ranks the BVCV again: their codes and regions, and territories outside the table."""

    codes: Sequence[str]
    regions: Sequence[str]
    outside: Mapping[str, int]

    def zones(self, apl: Sequence[float | None], persons: Sequence[int], rules: Rules) -> Zones:
        """The national classes under an APL, inhabitants and a text."""
        areas = pa.table(
            {
                "code_bvcv": pa.array(self.codes, pa.string()),
                "code_region": pa.array(self.regions, pa.string()),
                "population": pa.array(persons, pa.int64()),
                "population_standardisee": pa.array(map(float, persons), pa.float64()),
                "apl": pa.array(apl, pa.float64()),
            }
        )
        found = rank(areas, rules, territories_without_apl=self.outside)
        zones: Zones = found.bvcv.column("zone").to_pylist()
        return zones


def explained(
    before: Moment, after: Moment, ranked: Ranked, rules_before: Rules, rules_after: Rules
) -> dict[str, Zones]:
    """The cause of each change, and the class after each step.

    Parameters
    ----------
    before, after : Moment
    ranked : Ranked
    rules_before, rules_after : Rules

    Returns
    -------
    dict of column → list
        ``cause`` (None where the class is the same), and the columns of `STEPS`.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> ranked = Ranked(["01001", "01002", "01003"], ["84"] * 3, {})
    >>> zones = ["tres_sous_dotee", "sous_dotee", "non_prioritaire"]
    >>> turned = ["sous_dotee", "tres_sous_dotee", "non_prioritaire"]
    >>> before = Moment(zones, zones, [10.0, 20.0, 30.0], [15, 15, 70])
    >>> after = Moment(turned, turned, [25.0, 20.0, 30.0], [15, 15, 70])
    >>> explained(before, after, ranked, law, law)["cause"]
    ['apl_propre', 'apl_autres', None]
    """
    size = len(ranked.codes)
    columns: dict[str, Zones] = {
        "zone_nationale_avant": before.national,
        "zone_geographie": ranked.zones(before.apl, before.persons, rules_before),
        "zone_apl_propre": [None] * size,
        "zone_apl_autres": ranked.zones(after.apl, before.persons, rules_before),
        "zone_population": ranked.zones(after.apl, after.persons, rules_before),
        "zone_loi": ranked.zones(after.apl, after.persons, rules_after),
        "zone_nationale_apres": after.national,
        "zone_apres": after.zones,
    }
    earlier = [columns[STEPS[name]] for name in ("decision_anterieure", "geographie")]
    causes: Zones = [None] * size
    for k in range(size):
        new = after.zones[k]
        if new == before.zones[k]:
            continue
        if all(step[k] != new for step in earlier):
            columns["zone_apl_propre"][k] = _alone(k, before, after, ranked, rules_before, columns)
        causes[k] = next(cause for cause, name in STEPS.items() if columns[name][k] == new)
    return {"cause": causes, **columns}


def _alone(
    k: int,
    before: Moment,
    after: Moment,
    ranked: Ranked,
    rules: Rules,
    columns: Mapping[str, Zones],
) -> str | None:
    """The class of one BVCV when nothing but its own APL is the later one."""
    if before.apl[k] == after.apl[k]:
        return columns["zone_geographie"][k]
    apl = list(before.apl)
    apl[k] = after.apl[k]
    return ranked.zones(apl, before.persons, rules)[k]
