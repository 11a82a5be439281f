"""Which communes existed when (code officiel géographique), and of which year a list of codes is.

INSEE's file of movements says of every commune that ever changed from when to when it existed; one
that it never names exists throughout. That is all there is to a vintage: of two years that differ,
a list has codes that one of them lacks. No list of communes is kept here; the file is the caller's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

import pyarrow as pa

from apl.mergers import MERGERS, SPLIT, SPLITS, Days, by_day, departement, followed, resolved
from apl_core import Fault, TableError
from apl_core.errors import SHOWN

Span = tuple[str, str]  # from the first day to the day after the last one, as ISO dates
NEW_YEAR = "01-01"
ALWAYS, STILL = "", "9999-12-31"  # before and after all days of the file
FEW = 0.05  # what a list may lack and be complete; one of communes with a professional lacks 0.44
PARTS = ("COMD", "COMA")  # delegated and associated communes: parts of a commune, with a code
MEND = "give the table of one year, or convert its rows with INSEE's table of passage"


@dataclass(frozen=True)
class Fit:
    """How a list of codes fits the communes of 1 January of a year.

    ``matched`` of the ``listed`` codes existed, ``free`` of them are named by no movement;
    ``absent``: communes of the same départements that existed and are not listed, among those that
    the movements name. A list of some communes (those with a professional) has many of these, in
    every year.
    """

    year: int
    matched: int
    listed: int
    absent: int
    free: int = 0

    @property
    def complete(self) -> bool:
        """Whether the list has nearly all communes that can be told from those of other years."""
        return self.absent <= FEW * (self.matched - self.free + self.absent)

    @property
    def whole(self) -> bool:
        """Whether every code of the list existed."""
        return self.matched == self.listed


@dataclass(frozen=True, eq=False)
class History:
    """When each commune existed that the movements name.

    Attributes
    ----------
    spans, parts : mapping of code → spans
        As a commune; as a delegated or associated one.
    days : what communes became, by day
    table : pyarrow.Table
        The movements themselves.
    first : int
        The first year whose 1 January the movements tell of.
    until : str
        Their last day.
    """

    spans: Mapping[str, tuple[Span, ...]]
    parts: Mapping[str, tuple[Span, ...]]
    days: Days
    table: pa.Table
    first: int
    until: str

    @classmethod
    def of(cls, movements: pa.Table) -> History:
        """The history that a table ``mouvements`` tells.

        Raises
        ------
        TableError
            No movement of communes in it.

        Examples
        --------
        >>> history = History.of(_moves((32, "2019-01-01", "01002", "01001")))
        >>> history.spans["01002"], history.stands("01002", date(2019, 1, 1))
        ((('', '2019-01-01'),), False)
        """
        rows = movements.to_pylist()
        on: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            on[row["date_effet"]].append(row)
        if not on:
            mend = "give INSEE's file of the movements of communes (mvtcommune)"
            why = "without them no year is told from another"
            raise TableError([Fault("APL-C02", "no movement of communes", why, mend, "mouvements")])
        begin, until = min(on), max(on)
        first = int(begin[:4]) - (begin[5:] == NEW_YEAR)
        return cls(_communes(on), _parts(on), by_day(movements), movements, first, until)

    def stands(self, code: str, day: date) -> bool:
        """Whether a commune has this code on a day; one that no movement names does."""
        return code not in self.spans or _within(self.spans[code], day)

    def is_part(self, code: str, day: date) -> bool:
        """Whether a code is a delegated or associated commune's on a day, and no commune's."""
        return _within(self.parts.get(code, ()), day) and not self.stands(code, day)

    def fits(self, codes: Iterable[str]) -> tuple[Fit, ...]:
        """How a list of codes fits each year that the movements cover.

        Examples
        --------
        >>> history = History.of(_moves((32, "2019-01-01", "01002", "01001"),
        ...                             (41, "2021-01-01", "01003", "01004")))
        >>> [(fit.year, fit.matched, fit.absent) for fit in history.fits(["01001", "01003"])]
        [(2018, 2, 1), (2019, 2, 0), (2020, 2, 0), (2021, 1, 1)]
        """
        listed = set(codes)
        where = {departement(code) for code in listed}
        matched, absent = Counter[int](), Counter[int]()
        for code, spans in self.spans.items():
            if code in listed or departement(code) in where:
                steps = matched if code in listed else absent
                for since, until in spans:
                    steps[self._from(since)] += 1
                    steps[self._from(until)] -= 1
        free = len(listed - self.spans.keys())
        years = range(self.first, int(self.until[:4]) + 1)
        there, lacking = (accumulate([steps[y] for y in years]) for steps in (matched, absent))
        return tuple(
            Fit(year, free + has, len(listed), lacks, free)
            for year, has, lacks in zip(years, there, lacking, strict=True)
        )

    def _from(self, day: str) -> int:
        """The first year whose 1 January is on that day or after it."""
        if day == ALWAYS:
            return self.first
        return max(int(day[:4]) + (day[5:] > NEW_YEAR), self.first)

    def told(self, code: str, day: date) -> str:
        """What there is to say of a code that no commune has on a day: its dates and successor.

        Examples
        --------
        >>> history = History.of(_moves((32, "2019-01-01", "01002", "01001")))
        >>> history.told("01002", date(2023, 1, 1))
        '01002 (until 2018-12-31, then 01001)'
        """
        spans = self.spans.get(code, ())
        before = [until for _, until in spans if until <= day.isoformat()]
        if not before:
            return f"{code} (from {spans[0][0]})" if spans else code
        end = date.fromisoformat(before[-1]) - timedelta(1)
        try:
            then = followed([code], self.days, (end, day))[code]
        except TableError:
            then = "split"
        return f"{code} (until {end}, then {then})"


def best(fits: Iterable[Fit]) -> Fit:
    """The year of a list: of a complete one the nearest, of another one that has all of its codes.

    Nearest is the year of which the list has fewest codes too many and too few, together. (By the
    former alone a few stray codes would decide, since a commune nouvelle keeps a code: of the
    34,955 codes of 2022, 2015 has 34,954.) Of a list of some communes the year with all of its
    codes, then the nearest. The latest of equals.

    >>> best([Fit(2021, 3, 3, 1), Fit(2022, 3, 3, 0), Fit(2023, 2, 3, 0)]).year
    2022
    """
    fits = tuple(fits)
    near = max(fits, key=_nearness)
    return near if near.complete else max(fits, key=lambda fit: (fit.whole, _nearness(fit)))


def _nearness(fit: Fit) -> tuple[int, int]:
    return fit.matched - fit.listed - fit.absent, fit.year


def recognised(codes: Iterable[str], history: History, *, beside: int | None = None) -> Fit:
    """The year of a list of codes.

    Parameters
    ----------
    codes : iterable of str
    history : History
    beside : int, optional
        The year of the communes that the table came with: a list that fits it whole is of it. (A
        list of some communes fits many years; the latest of them is taken otherwise.)

    Examples
    --------
    >>> history = History.of(_moves((32, "2019-01-01", "01002", "01001"),
    ...                             (32, "2021-01-01", "01004", "01003")))
    >>> recognised(["01001", "01003"], history).year
    2021
    >>> recognised(["01001", "01003"], history, beside=2020).year
    2020
    """
    fits = history.fits(codes)
    near = [fit for fit in fits if fit.year == beside and fit.whole]
    return near[0] if near else best(fits)


def aliens(codes: Iterable[str], day: date, history: History) -> list[str]:
    """The codes of a list that no commune had on a day."""
    return sorted(code for code in set(codes) if not history.stands(code, day))


def faults(
    codes: Iterable[str], name: str, column: str, history: History, declared: date | None = None
) -> Iterator[Fault]:
    """A list of codes that is of no one year, or not of the declared one.

    Parameters
    ----------
    codes : iterable of str
    name, column : str
        The table they stand in, for the message.
    history : History
    declared : date, optional
        Without it, the date is that of the best year.

    Yields
    ------
    Fault
        ``APL-C08``: all of the other codes are delegated or associated communes'. ``APL-C02``: they
        are not of the declared date. ``APL-C03``: they are of another year than the most. A list
        that mixes years and one that has parts of communes may be the same list: both are told.
    """
    listed = set(codes)
    fits = history.fits(listed)
    day = declared or date(best(fits).year, 1, 1)
    odd = aliens(listed, day, history)
    if not odd:
        return
    values = tuple(history.told(code, day) for code in odd[:SHOWN])
    at: dict[str, Any] = {"table": name, "column": column, "values": values, "count": len(odd)}
    if all(history.is_part(code, day) for code in odd):
        why = f"on {day} they are parts of another commune, which counts their inhabitants"
        mend = "add them to the commune that is named, or give the table of one year"
        yield Fault("APL-C08", "delegated or associated communes", why, mend, **at)
    elif declared is not None:
        why = f"{len(odd):,} of {len(listed):,} codes; the list looks like {_shares(fits)}"
        yield Fault("APL-C02", f"codes of no commune on {day}", why, MEND, **at)
    else:
        other = max(history.fits(odd), key=lambda fit: (fit.matched, fit.year))
        why = (
            f"no year has them all: {_shares(fits)}; {other.year} has {other.matched:,} of the "
            f"{len(odd):,} that {day.year} lacks"
        )
        yield Fault("APL-C03", "codes of several years in one table", why, MEND, **at)


def out_of_range(day: date, history: History, name: str) -> Iterator[Fault]:
    """A date of which the movements cannot tell (``APL-C02``)."""
    if day.year < history.first or day.isoformat() > history.until:
        why = f"they tell of {history.first} to {history.until}: what changed then is not known"
        mend = "give a newer file of the movements of communes, or ask for a year that it covers"
        title = f"no movements for {day}"
        yield Fault("APL-C02", title, why, mend, "mouvements", "date_effet", values=(name,))


def backwards(
    codes: Iterable[str], between: tuple[date, date], history: History, where: tuple[str, str]
) -> Iterator[Fault]:
    """Communes that changed between a date and the later one of the table (``APL-C06``).

    A merger is a split, seen backwards. ``where``: table and column, for the message.
    """
    to, since = (day.isoformat() for day in between)
    listed = set(codes)
    odd = {
        code
        for day, leaving in history.days.items()
        if to < day <= since
        for old, new in leaving.items()
        for code in (old, *(one for one, _ in new))
        if code in listed
    }
    if odd:
        why = f"the table is of {since}, and {SPLIT[2]}"
        mend = f"ask for {since[:4]}, or give the table of {to[:4]}"
        values = tuple(sorted(odd)[:SHOWN])
        title = "communes of an earlier date than the table's"
        yield Fault(SPLIT[0], title, why, mend, *where, (), values, len(odd))


def apart(
    table: tuple[str, Iterable[str]], communes: Iterable[str], history: History | None = None
) -> Iterator[Fault]:
    """Two tables of different vintages: each has codes that the other lacks (``APL-C14``).

    A table that only lacks codes is incomplete, one that only has more of them too large: other
    gates say so. Both at once is the mark of two years, but for one code on each side: a slip.

    Parameters
    ----------
    table : (name, codes)
        Of a table that has every commune with inhabitants.
    communes : iterable of str
    history : History, optional
        Names the year of each list.

    Examples
    --------
    >>> for fault in apart(("population_standardisee", ["01001", "01002"]), ["01003", "01004"]):
    ...     print(fault.why)
    only in population_standardisee: 01001, 01002; only in communes: 01003, 01004
    """
    name, codes = table
    left, right = set(codes), set(communes)
    only = sorted(left - right), sorted(right - left)
    if not all(only) or len(only[0]) == len(only[1]) == 1:
        return
    words = []
    for where, some, whole in ((name, only[0], left), ("communes", only[1], right)):
        year = f" (codes of {recognised(whole, history).year})" if history else ""
        more = f" and {len(some) - SHOWN:,} more" * (len(some) > SHOWN)
        words.append(f"only in {where}{year}: {', '.join(some[:SHOWN])}{more}")
    mend = "use one year of codes in all tables, or convert them: --cog YEAR --movements FILE"
    values = tuple(only[0][:SHOWN])
    title = "tables of different vintages"
    at = (name, "code_commune")
    yield Fault("APL-C14", title, "; ".join(words), mend, *at, (), values, len(only[0]))


def _shares(fits: Iterable[Fit]) -> str:
    """The years that are nearest, with the share of the codes that they have."""
    ranked = sorted(fits, key=_nearness, reverse=True)
    return ", ".join(f"{f.year} ({100 * f.matched / max(f.listed, 1):.2f} %)" for f in ranked[:3])


# --- reading the movements ----------------------------------------------------------------------


def _within(spans: Iterable[Span], day: date) -> bool:
    return any(since <= day.isoformat() < until for since, until in spans)


def _communes(on: Mapping[str, list[dict[str, Any]]]) -> dict[str, tuple[Span, ...]]:
    """When each code was a commune's. What a code only passed through on one day it never was."""
    standing: dict[str, bool] = {}
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for day in sorted(on):
        rows = [row for row in on[day] if row["type_apres"] == "COM"]
        pairs = {(r["code_avant"], r["code_apres"]) for r in rows if r["type_avant"] == "COM"}
        kept = {old for old, new in pairs if old == new}
        links = {old: new for old, new in pairs if old != new}
        ends = set(resolved(links).values())  # of chains; both codes of an exchange
        left = links.keys() - kept - ends
        passed = left & set(links.values())
        born = {row["code_apres"] for row in rows if row["type_avant"] is None}
        there = ({new for _, new in pairs} | born) - left
        for code in sorted(there | links.keys() | kept):
            was = standing.get(code, code in {old for old, _ in pairs} and code not in passed)
            if code not in standing and was:
                spans[code].append((ALWAYS, STILL))
            if code in there and not was:
                spans[code].append((day, STILL))
            if code in left and was:
                spans[code][-1] = (spans[code][-1][0], day)
            standing[code] = code in there or (was and code not in left)
    return {code: tuple(found) for code, found in spans.items()}


