"""Two runs as two years that can be held together: the same law, the same communes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from apl.compared.align import brought
from apl.conversion import Cog
from apl.equity.change import Year
from apl.law import Rules
from apl.mergers import departement
from apl.outputs import sha256
from apl.provenance import versions
from apl.scenarios.opened import Opened
from apl.scenarios.situation import Situation, situation
from apl_core import Fault, RuleError
from apl_core.territory import column_values

BLOCKS = ("indicator", "decay", "aggregation")  # what makes an APL of the four factors


def refuse_other_law(before: Rules, after: Rules) -> None:
    """Refuse two runs whose APL are not the same function of the four factors.

    How FTE and standardised inhabitants come about may differ: that is supply and demand.

    Raises
    ------
    RuleError
        ``APL-F07``.
    """
    differ = [name for name in BLOCKS if before.blocks[name] != after.blocks[name]]
    if before.profession != after.profession:
        differ = ["profession", *differ]
    if differ:
        title, why = "two runs under different rules", f"they differ in: {', '.join(differ)}"
        mend = "run both years under one text (--on), then compare"
        raise RuleError([Fault("APL-F07", title, why, mend)])


def year_of(run: Opened, cog: Cog | None = None) -> Year:
    """A run as a year, on its own communes or on those of another date.

    FTE and inhabitants of communes that merge add; times are those of the seat; the APL is the mean
    of theirs, and the two steps on merged communes give another one, which the year keeps apart.

    Raises
    ------
    TableError
        As `apl.converted`.
    """
    place = run.place
    if cog is None:
        return Year(place)
    stored = place.communes
    keys = [name for name in stored.column_names if name in ("code_bvcv", "code_region")]
    persons = [name for name in stored.column_names if name.startswith("population")
               and name != "population_standardisee"]  # fmt: skip
    homes = stored.select(["code_commune", *keys, *persons])
    parts = [departement(code) for code in stored.column("code_commune").to_pylist()]
    homes = cog.bring(homes.append_column("code_departement", pa.array(parts)), "communes")
    values = brought(stored, cog)
    times = cog.bring(_travel_times(place), "temps_de_parcours", homes)
    how: dict[str, Any] = {"self_pair": run.manifest["options"]["self_pair"]}
    order = {code: row for row, code in enumerate(values.column("code_commune").to_pylist())}
    rows = pa.array([order[code] for code in homes.column("code_commune").to_pylist()], pa.int64())
    for name in ("population_standardisee", "etp", "apl"):
        homes = homes.append_column(name, values.column(name).take(rows).cast(pa.float64()))
    found = situation(homes, times, run.rules, outside=place.outside, **how)
    apl = column_values(found.communes.column("apl"), np.float64, fill=np.nan)
    return Year(found, np.where(found.demand > 0, apl, 0.0))


def _travel_times(place: Situation) -> pa.Table:
    """The pairs as the table that they were built from, those that were kept."""
    pairs = place.pairs
    origin = np.repeat(np.arange(len(pairs.land), dtype=np.int32), np.diff(pairs.start))
    codes = pairs.land.codes
    return pa.table({
        "origine": pa.DictionaryArray.from_arrays(pa.array(origin), codes),
        "destination": pa.DictionaryArray.from_arrays(pa.array(pairs.destination), codes),
        "minutes": pairs.minutes,
    })  # fmt: skip


def manifest(
    before: Opened, after: Opened, options: Mapping[str, Any], cog: Cog | None
) -> dict[str, Any]:
    """Where the results of two runs together come from: their manifests, by sha256."""
    movements = {} if cog is None else {name: sha256(path) for name, path in cog.files.items()}
    runs = {"before": before.sha256, "after": after.sha256}
    return {
        "software": versions(),
        "synthetic": any(bool(run.manifest["synthetic"]) for run in (before, after)),
        "inputs": [{"table": f"run {name}", "sha256": found} for name, found in runs.items()]
        + [{"table": name, "sha256": found} for name, found in movements.items()],
        "rules": after.rules.as_dict(),
        "options": dict(options),
    }
