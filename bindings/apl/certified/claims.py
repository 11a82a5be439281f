"""A claim: a figure that a source states, ours beside it, and the verdict on the two.

The claims stand in ``data_schemas/claims.toml``: what is claimed, who states which figure, how far
ours may be from it, and why a gap that is known is there. The figures themselves are recomputed by
the modules of this room, one a subject.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any

TENU, EXPLIQUE, TOMBE, NON_VERIFIABLE = (
    "tenu", "écart expliqué", "tombé", "non vérifiable ici",
)  # fmt: skip
VERDICTS = (TENU, EXPLIQUE, TOMBE, NON_VERIFIABLE)
SLACK = 1 + Fraction(1, 10**9)  # a printed decimal is not exactly a float64
Value = Any  # a number, a text, a truth, or a tuple of them


@dataclass(frozen=True)
class Claim:
    """One figure, and what became of it.

    Attributes
    ----------
    subject, name : str
        Together the identifier, ``bvcv.national``.
    text : str
        What is claimed.
    source : str
        Who states ``official``: a key of `Paper.sources`.
    official : Value
        What the source states; ``"a/b"`` is an exact fraction.
    traced : str
        The command or the function that gives ours.
    within : float
        The gap that leaves it held: half a unit of the last printed digit, or 0.
    relative : bool
        Whether gaps are relative to what is official.
    up_to, why : float or None, str
        The largest gap that is known, and its explanation.
    at_least : bool
        Whether what is official is a floor.
    digits : int or None
        Digits behind the point of ours when shown; None: as the official ones.
    ours : Value
        None: not recomputed.
    missing : str
        Why it was not.

    Examples
    --------
    >>> claim = Claim("x", "y", "means", "s", (1.5, 2.0), "f()", within=0.05, up_to=1.0, why="…")
    >>> claim.held((1.52, 2.04)).verdict, claim.held((1.5, 2.9)).verdict, claim.held((1, 9)).verdict
    ('tenu', 'écart expliqué', 'tombé')
    >>> claim.verdict, claim.held((1.52, 2.04)).shown("ours")
    ('non vérifiable ici', '1.5 / 2.0')
    """

    subject: str
    name: str
    text: str
    source: str
    official: Value
    traced: str
    within: float = 0.0
    relative: bool = False
    at_least: bool = False
    up_to: float | None = None
    why: str = ""
    digits: int | None = None
    ours: Value = None
    missing: str = ""

    @property
    def identifier(self) -> str:
        """The name under which pages cite it."""
        return f"{self.subject}.{self.name}"

    def held(self, ours: Value) -> Claim:
        """The same claim with the figure that was recomputed."""
        return Claim(**{**vars(self), "ours": ours, "missing": ""})

    def unseen(self, missing: str) -> Claim:
        """The same claim, which could not be recomputed, and why."""
        return Claim(**{**vars(self), "ours": None, "missing": missing})

    @property
    def gap(self) -> Fraction | None:
        """The largest gap over the parts; None where no two of them can be subtracted."""
        gaps = [
            (max(b - a, Fraction(0)) if self.at_least else abs(a - b))
            / (abs(b) if self.relative and b else 1)
            for a, b in ((number(a), number(b)) for a, b in self._pairs)
            if a is not None and b is not None
        ]
        return max(gaps, default=None)

    @property
    def _pairs(self) -> list[tuple[Value, Value]]:
        """Ours and the official figure part by part; none where one of them has more parts."""
        ours, official = parts(self.ours), parts(self.official)
        there = self.ours is not None and len(ours) == len(official)
        return list(zip(ours, official, strict=True)) if there else []

    @property
    def verdict(self) -> str:
        """Of the four `VERDICTS`."""
        if self.ours is None:
            return NON_VERIFIABLE
        pairs = self._pairs
        texts = (a == b for a, b in pairs if number(a) is None or number(b) is None)
        same = bool(pairs) and all(texts)
        gap = self.gap or 0
        if same and gap <= Fraction(self.within) * SLACK:
            return TENU
        known = same and self.up_to is not None and gap <= Fraction(self.up_to) * SLACK
        return EXPLIQUE if known else TOMBE

    def shown(self, which: str) -> str:
        """``official``, ``ours`` or ``gap`` as people read it."""
        value = getattr(self, which)
        if value is None:
            return "–"
        if which == "gap":
            return _gap(value, self)
        printed = max(_digits(part) for part in parts(self.official))
        digits = (
            printed if self.digits is None or (which == "official" and printed) else self.digits
        )
        floor = "≥ " * (which == "official" and self.at_least)
        return floor + " / ".join(_shown(part, digits) for part in parts(value))


def parts(value: Value) -> tuple[Value, ...]:
    """The parts of a figure; of a single one, itself."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def number(part: Value) -> Fraction | None:
    """A number as it is, a text such as ``3/4`` as a fraction; None: it is none, or not finite."""
    if isinstance(part, bool) or (isinstance(part, float) and not math.isfinite(part)):
        return None
    if isinstance(part, str):
        top, stroke, bottom = part.partition("/")
        there = stroke and top.isdigit() and bottom.isdigit()
        return Fraction(int(top), int(bottom)) if there else None
    return Fraction(part)


