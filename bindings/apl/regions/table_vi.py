"""The shares that a text prints by region (table VI), held against its own line for the country.

Weighted by the regions' populations, the rows must give the last line, within what rounding allows.
Where they do not, each row is tried with its cells turned by one class: the turn that closes the
table best is a misprint to ask about. The table is never corrected here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from apl.blocks import ShareRules
from apl.law import Rules
from apl.noticed import Notice
from apl.zoning import FRANCE

Row = tuple[Fraction, ...]


@dataclass(frozen=True)
class Turn:
    """A row with its cells turned by one class, and what the table then gives for the country."""

    region: str
    row: Row
    sums: Row
    gap: Fraction


@dataclass(frozen=True)
class SharesCheck:
    """A table of shares against its own last line.

    Attributes
    ----------
    sums, line : tuple of Fraction
        What the rows give for the country, weighted, by class; what the last line prints.
    gap : Fraction
        The largest difference of the two.
    most : Fraction
        What rounding explains: half a unit of the rows and half a unit of the line.
    turns : tuple of Turn
        Every row turned by one class, either way, the best closure first.
    """

    sums: Row
    line: Row
    gap: Fraction
    most: Fraction
    turns: tuple[Turn, ...]

    @property
    def contradicts_itself(self) -> bool:
        """Whether the two differ by more than rounding explains."""
        return self.gap > self.most

    @property
    def likely(self) -> Turn | None:
        """The one turned row that closes the table within rounding; None without a contradiction,
        or where several do."""
        closing = [turn for turn in self.turns if turn.gap <= self.most]
        return closing[0] if self.contradicts_itself and len(closing) == 1 else None


def shares_check(rules: Rules, populations: Mapping[str, int] | None = None) -> SharesCheck | None:
    """The table of shares of a text against its own line for the country.

    Parameters
    ----------
    rules : Rules
    populations : mapping of region → persons, optional
        Default: the municipal populations of `departements.csv`.

    Returns
    -------
    SharesCheck or None
        None where the text prints no table or no line for the country, or where a region of the
        table has no population.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> found = shares_check(rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    >>> [f"{100 * float(part):.2f}" for part in found.sums], found.contradicts_itself
    (['15.02', '15.09', '39.88'], True)
    >>> found.likely.region, [f"{100 * float(part):.2f}" for part in found.likely.sums]
    ('94', ['15.00', '14.99', '40.00'])
    """
    table = rules.blocks.get("shares")
    if not isinstance(table, ShareRules) or FRANCE not in table.regions:
        return None
    rows = {region: row for region, row in table.regions.items() if region != FRANCE}
    persons = municipal_populations() if populations is None else populations
    if not rows.keys() <= persons.keys() or not any(persons[region] for region in rows):
        return None
    line = table.regions[FRANCE]
    whole = sum(persons[region] for region in rows)
    columns = zip(*([part * persons[region] for part in row] for region, row in rows.items()),
                  strict=True)  # fmt: skip
    sums = tuple(sum(column, Fraction(0)) / whole for column in columns)

    def turned(region: str, row: Row) -> Turn:
        weight = Fraction(persons[region], whole)
        changed = zip(sums, row, rows[region], strict=True)
        found = tuple(total + weight * (new - old) for total, new, old in changed)
        return Turn(region, row, found, _gap(found, line))

    turns = [
        turned(region, row)
        for region, printed in rows.items()
        for row in {(*printed[-1:], *printed[:-1]), (*printed[1:], *printed[:1])} - {printed}
    ]
    turns.sort(key=lambda turn: (turn.gap, turn.region, turn.row))
    return SharesCheck(sums, line, _gap(sums, line), table.unit, tuple(turns))


def notices_of_shares(
    rules: Rules, populations: Mapping[str, int] | None = None
) -> Iterator[Notice]:
    """What is to be said of a table of shares that contradicts its own last line."""
    found = shares_check(rules, populations)
    if found is None or not found.contradicts_itself:
        return
    text = (
        f"the table of shares ({rules.citations['shares'].cite}) contradicts its own last line: "
        f"weighted by population its rows give {_points(found.sums)}, it prints "
        f"{_printed(found.line)}"
    )
    turn = found.likely
    if turn is not None:
        text += (
            f"; with the row of region {turn.region} turned by one class ({_printed(turn.row)}) "
            f"they give {_points(turn.sums)}: probably a misprint; kept as printed"
        )
    yield Notice("APL-H02", text)


@cache
def municipal_populations() -> dict[str, int]:
    """Municipal population by region, from `departements.csv`."""
    from apl.country import departements

    found = departements()
    persons: dict[str, int] = {}
    for region, count in zip(found.regions, found.population.tolist(), strict=True):
        persons[region] = persons.get(region, 0) + int(count)
    return persons


def _gap(sums: Row, line: Row) -> Fraction:
    return max(abs(a - b) for a, b in zip(sums, line, strict=True))


def _points(row: Row) -> str:
    return " / ".join(f"{100 * float(part):.2f}" for part in row)


def _printed(row: Row) -> str:
    return " / ".join(f"{100 * float(part):g}" for part in row)
