"""The input tables of a run: found in a folder, given in memory, or the embedded country."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl import bvcv
from apl.blocks import Unknown
from apl.conversion import Cog
from apl.jobs import Jobs
from apl.law import Rules
from apl.outputs import sha256
from apl_core import Catchment, Fault, FileError, Territory, refuse_if
from apl_core.blockwise import Blockwise, Summed
from apl_core.exact import F64
from apl_core.files import SUFFIXES
from apl_core.limits import refuse_scarce, refuse_url
from apl_core.stream import Streamed, read_streamed
from apl_core.tables import checked, memory_of, read_table
from apl_core.workers import Workers

TIMES = "temps_de_parcours"
KIND = "standardised_density"  # measured by unit, without travel times: no APL
ENCODED = ("population_par_age", "temps_de_parcours")  # whose readers take indices of numbers
LARGE = 1 << 26  # bytes of a file of travel times that is read in blocks: some ten million rows
IN_BLOCKS = (".parquet", ".csv")
Stamp = tuple[int, int, int] | None  # see `stamp_of`
Groups = tuple[tuple[str, ...], ...]
REQUIRED: Groups = (
    ("communes",),
    ("temps_de_parcours",),
    ("population_par_age", "population_standardisee"),
    ("professionnels", "offre"),
)
COMPANIONS = {"population_par_age": "consommation_par_age"}
DENSITY = tuple(group for group in REQUIRED if group != ("temps_de_parcours",))


@dataclass(frozen=True)
class Inputs:
    """The input tables under way, by name, the files they come from, and the hashes of these.

    Without files, they were given in memory, or are the embedded country's.
    """

    tables: Mapping[str, Future[pa.Table]]
    files: Mapping[str, Path]
    hashes: Mapping[str, Future[str]]
    synthetic: bool
    pairs: Future[Catchment] | None = None  # of travel times that were read in blocks
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

    def refuse_changed(self) -> None:
        """Refuse files that changed while they were read: what was read is what was hashed.

        Raises
        ------
        FileError
        """
        refuse_if(
            (
                Fault("APL-A10", "a file that changed while it was read", "its size or date is no "
                      "longer what it was at first", "copy it, then run again", str(path))
                for name, path in self.files.items()
                if name in self.stamps and stamp_of(path) != self.stamps[name]
            ),
            FileError,
        )  # fmt: skip


def stamp_of(path: Path) -> Stamp:
    """What changes with a file: its place on the disk, its size, its date; None: it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def start_inputs(
    jobs: Jobs,
    source: str | Path | Mapping[str, Any] | None,
    rules: Rules | None,
    time: str | None,
    *,
    hashed: bool = False,
    self_pair: str = "error",
    progress: Callable[[str], None] | None = None,
    apart: bool = False,
    cog: Cog | None = None,
) -> Inputs:
    """Start reading and checking the input tables of a run.

    Parameters
    ----------
    jobs : Jobs
    source : folder, mapping of table → pyarrow.Table, or None
        None: the embedded synthetic country, whose BVCV are built by ``rules``.
    rules : Rules or None
    time : str or None
        The header of the minutes, where several would do.
    hashed : bool
        The sha256 of each file as well.
    self_pair, progress
        As `read_pairs`, for a large file of travel times: its rows are not kept.
    apart : bool
        Somebody else reads the travel times (`over_blocks`).
    cog : Cog, optional
        The communes that all tables are brought to; travel times are then held whole.

    Raises
    ------
    FileError
        No such folder, a table missing or given twice.
    """
    if source is None:
        assert rules is not None
        country = embedded(rules)
        return Inputs({n: jobs.start(partial(_same, t)) for n, t in country.items()}, {}, {}, True)
    choose = {"temps_de_parcours": {"minutes": time}} if time else {}
    required = required_of(rules)
    if isinstance(source, Mapping):
        _complete(source, "the tables given", required)
        given = {
            name: jobs.start(partial(checked, data, name, choose=choose.get(name)))
            for name, data in source.items()
        }
        return _brought(jobs, Inputs(given, {}, {}, False), cog)
    files = input_files(Path(source), required)
    stamps = {name: stamp_of(path) for name, path in files.items()}
    whole = apart or cog is not None or rules is None or TIMES not in files
    large = not whole and _is_large(files[TIMES])
    held = [name for name in files if name != TIMES or not (apart or large)]
    refuse_scarce({str(files[n]): memory_of(files[n], n) for n in held})
    communes = jobs.start(partial(read_table, files["communes"], "communes"))
    # all other tables wait for the codes: until then the second worker hashes
    asked = files if hashed else {}
    hashes = {name: jobs.start(partial(sha256, path)) for name, path in asked.items()}
    land = jobs.start(Territory.from_table, communes)

    def read(name: str) -> pa.Table:
        # where the communes are refused, the other tables are looked at all the same
        known = None if land.exception() else land.result()
        how: dict[str, Any] = {"choose": choose.get(name), "known": known}
        return read_table(files[name], name, **how, encoded=name in ENCODED)

    def in_blocks(land: Territory) -> Streamed:
        assert rules is not None
        how: dict[str, Any] = {"choose": choose.get(TIMES), "self_pair": self_pair}
        return read_streamed(files[TIMES], land, within=rules.decay.limit, progress=progress, **how)

    done = {"communes", TIMES} if apart or large else {"communes"}
    others = {name: jobs.start(partial(read, name)) for name in files if name not in done}
    pairs = None
    if large:
        streamed = jobs.start(in_blocks, land)
        others[TIMES] = jobs.start(lambda found: found.about, streamed)
        pairs = jobs.start(lambda found: found.pairs, streamed)
    tables = {"communes": communes, **{name: others[name] for name in files if name in others}}
    return _brought(jobs, Inputs(tables, files, hashes, False, pairs, stamps), cog)


