"""Live editing: professionals and inhabitants come and go, and each edit tells what it changes.

After every edit the APL, the means by BVCV and the zones have the bits of a full recomputation on
the supply and the people that stand then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl import aggregation, zoning
from apl.counted import WOMEN, column_of, counted
from apl.indicator import two_steps
from apl.law import Rules
from apl.parameters import LARGEST
from apl_core import Catchment, Fault, TableError, UsageError, refuse_if
from apl_core.exact import F64, I64
from apl_core.live import GroupMeans, LiveAccess, Moved
from apl_core.territory import column_values

CUTS = ("refreshed", "held", "none")
Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Change:
    """What is another than before: codes, and the values before and after, by code.

    Attributes
    ----------
    code : str[k]
    before, after : float64[k] or str[k]
        APL per ``rules.per`` inhabitants (NaN: none), or zones (empty: not ranked).
    """

    code: Texts
    before: NDArray[Any]
    after: NDArray[Any]

    def __len__(self) -> int:
        return self.code.size


@dataclass(frozen=True, eq=False)
class Edit:
    """The answer to an edit.

    Attributes
    ----------
    communes : Change
    bvcv : Change or None
        None where no communes were given.
    zones : Change or None
        BVCV in another class than when zones were last asked for; None where they are not asked.
    standardised : float
        Standardised inhabitants that the edit added.
    """

    communes: Change
    bvcv: Change | None = None
    zones: Change | None = None
    standardised: float = 0.0


class Live:
    """A country that can be edited.

    Parameters
    ----------
    pairs : Catchment
        All pairs, those that lead to no supply included.
    supply, demand : float64[n]
        FTE and standardised inhabitants, in the order of ``pairs.land.codes``; copied.
    rules : Rules
    communes : pyarrow.Table, optional
        ``code_commune``, ``code_bvcv``, ``code_region``, ``population`` (and
        ``population_feminine`` where the law counts women): without it, edits tell of communes
        alone.
    outside : mapping of region → persons, optional
        Territories without APL, as `apl.zoning.rank` has them.

    Raises
    ------
    TableError
        As `apl.indicator.two_steps`, `apl.aggregate` and `apl.classify`.

    Notes
    -----
    The sums of an edit are those of a fresh solve because both are of whole numbers, on a scale
    that the data give; where an edit moves that scale, the country is summed anew (milliseconds
    instead of microseconds, once a power of two). Conservation is verified here, at the start.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> land = apl.Territory.from_codes(["01001", "01002"])
    >>> times = pa.table({"origine": ["01001", "01002"], "destination": ["01002", "01001"],
    ...                   "minutes": [12.0, 12.0]})
    >>> pairs = apl.Catchment.build(times, land, self_pair="0")
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> communes = pa.table({"code_commune": ["01001", "01002"], "code_bvcv": ["01001", "01002"],
    ...     "code_region": ["84"] * 2, "population": [400, 900]})
    >>> live = Live(pairs, np.array([1.0, 0.0]), np.array([400.0, 900.0]), law, communes)
    >>> edit = live.add("01001", fte=+1)
    >>> edit.communes.code.tolist(), edit.communes.before.round(3).tolist()
    (['01001', '01002'], [100.0, 66.667])
    >>> edit.bvcv.after.round(3).tolist(), len(edit.zones)
    ([200.0, 133.333], 0)
    """

    def __init__(
        self,
        pairs: Catchment,
        supply: F64,
        demand: F64,
        rules: Rules,
        communes: pa.Table | None = None,
        *,
        outside: Mapping[str, int] | None = None,
    ) -> None:
        found = two_steps(pairs, supply, demand, rules)  # its gates, and conservation
        self.rules, self._pairs, self._per = rules, pairs, rules.per
        codes = pairs.land.codes.to_pylist()
        self._codes, self._place = (
            np.array(codes, dtype=np.str_),
            {c: k for k, c in enumerate(codes)},
        )
        self._access = LiveAccess(pairs.weigh(rules.decay), supply, demand)
        self._areas: _Areas | None = None
        if communes is not None:
            self._areas = _Areas(pairs.land.ordered(communes), found.demand, found.apl, rules,
                                 dict(outside or {}))  # fmt: skip

    @property
    def supply(self) -> F64:
        """FTE as they stand, float64[n]."""
        return self._access.supply.copy()

    @property
    def demand(self) -> F64:
        """Standardised inhabitants as they stand, float64[n]."""
        return self._access.demand.copy()

    @property
    def apl(self) -> F64:
        """The APL as it stands, float64[n]."""
        return self._access.access() * self._per

    @property
    def arithmetic(self) -> str:
        """``exact`` or ``float64``: how the sums are carried at present."""
        return self._access.arithmetic

    def communes(self) -> pa.Table:
        """The table of communes as it stands."""
        return self._known().communes

    def bvcv(self) -> pa.Table:
        """The BVCV as they stand: the table of `apl.aggregate`, with ``zone`` by fresh cuts."""
        areas = self._known()
        table = areas.table()
        zones = areas.zones.names(areas.zones.refreshed(areas.means.mean))
        return table.append_column("zone", pa.array(zones, mask=zones == ""))

    def add(self, code: str, *, fte: float, cuts: str = "refreshed") -> Edit:
        """FTE come to a commune, or leave it.

        Parameters
        ----------
        code : str
        fte : float
            Negative: they leave.
        cuts : {"refreshed", "held", "none"}
            ``refreshed``: the country is ranked and cut anew. ``held``: classes end at the APL at
            which they ended when cuts were last refreshed (that APL included), and BVCV whose APL
            is since another are held against it. ``none``: no zones.

        Raises
        ------
        UsageError
            An unknown commune, FTE that are not finite, more that leave than there are, FTE where
            no travel time leads; nothing is changed.
        TableError
            An APL that is no quantity any more, as `apl.aggregate` has it; nothing is changed.
        """
        place = self._asked(code, cuts)
        had = self._access.supply.item(place)
        refuse_if(_wrong_fte(code, fte, had, bool(self._pairs.paired[place])), UsageError)
        moved = self._access.set_supply(place, had + fte)
        if self._areas and moved[2].max(initial=0.0) * self._per > LARGEST:  # as `apl.aggregate`
            self._access.set_supply(place, had)
            raise TableError([_fault("D03", f"{code}: {fte!r}")])
        return self._told(moved, cuts)

    def people(
        self,
        code: str,
        persons: int = 0,
        *,
        standardised: float | None = None,
        women: int | None = None,
        cuts: str = "refreshed",
    ) -> Edit:
        """Inhabitants come to a commune, or leave it.

        Parameters
        ----------
        code : str
        persons : int
            Of the total population, which the cuts count.
        standardised : float, optional
            Standardised inhabitants. Ages say how many; without it, the newcomers are taken to be
            like those who live there (as many standardised ones a person), and the answer says how
            many that is.
        women : int, optional
            How many of them are women, where the law counts these.
        cuts
            As `add`.

        Raises
        ------
        UsageError
            An unknown commune, more who leave than there are, numbers that are no quantities, a
            share that cannot be taken from a commune without inhabitants; nothing is changed.
        TableError
            What `apl.aggregate` and `apl.classify` refuse of the people as they would be; nothing
            is changed.
        """
        place = self._asked(code, cuts)
        had = self._access.demand.item(place)
        there = None if self._areas is None else self._areas.count("population", place)
        more = standardised
        if more is None and there:
            more = persons * (had / there)
        refuse_if(self._wrong_people(place, persons, more, women), UsageError)
        assert more is not None
        moved = self._access.set_demand(place, had + more)
        if self._areas is None:
            return self._told(moved, cuts, more)
        try:
            areas = self._areas.peopled(place, persons, women, self._access.demand, self.apl)
        except Exception:
            self._access.set_demand(place, had)
            raise
        before, self._areas = self._areas, areas
        rows = np.arange(before.means.mean.size, dtype=np.int32)
        return self._told(moved, cuts, more, (rows, before.means.mean, areas.means.mean))

    def _known(self) -> _Areas:
        if self._areas is None:
            raise ValueError("Live was given no communes: it knows no BVCV and no zones")
        return self._areas

    def _asked(self, code: str, cuts: str) -> int:
        if cuts not in CUTS:
            raise ValueError(f"cuts is one of {CUTS}, not {cuts!r}")
        place = self._place.get(code, -1)
        if place < 0:
            raise UsageError([_fault("C02", code)])
        return place

    def _wrong_people(
        self, place: int, persons: int, standardised: float | None, women: int | None
    ) -> Iterator[Fault]:
        code = str(self._codes[place])
        if standardised is None:
            yield _fault("D06", code)
        elif not abs(standardised) <= LARGEST:  # NaN too
            yield _fault("D02", f"{code}: {standardised!r}")
        elif self._access.demand.item(place) + standardised < 0:
            yield _fault("D03", f"{code}: {standardised!r}")
        counts = [("population", persons)]
        if self._areas is not None and column_of(self.rules) == WOMEN:
            if women is None and persons:
                yield _fault("B08", code)
            counts.append((WOMEN, women or 0))
        for name, more in counts:
            if more != int(more) or abs(more) > LARGEST:
                yield _fault("D02", f"{code}: {more!r}")
            elif self._areas is not None and self._areas.count(name, place) + more < 0:
                yield _fault("D03", f"{code}: {more!r}")

    def _told(
        self, moved: Moved, cuts: str, standardised: float = 0.0, means: Moved | None = None
    ) -> Edit:
        rows, before, after = moved
        apl = after * self._per
        communes = _change(self._codes, rows, before * self._per, apl)
        areas = self._areas
        if areas is None:
            return Edit(communes, standardised=standardised)
        found = _change(areas.codes, *(means or areas.means.change(rows, apl)))
        flips = None if cuts == "none" else areas.zones.flips(areas.means.mean, cuts)
        return Edit(communes, found, flips, standardised)


def _change(codes: Texts, rows: NDArray[Any], before: F64, after: F64) -> Change:
    differ = before != after
    if not differ.all():
        differ &= ~(np.isnan(before) & np.isnan(after))
        rows, before, after = rows[differ], before[differ], after[differ]
    return Change(codes[rows], before, after)


class _Areas:
    """The BVCV: means that follow the communes, people, and zones."""

    def __init__(
        self, communes: pa.Table, demand: F64, apl: F64, rules: Rules, outside: Mapping[str, int]
    ) -> None:
        self.communes = counted(communes, rules)
        self._rules, self._outside = rules, outside
        result = pa.table(
            {
                "code_commune": self.communes.column("code_commune"),
                "apl": apl,
                "population_standardisee": demand,
            }
        )
        self._table = aggregation.aggregate(result, self.communes, rules)
        units = self._table.column("code_bvcv").combine_chunks()
        self.codes = np.array(units.to_pylist(), dtype=np.str_)
        group = pc.index_in(self.communes.column("code_bvcv").cast(pa.string()), value_set=units)
        weight = demand.copy()
        if rules.weight != "population_standardisee":
            weight = column_values(self.communes.column("population"), np.float64)
        self.means = GroupMeans(column_values(group, np.int32), len(units), weight, apl)
        self.zones = _Zones(self._table, self.codes, rules, outside)

    def count(self, column: str, place: int) -> int:
        """Inhabitants of one commune."""
        return int(self.communes.column(column)[place].as_py())

    def table(self) -> pa.Table:
        """The BVCV as `apl.aggregate` gives them."""
        mean = self.means.mean.copy()  # Arrow would share it
        mean = pa.array(mean, mask=np.isnan(mean))
        return self._table.set_column(self._table.schema.get_field_index("apl"), "apl", mean)

    def peopled(self, place: int, persons: int, women: int | None, demand: F64, apl: F64) -> _Areas:
        """The same BVCV with more people in one commune; zones as they were last asked for."""
        communes = self.communes
        for name, more in (("population", persons), (WOMEN, women or 0)):
            if name in communes.column_names and more:
                values = column_values(communes.column(name), np.int64).copy()
                values[place] += more
                at = communes.schema.get_field_index(name)
                communes = communes.set_column(at, name, pa.array(values))
        areas = _Areas(communes, demand, apl, self._rules, self._outside)
        areas.zones.follow(self.zones)
        return areas


class _Zones:
    """The classes of the BVCV: made anew, or by the cuts that were made last."""

    def __init__(
        self, areas: pa.Table, codes: Texts, rules: Rules, outside: Mapping[str, int]
    ) -> None:
        zoning.classify(areas, rules, territories_without_apl=outside)  # its gates
        self._law, self._codes = rules.zoning, codes
        self._named = np.array([*rules.zoning.zones, ""], dtype=np.str_)
        regions = sorted(outside)
        every = [*codes.tolist(), *(f"territory without APL of region {r}" for r in regions)]
        self._every, self._rank = every, np.argsort(np.argsort(np.array(every, dtype=np.str_)))
        persons = column_values(areas.column("population"), np.int64)
        self._persons: I64 = np.concatenate(
            [persons, np.array([outside[r] for r in regions], dtype=np.int64)]
        )
        self._none = np.full(len(regions), np.nan)
        mean = column_values(areas.column("apl"), np.float64, fill=np.nan)
        self._now = self._at_cuts = self.refreshed(mean)
        self._apl_at_cuts = mean.copy()

    def names(self, zone: I64) -> Texts:
        """The name of each class, by its number; empty: not ranked (-1)."""
        found: Texts = self._named[zone]
        return found

    def refreshed(self, mean: F64) -> I64:
        """The class of each BVCV by a ranking and cuts made anew, as `apl.classify`; -1: none."""
        law = self._law
        apl = np.concatenate([mean, self._none])
        without = np.isnan(apl)
        smaller = law.ties == "smaller_population_then_code"
        first = self._persons if smaller else np.zeros_like(self._persons)
        order = np.lexsort((self._rank, first, np.nan_to_num(apl), ~without))
        if law.without_apl == "left_out":
            order = order[~without[order]]
        persons = self._persons[order]
        names = [self._every[k] for k in order.tolist()]
        units = zoning.Units(names, [], persons, apl[order], order, np.cumsum(persons))
        cut = zoning.at_levels if law.method == "thresholds" else zoning.at_shares
        ends, cuts = cut(units, law)
        self._levels = np.maximum.accumulate(
            [-math.inf if one.apl is None else one.apl for one in cuts]
        )
        zone = np.full(apl.size, -1, dtype=np.int64)
        zone[order] = np.repeat(np.arange(len(law.zones)), np.diff([0, *ends, order.size]))
        return zone[: mean.size]

    def held(self, mean: F64) -> I64:
        """The class of each BVCV by the cuts that were made last."""
        if self._law.method == "thresholds":
            return self.refreshed(mean)
        moved = (mean != self._apl_at_cuts) & ~np.isnan(mean)
        return np.where(moved, np.searchsorted(self._levels, mean, side="left"), self._at_cuts)

    def flips(self, mean: F64, cuts: str) -> Change:
        """Who is in another class than when zones were last asked for."""
        if cuts == "held":
            zone = self.held(mean)
        else:
            zone = self._at_cuts = self.refreshed(mean)
            self._apl_at_cuts = mean.copy()
        rows = np.flatnonzero(zone != self._now)
        before, self._now = self.names(self._now[rows]), zone
        return Change(self._codes[rows], before, self.names(zone[rows]))

    def follow(self, other: _Zones) -> None:
        """Take over what another one was last asked: its zones and its cuts."""
        self._now, self._at_cuts = other._now, other._at_cuts
        self._apl_at_cuts, self._levels = other._apl_at_cuts, other._levels


SAID = {
    "B08": ("how many of them are women is not given", "under this text the cuts count women",
            "women="),
    "C02": ("a commune that is not in the territory", "it has no travel times and no zone",
            "use the codes of the table of communes"),
    "D02": ("a number that is no quantity", "nothing can be added up with it",
            "a finite number; whole persons"),
    "D03": ("more than there are, or than can be",
            f"what is left would be negative, or an APL above {LARGEST:g}", "ask for less"),
    "D06": ("no standardised inhabitants to go by", "nobody lives there to be like",
            "standardised="),
    "D07": ("FTE in a commune of no pair", "no travel time leads there: nobody would gain anything",
            "complete the travel times, or add them elsewhere"),
}  # fmt: skip


def _fault(kind: str, value: str) -> Fault:
    title, why, mend = SAID[kind]
    return Fault(f"APL-{kind}", title, why, mend, "live", None, (), (value,), 1)


def _wrong_fte(code: str, fte: float, had: float, paired: bool) -> Iterator[Fault]:
    if not abs(fte) <= LARGEST:  # NaN too
        yield _fault("D02", f"{code}: {fte!r}")
    elif had + fte < 0:
        yield _fault("D03", f"{code}: {fte!r}, {had!r} there")
    elif fte > 0 and not paired:
        yield _fault("D07", code)