def _parts(on: Mapping[str, list[dict[str, Any]]]) -> dict[str, tuple[Span, ...]]:
    """When each code was a delegated or associated commune's."""
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for day in sorted(on):
        became = {row["code_apres"] for row in on[day] if row["type_apres"] in PARTS}
        ended = {row["code_avant"] for row in on[day] if row["type_avant"] in PARTS} - became
        for code in sorted(ended):
            if not spans[code]:
                spans[code].append((ALWAYS, STILL))
            spans[code][-1] = (spans[code][-1][0], day)
        for code in sorted(became):
            if not spans[code] or spans[code][-1][1] != STILL:
                spans[code].append((day, STILL))
    return {code: tuple(found) for code, found in spans.items()}


def _moves(*events: tuple[int, str, str, str]) -> pa.Table:
    """Movements for the examples: event, day, code before, code after. As INSEE's file does, they
    name the commune that others merge into, or that is split, on a row of its own."""
    goes_on = {(m, d, c, c) for m, d, old, new in events
               for c in ([new] if m in MERGERS else [old] if m in SPLITS else [])}  # fmt: skip
    mod, day, before, after = zip(*events, *sorted(goes_on), strict=True)
    kind = pa.array(["COM"] * len(mod))
    return pa.table({"mod": mod, "date_effet": day, "type_avant": kind, "code_avant": before,
                     "type_apres": kind, "code_apres": after})  # fmt: skip