def _brought(jobs: Jobs, given: Inputs, cog: Cog | None) -> Inputs:
    """The tables in the communes asked for, with the movements that led there among them.

    The table of communes is brought first: its year helps to tell that of the others.
    """
    if cog is None:
        return given
    communes = jobs.start(partial(cog.bring, name="communes"), given.tables["communes"])

    def bring(name: str, table: pa.Table, of: pa.Table) -> pa.Table:
        return cog.bring(table, name, of)

    tables = {
        name: communes if name == "communes" else jobs.start(partial(bring, name), table, communes)
        for name, table in given.tables.items()
    }
    tables |= {name: jobs.start(partial(_same, table)) for name, table in cog.told_by.items()}
    hashes = {name: jobs.start(partial(sha256, path)) for name, path in cog.files.items()}
    files = {**given.files, **cog.files}
    return replace(given, tables=tables, files=files, hashes={**given.hashes, **hashes})


def over_blocks(
    source: str | Path | Mapping[str, Any] | None,
    rules: Rules,
    workers: Workers | None,
    *,
    self_pair: str,
    time: str | None,
    progress: Callable[[str], None],
) -> Callable[[Territory, F64], Summed] | None:
    """The first step over the travel times of a folder, in blocks, for a territory and its demand.

    None without workers, and where the text measures a density: there are no travel times.

    Raises
    ------
    FileError
        There is no folder.
    """
    if workers is None or kind_of(rules) == KIND:
        return None
    if source is None or isinstance(source, Mapping):
        why, mend = "workers read it in blocks", "give a folder of tables, or no workers"
        raise FileError([Fault("APL-A01", "no file of travel times", why, mend, TIMES)])
    path = input_files(Path(source))[TIMES]
    choose = {"minutes": time} if time else None
    how: dict[str, Any] = {"self_pair": self_pair, "choose": choose, "progress": progress}

    def first(land: Territory, demand: F64) -> Summed:
        return Blockwise(path, land, rules.decay, workers, **how).first(demand)

    return first


def _is_large(path: Path) -> bool:
    return path.suffix.lower() in IN_BLOCKS and path.stat().st_size >= LARGE


def _same(table: pa.Table) -> pa.Table:
    return table


SYNTHETIC = "the embedded country is synthetic: no figure of it describes a real place"


def embedded(rules: Rules) -> dict[str, pa.Table]:
    """The input tables of the embedded country, its BVCV built by the rule."""
    from apl.country import country

    tables = country()
    built = bvcv.build(tables.pop("geographie"), tables.pop("population_municipale"), rules)
    tables.pop("coordonnees", None)
    return {"communes": built.communes, **tables}


