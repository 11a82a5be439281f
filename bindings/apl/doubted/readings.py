"""The readings that a run did not take: each as what would have to be asked for.

Choices that the law page names come from its schema (`apl.law_schema.known_choices`), bounds and
weights from the rules in force: nothing is listed by hand but what no page holds (rounding of
minutes, the time within a commune, peak hours, the cap).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl.blocks import UNKNOWN
from apl.law import Rules
from apl.law_schema import as_text, block_schema, known_choices, values_of
from apl_core import Band

F64 = NDArray[np.float64]

MINUTE = 1  # by which each bound is moved
ROUNDED = {
    "to the nearest": np.rint,  # a half to the even one
    "down": np.floor,
    "up": np.ceil,
}
PEAK = {"HC": "HP", "HP": "HC"}
SELF_PAIRS = ("0", "none")
AS_GIVEN = "as given"
BLOCKS = ("supply", "demand", "aggregation", "zoning", "territory", "adaptation")  # of open choices


@dataclass(frozen=True)
class Reading:
    """One other reading.

    Attributes
    ----------
    subject : str
        What is read: ``zoning.astride`` of the law page, ``decay 10 minutes``, ``minutes``…
    base, value : str
        As the run has it, and otherwise.
    readings, law : mapping
        As `apl.Parameters` has them.
    rounding, self_pair, time : str
        Empty: as the run has them.
    uncapped : bool
    without : str
        Why it cannot be asked of this input; empty where it can.
    remark : str
        What to know of its figures.
    """

    subject: str
    base: str
    value: str
    readings: Mapping[str, str] = field(default_factory=dict)
    law: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rounding: str = ""
    self_pair: str = ""
    time: str = ""
    uncapped: bool = False
    without: str = ""
    remark: str = ""

    @property
    def block(self) -> str:
        """The block of the law page that changes; empty where none does."""
        return next((name.partition(".")[0] for name in (*self.readings, *self.law)), "")

    def applied(self, rules: Rules) -> Rules:
        """The rules under this reading."""
        return rules.overlaid(self.law).reading(self.readings)


def readings(
    rules: Rules,
    *,
    tables: frozenset[str],
    embedded: bool,
    self_pair: str,
    time: str | None,
    longest: float,
) -> Iterator[Reading]:
    """Every reading that a run under these rules did not take.

    Parameters
    ----------
    rules : Rules
        As the run had them.
    tables : set of str
        The input tables.
    embedded : bool
        The input is the embedded country, whose units can be built anew.
    self_pair, time
        As the run had them.
    longest : float
        The longest of the travel times, minutes.
    """
    ended = f"the travel times end at {longest:g} minutes" if longest <= rules.decay.limit else ""
    yield from _bounds(rules, ended)
    for way in ROUNDED:
        lowered = ended and way != "up"
        remark = f"{ended}: longer ones that it would bring in are not there" if lowered else ""
        yield Reading("minutes", AS_GIVEN, f"rounded {way}", rounding=way, remark=remark)
    for value in SELF_PAIRS:
        base = AS_GIVEN if self_pair == "error" else f"{AS_GIVEN}, else {self_pair}"
        yield Reading("self pair", base, f"{value} everywhere", self_pair=value)
    yield _peak(time)
    yield Reading("supply cap", "ninth decile", "none", uncapped=True,
                  without=_without("supply", tables, embedded))  # fmt: skip
    choices = {**known_choices(), "aggregation.weight": _weights()}
    for name in sorted(choices, key=lambda name: BLOCKS.index(name.partition(".")[0])):
        block, _, key = name.partition(".")
        base = as_text(rules.entry.get(block, {}).get(key, UNKNOWN))
        for value in choices[name]:
            if value != base:
                law = {block: {key: value}} if block == "aggregation" else {}
                yield Reading(name, base, value, {} if law else {name: value}, law,
                              without=_without(block, tables, embedded))  # fmt: skip


def _bounds(rules: Rules, ended: str) -> Iterator[Reading]:
    """Each bound in the other band, a minute nearer and a minute farther."""
    bands = rules.decay.bands
    for k, band in enumerate(bands):
        name, side = f"decay {band.until:g} minutes", ("in the farther band", "in the nearer band")
        flipped = replace(band, includes_until=not band.includes_until)
        yield Reading(name, side[band.includes_until], side[flipped.includes_until],
                      law=_decay(bands, k, flipped))  # fmt: skip
        for moved in (band.until - MINUTE, band.until + MINUTE):
            without = ended if moved > rules.decay.limit else ""
            changed = _decay(bands, k, replace(band, until=moved))
            yield Reading(name, f"{band.until:g}", f"{moved:g}", law=changed, without=without)


def _decay(bands: tuple[Band, ...], k: int, band: Band) -> dict[str, dict[str, Any]]:
    """Bands, one of them changed, as a law page writes them."""
    return {
        "decay": {
            "bands": [
                {"until": one.until, "includes_until": one.includes_until,
                 "weight": str(one.weight)}
                for one in (*bands[:k], band, *bands[k + 1 :])
            ]
        }
    }  # fmt: skip


def _weights() -> tuple[str, ...]:
    return tuple(values_of(block_schema("aggregation")["properties"]["weight"]))


def _peak(time: str | None) -> Reading:
    """The other hours, where the run chose one of two."""
    subject = "peak or off-peak"
    if time not in PEAK:
        why = "the travel times have one column of minutes"
        return Reading(subject, AS_GIVEN, "the other", without=why)
    return Reading(subject, time, PEAK[time], time=PEAK[time])


def _without(block: str, tables: frozenset[str], embedded: bool) -> str:
    """Why no reading of a block can be asked of these tables; empty where it can."""
    if block == "supply" and "offre" in tables:
        return "FTE are given (offre): no rule made them"
    if block == "demand" and "population_standardisee" in tables:
        return "the standardised population is given: no rule made it"
    if block == "territory" and not embedded:
        return "the BVCV are given in communes: apl bvcv builds others"
    if block == "adaptation":
        return "a run ends before regions adapt it: apl adapt"
    return ""
