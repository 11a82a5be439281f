"""Where the worked cases and the real data lie, outside the project; a loud skip without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared"

DATA = Path(os.environ.get("APL_REAL_DATA") or _BESIDE / "data")
CASES = DATA.parent / "cases"


def needs(folder: Path) -> pytest.MarkDecorator:
    """Skip a test, naming the folder, where that folder is missing."""
    return pytest.mark.skipif(
        not folder.is_dir(), reason=f"{folder} is missing: set APL_REAL_DATA to the data folder"
    )


needs_jit = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"),
    reason="national size: hours as plain Python (NUMBA_DISABLE_JIT is set)",
)
needs_data = needs(DATA)
needs_cases = needs(CASES)
