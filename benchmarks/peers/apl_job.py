"""The job in ours: with all its checks, the hashes of its inputs and outputs, and its manifest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import apl

from . import ON, THREADS


def run(source: Path, out: Path, progress: Callable[[str], None] = lambda stage: None) -> apl.Run:
    """The job; ``progress`` is told each stage as it begins."""
    progress("law")
    law = apl.rules("masseur_kinesitherapeute", on=date(*ON))
    return apl.run(source, law, out=out, threads=THREADS, overwrite=True, progress=progress)
