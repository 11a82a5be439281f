"""What the pages are made of, read from a run and held against its manifest.

A run is the folder of `apl run` (with its inputs again, where pairs of communes are wanted) or
that of `apl zone` (with its table of communes). The ranking is made again from its BVCV: that takes
20 ms and gives the cuts as exact numbers, which no table holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl import whole, zoning
from apl.blocks import Regime, Unknown
from apl.counted import column_of, counted, own_inhabitants
from apl.explained.secrecy import LEAST, Secrecy, persons_of, secrecy_of
from apl.inputs import KIND, kind_of
from apl.law import Rules
from apl.outputs import MANIFEST
from apl.regions.regimes import regime_of
from apl.regions.zonage import as_zonage, by_code, read_zones, rows_of
from apl.report.words import isolated
from apl.scenarios.opened import Opened, changed_files, law_of, open_run, other_results
from apl.zoning import Ranking
from apl_core import Fault, FileError, UsageError, refuse_if
from apl_core.tables import read_table

I64 = NDArray[np.int64]
RANKED = ("code_bvcv", "code_region", "population", "population_standardisee", "apl")


@dataclass(frozen=True, eq=False)
class Given:
    """The files that a report is made of, besides the folder of the run.

    Attributes
    ----------
    source : Path or None
        The input folder of `apl run`: pairs, persons and labels.
    communes : Path or None
        The table of that name, with labels; a folder of `apl zone` needs it.
    published : Path or None
        The APL by commune that `apl zone` was given.
    zonage : Path or None
        A zoning with decisions, of `apl adapt`: the table, or the folder.
    incertitude : Path or None
        The table of that name, of `apl uncertainty`, or the folder.
    """

    source: Path | None = None
    communes: Path | None = None
    published: Path | None = None
    zonage: Path | None = None
    incertitude: Path | None = None
    movements: Path | None = None
    passage: Path | None = None

    def settled(self) -> Given:
        """The same, the folder of a command being the table in it that bears the name asked for."""
        return replace(self, zonage=_inside(self.zonage, "zonage"),
                       incertitude=_inside(self.incertitude, "incertitude"))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Material:
    """All that is known of a run.

    Attributes
    ----------
    rules : Rules
    regime : Regime or None
        The text's own; None where no public source at hand states it.
    manifest : mapping
    ranking : Ranking
        ``bvcv`` (the national table), ``parts``, ``cuts``.
    zonage : pyarrow.Table
        As `apl.regions.zonage.as_zonage`, the whole country, decisions on top where given.
    communes : pyarrow.Table
        ``code_commune``, ``libelle``, ``code_region``, ``code_bvcv``, ``population``, and
        ``population_standardisee``, ``etp``, ``apl``, null where the run does not know them.
    libelles : mapping of BVCV → str
    opened : Opened or None
        The run with its pairs; None where its inputs were not given again.
    persons : int64[n] or None
        Professionals by commune, in the order of ``opened``; None where only FTE are known.
    secrecy : Secrecy or None
        Of ``opened``.
    incertitude : pyarrow.Table or None
    coordinates : pyarrow.Table or None
        Of the embedded country: ``code_commune``, ``longitude``, ``latitude``.
    given : Given
    """

    rules: Rules
    regime: Regime | None
    manifest: Mapping[str, Any]
    ranking: Ranking
    zonage: pa.Table
    communes: pa.Table
    libelles: Mapping[str, str]
    opened: Opened | None
    persons: I64 | None
    secrecy: Secrecy | None
    incertitude: pa.Table | None
    coordinates: pa.Table | None
    given: Given

    @property
    def synthetic(self) -> bool:
        """Whether it describes no real place."""
        return bool(self.manifest["synthetic"])

    @property
    def regions(self) -> list[str]:
        """The regions to which BVCV are attributed."""
        return sorted(set(self.ranking.bvcv.column("code_region").to_pylist()))


def material(run: str | Path, given: Given | None = None, *, least: int = LEAST) -> Material:
    """Read a run.

    Parameters
    ----------
    run : Path
        A folder of ``apl run`` or of ``apl zone``.
    given : Given, optional
    least : int
        Professionals of a commune that shows something of its own.

    Raises
    ------
    FileError
        No run there; results or inputs that are not those of its manifest.
    UsageError
        A folder of ``apl zone`` without its communes.
    TableError
        A zoning of other BVCV, or of other national classes.
    """
    folder, asked = Path(run), (given or Given()).settled()
    told = _manifest(folder)
    rules = law_of(told, folder)
    refuse_if(other_results(told, folder), FileError)
    areas = read_table(_named(folder, told, "bvcv"), "bvcv")
    known = _embedded(told, rules)
    opened = _opened(folder, told, asked, rules)
    places = _places(folder, told, asked, rules, known.get("communes"))
    ranking = _ranked(areas, places, rules, told, folder)
    persons = None if opened is None else persons_of(opened)
    secret = None if opened is None else secrecy_of(opened.place, rules, persons, least=least)
    doubt = None
    if asked.incertitude is not None:
        doubt = read_table(asked.incertitude, "incertitude")
        refuse_if(_of_another_run(doubt, ranking, asked.incertitude), FileError)
    table = ranking.bvcv if asked.zonage is None else read_zones(asked.zonage)
    zonage = as_zonage(table, rules)
    if asked.zonage is not None:
        refuse_if(_another_zoning(zonage, ranking, asked.zonage), FileError)
    return Material(
        rules,
        None if isinstance(rules.blocks.get("adaptation"), Unknown) else regime_of(rules),
        told,
        ranking,
        zonage,
        places,
        bvcv_labels(places),
        opened,
        persons,
        secret,
        doubt,
        known.get("coordonnees"),
        asked,
    )


def bvcv_labels(communes: pa.Table) -> dict[str, str]:
    """What a BVCV is called: nothing gives it a name.

    A living area and an arrondissement bear the code of one of their communes, whose label is
    theirs; a canton-ou-ville is called by its most populous commune.

    Examples
    --------
    >>> bvcv_labels(pa.table({"code_commune": ["13001", "13028"], "code_bvcv": ["13001", "1398_"],
    ...     "libelle": ["Aix-en-Provence", "La Ciotat"], "population": [147_000, 35_000]}))
    {'13001': 'Aix-en-Provence', '1398_': 'La Ciotat (canton-ou-ville)'}
    """
    named: dict[str, str] = {}
    largest: dict[str, tuple[int, str]] = {}
    columns = ("code_commune", "code_bvcv", "libelle", "population")
    for code, unit, label, persons in rows_of(communes, *columns):
        if code == unit:
            named[unit] = label
        if persons > largest.get(unit, (-1, ""))[0]:
            largest[unit] = persons, label
    return {unit: named.get(unit, f"{label} (canton-ou-ville)" if unit.endswith("_") else label)
            for unit, (_, label) in sorted(largest.items())}  # fmt: skip


def _inside(path: Path | None, table: str) -> Path | None:
    """A file, or that of a table in a folder."""
    if path is None or not path.is_dir():
        return path
    found = [path / f"{table}.{suffix}" for suffix in ("parquet", "csv")]
    return next((one for one in found if one.is_file()), found[0])


def _manifest(folder: Path) -> dict[str, Any]:
    whole.settle(folder, MANIFEST)
    try:
        found = whole.read(folder / MANIFEST)
    except (OSError, ValueError) as error:
        raise FileError([_no_run(folder, f"{MANIFEST} cannot be read: {error}")]) from None
    if found is None:
        raise FileError([_no_run(folder, f"there is no {MANIFEST}")])
    known = isinstance(found, dict) and {"inputs", "rules", "options", "outputs"} <= set(found)
    if not known or not any(name.startswith("bvcv.") for name in found["outputs"]):
        raise FileError([_no_run(folder, f"{MANIFEST} is that of another command")])
    return dict(found)


def _embedded(told: Mapping[str, Any], rules: Rules) -> dict[str, pa.Table]:
    """Communes with labels, and where they stand, of a run on the embedded country."""
    if not told["synthetic"] or any("sha256" in entry for entry in told["inputs"]):
        return {}
    from apl import bvcv
    from apl.country import country

    tables = country()
    built = bvcv.build(tables["geographie"], tables["population_municipale"], rules)
    return {"communes": built.communes, **tables}


def _opened(folder: Path, told: Mapping[str, Any], asked: Given, rules: Rules) -> Opened | None:
    """The run with its pairs, where it has some and its inputs are at hand."""
    at_hand = asked.source is not None or not any("sha256" in one for one in told["inputs"])
    ran = any(name.startswith("apl_communes.") for name in told["outputs"])
    if kind_of(rules) == KIND or not (ran and at_hand):
        return None
    brought: Any = {"movements": asked.movements, "passage": asked.passage}
    return open_run(folder, asked.source, **brought)


def _places(
    folder: Path, told: Mapping[str, Any], asked: Given, rules: Rules, known: pa.Table | None
) -> pa.Table:
    """The table of communes of a `Material`."""
    labelled = _labelled(told, asked) if known is None else known
    ran = any(name.startswith("apl_communes.") for name in told["outputs"])
    if ran:
        table = read_table(_named(folder, told, "apl_communes"), "apl_communes")
    elif labelled is None:
        why = "a folder of apl zone holds BVCV, and not which communes are in them"
        mend = "--communes: the table that apl zone was given"
        raise UsageError([Fault("APL-U05", "no table of communes", why, mend, "--communes")])
    else:
        table = labelled
    scores = None
    if asked.published is not None:
        refuse_if(_not_the_input(told, "apl_publie", asked.published), FileError)
        scores = read_table(asked.published, "apl_publie")
    columns = {
        "code_commune": table.column("code_commune").cast(pa.string()),
        "libelle": _joined(table, labelled, "libelle", table.column("code_commune")),
        **{name: table.column(name).cast(pa.string()) for name in ("code_region", "code_bvcv")},
        "population": table.column("population"),
    }
    for name in ("population_standardisee", "etp", "apl"):
        column = _joined(table, table if ran else scores, name, None)
        columns[name] = column.cast(pa.float64())
    if (whom := column_of(rules)) not in columns:
        columns[whom] = counted(labelled or table, rules, published=scores).column(whom)
    columns["libelle"] = pa.array(map(isolated, columns["libelle"].to_pylist()), pa.string())
    return pa.table({name: pa.chunked_array(column) if isinstance(column, pa.Array) else column
                     for name, column in columns.items()})  # fmt: skip


def _labelled(told: Mapping[str, Any], asked: Given) -> pa.Table | None:
    """The table of communes that was given again."""
    from apl.inputs import input_files

    path = asked.communes
    if path is None and asked.source is not None:
        path = input_files(asked.source).get("communes")
    if path is None:
        return None
    refuse_if(_not_the_input(told, "communes", path), FileError)
    return read_table(path, "communes")


def _joined(table: pa.Table, other: pa.Table | None, name: str, default: Any) -> Any:
    """A column of another table, by commune; where it has none, the default or null."""
    if other is None or name not in other.column_names:
        return pa.nulls(table.num_rows, pa.string()) if default is None else default.cast("string")
    codes = (one.column("code_commune").cast(pa.string()) for one in (table, other))
    at = pc.index_in(next(codes), value_set=next(codes).combine_chunks())
    found = other.column(name).combine_chunks().take(at.combine_chunks())
    return found if default is None else pc.coalesce(found, default.cast(pa.string()))


def _ranked(
    areas: pa.Table, places: pa.Table, rules: Rules, told: Mapping[str, Any], folder: Path
) -> Ranking:
    """The ranking of the run, made again."""
    outside = told["options"]["parameters"]["territories_without_apl"]
    found = zoning.rank(
        areas.select([name for name in RANKED if name in areas.column_names]),
        rules,
        territories_without_apl=outside,
        inhabitants=own_inhabitants(places, rules),
    )
    before, after = (by_code(table, "zone") for table in (areas, found.bvcv))
    other = sorted(code for code in before if before[code] != after.get(code))
    refuse_if(changed_files(other, "classes", str(folder)), FileError)
    return found


def _another_zoning(zonage: pa.Table, ranking: Ranking, path: Path) -> Iterator[Fault]:
    """BVCV whose national class is not that of the run, or that only one of both has."""
    given, ours = by_code(zonage, "zone_nationale"), by_code(ranking.bvcv, "zone")
    yield from changed_files(
        sorted(code for code in given.keys() | ours.keys()
               if given.get(code, "") != ours.get(code, "")), "national classes", str(path)
    )  # fmt: skip


def _of_another_run(doubt: pa.Table, ranking: Ranking, path: Path) -> Iterator[Fault]:
    """BVCV whose APL is not that of the run whose intervals are shown."""
    given, ours = by_code(doubt, "apl"), by_code(ranking.bvcv, "apl")
    away = (code for code in given.keys() | ours.keys() if given.get(code) != ours.get(code))
    yield from changed_files(sorted(away), "APL", str(path))


def _not_the_input(told: Mapping[str, Any], table: str, path: Path) -> Iterator[Fault]:
    """The fault of a file that is not the one that the run had."""
    from apl.outputs import sha256

    was = {entry["table"]: entry.get("sha256") for entry in told["inputs"]}.get(table)
    if was is not None and was != sha256(path):
        yield from changed_files([path.name], "inputs", str(path))


def _named(folder: Path, told: Mapping[str, Any], table: str) -> Path:
    names = [name for name in told["outputs"] if name.startswith(f"{table}.")]
    return folder / str(names[0])


def _no_run(folder: Path, why: str) -> Fault:
    mend = "name the folder that apl run or apl zone wrote"
    return Fault("APL-A01", "not the folder of a run", why, mend, str(folder))
