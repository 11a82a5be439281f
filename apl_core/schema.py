"""The table schemas of ``data_schemas/`` as frozen objects, and the recognition of headers.

One file a table, read by people and by the code: what it says is what is checked.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from apl_core.errors import Fault, UsageError

SUFFIX = ".schema.json"
PAGES = ("law", "aides", "faults")  # pages, which are no table
MISSING = "APL-B08"
LACKING = {MISSING, "APL-B01"}  # of a header that is not there: such a line is none


@dataclass(frozen=True)
class Field:
    """One column of a table: its name, type, limits, and the other headers that people use."""

    name: str
    type: str
    unit: str | None
    optional: bool
    required: bool
    minimum: float | None
    maximum: float | None
    pattern: str | None
    enum: tuple[str, ...]
    synonyms: tuple[str, ...]
    synonym_patterns: tuple[str, ...]
    prefer: str | None
    sentinels: tuple[tuple[float, str], ...]
    example: str
    faults: Mapping[str, str]
    former: str | None
    former_mend: str

    def named(self, kind: str, usual: str) -> str:
        """The identifier of a kind of fault in this column, where it has one of its own."""
        return self.faults.get(kind, usual)


@dataclass(frozen=True)
class Schema:
    """One table: its columns and its key."""

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)


@cache
def schema(name: str) -> Schema:
    """The schema of a table of ``data_schemas/``.

    Raises
    ------
    UsageError
        No such table.

    Examples
    --------
    >>> schema("temps_de_parcours").key
    ('origine', 'destination')
    """
    pages = _pages()
    if name not in pages:
        mend = f"one of: {', '.join(names())}"
        raise UsageError([Fault("APL-U01", f"no table named {name!r}", "it has no schema", mend)])
    page = json.loads(pages[name].read_text(encoding="utf-8"))
    return Schema(page["name"], tuple(map(_field, page["fields"])), tuple(page["primaryKey"]))


def names() -> list[str]:
    """The tables that have a schema."""
    return sorted(_pages())


def _pages() -> dict[str, Any]:
    """The schema file of each table; the law pages have a schema too, and are no table."""
    files = resources.files("apl_schemas").iterdir()
    found = {f.name.removesuffix(SUFFIX): f for f in files if f.name.endswith(SUFFIX)}
    return {name: file for name, file in found.items() if name not in PAGES}


def _field(entry: Mapping[str, Any]) -> Field:
    limits = entry.get("constraints", {})
    return Field(
        entry["name"],
        entry["type"],
        entry.get("unit"),
        entry.get("optional", False),
        limits.get("required", False),
        limits.get("minimum"),
        limits.get("maximum"),
        limits.get("pattern"),
        tuple(limits.get("enum", ())),
        tuple(entry.get("synonyms", ())),
        tuple(entry.get("synonymPatterns", ())),
        entry.get("prefer"),
        tuple((mark["value"], mark["meaning"]) for mark in entry.get("sentinels", ())),
        str(entry.get("example", "")),
        entry.get("faults", {}),
        entry.get("former", {}).get("pattern"),
        entry.get("former", {}).get("mend", ""),
    )


def recognise(
    headers: Sequence[str],
    table: Schema,
    choose: Mapping[str, str] | None = None,
    where: str | None = None,
) -> tuple[dict[str, str], list[Fault]]:
    """Which header holds which column of the table.

    A column is looked for under its own name, then under its synonyms (the earlier wins), each to
    the letter and then without case, accents and double spaces; then by pattern on such a header;
    never by position. ``choose`` names the header (or a part of it: a year, ``HC``) where several
    would do; ``where`` names the table in faults.

    Returns
    -------
    dict of column → header, list of Fault

    Examples
    --------
    >>> recognise(["CODGEO", "ETP", "note"], schema("offre"))
    ({'code_commune': 'CODGEO', 'etp': 'ETP'}, [])
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    place = where or table.name
    for field in table.fields:
        asked = (choose or {}).get(field.name)
        candidates = _candidates(field, headers) if asked is None else _known(field, headers)
        if asked is not None:
            chosen = [h for h in candidates if h == asked] or [h for h in candidates if asked in h]
            if len(set(chosen)) != 1:
                faults.append(_not_chosen(place, field, asked, chosen or candidates, headers))
                continue
            candidates = chosen
        if len(set(candidates)) > 1:
            faults.append(_several(place, field, candidates))
        elif candidates and headers.count(candidates[0]) > 1:
            faults.append(_doubled(place, field, candidates[0]))
        elif candidates:
            found[field.name] = candidates[0]
        elif not field.optional:
            faults.append(_absent(place, field, headers))
    return found, faults


