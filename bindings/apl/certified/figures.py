"""What a subject hands over: its figures by the name of the claim, and tables that go with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Annex:
    """A table of the certificate, with the words before and after it.

    Attributes
    ----------
    title, before, after : str
    header : sequence of str
    rows : sequence of sequences of str
        The first column is text; the others are figures, or text.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Figures:
    """The figures of a subject, by claim; and its annexes."""

    values: Mapping[str, Any]
    annexes: tuple[Annex, ...] = ()
