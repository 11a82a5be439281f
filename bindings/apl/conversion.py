"""A table in the communes of another year: what adds is added, what does not is not.

Persons, full-time equivalents, acts and fees add where communes merge. An APL never does: it is
their mean, weighted by the standardised population. Times and coordinates are those of the seat:
INSEE leaves a commune nouvelle the code of the commune where its seat is, so the pairs of that code
go on and those of the others are set aside. (Their mean, or the least of them, would be a time
between places that nobody measures.) A split is refused: nothing says how its inhabitants divide.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.blocks import UnitRules
from apl.cog import History, backwards, faults, out_of_range, recognised
from apl.mergers import HOMELESS, SPLIT, followed, located, merge
from apl_core import Fault, TableError, exact_sums, refuse_if
from apl_core.errors import SHOWN
from apl_core.schema import schema
from apl_core.tables import read_table
from apl_core.territory import column_values

I64 = NDArray[np.int64]
TALE = b"apl.cog"  # what a converted table says of how it came about
PERSONS = ("population", "population_feminine", "population_standardisee")
ADDS: dict[str, tuple[str, ...]] = {
    "communes": PERSONS,
    "population_municipale": PERSONS,
    "population_par_age": PERSONS,
    "population_standardisee": PERSONS,
    "apl_publie": PERSONS,
    "offre": ("etp",),
    "professionnels": ("actes", "honoraires", "part_activite"),
}
SEATED = {"temps_de_parcours": ("origine", "destination"), "coordonnees": ("code_commune",)}
SETTLE = "give the table of the year wanted, or one commune that takes each over whole: --passage"
WEIGHT = "population_standardisee"
# whose rows differ here stays in two rows: a gate of ours refuses the person
OWN = {"professionnels": ("age", "installe_dans_l_annee")}
LAW = "masseur_kinesitherapeute"  # whose text has the rule of merged BVCV (annexe, II)


@dataclass(frozen=True)
class Tale:
    """How a table came to its year.

    Attributes
    ----------
    since, to : str
        Dates of its communes, before and after.
    changed : mapping of code → code
        Those that went into another commune, or have another code.
    set_aside : int
        Rows of places that are no seat any more.
    areas : mapping of BVCV → BVCV
        Those that became one, since their poles did.
    several : mapping of commune → BVCV
        Communes that merged out of several, and the one they take.
    """

    since: str
    to: str
    changed: Mapping[str, str] = field(default_factory=dict)
    set_aside: int = 0
    areas: Mapping[str, str] = field(default_factory=dict)
    several: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Cog:
    """The communes that a run is asked for: those of a date.

    Parameters
    ----------
    to : date
        1 January for the COG of a year.
    history : History
    passage : pyarrow.Table, optional
        As `converted`.
    files : mapping of table → path
        Where ``mouvements`` and ``passage`` come from, for the manifest.
    """

    to: date
    history: History
    passage: pa.Table | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def told_by(self) -> dict[str, pa.Table]:
        """The tables that say what became of whom, by name."""
        settled = {} if self.passage is None else {"passage": self.passage}
        return {"mouvements": self.history.table, **settled}

    def bring(self, table: pa.Table, name: str, communes: pa.Table | None = None) -> pa.Table:
        """A table of a run in these communes; one without codes as it is.

        ``communes`` is the table of communes, brought before: see ``beside`` of `converted`.
        """
        if name not in ADDS and name not in SEATED:
            return table
        tale = None if communes is None else tale_of(communes)
        beside = None if tale is None else int(tale.since[:4])
        asked: dict[str, Any] = {"to": self.to, "passage": self.passage, "beside": beside}
        return converted(table, name, movements=self.history, **asked)


def read_cog(to: date, files: Mapping[str, Path]) -> Cog:
    """The communes of a date, from the files ``mouvements`` and ``passage`` (optional)."""
    history = History.of(read_table(files["mouvements"], "mouvements"))
    settled = read_table(files["passage"], "passage") if "passage" in files else None
    return Cog(to, history, settled, files)


def converted(
    table: pa.Table,
    name: str,
    *,
    to: date,
    movements: pa.Table | History,
    since: date | None = None,
    beside: int | None = None,
    passage: pa.Table | None = None,
    law: UnitRules | None = None,
) -> pa.Table:
    """A table of communes in those of another date.

    Parameters
    ----------
    table : pyarrow.Table
        As `apl.read_table` gives it.
    name : str
        Which table it is: one of those of a run, ``apl_publie``, ``population_municipale``,
        ``coordonnees``. (A ``geographie`` is converted by `apl.build_bvcv`, zones by `apl.revise`.)
    to : date
        Of the communes wanted: 1 January for the COG of a year.
    movements : pyarrow.Table, or History of one
        INSEE's movements of communes.
    since : date, optional
        Of the table's communes; recognised where it is not given.
    beside : int, optional
        As `apl.cog.recognised`.
    passage : pyarrow.Table, optional
        ``code_avant``, ``code_apres``: which one commune takes over an earlier one whole, where
        the movements say otherwise or that it was split.
    law : UnitRules, optional
        For ``communes``: what the pole of a merged BVCV is. Default: the text of 2024.

    Returns
    -------
    pyarrow.Table
        The same columns; rows in their order, merged ones in the place of the commune whose code
        goes on. `tale_of` says what was done.

    Raises
    ------
    TableError
        Codes of several years (``APL-C03``), of another than ``since`` (``C02``), of parts of
        communes (``C08``); a split (``C06``); an APL without its weights (``D06``).

    Examples
    --------
    >>> from apl.cog import _moves
    >>> offre = pa.table({"code_commune": ["01001", "01002"], "etp": [2.0, 0.5]})
    >>> converted(offre, "offre", to=date(2023, 1, 1),
    ...           movements=_moves((32, "2023-01-01", "01002", "01001"))).to_pylist()
    [{'code_commune': '01001', 'etp': 2.5}]
    """
    if name not in ADDS and name not in SEATED:
        raise ValueError(f"{name}: none of {', '.join([*ADDS, *SEATED])}")
    history = movements if isinstance(movements, History) else History.of(movements)
    columns = SEATED.get(name, ("code_commune",))
    listed = sorted(set[str]().union(*(_words(table.column(one)) for one in columns)))
    refuse_if(out_of_range(to, history, name))
    refuse_if(faults(listed, name, columns[0], history, since))
    since = since or date(recognised(listed, history, beside=beside).year, 1, 1)
    settled = _settled(passage, set(listed))
    refuse_if(backwards(listed, (to, since), history, (name, columns[0])))
    free = [code for code in listed if code not in settled]
    into = followed(free, history.days, (since, to), mend=SETTLE) | settled
    changed = {old: new for old, new in sorted(into.items()) if old != new}
    tale = Tale(since.isoformat(), to.isoformat(), changed)
    if not changed:
        return _told(table, tale)
    if name in SEATED:
        found = _seated(table, columns, _seats(into, (since, to), history, name))
        return _told(found, tale, set_aside=table.num_rows - found.num_rows)
    _weighted(table, name)
    found = _summed(table, name, into)
    if name != "communes":
        return _told(found, tale)
    between = (since, to)
    return _with_units(found, table, _amended(history.table, settled, between), between, law, tale)


def tale_of(table: pa.Table) -> Tale | None:
    """How a table came to its year; None where `converted` did not make it."""
    text = (table.schema.metadata or {}).get(TALE)
    return Tale(**json.loads(text)) if text else None


def remarks(name: str, table: pa.Table) -> Iterator[tuple[str, str]]:
    """What is to be said of a converted table: identifiers and sentences."""
    tale = tale_of(table)
    if tale is None or not tale.changed:
        return
    gone = ", ".join(f"{old} → {new}" for old, new in list(tale.changed.items())[:SHOWN])
    more = f" and {len(tale.changed) - SHOWN:,} more" * (len(tale.changed) > SHOWN)
    yield "APL-S07", f"{name} brought from the communes of {tale.since} to {tale.to}: {gone}{more}"
    if tale.set_aside:
        text = f"{tale.set_aside:,} rows of places that are no seat of a commune any more set aside"
        yield "APL-S07", f"{name}: {text}"
    for code, unit in tale.several.items():
        yield "APL-C04", f"{code} merged communes of several BVCV: it takes {unit}, by its code"
    for old, new in tale.areas.items():
        yield "APL-C05", f"BVCV {old} and {new} are one, {new}: their poles merged"


# --- what adds -----------------------------------------------------------------------------------


def _summed(table: pa.Table, name: str, into: Mapping[str, str]) -> pa.Table:
    """Rows of merged communes made one: quantities added, the rest that of the code that goes on.

    Rows that nothing happened to are not looked at: a table has a million, a merger a few.
    """
    table = table.unify_dictionaries()
    words, at = _coded(table.column("code_commune"))
    ends = [into.get(word, word) for word in words]  # a filtered table keeps words of no row
    hot = {new for old, new in zip(words, ends, strict=True) if old != new}
    touched = np.array([new in hot for new in ends], dtype=np.bool_)[at]
    rows = np.flatnonzero(touched)
    code = [ends[k] for k in at[rows].tolist()]
    others = (*(key for key in schema(name).key if key != "code_commune"), *OWN.get(name, ()))
    keys = [code, *(table.column(key).take(pa.array(rows)).to_pylist()
                    for key in others if key in table.column_names)]  # fmt: skip
    numbers: dict[Any, int] = {}
    group = np.array([numbers.setdefault(key, len(numbers)) for key in zip(*keys, strict=True)],
                     dtype=np.int64)  # fmt: skip
    # the row that stays: of the code that goes on, else of the smallest one
    old = [words[k] for k in at[rows].tolist()]
    rank = np.lexsort((old, [a != b for a, b in zip(old, code, strict=True)], group))
    first = rank[np.r_[True, np.diff(group[rank]) > 0]] if rank.size else rank
    heads = table.take(pa.array(rows[first]))
    part = table.take(pa.array(rows))
    heads = _replaced(heads, "code_commune", [code[k] for k in first])
    for column, values in _totals(part, name, group, len(numbers)).items():
        heads = _replaced(heads, column, values)  # groups are numbered as `first` has them
    plain = np.flatnonzero(~touched)
    both = pa.concat_tables([table.take(pa.array(plain)), heads]).unify_dictionaries()
    return both.take(pa.array(np.argsort(np.concatenate([plain, rows[first]]), kind="stable")))


def _totals(part: pa.Table, name: str, group: I64, size: int) -> dict[str, list[Any]]:
    """The quantities of each group: sums, and the mean APL weighted by the standardised population.

    What is empty counts for nothing; a group of empty cells is empty. An APL is empty where one
    with inhabitants has none: none was published of the whole.
    """
    found = {name: _sum(part.column(name), group, size)
             for name in ADDS[name] if name in part.column_names}  # fmt: skip
    if "apl" in part.column_names:
        apl, weight = (
            column_values(part.column(one).cast(pa.float64()), np.float64, fill=np.nan)
            for one in ("apl", WEIGHT)
        )
        weight = np.nan_to_num(weight)
        lacks = np.bincount(group, weights=np.isnan(apl) & (weight > 0), minlength=size) > 0
        total = exact_sums(group, weight, size)
        scored = exact_sums(group, weight * np.nan_to_num(apl), size)
        none = (lacks | (total == 0)).tolist()
        found["apl"] = [None if no else s / t for no, s, t in zip(none, scored, total, strict=True)]
    return found


def _sum(column: pa.ChunkedArray, group: I64, size: int) -> list[Any]:
    if pa.types.is_dictionary(column.type):  # as some readers leave quantities that repeat
        column = column.cast(column.type.value_type)
    there = column_values(column.is_valid(), np.bool_)
    some = np.bincount(group[there], minlength=size) > 0
    whole = pa.types.is_integer(column.type)
    if whole:
        total: NDArray[Any] = np.zeros(size, dtype=np.int64)
        np.add.at(total, group, column_values(column, np.int64, fill=0))
    else:
        total = exact_sums(group, column_values(column, np.float64, fill=0.0), size)
    return [value if given else None for value, given in zip(total.tolist(), some, strict=True)]


def _weighted(table: pa.Table, name: str) -> None:
    """Refuse to merge an APL without what its mean is weighted by."""
    if name == "apl_publie" and WEIGHT not in table.column_names:
        why = "the APL of communes that merged is their mean, weighted by it; an APL never adds"
        mend = f"give the column {WEIGHT}, which DREES publishes beside the APL"
        title = "an APL of another year without its standardised population"
        raise TableError([Fault("APL-D06", title, why, mend, name, WEIGHT)])


def _with_units(
    found: pa.Table,
    before: pa.Table,
    movements: pa.Table,
    between: tuple[date, date],
    law: UnitRules | None,
    tale: Tale,
) -> pa.Table:
    """The BVCV of merged communes (annexe, II), and the region of those that changed it."""
    codes, homes, persons, *place = (
        before.column(column).to_pylist() for column in
        ("code_commune", "code_bvcv", "population", "code_departement", "code_region")
    )  # fmt: skip
    units: dict[str, str] = dict(zip(codes, homes, strict=True))
    people: dict[str, int] = dict(zip(codes, persons, strict=True))
    places: dict[str, tuple[str, str]] = dict(zip(codes, zip(*place, strict=True), strict=True))
    now, gone, areas = merge(units, people, movements, between, law or _law())
    places |= {new: (dep, region) for new, dep, region in located(gone, places).values()}
    ends: list[str] = found.column("code_commune").to_pylist()
    found = _replaced(found, "code_bvcv", [now[code] for code in ends])
    found = _replaced(found, "code_departement", [places[code][0] for code in ends])
    found = _replaced(found, "code_region", [places[code][1] for code in ends])
    met: defaultdict[str, set[str]] = defaultdict(set)
    for old, new in gone.items():
        met[new] |= {units[old], units.get(new, units[old])}
    several = {code: now[code] for code, units_ in sorted(met.items()) if len(units_) > 1}
    return _told(found, tale, areas=dict(sorted(areas.items())), several=several)


def _law() -> UnitRules:
    from apl.law import law_page

    return law_page(LAW)[-1].territory


# --- what is the seat's --------------------------------------------------------------------------


def _seats(
    into: Mapping[str, str], between: tuple[date, date], history: History, name: str
) -> dict[str, str]:
    """Earlier code → later code of the places that are the seat of a later commune.

    A code that goes on is its own seat's; one that is new is the seat's of the only commune that
    took it. Where several merged under a new one, nothing here says which has the seat.
    """
    ends = sorted({new for old, new in into.items() if old != new})
    of: defaultdict[str, list[str]] = defaultdict(list)
    for old, new in into.items():
        of[new].append(old)
    went_on = {
        new
        for new in ends
        if history.stands(new, between[0]) and followed([new], history.days, between)[new] == new
    }
    unclear = [new for new in ends if new not in went_on and len(of[new]) > 1]
    if unclear:
        fault, title, _ = HOMELESS
        why = "none of them keeps its code, so that none is known to have the seat"
        mend = "give the table of the year wanted"
        where = (name, SEATED[name][0])
        values = tuple(f"{', '.join(sorted(of[new]))} → {new}" for new in unclear[:SHOWN])
        raise TableError([Fault(fault, title, why, mend, *where, (), values, len(unclear))])
    return {old: new for old, new in into.items() if old == new or new not in went_on}


def _seated(table: pa.Table, columns: tuple[str, ...], seats: Mapping[str, str]) -> pa.Table:
    """The rows between seats, under their later codes."""
    table = table.unify_dictionaries()
    keep = np.ones(table.num_rows, dtype=np.bool_)
    for column in columns:
        words, at = _coded(table.column(column))
        keep &= np.array([word in seats for word in words], dtype=np.bool_)[at]
        names = sorted({seats.get(word, word) for word in words})
        place = {word: k for k, word in enumerate(names)}
        new = np.array([place[seats.get(word, word)] for word in words], dtype=np.int32)[at]
        coded = pa.DictionaryArray.from_arrays(pa.array(new), pa.array(names, pa.string()))
        where = table.column_names.index(column)
        table = table.set_column(where, column, pa.chunked_array([coded]).cast(table[column].type))
    return table.take(pa.array(np.flatnonzero(keep)))


# --- dates and movements -------------------------------------------------------------------------


def _settled(passage: pa.Table | None, listed: set[str]) -> dict[str, str]:
    """What the caller's table says of the listed codes; only whole communes can be taken over."""
    if passage is None:
        return {}
    ways: defaultdict[str, set[str]] = defaultdict(set)
    cells = (passage.column(name).to_pylist() for name in ("code_avant", "code_apres"))
    for old, new in zip(*cells, strict=True):
        ways[old].add(new)
    several = sorted(old for old, new in ways.items() if old in listed and len(new) > 1)
    if several:
        where = ("passage", "code_apres")
        values = tuple(f"{old} → {', '.join(sorted(ways[old]))}" for old in several[:SHOWN])
        raise TableError([Fault(*SPLIT, SETTLE, *where, (), values, len(several))])
    return {old: min(new) for old, new in ways.items() if old in listed}


