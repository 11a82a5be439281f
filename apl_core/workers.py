"""Work that workers may die of: every part is done, and counted once, whoever does it.

Any `concurrent.futures.Executor` will do, and what starts one: a pool whose process was killed is
broken for good, so that the parts it owes go to a fresh one.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    as_completed,
)
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from apl_core.errors import AplError, Fault, FileError, refuse_if

TRIES = 4  # of a part, before it is the part that kills
SOFTWARE = ("apl", "numba", "numpy", "pyarrow")


class Workers:
    """Workers behind an executor, replaced when they die.

    Parameters
    ----------
    executor : Executor, or a function that starts one
        Only what a function started can be started anew, and is shut down here.
    count : int
        How many tasks it does at once; work is cut into a few parts for each.
    share : callable, optional
        ``share(value)``: how what all parts need is sent to every worker once; what it returns
        takes the place of the value among the arguments of a task. Else it goes with each task.
    lost : tuple of exception types
        What a dead worker looks like, beside `BrokenExecutor` and `CancelledError`.

    Examples
    --------
    >>> def work(shared, part):
    ...     return shared * part
    >>> with Workers.threads(2) as workers:
    ...     sorted(workers.results(work, 10, [1, 2, 3]))
    [10, 20, 30]
    """

    def __init__(
        self,
        executor: Executor | Callable[[], Executor],
        *,
        count: int,
        share: Callable[[Any], Any] | None = None,
        lost: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.count = count
        self._start = None if isinstance(executor, Executor) else executor
        self._executor = executor if isinstance(executor, Executor) else None
        self._share = share or (lambda value: value)
        self._lost: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError, *lost)

    @classmethod
    def threads(cls, count: int) -> Workers:
        """Threads of this process: kernels, Arrow and the system release the GIL."""
        return cls(partial(ThreadPoolExecutor, count), count=count)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def results(
        self, work: Callable[[Any, Any], Any], shared: Any, parts: Sequence[Any]
    ) -> Iterator[Any]:
        """``work(shared, part)`` of each part, as they are done; exactly one of each.

        Raises
        ------
        FileError
            A part that was lost with its worker time and again.
        AplError
            A result that was not asked for: a defect of the executor, or of ours.
        """
        owed = dict(enumerate(parts))
        for _ in range(TRIES):
            lost = False
            futures: dict[Future[Any], int] = {}
            try:
                sent = self._share(shared)
                for number, part in owed.items():
                    futures[self._running().submit(numbered, work, sent, number, part)] = number
            except self._lost:  # what was submitted is waited for all the same
                lost = True
            try:
                for future in as_completed(list(futures)):
                    asked = futures.pop(future)  # its result is not held any longer
                    try:
                        number, result = future.result()
                    except self._lost:
                        lost = True
                        continue
                    if number != asked or owed.pop(number, None) is None:
                        raise AplError([_not_asked_for(asked, number)])
                    yield result
            finally:
                for future in futures:
                    future.cancel()
            if not owed:
                return
            if lost and self._start is not None:
                self._stop()
        raise FileError([_dead(len(owed), len(parts))])

    def _running(self) -> Executor:
        if self._executor is None:
            assert self._start is not None
            self._executor = self._start()
        return self._executor

    def _stop(self) -> None:
        if self._start is not None and self._executor is not None:
            self._executor.shutdown()
            self._executor = None


def numbered(work: Callable[[Any, Any], Any], shared: Any, number: int, part: Any) -> Any:
    """What a worker does: the result says which part it is of."""
    return number, work(shared, part)


@dataclass(frozen=True)
class Setting:
    """What has to be the same wherever a part is done: software, and files (path → bytes)."""

    software: Mapping[str, str]
    files: Mapping[str, int]


def setting(*paths: str) -> Setting:
    """The setting here."""
    return Setting(software(), {path: Path(path).stat().st_size for path in paths})


@cache
def software() -> Mapping[str, str]:
    """Versions of what the bits may depend on."""
    found = {}
    for name in SOFTWARE:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def hold(wanted: Setting) -> None:
    """Compare a worker, where this runs, with the setting of those who sent it the work.

    Raises
    ------
    FileError
        Other versions; a file that is not there, or another one.
    """
    here = software()
    other = {name: here[name] for name in here if here[name] != wanted.software.get(name)}
    faults = [] if not other else [_other_versions(other, wanted.software)]
    for path, size in wanted.files.items():
        try:
            found = Path(path).stat().st_size
        except OSError as error:
            faults.append(_not_seen(path, error.strerror or type(error).__name__))
            continue
        if found != size:
            faults.append(_not_seen(path, f"it has {found:,} bytes there, {size:,} here"))
    refuse_if(faults, FileError)


def _dead(owed: int, parts: int) -> Fault:
    return Fault(
        "APL-M01",
        "workers that die",
        f"{owed:,} of {parts:,} parts were lost with their workers, {TRIES} times over",
        "look at the memory of the workers, and at their own log; then run again",
    )


def _not_asked_for(asked: int, given: int) -> Fault:
    return Fault(
        "APL-M02",
        "a part given twice, or in place of another",
        f"part {asked + 1} was asked for, part {given + 1} came: a sum would be wrong",
        "please report it, with the executor that was used",
    )


def _other_versions(other: Mapping[str, str], wanted: Mapping[str, str]) -> Fault:
    return Fault(
        "APL-M03",
        "other versions on a worker",
        f"{platform.node()} has "
        + ", ".join(f"{name} {found} (here {wanted.get(name)})" for name, found in other.items()),
        "install the same versions on every worker",
    )


def _not_seen(path: str, why: str) -> Fault:
    return Fault(
        "APL-M04",
        "a file that a worker does not see as it is here",
        f"on {platform.node()}: {why}",
        "put it where all workers see it under the same path",
        path,
    )
