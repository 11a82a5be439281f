"""The catalogue of faults: what ``data_schemas/faults.toml`` says of each identifier."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Protocol

from apl_core import Fault, refuse_if


@dataclass(frozen=True)
class Entry:
    """One fault of the catalogue.

    Attributes
    ----------
    title : str
        What is wrong, in a few words.
    severity : {"error", "notice", "handled"}
        Refused; said, and refused under ``--strict``; dealt with.
    exit : int
        The exit code, 0 where a run goes on.
    mend : str
        What to do about a notice; an error says it where it stands.
    """

    title: str
    severity: str
    exit: int
    status: str
    mend: str = ""
    why_not: str = ""
    test: str = ""
    ours: bool = False


class Said(Protocol):
    """A notice: its identifier and its sentence."""

    @property
    def fault(self) -> str: ...
    @property
    def text(self) -> str: ...


@cache
def catalogue() -> Mapping[str, Entry]:
    """Every entry by its identifier.

    >>> catalogue()["APL-E01"].title, catalogue()["APL-E08"].severity
    ('a pair given twice', 'notice')
    """
    page = resources.files("apl_schemas").joinpath("faults.toml").read_text(encoding="utf-8")
    entries: dict[str, Any] = tomllib.loads(page)
    return {f"APL-{name}": Entry(**entry) for name, entry in entries.items()}


def strictly(noticed: Iterable[Said]) -> None:
    """Refuse what was noticed, all together: what is handled alone passes.

    Raises
    ------
    TableError
    """
    known = catalogue()
    refuse_if(
        Fault(one.fault, known[one.fault].title, one.text, known[one.fault].mend + "; --strict")
        for one in noticed
        if known[one.fault].severity != "handled"
    )