def _amended(
    movements: pa.Table, settled: Mapping[str, str], between: tuple[date, date]
) -> pa.Table:
    """The movements, those of settled codes replaced by what the caller's table says."""
    if not settled:
        return movements
    since, until = (day.isoformat() for day in between)
    rows = [
        row for row in movements.to_pylist()
        if not (since < row["date_effet"] <= until and row["code_avant"] in settled)
    ]  # fmt: skip
    how = {"mod": 31, "date_effet": until, "type_avant": "COM", "type_apres": "COM"}
    rows += [how | {"code_avant": old, "code_apres": new} for old, new in settled.items()]
    return pa.Table.from_pylist(rows, schema=movements.schema)


# --- columns -------------------------------------------------------------------------------------


def _words(column: pa.ChunkedArray) -> set[str]:
    """The distinct codes of a column."""
    return {word for word in column.unique().to_pylist() if word is not None}


def _coded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """The words of a column, and which of them stands in each row."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = pa.chunked_array(column.chunks, column.type).unify_dictionaries()
    words = whole.chunk(0).dictionary.to_pylist() if whole.num_chunks else []
    parts = [column_values(chunk.indices, np.int32) for chunk in whole.chunks]
    return words, np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)


def _replaced(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """A table with other values in one column, of the same type."""
    kind = table.schema.field(name).type
    if pa.types.is_dictionary(kind):
        column: Any = pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    else:
        column = pa.array(values, kind)
    return table.set_column(table.column_names.index(name), name, column)


def _told(table: pa.Table, tale: Tale, **more: Any) -> pa.Table:
    """The table with its tale, which CSV cannot keep."""
    kept = dict(table.schema.metadata or {})
    text = json.dumps({**asdict(tale), **more}, ensure_ascii=False)
    return table.replace_schema_metadata({**kept, TALE: text.encode()})
