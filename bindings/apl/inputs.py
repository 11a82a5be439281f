"""The input tables of a run: found in a folder, given in memory, or the embedded country."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl import bvcv
from apl.law import Rules
from apl.outputs import sha256
from apl_core import Fault, FileError, TableError, refuse_if
from apl_core.files import SUFFIXES
from apl_core.tables import checked, read_table

REQUIRED = (
    ("communes",),
    ("temps_de_parcours",),
    ("population_par_age", "population_standardisee"),
    ("professionnels", "offre"),
)
COMPANIONS = {"population_par_age": "consommation_par_age"}
WORKERS = 2  # reading is bound by memory beyond it


@dataclass(frozen=True)
class Inputs:
    """Checked tables by name, and the files they come from (none: in memory, or embedded).

    ``hashes`` are the files' sha256, by table.
    """

    tables: Mapping[str, pa.Table]
    files: Mapping[str, Path]
    hashes: Mapping[str, str]
    synthetic: bool


def read_inputs(
    source: str | Path | Mapping[str, Any] | None, rules: Rules, time: str | None
) -> Inputs:
    """The checked input tables of a run.

    Parameters
    ----------
    source : folder, mapping of table → pyarrow.Table, or None
        None: the embedded synthetic country.
    rules : Rules
        For the BVCV of the embedded country.
    time : str or None
        The header of the minutes, where several would do.
    """
    if source is None:
        return Inputs(embedded(rules), {}, {}, True)
    choose = {"temps_de_parcours": {"minutes": time}} if time else {}
    if isinstance(source, Mapping):
        _complete(source, "the tables given")
        names = list(source)
        found = side_by_side(
            *(lambda n=name: checked(source[n], n, choose=choose.get(n)) for name in names)
        )
        return Inputs(dict(zip(names, found, strict=True)), {}, {}, False)
    files = input_files(Path(source))
    found = side_by_side(
        *readers(files, choose), *(partial(sha256, path) for path in files.values())
    )
    tables = dict(zip(files, found[: len(files)], strict=True))
    hashes = dict(zip(files, found[len(files) :], strict=True))
    return Inputs(tables, files, hashes, False)


def readers(
    files: Mapping[str, Path], choose: Mapping[str, Mapping[str, str]]
) -> Iterator[Callable[[], pa.Table]]:
    """One job a file: read it and check it."""
    for name, path in files.items():
        yield partial(read_table, path, name, choose=choose.get(name))


def side_by_side(*jobs: Callable[[], Any]) -> list[Any]:
    """The results of independent jobs, two at a time; the faults of all of them together.

    Reading, checking and indexing release the GIL: the five national tables take 0.6 of the time
    that they take in turn.
    """
    results, faults = attempts(*jobs)
    refuse_if(faults)
    return results


def attempts(*jobs: Callable[[], Any]) -> tuple[list[Any], list[Fault]]:
    """As `side_by_side`; a job that is refused leaves None, and its faults."""

    def attempt(job: Callable[[], Any]) -> tuple[Any, list[Fault]]:
        try:
            return job(), []
        except TableError as error:
            return None, list(error.faults)

    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(attempt, jobs))
    return [result for result, _ in done], [fault for _, found in done for fault in found]


SYNTHETIC = "the embedded country is synthetic: no figure of it describes a real place"


def embedded(rules: Rules) -> dict[str, pa.Table]:
    """The input tables of the embedded country, its BVCV built by the rule."""
    from apl.country import country

    tables = country()
    built = bvcv.build(tables.pop("geographie"), tables.pop("population_municipale"), rules)
    tables.pop("coordonnees", None)
    return {"communes": built.communes, **tables}


def input_files(folder: Path) -> dict[str, Path]:
    """The input files of a folder, by the stem of their names.

    Raises
    ------
    FileError
        No such folder, a table missing, or one given twice; all together.
    """
    if not folder.is_dir():
        why = f"{folder.absolute()} is not a folder"
        mend = "name a folder of tables: communes.csv, temps_de_parcours.parquet, …"
        raise FileError([Fault("APL-A01", "no input folder", why, mend, str(folder))])
    known = {name for group in REQUIRED for name in group} | set(COMPANIONS.values())
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
                "APL-A07",
                f"two files for {name}",
                ", ".join(path.name for path in paths),
                "keep one",
                str(folder),
            )
            for name, paths in doubled.items()
        ),
        FileError,
    )
    _complete(found, str(folder))
    files = {name: paths[0] for name, paths in found.items()}
    # largest first: two readers then end at about the same time
    return dict(sorted(files.items(), key=lambda item: (-item[1].stat().st_size, item[0])))


def _complete(found: Mapping[str, Any], where: str) -> None:
    """Refuse a set of tables that lacks one, or gives one thing twice."""
    faults = []
    for group in REQUIRED:
        given = [name for name in group if name in found]
        wanted = " or ".join(group)
        if not given:
            mend = f"add {' or '.join(f'{name}.csv' for name in group)} (or .parquet, .xlsx)"
            faults.append(Fault("APL-A01", f"no table {wanted}", where, mend, wanted))
        elif len(given) > 1:
            why = f"both {' and '.join(given)} are there: one replaces the other"
            faults.append(Fault("APL-A01", "one thing given twice", why, "keep one", where))
        companion = COMPANIONS.get(given[0]) if given else None
        if companion and companion not in found:
            why = f"{given[0]} is standardised with it"
            faults.append(Fault("APL-A01", f"no table {companion}", why, "add it", companion))
    refuse_if(faults, FileError)
