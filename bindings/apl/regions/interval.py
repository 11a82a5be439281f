"""Interval arithmetic on fractions: what rounded figures leave open is carried along."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Interval:
    """All that a figure may be, bounds included.

    >>> str(Interval(Fraction(1, 4), Fraction(1, 2)) - Interval.exactly(Fraction(1, 4)))
    '0 to 1/4'
    """

    low: Fraction
    high: Fraction

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.high - other.low)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"

    @classmethod
    def exactly(cls, value: Fraction) -> Interval:
        """Of a figure that is known."""
        return cls(value, value)

    @property
    def middle(self) -> Fraction:
        """Of a rounded figure: as it was printed."""
        return (self.low + self.high) / 2

    def both(self, other: Interval) -> Interval:
        """What lies in both."""
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def up(self) -> Interval:
        """The part above 0; exactly 0 where there is none."""
        return Interval(max(self.low, Fraction(0)), max(self.high, Fraction(0)))
