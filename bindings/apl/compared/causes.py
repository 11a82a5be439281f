"""What a gap may come from, as far as the two tables can say.

An APL is made of the supply, the demand and the times of a whole neighbourhood. Two tables hold at
most FTE and standardised inhabitants of the place itself: where these differ, push the way the gap
goes, and are not far smaller than it, they are a likely cause. Times, and what lies beyond the
border of the country, are in no such table: nothing is said of them, rather than guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apl.compared.align import STANDARD, Aligned
from apl_core.exact import F64

VINTAGE, SUPPLY, DEMAND = "vintage", "supply", "demand"
DIFFERS = 1e-3  # of the larger of two quantities: below it, their rounding
TIMES = 10  # larger than a difference, a gap has another cause: 1 % more demand takes no half away
# cause, the column that shows it, whether more of it raises or lowers the APL
PUSHES = ((SUPPLY, "etp", 1), (DEMAND, STANDARD, -1))


def causes(
    found: Aligned, at: Sequence[int], moved: frozenset[str] = frozenset()
) -> list[list[dict[str, Any]]]:
    """The likely causes of the gaps of some rows, the likeliest first.

    Parameters
    ----------
    found : Aligned
    at : sequence of int
        Rows with an APL in both tables.
    moved : frozenset of str
        Communes that took others in between the years of the two tables.

    Returns
    -------
    list of list of {cause, difference}
        ``difference``: ours minus the published, as a share of the larger; None for a vintage.
        Empty where the tables cannot say.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl.compared.align import aligned
    >>> ours, published = (pa.table({"code_commune": ["01001"], "apl": [apl], "etp": [etp]})
    ...                    for apl, etp in ((50.0, 1.0), (100.0, 2.0)))
    >>> causes(aligned(ours, published), [0])
    [[{'cause': 'supply', 'difference': -0.5}]]
    """
    held = [(cause, found.both(column), sign) for cause, column, sign in PUSHES]
    apl = found.both("apl")
    assert apl is not None
    listed = []
    for row in at:
        gap = _share(apl, row)
        shares = [(cause, _share(both, row), sign) for cause, both, sign in held if both]
        # NaN, of an empty cell, is no difference
        least = max(DIFFERS, abs(gap) / TIMES)
        pushing = [(cause, share) for cause, share, sign in shares
                   if abs(share) > least and share * sign * gap > 0]  # fmt: skip
        ranked = sorted(pushing, key=lambda one: -abs(one[1]))
        known: list[dict[str, Any]] = []
        if found.codes[row] in moved:
            known.append({"cause": VINTAGE, "difference": None})
        listed.append([*known, *({"cause": c, "difference": s} for c, s in ranked)])
    return listed


def _share(both: tuple[F64, F64], row: int) -> float:
    """Ours minus the published, as a share of the larger."""
    ours, published = (float(side[row]) for side in both)
    most = max(ours, published)
    return (ours - published) / most if most > 0 else 0.0
