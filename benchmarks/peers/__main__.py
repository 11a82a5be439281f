"""One job in a process of its own; prints its peak in MB.

python -m benchmarks.peers ENGINE SOURCE OUT
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

from . import job
from .memory import peak_megabytes


class WithoutPandas(MetaPathFinder):
    """As where pandas is not installed: PyArrow imports it wherever it is, which takes 0.3 s."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


if __name__ == "__main__":
    engine, source, out = sys.argv[1:]
    if engine != "pandas":
        sys.meta_path.insert(0, WithoutPandas())
    job(engine)(Path(source), Path(out))
    print(peak_megabytes())
