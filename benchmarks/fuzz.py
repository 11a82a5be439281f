"""Every reader on files that bytes, numbers and whole parts were changed in; not timed, but tried.

    python benchmarks/fuzz.py [--minutes 30] [--seed 1] [--only KIND,KIND]     (or: make fuzz)

The sound files, and what is asked of a reader, are those of `tests/fuzzing.py`. Files that lead to
lines of ours where no file led before are kept, and changed further: coverage guides. A third of
the time each goes to the kernels as they are, with bounds checks (NUMBA_BOUNDSCHECK=1), and as
plain Python (NUMBA_DISABLE_JIT=1). Each slice of seconds is a fork: a crash or a hang ends that
alone, and the file that was being read is the finding. One file of each kind of finding is left in
tests/fuzz_corpus/, where `tests/test_fuzz.py` reads it ever after. Exit 1 if anything is found.

Rejected: atheris. It sees the branches of Python, as this does, not those of compiled kernels or
of Arrow; and a crash ends its process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bindings"), str(ROOT / "tests")]  # run as a file
from fuzzing import (  # noqa: E402
    SECONDS,
    Finding,
    Golden,
    Tell,
    apart,
    goldens,
    judged,
    placed,
    sound_outcome,
)

CORPUS = ROOT / "tests" / "fuzz_corpus"
MODES = {
    "compiled": {},
    "bounds checked": {"NUMBA_BOUNDSCHECK": "1"},
    "plain Python": {"NUMBA_DISABLE_JIT": "1"},
}
SLICE = 8.0  # seconds of a fork
SEEDS = 400  # of a kind
OURS = ("apl_core", "bindings")
TOKENS = (
    b'"', b"'", b"\r", b"\n", b"\r\n", b"\0", b",", b";", b"\t", b" ", b"\xc2\xa0", b"\xef\xbb\xbf",
    b"\xff\xfe", b"nan", b"inf", b"-", b"-0", b"1e999", b"1e-999", b"0x1", b"9" * 15, b"9" * 16,
    b"9" * 40, b"0." + b"3" * 17, b"1.5.", b"1 000", b"12,5", b"PAR1", b"2A004", b"1001", b"true",
    b"null", b"[]", b"{}", b"[" * 200, b"\x7f", b"\x80", b"\xff" * 4, b"\x00" * 8, b"\xff" * 10,
)  # fmt: skip
Line = tuple[str, int]
Chance = random.Random


def main() -> None:
    """Try each mode for its share of the time, in a process of its own; say what was found."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=30)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default=",".join(sorted(goldens())), help="kinds of files")
    asked.add_argument("--mode", choices=sorted(MODES), help="one alone, in this process")
    options = asked.parse_args()
    if options.mode is not None:
        found = campaign(options.only.split(","), options.minutes, Chance(options.seed))
        sys.exit(1 if found else 0)
    ended = 0
    for number, (mode, settings) in enumerate(MODES.items()):
        print(f"{mode}:", flush=True)
        with tempfile.TemporaryDirectory() as cache:
            # kernels in the cache do not say whether they check bounds
            own = {"NUMBA_CACHE_DIR": cache} if settings else {}
            again = ["--mode", mode, "--minutes", str(options.minutes / len(MODES)),
                     "--seed", str(options.seed + number), "--only", options.only]  # fmt: skip
            command = [sys.executable, __file__, *again]
            ended |= subprocess.run(command, env=os.environ | settings | own).returncode
    sys.exit(ended)


def campaign(names: list[str], minutes: float, chance: Chance) -> list[Finding]:
    """Slice after slice, each of another kind of file, until the time is over."""
    begun, runs = monotonic(), dict.fromkeys(names, 0)
    warm(names)
    seeds = {name: [goldens()[name].data] for name in names}
    found: dict[str, Finding] = {}
    while monotonic() - begun < 60 * minutes:
        for name in names:
            many, more, wrong = a_slice(name, seeds[name], chance.randrange(1 << 30))
            runs[name] += many
            seeds[name] += more[: SEEDS - len(seeds[name])]
            for finding in wrong:
                if finding.kind not in found:
                    found[finding.kind] = finding
                    print(f"  found: {finding.kind}", flush=True)
    for name in names:
        print(f"  {name}: {runs[name]:,} files, {len(seeds[name])} kept")
    print(f"  {sum(runs.values()):,} files in {(monotonic() - begun) / 60:.1f} minutes, "
          f"{len(found)} kinds of findings", flush=True)  # fmt: skip
    return list(found.values())


