"""Old results or new ones: `kill -9` at random moments of national runs into one folder.

    python benchmarks/kills.py [--kills 200] [--seed 1]     (or: make kills)

The embedded country is written to Parquet once. Each run is a fork of this process, where the
libraries are imported and the kernels compiled, writes over the results of an earlier one (other
figures, or another format), and is killed: a third of the kills fall anywhere in the run, a third
from where it says that it writes, a third from where files change their names. After each, the
folder must hold the old results or the new ones to the byte, as `apl.verify` and any other reader
find them; the next run goes on from there. Exit 1 if it ever holds anything else.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import apl
from apl import whole
from apl.inputs import embedded
from apl.outputs import MANIFEST, sha256
from apl.verify import verify

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
# What runs write in turn: the same country, with other figures, in two formats.
KINDS: dict[str, tuple[apl.Parameters, str]] = {
    "computed, Parquet": (apl.Parameters(), "parquet"),
    "given, Parquet": (apl.Parameters(4000.0, 7000.0), "parquet"),
    "computed, CSV": (apl.Parameters(), "csv"),
}
MINE = "mine.txt"
NAMES = 0.004  # seconds, about what the renames take
Held = dict[str, str]


def main() -> None:
    """Kill, look, and say what was seen."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--kills", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        violations = campaign(Path(folder), options.kills, random.Random(options.seed))
    sys.exit(1 if violations else 0)


def campaign(folder: Path, kills: int, chance: random.Random) -> int:
    """The violations of so many kills."""
    source = written(folder / "in")
    known = {kind: undisturbed(source, folder / kind, kind) for kind in KINDS}
    out = folder / "out"
    standing = next(iter(KINDS))
    run(source, out, standing)
    (out / MINE).write_text("not a result")
    whole_run, writing = durations(source, folder / "timed", standing)
    met: Counter[str] = Counter()
    violations = 0
    for number in range(kills):
        kind = chance.choice([other for other in KINDS if other != standing])
        aim = ("anywhere", "writing", "names")[number % 3]
        long = {"anywhere": whole_run, "writing": writing, "names": NAMES}[aim]
        ended = killed_after(chance.uniform(0, long), aim, out, partial(run, source, out, kind))
        stage = where(out, ended)
        wrong = vouched(out)
        whole.settle(out, MANIFEST)
        now = next((one for one in (standing, kind) if held(out) == known[one] | mine(out)), None)
        if wrong or now is None or verify(out).faults:
            violations += 1
            print(f"kill {number}, aimed {aim}: {wrong or sorted(os.listdir(out))}")
            run(source, out, kind)
        met[f"{stage}, aimed {aim}"] += 1
        met["new results stand after it" if now == kind else "old results stand after it"] += 1
        standing = now or kind
    run(source, out, standing)
    left = [name for name in os.listdir(out) if whole.leftover(name)]
    print(f"{kills} kills in runs of {whole_run:.3f} s, of which {writing:.3f} s of writing")
    for name, count in sorted(met.items()):
        print(f"{count:>6}  {name}")
    print(f"{len(left):>6}  leftovers after the next run")
    print(f"{violations:>6}  violations")
    return violations + len(left)


def silent(stage: str) -> None:
    """Nothing is told."""


def run(source: Path, out: Path, kind: str, progress: Callable[[str], None] = silent) -> None:
    """One national run into a folder."""
    parameters, file_format = KINDS[kind]
    apl.run(
        source, LAW, parameters=parameters, out=out, file_format=file_format, overwrite=True,
        progress=progress,
    )  # fmt: skip


def undisturbed(source: Path, out: Path, kind: str) -> Held:
    """What a run writes that nothing disturbs."""
    run(source, out, kind)
    return held(out)


def killed_after(moment: float, aim: str, out: Path, job: Callable[..., None]) -> bool:
    """Fork, do the job there, and kill it so long after its start, or after where it is aimed at;
    whether it had ended."""
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            job(lambda stage: os.write(tell, b"." * (stage == "writing")))
        finally:
            os._exit(0)
    os.close(tell)
    if aim != "anywhere":
        os.read(told, 1)  # empty where it ended before
    os.close(told)
    ended = 0
    while aim == "names" and not ended and ".next-" not in "".join(os.listdir(out)):
        ended, _ = os.waitpid(child, os.WNOHANG)
    time.sleep(moment)
    if not ended:
        ended, _ = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return bool(ended)


def where(out: Path, ended: bool) -> str:
    """How far the run was, by what it left."""
    if ended:
        return "killed after its end"
    kinds = {found["kind"] for name in os.listdir(out) if (found := whole.OURS.fullmatch(name))}
    if "next" in kinds:
        return "killed while names changed"
    if "partial" in kinds:
        return "killed while files were staged"
    return "killed while nothing was on its way"


def vouched(out: Path) -> list[str]:
    """Files that are not as the manifest that stands says: to any program, a mixture."""
    try:
        told = json.loads((out / MANIFEST).read_bytes())
    except FileNotFoundError:
        return []
    return [
        name for name, entry in told["outputs"].items()
        if not (out / name).is_file() or sha256(out / name) != entry["sha256"]
    ]  # fmt: skip


def held(out: Path) -> Held:
    """The sha256 of all that stands in a folder, but for what is on its way."""
    return {p.name: sha256(p) for p in out.iterdir() if not whole.leftover(p.name)}


def mine(out: Path) -> Held:
    """The user's own file, as it must stay."""
    return {MINE: sha256(out / MINE)} if (out / MINE).read_text() == "not a result" else {}


def durations(source: Path, out: Path, kind: str) -> tuple[float, float]:
    """Seconds of a run, and from where it says that it writes; medians of seven."""
    runs, writes = [], []
    for _ in range(7):
        stages = {"": time.perf_counter()}
        run(source, out, kind, lambda stage, s=stages: s.update({stage: time.perf_counter()}))  # type: ignore[misc]
        end = time.perf_counter()
        runs.append(end - stages[""])
        writes.append(end - stages["writing"])
    return sorted(runs)[3], sorted(writes)[3]


def written(folder: Path) -> Path:
    """The tables of the embedded country, in Parquet."""
    folder.mkdir()
    for name, table in embedded(LAW).items():
        fields = [
            pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in table.schema
        ]
        pq.write_table(table.cast(pa.schema(fields)), folder / f"{name}.parquet")
    return folder


if __name__ == "__main__":
    main()
