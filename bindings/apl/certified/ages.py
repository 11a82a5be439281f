"""The weights of age in the standardised population, recovered from the published one.

The standardised population of a territory is Σ over age bands of a weight times the people of that
age. Divided by its population, it is linear in the shares of the bands: a regression gives the
weights back, and its fit says whether this is how the published figures were made.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from apl.bvcv import CITY_OF
from apl.certified.figures import Annex, Figures
from apl.certified.ground import F64, OLD_GEOGRAPHY, WORKBOOKS, Ground

AGES = "population/structure_par_age_epci_2018.csv"
EPCI = "code_epci"


def figures(ground: Ground) -> Figures:
    """The fit and the weights of each profession, over the EPCI whose ages are known."""
    rows = ground.rows(AGES, EPCI)
    bands = [name for name in rows[0] if name != EPCI]
    shares = {row[EPCI]: [float(row[band]) / 100 for band in bands] for row in rows}
    epci = {row["code_commune"]: row[EPCI] for row in
            ground.rows(OLD_GEOGRAPHY, "code_commune", EPCI)}  # fmt: skip
    values: dict[str, float] = {}
    told = []
    for profession in WORKBOOKS:
        found = ground.published(profession)
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for code, standard, persons in zip(found.codes.to_pylist(), found.standard.tolist(),
                                           found.persons.tolist(), strict=True):  # fmt: skip
            where = epci.get(CITY_OF.get(code, code))
            if where in shares:
                sums[where][0] += standard
                sums[where][1] += persons
        standard, persons = np.array([sums[where] for where in sorted(sums)]).T
        weights, fit = _regressed(
            np.array([shares[where] for where in sorted(sums)]), standard / persons, persons
        )
        values[f"r_{profession}"] = fit
        told.append(
            [
                profession,
                f"{len(sums):,}",
                f"{fit:.4f}",
                *(f"{round(w, 2) + 0.0:.2f}" for w in weights),
            ]
        )
    said = ("A weight of 1 is the mean of all ages. Midwives apart: their standardised population "
            "is of women, and the shares at hand are of both sexes.")  # fmt: skip
    head = ["Profession", "EPCI", "r", *bands]
    return Figures(values, (Annex("Weights by age, recovered", head, told, said),))


def _regressed(shares: F64, ratio: F64, persons: F64) -> tuple[F64, float]:
    """Weights by band (least squares, EPCI by their population), and the correlation of the fit."""
    root = np.sqrt(persons)
    found, *_ = np.linalg.lstsq(shares * root[:, None], ratio * root, rcond=None)
    weights = np.asarray(found, dtype=np.float64)
    return weights, float(np.corrcoef(shares @ weights, ratio)[0, 1])
