"""A Dask cluster as the workers of a run: the one file that knows Dask (extra ``distributed``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apl_core import AplError, Fault, FileError
from apl_core.workers import Setting, Workers, hold, setting

PATIENCE = 10.0  # seconds for a scheduler to answer, and for a first worker to be there


@contextmanager
def cluster(address: str, *files: str | Path) -> Iterator[Workers]:
    """The workers of the scheduler at an address, each held against this process first.

    Parameters
    ----------
    address : str
        ``tcp://host:8786``, as the scheduler says it.
    *files : path
        What every worker has to see under the same path.

    Raises
    ------
    FileError
        Dask is not installed; nobody answers; no worker; another version of what the bits may
        depend on, or a file that a worker does not see.

    Examples
    --------
    Two workers beside this process, ``dask scheduler`` and twice ``dask worker ADDRESS``, then::

        with cluster("tcp://127.0.0.1:8786", path) as workers:
            steps = Blockwise(path, land, rules.decay, workers)
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.core import CommClosedError
    except ImportError as error:
        raise FileError([_not_installed(error)]) from None
    start: Any = Client  # typed in part
    wanted = setting(*(str(Path(file).absolute()) for file in files))
    try:
        client = start(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise FileError([_no_answer(address, str(error) or type(error).__name__)]) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except OSError:
            raise FileError([_no_answer(address, "it has no worker")]) from None
        _hold_all(client, wanted)
        yield Workers(
            client.get_executor(pure=False),
            count=sum(client.nthreads().values()),
            # once to each worker: the graph of tasks stays small, and who dies takes no sole copy
            share=lambda value: client.scatter(value, broadcast=True, hash=False),
            lost=(KilledWorker, CommClosedError, TimeoutError),
        )


def _hold_all(client: Any, wanted: Setting) -> None:
    """Hold all workers against the setting here, before any of them works."""
    try:
        client.run(hold, wanted)
    except AplError:
        raise
    except Exception as error:  # what a worker says that has no such module, or another one
        raise FileError([_other_code(error)]) from None


def _not_installed(error: ImportError) -> Fault:
    return Fault(
        "APL-M06",
        "no Dask here",
        f"a scheduler was asked for: {error}",
        'pip install "apl[distributed]", here and on the workers',
    )


def _no_answer(address: str, why: str) -> Fault:
    return Fault(
        "APL-M07",
        "a scheduler that does not answer",
        f"{address}: {why.splitlines()[0]}",
        "start it with `dask scheduler` and its workers with `dask worker ADDRESS`; give the "
        "address that it says, tcp://…",
    )


def _other_code(error: Exception) -> Fault:
    return Fault(
        "APL-M03",
        "other versions on a worker",
        f"{type(error).__name__}: {error}",
        "install the same version of this package on every worker",
    )
