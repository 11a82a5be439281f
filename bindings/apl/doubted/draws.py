"""Draws of a country of which not all is sure: who practises, how long roads are, how many live.

Each draw is the country once more, with what is doubted drawn anew; `apl.doubted.uncertainty` takes
all of them through the two steps. A doubt has a stream of its own in each draw (Philox, seeded by
the seed, the number of the draw and the doubt): draw k is the same whatever is drawn beside it, and
on any number of threads. What is drawn stands in the order of codes and identifiers, not of rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.law import Rules
from apl.mergers import departement
from apl.parameters import Parameters
from apl.scenarios.opened import AGREE, Opened
from apl.scenarios.situation import Situation
from apl.staff import staff
from apl_core import Catchment, Fault, FileError, Territory, UsageError, Weighted, exact_sums
from apl_core.errors import listed
from apl_core.exact import F64, I64, frozen
from apl_core.words import Words, width

NONE, FRANCE = "none", "france"
RESAMPLED = (FRANCE, "region", "departement", "bvcv", "commune", NONE)
PER_PAIR, PER_ORIGIN = "pair", "origin"
MINUTES_BY = (PER_PAIR, PER_ORIGIN)
FARTHEST = 4.0  # standard deviations: an error is cut there, so that the index holds all it needs
LARGEST = 1.0  # standard deviation of a logarithm: beyond it, nothing is known
SMALLEST = 0.02  # FTE of a head: a country of 80,000 has 4 million of them
SUPPLY, MINUTES, POPULATION = range(3)  # streams


@dataclass(frozen=True)
class Doubt:
    """What is drawn anew.

    Attributes
    ----------
    resample : {"france", "region", "departement", "bvcv", "commune", "none"}
        The bootstrap: as many persons are drawn, with replacement, from those of the same place,
        each with the FTE and the places of practice that they have. The wider the place, the more
        is left to chance: within France also how many practise in a département, within a commune
        only who does. A person counts where most of the FTE are.
    minutes : float
        Each time is multiplied by exp(minutes · z), z normal (cut at 4): about the relative
        standard deviation. Half of the errors make a way longer. 0 minutes stay 0.
    minutes_by : {"pair", "origin"}
        A z for each pair (and direction), or one for all that leave a commune.
    population : float
        As ``minutes``, for the inhabitants of each commune: the standardised ones, and those whom
        the cuts count, which stay whole numbers and never become none.
    """

    resample: str = "departement"
    minutes: float = 0.0
    minutes_by: str = PER_PAIR
    population: float = 0.0

    def faults(self) -> Iterator[Fault]:
        """What cannot be asked."""
        for name, value, known in (("resample", self.resample, RESAMPLED),
                                   ("minutes_by", self.minutes_by, MINUTES_BY)):  # fmt: skip
            if value not in known:
                yield unasked(f"{name} = {value!r}", "it is none that is known",
                              f"one of: {', '.join(known)}")  # fmt: skip
        for name, size in (("minutes", self.minutes), ("population", self.population)):
            if not 0 <= size <= LARGEST:
                yield unasked(f"an error of {name} of {size!r}", "it is a relative one",
                              f"0 (none) to {LARGEST:g} (0.1: ten per cent)")  # fmt: skip
        if self == replace(Doubt(resample=NONE), minutes_by=self.minutes_by):
            yield unasked("nothing that is doubted", "every draw would be the run itself",
                          "draw persons, minutes or inhabitants")  # fmt: skip

    @property
    def farthest(self) -> float:
        """By how much a time may shrink at most."""
        return math.exp(FARTHEST * self.minutes)


@dataclass(frozen=True, eq=False)
class People:
    """Whose activity the FTE are, in the order of identifiers.

    Attributes
    ----------
    who, at : int64[r]
        The person and the position of each place of practice.
    fte : float64[r]
        > 0.
    each : float or None
        Of heads that FTE were taken for (see `heads`), about how many FTE each has.
    """

    who: I64
    at: I64
    fte: F64
    each: float | None = None

    @property
    def size(self) -> int:
        """How many persons there are."""
        return int(self.who[-1]) + 1 if self.who.size else 0


def people(
    professionnels: pa.Table, land: Territory, rules: Rules, parameters: Parameters | None = None
) -> People:
    """The persons of a table who count: with FTE, as `apl.supply` gives them.

    The year's median and ninth decile are those of the run in every draw: they are the yardstick,
    and move the whole country together.

    Parameters
    ----------
    professionnels : pyarrow.Table
        The checked table.
    land, rules, parameters
        Those of the run.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> table = pa.table({"identifiant": ["b", "a", "a"], "code_commune": ["01001", "01002",
    ...     "01001"], "age": [40, 50, 50], "actes": [3000.0, 1000.0, 2000.0],
    ...     "honoraires": [6e4, 2e4, 4e4], "installe_dans_l_annee": [False] * 3})
    >>> found = people(table, Territory.from_codes(["01001", "01002"]),
    ...                rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    >>> found.who.tolist(), found.at.tolist(), found.fte.round(3).tolist()
    ([0, 0, 1], [0, 1, 0], [0.667, 0.333, 1.0])
    """
    found = staff(professionnels, land, rules, parameters)
    kept = found.etp > 0
    who = np.unique(found.who[kept], return_inverse=True)[1].astype(np.int64)
    at, fte = found.at[kept], found.etp[kept]
    order = np.lexsort((at, who))
    return People(who[order], at[order], fte[order])


def heads(supply: F64, each: float) -> People:
    """FTE taken for persons of one place: as many equal ones as come nearest to ``each`` FTE.

    Parameters
    ----------
    supply : float64[n]
        FTE by position.
    each : float
        FTE of a person, > 0.

    Examples
    --------
    >>> heads(np.array([2.6, 0.0, 0.2]), 1.0).fte.round(3).tolist()
    [0.867, 0.867, 0.867, 0.2]
    """
    count = np.where(supply > 0, np.maximum(np.rint(supply / each), 1), 0).astype(np.int64)
    at = np.repeat(np.arange(supply.size), count)
    return People(np.arange(at.size), at, supply[at] / count[at], each)


def people_of(run: Opened, each: float | None) -> People | None:
    """The persons of a run that was opened; None where its inputs know FTE alone.

    Parameters
    ----------
    run : Opened
    each : float or None
        Of a run that knows FTE alone: see `heads`.

    Raises
    ------
    UsageError
        ``each`` where persons are known, or no number of FTE.
    FileError
        The FTE of the persons are not the run's: it is a simulation.
    """
    table = run.tables("professionnels")
    place = run.place
    if each is not None and (table is not None or not SMALLEST <= each < math.inf):
        raise UsageError([_no_heads(each, known=table is not None)])
    if table is None:
        return None if each is None else heads(place.supply, each)
    found = people(table, place.pairs.land, run.rules, run.parameters)
    again = exact_sums(found.at, found.fte, place.supply.size)
    apart = np.flatnonzero(~np.isclose(again, place.supply, rtol=AGREE, atol=0))
    if apart.size:
        raise FileError([_other_fte(place.pairs.land.codes.take(pa.array(apart)).to_pylist())])
    return found


def reaching(run: Opened, doubt: Doubt) -> Situation:
    """The situation with all pairs that some draw may bring within reach; see `Doubt.farthest`."""
    place, rules = run.place, run.rules
    if not doubt.minutes:
        return place
    times = run.tables("temps_de_parcours")
    assert times is not None
    self_pair = run.manifest["options"]["self_pair"]
    within = rules.decay.limit * doubt.farthest
    pairs = Catchment.build(times, place.pairs.land, within=within, self_pair=self_pair)
    return replace(place, pairs=pairs)


def stream(seed: int, draw: int, doubt: int) -> np.random.Generator:
    """The numbers of one doubt in one draw: those of ``SeedSequence(seed).spawn`` twice."""
    sequence = np.random.SeedSequence(seed, spawn_key=(draw, doubt))
    return np.random.Generator(np.random.Philox(sequence))


def errors(numbers: np.random.Generator, size: int, deviation: float) -> F64:
    """Factors exp(deviation · z), float64[size]."""
    z = numbers.standard_normal(size)
    return np.exp(deviation * np.clip(z, -FARTHEST, FARTHEST, out=z))


@dataclass(frozen=True, eq=False)
class Resampling:
    """The bootstrap of persons within groups of them.

    Attributes
    ----------
    people : People
    order : int64[p]
        The persons, group after group.
    first, count : int64[p]
        Of each of ``order``, where its group begins and how many are in it.
    home : int64[p]
        Where most of each person's FTE are; the lower code of equal ones.
    """

    people: People
    order: I64
    first: I64
    count: I64
    home: I64

    @classmethod
    def of(cls, people: People, place: Situation, within: str) -> Resampling:
        """Persons grouped by their homes."""
        most = np.lexsort((people.at, -people.fte, people.who))
        home = people.at[most][np.unique(people.who[most], return_index=True)[1]]
        group = _groups(place, within)[home]
        order = np.argsort(group, kind="stable")
        starts, count = np.unique(group[order], return_index=True, return_counts=True)[1:]
        return cls(people, order, np.repeat(starts, count), np.repeat(count, count), home)

    def supply(self, numbers: np.random.Generator, size: int) -> F64:
        """FTE by position, float64[size], of one draw."""
        picked = (numbers.random(self.order.size) * self.count).astype(np.int64)
        times = np.bincount(self.order[self.first + picked], minlength=self.order.size)
        people = self.people
        return exact_sums(people.at, people.fte * times[people.who], size)


def _groups(place: Situation, within: str) -> I64:
    """The number of the group of each commune, int64[n]."""
    n = len(place.pairs.land)
    if within == FRANCE:
        return np.zeros(n, dtype=np.int64)
    if within == "departement":
        names = [departement(code) for code in place.pairs.land.codes.to_pylist()]
    else:
        names = place.communes.column(f"code_{within}").to_pylist()
    groups: I64 = np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)
    return groups


@dataclass(frozen=True, eq=False)
class Roads:
    """Pairs towards supply, whose times are drawn and whose band is then looked up anew.

    Attributes
    ----------
    pairs : Catchment
    place : uint32[m] or uint64[m]
        The place of each pair where words have it.
    bits : int
    origin : int64[m] or None
        Of each pair, where an error is that of all that leave a commune.
    """

    pairs: Catchment
    rules: Rules
    place: NDArray[np.unsignedinteger]
    bits: int
    minutes: F64
    origin: I64 | None
    deviation: float

    @classmethod
    def of(cls, pairs: Catchment, rules: Rules, doubt: Doubt) -> Roads:
        """The pairs of ``pairs``; they lead to supply, and reach as far as draws may need."""
        bits, kind = width(len(pairs.land), len(rules.decay.levels))
        shifted = pairs.destination.astype(kind) << kind(bits)
        each = np.repeat(np.arange(len(pairs.land)), np.diff(pairs.start))
        origin = each if doubt.minutes_by == PER_ORIGIN else None
        return cls(pairs, rules, shifted, bits, pairs.minutes, origin, doubt.minutes)

    def weighted(self, numbers: np.random.Generator) -> Weighted:
        """The pairs with the weights of one draw; times beyond the last bound weigh 0."""
        decay = self.rules.decay
        if self.origin is None:
            factor = errors(numbers, self.minutes.size, self.deviation)
        else:
            factor = errors(numbers, len(self.pairs.land), self.deviation)[self.origin]
        minutes = np.multiply(factor, self.minutes, out=factor)
        band = np.zeros(minutes.size, dtype=np.uint8)
        for limit in decay.closed_limits:  # three comparisons: a third of a searchsorted
            band += minutes > limit
        words = Words(self.pairs.start, frozen(self.place | band), self.bits)
        bands = np.arange(float(len(decay.levels)))
        level = np.array([*decay.levels, max(decay.levels)], dtype=np.int64)
        pairs = replace(self.pairs, words=words, times=frozen(bands))
        return Weighted(pairs, frozen(level), decay.denominator, None)


def unasked(title: str, why: str, mend: str) -> Fault:
    """The fault of a doubt that cannot be drawn."""
    return Fault("APL-U06", title, why, mend, "uncertainty")


def no_persons() -> UsageError:
    """Who practises is to be drawn, and only FTE are known."""
    why = "the run is on `offre`: FTE, of which nobody knows how many persons they are"
    mend = "--heads 1 takes them for persons of about one FTE; --resample none holds them"
    return UsageError([unasked("no persons to draw", why, mend)])


def _no_heads(each: float, *, known: bool) -> Fault:
    if known:
        why = "the run has a table of persons, which are drawn as they are"
        return unasked("heads that are not needed", why, "leave --heads")
    return unasked(f"heads of {each!r} FTE", "no person is that", f"at least {SMALLEST:g}")


def _other_fte(codes: list[str]) -> Fault:
    why = "from its professionals, other FTE follow than the run has: they were changed since"
    mend = "name a run as `apl run` wrote it"
    return Fault("APL-I12", "other FTE than the run's", why, mend, "professionnels",
                 "code_commune", **listed(codes))  # fmt: skip