def _digits(part: Value) -> int:
    """Digits behind the point, as the source prints them."""
    return len(repr(part).partition(".")[2]) if isinstance(part, float) else 0


def _shown(part: Value, digits: int) -> str:
    if isinstance(part, bool):
        return "yes" if part else "no"
    exact = number(part)
    return str(part) if exact is None else f"{_rounded(exact, digits):,.{digits}f}"


def _rounded(exact: Fraction, digits: int) -> Decimal:
    """To digits, half away from zero, as figures are printed."""
    whole = int(abs(exact) * 10**digits + Fraction(1, 2))
    return Decimal(whole if exact >= 0 else -whole).scaleb(-digits)


def _gap(gap: Fraction, claim: Claim) -> str:
    if not gap:
        return "0"
    if claim.relative or gap < Fraction(1, 10**4):
        return f"{float(gap):.0e}"
    return f"{int(gap):,}" if gap.denominator == 1 else f"{float(gap):.2g}"


@dataclass(frozen=True)
class Subject:
    """Claims that are recomputed together.

    Attributes
    ----------
    name, title, about : str
    needs : tuple of str
        Files of the data folder without which nothing of it can be recomputed.
    long : bool
        It takes a national matrix: left out of the short form.
    command : str
        How a reader traces it.
    claims : tuple of Claim
    """

    name: str
    title: str
    about: str
    command: str
    needs: tuple[str, ...]
    claims: tuple[Claim, ...]
    long: bool = False


@dataclass(frozen=True)
class Paper:
    """All that is claimed, where it is stated, and facts that the data folder does not have."""

    sources: Mapping[str, str]
    facts: Mapping[str, Any]
    subjects: tuple[Subject, ...]


@cache
def paper() -> Paper:
    """``data_schemas/claims.toml``.

    >>> [subject.name for subject in paper().subjects][:3]
    ['example', 'cases', 'bvcv']
    """
    text = resources.files("apl_schemas").joinpath("claims.toml").read_text(encoding="utf-8")
    page: dict[str, Any] = tomllib.loads(text)
    subjects = tuple(_subject(one, page["reasons"]) for one in page["subject"])
    return Paper(page["sources"], page["facts"], subjects)


def _subject(page: Mapping[str, Any], reasons: Mapping[str, str]) -> Subject:
    claims = tuple(
        Claim(
            **{
                **row,
                "subject": page["name"],
                "official": _frozen(row["official"]),
                "why": reasons.get(row.get("why", ""), row.get("why", "")),
            }
        )
        for row in page["claim"]
    )
    rest = {key: value for key, value in page.items() if key not in ("needs", "claim")}
    return Subject(**rest, needs=tuple(page.get("needs", ())), claims=claims)


def _frozen(value: Value) -> Value:
    return tuple(value) if isinstance(value, list) else value
