"""Independent work side by side: reading, checking and indexing release the GIL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any

from apl_core import AplError, Fault, TableError, refuse_if

WORKERS = 2  # reading is bound by memory beyond it


class Jobs:
    """Jobs started in order, two at a time; one may need the results of earlier ones.

    A job waits for what it needs in its worker: since workers take jobs in the order in which they
    were started, what is waited for is done or under way, and nothing can lock.

    Examples
    --------
    >>> with Jobs() as jobs:
    ...     a = jobs.start(lambda: 2)
    ...     b = jobs.start(lambda x: 10 * x, a)
    ...     jobs.finish()
    >>> b.result()
    20
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS)
        self._started: list[Future[Any]] = []

    def __enter__(self) -> Jobs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)

    def start(self, job: Callable[..., Any], *needs: Future[Any]) -> Future[Any]:
        """Start ``job(*results of needs)``; where a need failed, the job fails the same way."""
        future = self._pool.submit(lambda: job(*(need.result() for need in needs)))
        self._started.append(future)
        return future

    def faults(self) -> list[Fault]:
        """The faults of all jobs, each once; an error of another kind is raised, ours first.

        A job that failed because of what it needed raises the very error of its need.
        """
        wait(self._started)
        errors = {id(e): e for future in self._started if (e := future.exception())}
        for error in sorted(errors.values(), key=lambda error: not isinstance(error, AplError)):
            if not isinstance(error, TableError):
                raise error
        return [f for e in errors.values() if isinstance(e, TableError) for f in e.faults]

    def finish(self) -> None:
        """Wait for all jobs; raise a TableError with the faults of all of them."""
        refuse_if(self.faults())
