"""The published APL of 2021, five professions: sums, conservation, means and tenths."""

from __future__ import annotations

import numpy as np

from apl.certified.figures import Annex, Figures
from apl.certified.ground import WORKBOOKS, Ground
from apl.summary import tenths


def standardised(ground: Ground) -> Figures:
    """Σ standardised population against Σ population, and the FTE that the workbooks hold."""
    values = {}
    for profession in WORKBOOKS:
        found = ground.published(profession)
        if profession != "sage_femme":  # whose standardised population is of women
            values[f"total_{profession}"] = round(float(found.persons.sum()))
        values[f"standardised_{profession}"] = round(float(found.standard.sum()))
    return Figures(values)


def conserved(ground: Ground) -> Figures:
    """Σ APL · standardised population: the supply that was shared out."""
    found = ground.published("masseur_kinesitherapeute")
    return Figures({"fte": round(float((found.apl * found.standard).sum() / ground.law.per))})


def of_tenths(ground: Ground) -> Figures:
    """Means, and the best over the least served tenth of the population."""
    values: dict[str, float] = {}
    rows = []
    for profession in WORKBOOKS:
        found = ground.published(profession)
        means = [mean or 0.0 for mean in
                 tenths(found.apl, found.persons.astype(np.int64), found.standard)]  # fmt: skip
        mean = float((found.apl * found.standard).sum() / found.standard.sum())
        values |= {f"mean_{profession}": mean, f"ratio_{profession}": means[-1] / means[0],
                   f"first_{profession}": means[0], f"last_{profession}": means[-1]}  # fmt: skip
        rows.append([profession, f"{mean:.2f}", *(f"{one:.2f}" for one in means),
                     f"{means[-1] / means[0]:.2f}"])  # fmt: skip
    head = ["Profession", "Mean", *map(str, range(1, len(means) + 1)), "Last / first"]
    said = ("Communes by ascending APL, cut at tenths of the *total* population; the mean inside "
            "each tenth is weighted by the *standardised* one.")  # fmt: skip
    return Figures(values, (Annex("Mean APL of each tenth of the population, 2021", head, rows,
                                  said),))  # fmt: skip
