"""The cache of compiled kernels: where it is, filled beforehand (images, classrooms), emptied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from apl.inputs import embedded
from apl.law import Rules, law_page
from apl.live import Live
from apl.outputs import write_file
from apl.pipeline import GATE_LAW, run
from apl.scenarios.marginal import marginal
from apl.scenarios.opened import open_run
from apl.scenarios.situation import Situation
from apl_core import Fault, FileError, Gaussian, kernels
from apl_core.blockwise import Blockwise
from apl_core.family import kd2sfca, three_sfca
from apl_core.live import LiveAccess
from apl_core.many import WORTH_RUNS
from apl_core.stream import read_pairs
from apl_core.tables import read_table
from apl_core.workers import Workers

TIMES, SOME = "temps_de_parcours", 20_000  # rows, of files that are written for their form alone

Progress = Callable[[str], None]


def folder() -> Path:
    """Where compiled kernels are kept.

    Raises
    ------
    FileError
        Nowhere: no folder of the user's own can be written to.
    """
    if kernels.CACHE is None:
        why = "no folder of yours can be written to: kernels are compiled again by each process"
        mend = "set NUMBA_CACHE_DIR, or XDG_CACHE_HOME, to a folder that is yours alone"
        raise FileError([Fault("APL-L04", "no cache for compiled code", why, mend)])
    return kernels.CACHE


def files() -> int:
    """How many files the cache holds."""
    return sum(path.is_file() for path in folder().rglob("*.nb?"))


def clear() -> int:
    """Remove the kernels of this version and of others; how many files there were."""
    own = folder()
    # in the user's folder a version has a folder; one that was given may hold others' code
    where = own.parent if own.parent.name == "numba" and own.parent.parent.name == "apl" else own
    found = [*where.glob("apl_core_*"), *where.glob("*/apl_core_*")]
    count = sum(path.is_file() for each in found for path in each.rglob("*"))
    for each in found:
        shutil.rmtree(each)
        if each.parent != where and not any(each.parent.iterdir()):
            each.parent.rmdir()
    own.mkdir(mode=0o700, exist_ok=True)
    return count


def warm(progress: Progress) -> int:
    """Compile every kernel that commands and library use; how many files the cache then holds.

    By the real calls, on the embedded country: a list of signatures would have to be kept equal to
    what callers pass, read-only arrays and dtypes of dictionaries included.
    """
    folder()
    law = law_page(GATE_LAW)[-1]
    with TemporaryDirectory(prefix="apl-warm-") as made:
        source, out = Path(made, "in"), Path(made, "out")
        progress("writing the embedded country")
        for name, table in embedded(law).items():
            write_file(_plain(table), source / f"{name}.parquet")
        run(source, law, out=out, progress=progress)
        progress("scenarios, live edits and the family")
        opened = open_run(out, source)
        marginal(opened.place, opened.rules)
        _edit(opened.place, opened.rules)
        _solve(opened.place, opened.rules)
        progress("files in blocks")
        _blocks(source / f"{TIMES}.parquet", opened.place, opened.rules)
    return files()


def _plain(table: pa.Table) -> pa.Table:
    """Codes as plain text, as files of others have them."""
    fields = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in table.schema
    ]
    return table.cast(pa.schema(fields, metadata=table.schema.metadata))


def _edit(place: Situation, rules: Rules) -> None:
    """A live edit of each kind, exact and in float64."""
    code = place.pairs.land.codes[int(place.supply.argmax())].as_py()
    live = Live(place.pairs, place.supply, place.demand, rules, place.communes,
                outside=place.outside)  # fmt: skip
    live.add(code, fte=1.0)
    live.people(code, 10)
    smooth = place.pairs.weigh(Gaussian(10.0, limit=rules.decay.limit))
    LiveAccess(smooth, place.supply, place.demand).set_demand(int(place.supply.argmax()), 1.0)


def _solve(place: Situation, rules: Rules) -> None:
    """Many supplies, one supply many times, exact and in float64."""
    supplies = np.outer(np.linspace(1.0, 2.0, WORTH_RUNS), place.supply)
    weighted = place.pairs.weigh(rules.decay)
    smooth = place.pairs.weigh(Gaussian(10.0, limit=rules.decay.limit))
    for near in (weighted, smooth):
        near.access_many(supplies, place.demand)
    often = weighted.often()
    often.access(often.ratio(place.supply, place.demand))
    kd2sfca(place.pairs, place.supply, place.demand, Gaussian(10.0, limit=rules.decay.limit))
    three_sfca(place.pairs, place.supply, place.demand, rules.decay)


def _blocks(times: Path, place: Situation, rules: Rules) -> None:
    """A file in blocks: Parquet and CSV, in order and not; both steps over them."""
    land = place.pairs.land
    table = read_table(times, TIMES, known=land)
    backwards = pa.array(np.arange(SOME)[::-1])
    for suffix in (".parquet", ".csv"):
        file = times.with_name(f"a-rebours{suffix}")
        write_file(_plain(table.take(backwards)), file)
        read_pairs(file, land, within=rules.decay.limit, self_pair="none")
    with Workers.threads(1) as workers:
        summed = Blockwise(times, land, rules.decay, workers).first(place.demand)
        summed.access(summed.ratio(place.supply, place.demand))
