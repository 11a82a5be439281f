"""Where results come from: inputs with their hashes, software with its versions.

A table carries in its metadata the text it was made under, what of it the caller supplied, and
whether it describes a real place; what is made from it says so again.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from apl.outputs import LAW_KEY, SUPPLIED, SYNTHETIC_COLUMN, SYNTHETIC_KEY, marked, sha256
from apl.vintages import declared
from apl_core import Fault, refuse_if
from apl_core.stream import counted_rows
from apl_core.tables import notes_of

if TYPE_CHECKING:
    from apl.law import Rules
    from apl.noticed import Notice


@cache
def versions() -> dict[str, str]:
    """The software that a result depends on."""
    names = ("apl", "numba", "numpy", "pyarrow", "scipy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def described(
    name: str, table: pa.Table, path: Path | None, known: str | None = None
) -> dict[str, Any]:
    """One input of a run; ``known`` is the file's sha256, where it was computed before."""
    years = [asdict(one) for one in declared(name, table)]
    entry: dict[str, Any] = {
        "table": name,
        "rows": counted_rows(table),
        "years": [{key: year[key] for key in ("source", "year", "words")} for year in years],
        "notes": notes_of(table),
    }
    if path is not None:
        entry |= {"file": path.name, "bytes": path.stat().st_size, "sha256": known or sha256(path)}
    return entry


def manifest(
    inputs: Mapping[str, tuple[pa.Table, Path]],
    rules: Mapping[str, Rules],
    options: Mapping[str, Any],
    seen: Iterable[Notice] = (),
) -> dict[str, Any]:
    """Where the one table of a command comes from.

    Parameters
    ----------
    inputs : mapping of table → its contents, and the file they were read from
    rules : mapping
        Each text by what it is for (``"rules"`` where there is one).
    options : mapping
        What was asked for besides.
    seen : notices
    """
    return {
        "software": versions(),
        "synthetic": synthetic(*(table for table, _ in inputs.values())),
        "inputs": [described(name, *given) for name, given in inputs.items()],
        "rules": {name: text.as_dict() for name, text in rules.items()},
        "options": dict(options),
        "noticed": [notice.as_dict() for notice in seen],
    }


def stamped(table: pa.Table, rules: Rules) -> pa.Table:
    """A table that names the text it was made under, and what of it is not law."""
    made = {"profession": rules.profession, "text": rules.text, "since": rules.since.isoformat(),
            SUPPLIED: list(rules.supplied)}  # fmt: skip
    known = table.schema.metadata or {}
    text = json.dumps(made, ensure_ascii=False).encode()
    return table.replace_schema_metadata({**known, LAW_KEY: text})


def under(rules: Rules, **tables: pa.Table) -> Rules:
    """The rules, with what callers supplied when these tables were made.

    A table without a mark (of somebody else, or in CSV, which has no metadata) is taken as it is.

    Raises
    ------
    TableError
        A table made under another text: its classes are not those of these rules.
    """
    made = {name: json.loads((table.schema.metadata or {}).get(LAW_KEY, b"{}"))
            for name, table in tables.items()}  # fmt: skip
    asked = (rules.profession, rules.since.isoformat())
    refuse_if(_of_another_text(name, law, rules) for name, law in made.items()
              if law and (law["profession"], law["since"]) != asked)  # fmt: skip
    supplied = (note for law in made.values() for note in law.get(SUPPLIED, ()))
    return dataclasses.replace(rules, supplied=tuple(dict.fromkeys((*rules.supplied, *supplied))))


def synthetic(*tables: pa.Table) -> bool:
    """Whether one of these tables says that it describes no real place."""
    return any(
        SYNTHETIC_KEY in (table.schema.metadata or {})
        or any(SYNTHETIC_COLUMN in note for note in notes_of(table))
        for table in tables
    )


def carried(table: pa.Table, path: Path, *sources: pa.Table) -> pa.Table:
    """A table to be written to a file, which says so where its sources describe no real place."""
    file_format = path.suffix.lower().removeprefix(".")
    return marked(table, file_format) if synthetic(*sources) else table


def _of_another_text(name: str, law: dict[str, Any], rules: Rules) -> Fault:
    return Fault(
        "APL-F07",
        "a table made under another text",
        f"it was made for {law['profession']}, {law['text'].split(' relatif')[0]}; asked for: "
        f"{rules.profession}, {rules.text.split(' relatif')[0]}",
        "ask for that text (--profession, --on), or make the table again under this one",
        name,
    )