def required_of(rules: Rules | None) -> Groups:
    """The tables of a run: no travel times where the text measures a density by unit."""
    return DENSITY if rules is not None and kind_of(rules) == KIND else REQUIRED


def kind_of(rules: Rules) -> str:
    """What the text measures; empty where no public source states it."""
    block = rules.blocks["indicator"]
    return "" if isinstance(block, Unknown) else str(block.kind)


def blocks_of(source: str | Path | Mapping[str, Any] | None, rules: Rules) -> tuple[str, ...]:
    """The blocks of the law that a run on these tables needs.

    FTE that are given need no rules of supply, a standardised population none of demand.

    Raises
    ------
    FileError
        As `start_inputs`.
    """
    required = required_of(rules)
    computed = {"professionnels": "supply", "population_par_age": "demand"}
    tables = set(computed)  # those of the embedded country
    if isinstance(source, Mapping):
        _complete(source, "the tables given", required)
        tables = set(source)
    elif source is not None:
        tables = set(input_files(Path(source), required))
    blocks = ["indicator", *(["territory"] if source is None else [])]
    blocks += [block for table, block in computed.items() if table in tables]
    blocks += ["decay", "aggregation"] if required is REQUIRED else []
    return (*blocks, "attribution", "zoning")


def input_files(folder: Path, required: Groups = REQUIRED) -> dict[str, Path]:
    """The input files of a folder, by the stem of their names.

    Raises
    ------
    FileError
        No such folder, a table missing, or one given twice; all together.
    """
    refuse_url(folder)
    if not folder.is_dir():
        why = f"{folder.absolute()} is not a folder"
        mend = "name a folder of tables: communes.csv, temps_de_parcours.parquet, …"
        raise FileError([Fault("APL-A01", "no input folder", why, mend, str(folder))])
    known = {name for group in required for name in group} | set(COMPANIONS.values())
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".gz")
        stem, dot, suffix = name.partition(".")
        if stem in known and f"{dot}{suffix}".lower() in SUFFIXES:
            found.setdefault(stem, []).append(path)
    doubled = {name: paths for name, paths in found.items() if len(paths) > 1}
    refuse_if(
        (
            Fault(
                "APL-A12",
                f"two files for {name}",
                ", ".join(path.name for path in paths),
                "keep one",
                str(folder),
            )
            for name, paths in doubled.items()
        ),
        FileError,
    )
    _complete(found, str(folder), required)
    files = {name: paths[0] for name, paths in found.items()}
    refuse_if(map(_endless, filter(_is_endless, files.values())), FileError)
    # communes first, which all else needs, then the largest: readers end at about the same time
    return dict(
        sorted(files.items(), key=lambda i: (i[0] != "communes", -i[1].stat().st_size, i[0]))
    )


def _is_endless(path: Path) -> bool:
    """A pipe or a device: to hash it would take for ever. (A folder is told where it is read.)"""
    return path.exists() and not path.is_file() and not path.is_dir()


def _endless(path: Path) -> Fault:
    why, mend = f"{path.absolute()} is a pipe or a device", "write it to a file first"
    return Fault("APL-A11", "not a regular file", why, mend, str(path))


def _complete(found: Mapping[str, Any], where: str, required: Groups) -> None:
    """Refuse a set of tables that lacks one, or gives one thing twice."""
    faults = []
    for group in required:
        given = [name for name in group if name in found]
        wanted = " or ".join(group)
        if not given:
            mend = f"add {' or '.join(f'{name}.csv' for name in group)} (or .parquet, .xlsx)"
            faults.append(Fault("APL-A01", f"no table {wanted}", where, mend, wanted))
        elif len(given) > 1:
            why = f"both {' and '.join(given)} are there: one replaces the other"
            faults.append(Fault("APL-A12", "one thing given twice", why, "keep one", where))
        companion = COMPANIONS.get(given[0]) if given else None
        if companion and companion not in found:
            why = f"{given[0]} is standardised with it"
            faults.append(Fault("APL-A01", f"no table {companion}", why, "add it", companion))
    refuse_if(faults, FileError)
