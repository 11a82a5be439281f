"""The worked example: four communes whose answers are known as fractions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from apl.certified.claims import paper
from apl.certified.figures import Figures
from apl.certified.ground import Ground
from apl.parameters import Parameters
from apl.pipeline import run
from apl_core.territory import column_values


def figures(ground: Ground) -> Figures:
    """The whole corridor on the example, from professionals and ages to the means of two BVCV."""
    facts = paper().facts["example"]
    given = Parameters(facts["median"], facts["ninth_decile"], facts["floor"])
    found = run(tables(facts), ground.law, parameters=given)
    by_total = ground.law.overlaid({"aggregation": {"weight": "population"}})
    other = run(tables(facts), by_total, parameters=given)
    apl, standard = (column_values(found.communes.column(name), np.float64)
                     for name in ("apl", "population_standardisee"))  # fmt: skip
    return Figures(
        {
            "communes": tuple(apl.tolist()),
            "bvcv": tuple(found.bvcv.column("apl").to_pylist()),
            "conservation": float((apl * standard).sum() / ground.law.per),
            "other_weights": tuple(other.bvcv.column("apl").to_pylist()),
        }
    )


def tables(facts: dict[str, Any]) -> dict[str, pa.Table]:
    """The example as input tables."""
    codes = facts["communes"]
    times = {(row[0], row[1]): float(row[2]) for row in facts["minutes"]}
    times |= {(b, a): minutes for (a, b), minutes in times.items()} | {(c, c): 0.0 for c in codes}
    people = list(zip(*facts["professionals"], strict=True))
    bands = facts["ages"]
    return {
        "communes": pa.table(
            {
                "code_commune": codes,
                "code_departement": [code[:2] for code in codes],
                "code_region": [facts["region"]] * len(codes),
                "population": [sum(ages) for ages in facts["people"]],
                "code_bvcv": facts["bvcv"],
            }
        ),
        "temps_de_parcours": pa.table(
            {
                "origine": [a for a, _ in times],
                "destination": [b for _, b in times],
                "minutes": list(times.values()),
            }
        ),
        "population_par_age": pa.table(
            {
                "code_commune": [code for code in codes for _ in bands],
                "age": bands * len(codes),
                "population": [persons for ages in facts["people"] for persons in ages],
            }
        ),
        "consommation_par_age": pa.table(
            {"age": bands, "honoraires_par_habitant": [float(fee) for fee in facts["fees"]]}
        ),
        "professionnels": pa.table(
            {
                "identifiant": people[0],
                "code_commune": people[1],
                "age": people[2],
                "actes": [float(acts) for acts in people[3]],
                "honoraires": [acts * facts["fee_an_act"] for acts in people[3]],
                "installe_dans_l_annee": people[4],
            }
        ),
    }