def warm(names: list[str]) -> None:
    """Read each sound file here: forks then have the kernels compiled."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            sound_outcome(goldens()[name], placed(goldens()[name], Path(folder)))


def a_slice(name: str, seeds: list[bytes], number: int) -> tuple[int, list[bytes], list[Finding]]:
    """Some seconds of one kind in a fork: how many files, those worth keeping, findings."""
    golden = goldens()[name]
    with tempfile.TemporaryDirectory() as folder:
        path = placed(golden, Path(folder))
        told, ended = apart(lambda tell: explore(golden, path, seeds, Chance(number), tell))
        wrong = [(one["sealed"], one["wrong"], bytes.fromhex(one["file"])) for one in told
                 if "wrong" in one]  # fmt: skip
        if ended:
            wrong.append((False, ended, path.read_bytes()))
    found = []
    for sealed, what, data in wrong:
        found.append(Finding(name, what, data))
        keep(found[-1], sealed)
    counts = [one["files"] for one in told if "files" in one]
    kept = [bytes.fromhex(one["seed"]) for one in told if "seed" in one]
    return max(counts, default=0), kept, found


def keep(finding: Finding, sealed: bool) -> None:
    """Leave one file of a kind of finding, the shortest, to the tests."""
    CORPUS.mkdir(exist_ok=True)
    kind = hashlib.sha256(finding.kind.encode()).hexdigest()[:8]
    path = CORPUS / f"{finding.golden}.{'sealed' if sealed else 'open'}.{kind}"
    if not path.exists() or path.stat().st_size > len(finding.data):
        path.write_bytes(finding.data)


def explore(golden: Golden, path: Path, seeds: list[bytes], chance: Chance, tell: Tell) -> None:
    """Change files, and those that led somewhere new again; tell of these and of findings."""
    sound, known = sound_outcome(golden, path), [*seeds]
    files, until = 0, monotonic() + SLICE
    with watched() as lines:
        for data in [golden.wrap(seed) for seed in seeds[: SEEDS // 4]]:
            judged(golden, path, data, sound, sealed=False)
        while monotonic() < until:
            # much, from anything known, and packed again; or one thing in the sound file, which a
            # checksum has to see
            inside = chance.random() < 0.6
            data = changed(chance.choice(known) if inside else golden.file, known, chance, inside)
            written = golden.wrap(data) if inside else data
            sealed = golden.sealed and not inside
            before = len(lines)
            signal.alarm(SECONDS)
            wrong = judged(golden, path, written, sound, sealed=sealed)
            signal.alarm(0)
            files += 1
            if wrong:
                tell({"wrong": wrong, "file": written.hex(), "sealed": sealed, "files": files})
            elif (inside or not golden.packed) and len(lines) > before:
                known.append(data)
                tell({"seed": data.hex(), "files": files})
    tell({"files": files})


@contextmanager
def watched() -> Iterator[set[Line]]:
    """The lines of ours that run meanwhile."""
    lines: set[Line] = set()

    def line(frame: FrameType, event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        return line if any(part in name for part in OURS) and "kernels" not in name else None

    sys.settrace(call)
    try:
        yield lines
    finally:
        sys.settrace(None)


def changed(data: bytes, others: list[bytes], chance: Chance, several: bool) -> bytes:
    """One change, or up to four."""
    for _ in range(chance.choice((1, 1, 1, 2, 4)) if several else 1):
        data = chance.choice(CHANGES)(data, others, chance)
    return data[: 1 << 20]


def _bit(data: bytes, _: list[bytes], chance: Chance) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _byte(data: bytes, _: list[bytes], chance: Chance) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    near = (data[at] + 1, data[at] - 1, 0, 1, 127, 128, 255, chance.randrange(256))
    return data[:at] + bytes([chance.choice(near) & 255]) + data[at + 1 :]


def _token(data: bytes, _: list[bytes], chance: Chance) -> bytes:
    at, over = chance.randint(0, len(data)), chance.choice((0, 0, 1, 4))
    return data[:at] + chance.choice(TOKENS) + data[at + over :]


def _without(data: bytes, _: list[bytes], chance: Chance) -> bytes:
    begin, end = _part(data, chance)
    return data[:begin] + data[end:]


def _twice(data: bytes, _: list[bytes], chance: Chance) -> bytes:
    begin, end = _part(data, chance)
    at = chance.randint(0, len(data))
    return data[:at] + data[begin:end] * chance.choice((1, 1, 2, 50)) + data[at:]


def _spliced(data: bytes, others: list[bytes], chance: Chance) -> bytes:
    other = chance.choice(others)
    begin, end = _part(other, chance)
    at = chance.randint(0, len(data))
    over = chance.choice((0, end - begin))
    return data[:at] + other[begin:end] + data[at + over :]


def _part(data: bytes, chance: Chance) -> tuple[int, int]:
    begin = chance.randint(0, len(data))
    return begin, min(len(data), begin + chance.choice((1, 2, 4, 8, 40, 400)))


CHANGES: tuple[Callable[[bytes, list[bytes], Chance], bytes], ...] = (
    _bit, _bit, _byte, _byte, _token, _without, _twice, _spliced,
)  # fmt: skip


if __name__ == "__main__":
    main()
