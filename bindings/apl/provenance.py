"""Where results come from: inputs with their hashes, software with its versions."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl.outputs import sha256
from apl_core.tables import notes_of


@cache
def versions() -> dict[str, str]:
    """The software that a result depends on."""
    names = ("apl", "numba", "numpy", "pyarrow", "scipy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def described(
    name: str, table: pa.Table, path: Path | None, known: str | None = None
) -> dict[str, Any]:
    """One input of a run; ``known`` is the file's sha256, where it was computed before."""
    entry: dict[str, Any] = {"table": name, "rows": table.num_rows, "notes": notes_of(table)}
    if path is not None:
        entry |= {"file": path.name, "bytes": path.stat().st_size, "sha256": known or sha256(path)}
    return entry
