"""One job in a process of its own; prints its peak in MB.

python -m benchmarks.peers ENGINE SOURCE OUT
"""

from __future__ import annotations

import re
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

from . import job


class WithoutPandas(MetaPathFinder):
    """As where pandas is not installed: PyArrow imports it wherever it is, which takes 0.3 s."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def peak_megabytes() -> float:
    """The most memory that this process has held.

    ``ru_maxrss`` is rejected where the kernel gives better: across an exec it keeps the peak of the
    process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        if kilobytes:
            return int(kilobytes[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 / (1024 if sys.platform == "darwin" else 1)


if __name__ == "__main__":
    engine, source, out = sys.argv[1:]
    if engine != "pandas":
        sys.meta_path.insert(0, WithoutPandas())
    job(engine)(Path(source), Path(out))
    print(peak_megabytes())
