"""The nouns of regional changes: BVCV of a region, changes, gauges, and rules that are broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from apl.blocks import Regime
from apl_core import Fault
from apl_core.errors import SHOWN, listed

# Identifiers: what is too much (margin), what comes out of turn or is not provided, no class.
FAULTS = {
    "limit": "APL-G05", "margin": "APL-G05", "stable": "APL-G05",
    "order": "APL-G06", "exchange": "APL-G06", "not provided": "APL-G06",
    "unclassified": "APL-G08",
}  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """A BVCV attributed to a region.

    Attributes
    ----------
    code : str
    apl : float or None
    persons : int
    zone : str or None
        The class of the national ranking; None where it gives none.
    reached : int or None
        Persons of the whole country up to and including this BVCV, by ascending APL.
    """

    code: str
    apl: float | None
    persons: int
    zone: str | None
    reached: int | None = None

    @property
    def level(self) -> float:
        """Where it stands in the order: no APL is the lowest, as in the national ranking."""
        return -inf if self.apl is None else self.apl


@dataclass(frozen=True)
class Units:
    """All BVCV attributed to a region, by ascending APL, and the persons of the whole ranking."""

    region: str
    bvcv: tuple[Unit, ...]
    total: int | None = None

    @property
    def population(self) -> int:
        """The persons of which the shares of the region are."""
        return sum(unit.persons for unit in self.bvcv)

    @property
    def national(self) -> dict[str, str | None]:
        """The national class of each BVCV."""
        return {unit.code: unit.zone for unit in self.bvcv}

    def persons(self, zones: Mapping[str, str | None], zone: str) -> int:
        """The persons of a class, under a class for each BVCV."""
        return sum(unit.persons for unit in self.bvcv if zones[unit.code] == zone)


@dataclass(frozen=True)
class Change:
    """A BVCV that leaves its national class for another one."""

    unit: Unit
    target: str

    @property
    def name(self) -> str:
        """The kind of move."""
        return moved(self.unit.zone, self.target)


@dataclass(frozen=True)
class Gauge:
    """How much of a rule is used, in persons.

    Attributes
    ----------
    rule : str
        ``limit`` (persons moved), ``margin`` or ``stable`` (persons of a class).
    subject : str
        The move (``sous_dotee → tres_sous_dotee``) or the class.
    before, persons : int
        Without and with the changes.
    lowest, highest : int
        What is allowed.
    population : int
        Of the region, of which points are.
    cite : str
    """

    rule: str
    subject: str
    before: int
    persons: int
    lowest: int
    highest: int
    population: int
    cite: str

    @property
    def used(self) -> int:
        """Persons more (or fewer, below 0) than before."""
        return self.persons - self.before

    @property
    def allowed(self) -> int:
        """Persons that may be used in the direction taken; upward where none is."""
        return self.highest - self.before if self.used >= 0 else self.before - self.lowest

    @property
    def left(self) -> int:
        """Persons that may still be used in that direction."""
        return self.allowed - abs(self.used)

    @property
    def broken(self) -> bool:
        """What the changes leave as it was is never held against them."""
        return self.used != 0 and not self.lowest <= self.persons <= self.highest

    def points(self, persons: int) -> float:
        """Persons in points of the region's population."""
        return float(Fraction(100 * persons, self.population)) if self.population else 0.0


@dataclass(frozen=True)
class Breach:
    """A rule that is broken.

    Attributes
    ----------
    rule : str
        One of `FAULTS`.
    subject, region, cite : str
        The move or the class; whose; the article.
    bvcv : tuple of str
        The BVCV at which the rule is passed (limit, margin, stable: one, in ascending APL), or
        those that break it.
    first : tuple of str
        Those that come before it in the order.
    used, allowed : int or None
        Persons; None where the rule counts none.
    """

    rule: str
    subject: str
    region: str
    cite: str
    bvcv: tuple[str, ...]
    first: tuple[str, ...] = ()
    used: int | None = None
    allowed: int | None = None

    def fault(self, regime: Regime) -> Fault:
        """The same as a message; ``values`` are the BVCV at which the rule is passed."""
        title, why, mend = WORDS[self.rule]
        used, allowed = self.used or 0, self.allowed or 0
        words = {
            "subject": self.subject,
            "used": f"{used:,}",
            "allowed": f"{allowed:,}",
            "bound": "at least" if used < allowed else "at most",
            "over": f"{abs(used - allowed):,}",
            "first": _listed(self.first),
            "bvcv": _listed(self.bvcv),
        }
        return Fault(
            FAULTS[self.rule],
            f"region {self.region}: {title.format(**words)}",
            f"{why.format(**words)} ({self.cite}; regime {regime.name})",
            mend.format(**words),
            "decisions",
            "code_bvcv",
            **listed(self.bvcv),
        )


# title, why, mend of each kind of breach
WORDS = {
    "not provided": ("{subject} is not provided",
                     "the regime has no such change", "leave these BVCV in their national class"),
    "limit": ("{subject}: {used} persons, {bound} {allowed} allowed",
              "the limit is passed by {over} persons, at {bvcv}; before it in order: {first}",
              "move fewer persons"),
    "order": ("{subject}: out of order",
              "these overtake BVCV of lower APL that stay behind: {first}",
              "begin with the lowest APL"),
    "exchange": ("{subject}: outside the exchange zone",
                 "they do not lie wholly within it", "leave these BVCV in their national class"),
    "margin": ("{subject}: {used} persons, {bound} {allowed} allowed",
               "the margin is passed by {over} persons, at {bvcv}; before it in order: {first}",
               "compensate, or move fewer persons"),
    "stable": ("{subject}: {used} persons, {bound} {allowed} allowed",
               "the class may not grow; it does by {over} persons, at {bvcv}; before it in order: "
               "{first}", "move as many persons out of it"),
    "unclassified": ("BVCV without a class",
                     "neither the national ranking nor a decision gives them one",
                     "give them an APL, rank those without APL, or complete the list"),
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """The changes of a region held against a regime."""

    changes: tuple[Change, ...]
    gauges: tuple[Gauge, ...]
    breaches: tuple[Breach, ...]


def moved(origin: str | None, target: str | None) -> str:
    """The name of a move, as gauges and messages write it."""
    return f"{origin or 'no class'} → {target or 'no class'}"


def _listed(codes: Sequence[str]) -> str:
    some = ", ".join(codes[:SHOWN]) or "none"
    return some + f" (and {len(codes) - SHOWN:,} more)" * (len(codes) > SHOWN)
