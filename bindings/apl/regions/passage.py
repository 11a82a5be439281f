"""The communes of one geography found again in a later one, by INSEE's movements.

Mergers, changes of code and their chains lead from one commune to one. A split does not say how
the inhabitants divide: it is refused, unless the caller's table ``passage`` says who went where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from apl.mergers import departement, followed
from apl_core import Fault, refuse_if
from apl_core.errors import listed


@dataclass(frozen=True)
class Passage:
    """Which communes became which.

    Attributes
    ----------
    targets : mapping of earlier code → later codes
        Every earlier commune; several codes where the caller's table settles a split.
    origins : mapping of later code → earlier codes
        Every later commune; none for those of a département that the earlier geography lacks.
    """

    targets: Mapping[str, tuple[str, ...]]
    origins: Mapping[str, tuple[str, ...]]

    @property
    def changed(self) -> dict[str, tuple[str, ...]]:
        """The earlier communes whose code is not the only one they go to."""
        return {code: to for code, to in self.targets.items() if to != (code,)}


def passage(
    earlier: Iterable[str],
    later: Iterable[str],
    *,
    movements: pa.Table | None = None,
    between: tuple[date, date] | None = None,
    table: pa.Table | None = None,
) -> Passage:
    """Find the communes of an earlier geography in a later one.

    Parameters
    ----------
    earlier, later : iterable of str
        The codes of both geographies.
    movements : pyarrow.Table, optional
        INSEE's movements of communes; only what is from commune to commune counts.
    between : (date, date), optional
        Dates of the two geographies: movements after the first and up to the second.
    table : pyarrow.Table, optional
        ``code_avant``, ``code_apres``: where communes went that the movements do not settle. It
        wins over the movements.

    Raises
    ------
    TableError
        Splits that the table does not settle; communes that lead nowhere, or come from nowhere.

    Examples
    --------
    >>> moves = pa.table({"mod": [41, 32], "date_effet": ["2018-01-01", "2018-01-01"],
    ...     "type_avant": ["COM", "COM"], "code_avant": ["14513", "50649"],
    ...     "type_apres": ["COM", "COM"], "code_apres": ["50649", "50592"]})
    >>> found = passage(["14513", "50592"], ["50592"], movements=moves,
    ...     between=(date(2017, 1, 1), date(2018, 1, 1)))
    >>> found.targets["14513"], found.origins["50592"]
    (('50592',), ('14513', '50592'))
    """
    if (movements is None) != (between is None):
        raise ValueError("movements and between (the dates of both geographies) go together")
    before, after = sorted(set(earlier)), sorted(set(later))
    settled: defaultdict[str, set[str]] = defaultdict(set)
    if table is not None:
        columns = (table.column(name).to_pylist() for name in ("code_avant", "code_apres"))
        for old, new in zip(*columns, strict=True):
            settled[old].add(new)
    ends = {code: code for code in before if code not in settled}
    if movements is not None and between is not None:
        ends = followed(ends, movements, between)
    targets: dict[str, tuple[str, ...]] = {old: (new,) for old, new in ends.items()}
    targets |= {old: tuple(sorted(new)) for old, new in settled.items()}
    refuse_if(_settled_faults(settled, before, after))
    origins: defaultdict[str, list[str]] = defaultdict(list)
    for old in before:
        for new in targets[old]:
            origins[new].append(old)
    refuse_if(_open_faults(targets, origins, before, after))
    return Passage(
        {old: targets[old] for old in before}, {new: tuple(origins[new]) for new in after}
    )


# --- faults --------------------------------------------------------------------------------------


def _settled_faults(
    settled: Mapping[str, set[str]], before: list[str], after: list[str]
) -> Iterator[Fault]:
    for column, codes in (
        ("code_avant", settled.keys() - set(before)),
        ("code_apres", set().union(*settled.values()) - set(after)),
    ):
        if codes:
            title = "a table of passage between other geographies"
            why = "it names communes that the tables of communes do not have"
            mend = "name communes of the earlier and of the later table"
            yield _fault("APL-C14", title, why, mend, ("passage", column), sorted(codes))


def _open_faults(
    targets: Mapping[str, tuple[str, ...]],
    origins: Mapping[str, list[str]],
    before: list[str],
    after: list[str],
) -> Iterator[Fault]:
    """Communes that lead nowhere, or come from nowhere."""
    known, there = set(after), {departement(code) for code in before}
    lost = [old if new == old else f"{old} → {new}"
            for old in before for new in targets[old] if new not in known]  # fmt: skip
    unborn = [new for new in after if new not in origins and departement(new) in there]
    mend = "give the movements and the dates of both geographies; a split needs a table passage"
    for title, why, where, codes in (
        ("earlier communes that the later table does not have",
         "their inhabitants would be in no later zone", "communes (earlier)", lost),
        ("later communes that come from no earlier one",
         "they would have no earlier zone", "communes (later)", unborn),
    ):  # fmt: skip
        if codes:
            yield _fault("APL-C14", title, why, mend, (where, "code_commune"), codes)


def _fault(
    fault: str, title: str, why: str, mend: str, where: tuple[str, str], values: list[str]
) -> Fault:
    return Fault(fault, title, why, mend, *where, **listed(values))
