"""The members of the floating-catchment family as their papers state them: their oracle.

In fractions, pair by pair, in dicts; imports nothing of the packages under test. Weights are by
(where people live, where the professional works); a pair that is not listed is out of reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

Pair = tuple[str, str]
Weights = Mapping[Pair, Fraction]
Places = Mapping[str, Fraction]


def divided(above: Fraction, below: Fraction) -> Fraction:
    """The quotient, 0 where nobody or nothing is below."""
    return above / below if below else Fraction(0)


def over_origins(weights: Weights, values: Places, place: str) -> Fraction:
    """Σ over residences of weight × value, seen from a place of practice."""
    return sum((w * values[i] for (i, j), w in weights.items() if j == place), Fraction(0))


def over_places(weights: Weights, values: Places, origin: str) -> Fraction:
    """Σ over places of practice of weight × value, seen from a residence."""
    return sum((w * values[j] for (i, j), w in weights.items() if i == origin), Fraction(0))


def two_steps(first: Weights, second: Weights, fte: Places, people: Places) -> dict[str, Fraction]:
    """Both steps, with weights of their own in each."""
    ratio = {j: divided(fte[j], over_origins(first, people, j)) for j in fte}
    return {i: over_places(second, ratio, i) for i in people}


def standardised(weights: Weights, places: Iterable[str], *, by: int) -> dict[Pair, Fraction]:
    """Weights over their sum: by 0, of a residence over these places of practice; by 1, of a place
    of practice over these residences."""
    kept = {pair: w for pair, w in weights.items() if pair[1 - by] in set(places)}
    total = {end: Fraction(0) for pair in weights for end in pair}
    for pair, w in kept.items():
        total[pair[by]] += w
    return {pair: divided(w, total[pair[by]]) for pair, w in weights.items()}


def plain(weights: Weights, fte: Places, people: Places) -> dict[str, Fraction]:
    """2SFCA (Luo and Wang 2003), E2SFCA (Luo and Qi 2009), KD2SFCA (Dai 2010)."""
    return two_steps(weights, weights, fte, people)


def three_sfca(
    weights: Weights, fte: Places, people: Places, choices: Weights | None = None
) -> dict[str, Fraction]:
    """3SFCA (Wan, Zou and Sternberg 2012): people choose between the facilities in reach."""
    choice = standardised(choices or weights, [j for j in fte if fte[j]], by=0)
    both = {pair: w * choice[pair] for pair, w in weights.items()}
    return two_steps(both, both, fte, people)


def m2sfca(weights: Weights, fte: Places, people: Places) -> dict[str, Fraction]:
    """M2SFCA (Delamater 2013): the weight twice in the second step."""
    return two_steps(weights, {pair: w * w for pair, w in weights.items()}, fte, people)


def bfca(weights: Weights, fte: Places, people: Places) -> dict[str, Fraction]:
    """BFCA (Páez, Higgins and Vivona 2019): standardised by row, then by column."""
    rows = standardised(weights, [j for j in fte if fte[j]], by=0)
    columns = standardised(weights, [i for i in people if people[i]], by=1)
    return two_steps(rows, columns, fte, people)


def i2sfca(weights: Weights, fte: Places, people: Places) -> dict[str, Fraction]:
    """i2SFCA (Wang 2018): Σ_i P_i w_ij / Σ_k S_k w_ik at each place of practice j."""
    supply = {i: over_places(weights, fte, i) for i in people}
    crowd = dict.fromkeys(fte, Fraction(0))
    for (i, j), w in weights.items():
        crowd[j] += divided(people[i] * w, supply[i])
    return crowd


FAMILY: Mapping[str, Callable[[Weights, Places, Places], dict[str, Fraction]]] = {
    "2SFCA": plain,
    "E2SFCA": plain,
    "KD2SFCA": plain,
    "3SFCA": three_sfca,
    "M2SFCA": m2sfca,
    "BFCA": bfca,
    "i2SFCA": i2sfca,
}