def _candidates(field: Field, headers: Sequence[str]) -> list[str]:
    """The headers that hold a column, the best known name alone."""
    alike = [header for header in headers if _matches(field, header)]
    for name in (field.name, *field.synonyms):
        named = _named(name, headers)
        if named:
            several = name != field.name and set(named) & set(alike)
            return _preferred(field, alike) if several else named
    return _preferred(field, alike)


def _named(name: str, headers: Sequence[str]) -> list[str]:
    """The header that is this name to the letter; else those that are but for case and accents."""
    if name in headers:
        return [name]
    return [header for header in headers if plain(header) == plain(name)]


def _known(field: Field, headers: Sequence[str]) -> list[str]:
    """Every header that could hold a column."""
    names = {plain(name) for name in (field.name, *field.synonyms)}
    return [header for header in headers if plain(header) in names or _matches(field, header)]


def _preferred(field: Field, headers: list[str]) -> list[str]:
    if len(headers) > 1 and field.prefer:
        best = [header for header in headers if re.search(field.prefer, plain(header))]
        return best if len(best) == 1 else headers
    return headers


def _matches(field: Field, header: str) -> bool:
    return any(re.search(pattern, plain(header)) for pattern in field.synonym_patterns)


@lru_cache(4096)  # a header is compared with every name of every column
def plain(text: str) -> str:
    """``text`` without accents, case, or repeated spaces."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).casefold().split())


def _absent(where: str, field: Field, headers: Sequence[str]) -> Fault:
    known = ", ".join((field.name, *field.synonyms)[:8])
    example = f"; a value of it looks like {field.example}" if field.example else ""
    said = f"the table needs it; headers found: {', '.join(headers) or 'none'}"
    ours = {field.name, *field.synonyms}
    marks = [m for m in "|:" if len(headers) == 1 and ours & {*headers[0].split(m)}]
    if marks:  # comma, semicolon and tab are recognised
        name, mend = (
            "a separator that is not recognised",
            f"separate the columns by ; not {marks[0]!r}",
        )
        return Fault("APL-B01", name, said, mend, where, field.name, values=tuple(headers))
    return Fault(
        MISSING,
        "a column is missing",
        said,
        f"name the column; known names: {known}{example}",
        where,
        field.name,
    )


def _several(where: str, field: Field, headers: list[str]) -> Fault:
    option = "--time HC or --time HP" if field.name == "minutes" else "the year, or the header"
    return Fault(
        "APL-E09" if field.name == "minutes" else "APL-B13",
        "several columns would do",
        f"which one is meant is not for us to guess: {', '.join(headers)}",
        f"say which: {option}",
        where,
        field.name,
        values=tuple(headers),
    )


def _doubled(where: str, field: Field, header: str) -> Fault:
    return Fault(
        "APL-B07",
        "two columns of one name",
        f"which {header!r} is meant cannot be known",
        "rename or remove one of them",
        where,
        field.name,
        values=(header,),
    )


def _not_chosen(
    where: str, field: Field, asked: str, candidates: list[str], headers: Sequence[str]
) -> Fault:
    return Fault(
        MISSING,
        "the column asked for is not there",
        f"asked for {asked!r}; headers found: {', '.join(headers)}",
        f"one of: {', '.join(candidates) or 'none of these headers is known for this column'}",
        where,
        field.name,
    )
