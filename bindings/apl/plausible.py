"""Gates on what a set of tables says as a whole: units, scale, places that nothing leads to.

Each table may be well formed and the whole still be nonsense: times in seconds, a population in
thousands. A national zoning must not come out of it with exit code 0.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.law import Rules
from apl.matrix import half
from apl_core import Catchment, Fault, RuleError, TableError, Territory, refuse_if
from apl_core.blockwise import Pairs
from apl_core.errors import at_rows
from apl_core.schema import plain
from apl_core.tables import headers_of
from apl_core.territory import column_values

F64 = NDArray[np.float64]

# how the headers of DREES's workbooks name the professions
HEADINGS = {
    "kinesitherapeutes": "masseur_kinesitherapeute",
    "infirmi": "infirmier",
    "sages-femmes": "sage_femme",
    "chirurgiens-dentistes": "chirurgien_dentiste",
    "medecins generalistes": "medecin_generaliste",
}
ENOUGH = 100  # communes; a smaller territory may well be odd
HOUR = 60.0  # minutes; in seconds, times between communes are longer than that in number
REACHING = 0.05  # share of communes that reach another; the nation's is 0.99
SCALE = 2.0  # Σ standardised over Σ population; ages move a region's by a tenth


def profession(apl: pa.Table, rules: Rules) -> None:
    """Refuse a published APL whose header names another profession than the rules."""
    header = plain(headers_of(apl).get("apl", ""))
    named = [name for word, name in HEADINGS.items() if word in header]
    if named and rules.profession not in named:
        raise RuleError(
            [
                Fault(
                    "APL-F07",
                    "the APL of another profession",
                    f"its header is {headers_of(apl)['apl']!r}, the rules are of "
                    f"{rules.profession}",
                    f"--profession {named[0]}, or another file",
                    "apl_publie",
                    "apl",
                )
            ]
        )


def lonely(pairs: Catchment | Pairs) -> NDArray[np.int64]:
    """Positions of communes that reach no other commune."""
    if isinstance(pairs, Pairs):
        return pairs.lonely()
    count, word = np.diff(pairs.start), pairs.words.word
    first = word[np.minimum(pairs.start[:-1], max(pairs.size - 1, 0))] if pairs.size else word
    place = first >> word.dtype.type(pairs.words.bits)
    own = place == np.arange(count.size) if pairs.size else count < 0
    return np.flatnonzero((count == 0) | ((count == 1) & own))  # no pair stands twice


def times(pairs: Catchment | Pairs) -> None:
    """Refuse half a matrix, and one in which hardly any commune reaches another: no minutes.

    In seconds no commune of any territory reaches another. In minutes that may be so of a few
    islands: below a hundred communes none may, and some time has to be over an hour. Who meant
    minutes leaves the pairs beyond reach out, and changes no figure by it.
    """
    refuse_if(half(pairs))
    n = len(pairs.land)
    alone = lonely(pairs).size
    few = REACHING * n if n >= ENOUGH else 1
    odd = pairs.within if n >= ENOUGH else max(pairs.within, HOUR)
    if n > 1 and n - alone < few and pairs.longest > odd:
        raise TableError(
            [
                Fault(
                    "APL-D04",
                    "times that are hardly minutes",
                    f"{alone:,} of {n:,} communes reach no other one within {pairs.within:g}; the "
                    f"longest time of the table is {pairs.longest:,.0f}",
                    "are these seconds? divide by 60; minutes beyond reach count for nothing, and "
                    "may be left out",
                    "temps_de_parcours",
                    "minutes",
                )
            ]
        )


def supply(table: pa.Table, name: str, land: Territory, pairs: Catchment | Pairs, etp: F64) -> None:
    """Refuse supply that adds up to nothing, or stands where no travel time leads to."""
    faults = []
    if not etp.any():
        why = "every APL would be 0 and every zone a matter of ties"
        faults.append(Fault("APL-D13", "no supply at all", why, "give the professionals", name))
    lost = pairs.unreached_supply(etp)
    if lost.size:
        gone = np.zeros(len(land), dtype=np.bool_)
        gone[lost] = True
        rows = np.flatnonzero(gone[land.positions(table.column("code_commune"))])
        faults.append(
            Fault(
                "APL-D07",
                "supply in a commune of no pair",
                f"{float(etp[lost].sum()):,.2f} FTE stand in communes that no travel time leads to",
                "complete the travel times, or choose --self-pair 0",
                name,
                "code_commune",
                **at_rows(rows, table.column("code_commune")),
            )
        )
    refuse_if(faults)


def demand(standardised: F64, communes: pa.Table) -> None:
    """Refuse a standardised population of another scale than the population."""
    total = float(column_values(communes.column("population"), np.int64).sum())
    found = float(standardised.sum())
    if total and not total / SCALE <= found <= total * SCALE:
        raise TableError(
            [
                Fault(
                    "APL-D06",
                    "a standardised population of another scale",
                    f"it adds up to {found:,.0f}, the population to {total:,.0f}",
                    "are these thousands, or another year? it is rescaled to the population",
                    "population_standardisee",
                    "population_standardisee",
                )
            ]
        )
