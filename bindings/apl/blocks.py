"""The blocks of a law page as frozen values, each built from the page's plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from apl_core import Band, Steps

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Citation:
    """Where a block stands in the text, its words, how they are read, and what is fixed.

    Attributes
    ----------
    cite : str
        Article or page.
    quote : str
        The words of the text; empty where it was not read.
    reported : str
        Who reports it, where the text itself was not read.
    readings, fixed : mapping of key → str
        A fixed value is the one reading at hand: the code does this and nothing else.
    unknown : mapping of key → str
        What no public source at hand states, and where it was looked for; the key ``""`` is the
        whole block.
    known : tuple of str
        What sources do say of an unknown block, in words.
    """

    cite: str
    quote: str
    reported: str
    readings: Mapping[str, str]
    fixed: Mapping[str, str]
    unknown: Mapping[str, str]
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndicatorRules:
    """What is measured: an APL by commune, or a density standardised by age by unit of zoning."""

    kind: str
    per: int
    unit: str


@dataclass(frozen=True)
class UnitRules:
    """II: what a BVCV is."""

    unit: str
    urban_unit_above: int
    canton_without_number: str
    merged_canton_pole: str


@dataclass(frozen=True)
class SourceRules:
    """III: the years of the sources; None where the text names none."""

    living_areas: int | None
    geography: int | None
    cantons: int | None
    population: int | None
    travel_times: int | None
    activity: int | None
    register: int | None


@dataclass(frozen=True)
class SupplyRules:
    """4.1.1: professionals in full-time equivalents."""

    oldest_age: int
    least_fees: int
    newcomer_fte: Fraction
    order: tuple[str, ...]
    floor: str
    field: str
    quantile: str
    places: str


@dataclass(frozen=True)
class DemandRules:
    """4.1.2: the population standardised by age."""

    sex: str


@dataclass(frozen=True)
class ZoningRules:
    """4.2: the ranking and its cuts.

    Attributes
    ----------
    classes : tuple of (zone, share)
        Lowest APL first, each with its share of the population; under ``method = "thresholds"``
        the number is the highest APL of the class.
    printed : mapping of zone → Fraction
        The highest APL of each class as the ministry printed it, to hold ours against.
    """

    method: str
    classes: tuple[tuple[str, Fraction], ...]
    rest: str
    population: str
    astride: str
    start: str
    ties: str
    without_apl: str
    printed: Mapping[str, Fraction]

    @property
    def zones(self) -> tuple[str, ...]:
        """All zones, lowest APL first."""
        return (*(zone for zone, _ in self.classes), self.rest)


@dataclass(frozen=True)
class Move:
    """A change of class that a regime allows.

    Attributes
    ----------
    origin, target : str
        Zones.
    limit : Fraction or None
        At most this share of the population ``of`` …
    of : str
        … ``region`` (attributed to it) or ``target`` (of the class that is joined).
    order : str
        ``lowest_first`` (no BVCV of lower APL stays behind), ``lowest_that_fit`` (one may stay
        behind that would pass the limit), or ``free``.
    exchange : str
        ``""``, or the BVCV moved lies in the ``lowest`` or ``highest`` …
    within : Fraction or None
        … share of the national population.
    cite : str
    """

    origin: str
    target: str
    limit: Fraction | None
    of: str
    order: str
    exchange: str
    within: Fraction | None
    cite: str


@dataclass(frozen=True)
class Regime:
    """What a region may change of the national classes.

    Attributes
    ----------
    name, title, cite, quote, reported : str
    moves : tuple of Move
        Any other change is refused.
    margin : Fraction or None
        The final share of each zone of ``margin_zones`` stays within so much of its national one.
    stable : tuple of str
        Zones whose population may not rise.
    provisional : str or None
        The class of a BVCV that may be exchanged, while the region in charge has not published.
    margin_cite, stable_cite, provisional_cite : str
    motives : tuple of str
        What may justify a decision; each decision carries a motive of its own words.
    """

    name: str
    title: str
    cite: str
    quote: str
    reported: str
    moves: tuple[Move, ...]
    margin: Fraction | None
    margin_zones: tuple[str, ...]
    margin_cite: str
    stable: tuple[str, ...]
    stable_cite: str
    provisional: str | None
    provisional_cite: str
    motives: tuple[str, ...]


@dataclass(frozen=True)
class AdaptationRules:
    """V: regional adaptation; the first regime is the text's own."""

    order: str
    reference: str
    regimes: tuple[Regime, ...]


@dataclass(frozen=True)
class ShareRules:
    """VI: the shares that the text prints for each region, in the order of its classes.

    ``unit`` is that of the last printed digit (1/1000 for a tenth of a point).
    """

    unit: Fraction
    regions: Mapping[str, tuple[Fraction, ...]]


@dataclass(frozen=True)
class Unknown:
    """A block that no public source at hand states, or states only in part."""

    looked: Mapping[str, str]


def citation(block: Mapping[str, Any], fixed: Mapping[str, str]) -> Citation:
    """The words and the readings of a block."""
    return Citation(
        block["cite"],
        block.get("quote", ""),
        block.get("reported", ""),
        block.get("readings", {}),
        fixed,
        unknown_of(block),
        tuple(block.get("known", ())),
    )


def unknown_of(block: Mapping[str, Any]) -> dict[str, str]:
    """What is unknown in a block, and where it was looked for."""
    looked = block.get(UNKNOWN, {})
    return {"": looked} if isinstance(looked, str) else dict(looked)


def parsed(name: str, block: Mapping[str, Any]) -> Any:
    """A block as a frozen value, or `Unknown`."""
    looked = unknown_of(block)
    return Unknown(looked) if looked else PARSERS[name](block)


def _take(kind: Any, block: Mapping[str, Any], **changed: Any) -> Any:
    """A frozen block from the keys that it has."""
    names = [f.name for f in dataclasses.fields(kind) if f.name not in changed]
    return kind(**{name: block[name] for name in names}, **changed)


def _sources(block: Mapping[str, Any]) -> SourceRules:
    years = (block[f.name] for f in dataclasses.fields(SourceRules))
    return SourceRules(*(None if year == "none" else year for year in years))


def _supply(block: Mapping[str, Any]) -> SupplyRules:
    newcomer, order = Fraction(block["newcomer_fte"]), tuple(block["order"])
    found: SupplyRules = _take(SupplyRules, block, newcomer_fte=newcomer, order=order)
    return found


def _decay(block: Mapping[str, Any]) -> Steps:
    bands: Iterable[Band] = (
        Band(float(band["until"]), band["includes_until"], Fraction(band["weight"]))
        for band in block["bands"]
    )
    return Steps(tuple(bands))


def _zoning(block: Mapping[str, Any]) -> ZoningRules:
    by_share = block["method"] == "shares"
    number = "share" if by_share else "until"
    if any(number not in entry for entry in block["classes"]):
        raise ValueError(f"under method = {block['method']!r}, each class has its {number!r}")
    classes = tuple((c["zone"], Fraction(c[number])) for c in block["classes"])
    levels = [level for _, level in classes]
    if by_share and sum(levels) > 1:
        raise ValueError("the shares add up to more than 1")
    if not by_share and sorted(set(levels)) != levels:
        raise ValueError("the thresholds do not rise")
    printed = {
        entry["zone"]: Fraction(entry["apl_max"])
        for entry in block["classes"]
        if "apl_max" in entry
    }
    if "rest_apl_max" in block:
        printed[block["rest"]] = Fraction(block["rest_apl_max"])
    found: ZoningRules = _take(ZoningRules, block, classes=classes, printed=printed)
    return found


def _adaptation(block: Mapping[str, Any]) -> AdaptationRules:
    regimes = tuple(_regime(entry, block) for entry in block["regime"])
    return AdaptationRules(block["order"], block["reference"], regimes)


def _regime(entry: Mapping[str, Any], block: Mapping[str, Any]) -> Regime:
    margin, stable, until = (entry.get(key, {}) for key in ("margin", "stable", "provisional"))
    return Regime(
        entry["name"],
        entry["title"],
        entry["cite"],
        entry.get("quote", ""),
        entry.get("reported", ""),
        tuple(_move(move, block["order"]) for move in entry["moves"]),
        Fraction(margin["points"]) if margin else None,
        tuple(margin.get("zones", ())),
        margin.get("cite", ""),
        tuple(stable.get("zones", ())),
        stable.get("cite", ""),
        until.get("zone"),
        until.get("cite", ""),
        tuple(entry.get("motives", ())),
    )


def _move(entry: Mapping[str, Any], order: str) -> Move:
    limit, within = entry.get("limit"), entry.get("within")
    return Move(
        entry["from"],
        entry["to"],
        None if limit is None else Fraction(limit),
        entry.get("of", "region"),
        order if entry.get("ordered", False) else "free",
        entry.get("exchange", ""),
        None if within is None else Fraction(within),
        entry["cite"],
    )


def _shares(block: Mapping[str, Any]) -> ShareRules:
    unit = Fraction(block["unit"])
    rows: Mapping[str, Sequence[str]] = block["regions"]
    if unit >= 1:
        raise ValueError(f"unit = {unit}: that of the last printed digit is a fraction of 1")
    regions = {name: tuple(Fraction(part) / 100 for part in row) for name, row in rows.items()}
    for name, row in regions.items():
        if sum(row) > 1 + len(row) * unit / 2:
            raise ValueError(f"the shares of {name} add up to {float(100 * sum(row)):g} %")
    return ShareRules(unit, regions)


def disagreements(blocks: Mapping[str, Any], order: Sequence[str]) -> Iterator[str]:
    """What the blocks of one version say against each other; blocks that are unknown say nothing.

    ``order`` has all classes, each from the least to the best served.
    """
    known = {name: block for name, block in blocks.items() if not isinstance(block, Unknown)}
    zoning, indicator = known.get("zoning"), known.get("indicator")
    density = indicator is not None and indicator.kind == "standardised_density"
    for name in ("decay", "aggregation"):
        if density == (name in blocks):
            yield f"{name}: an APL has this block, a density standardised by age has not"
    if "adaptation" in known:
        names = [regime.name for regime in known["adaptation"].regimes]
        yield from (f"two regimes named {name}" for name in sorted({*names})
                    if names.count(name) > 1)  # fmt: skip
    if zoning is None:
        return
    if list(zoning.zones) != sorted(set(zoning.zones), key=order.index):
        yield f"classes stand once each, least served first: {', '.join(zoning.zones)}"
    for regime in known["adaptation"].regimes if "adaptation" in known else ():
        named = {zone for move in regime.moves for zone in (move.origin, move.target)}
        named |= {regime.provisional} - {None}
        for zone in sorted(named.union(regime.margin_zones, regime.stable) - {*zoning.zones}):
            yield f"regime {regime.name}: {zone} is no class of this text"
    for region, row in known["shares"].regions.items() if "shares" in known else ():
        if len(row) != len(zoning.classes):
            yield f"shares of {region}: {len(row)} figures for {len(zoning.classes)} classes"


PARSERS = {
    "indicator": lambda block: _take(IndicatorRules, block),
    "territory": lambda block: _take(UnitRules, block),
    "sources": _sources,
    "supply": _supply,
    "demand": lambda block: _take(DemandRules, block),
    "decay": _decay,
    "aggregation": lambda block: block["weight"],
    "attribution": lambda block: block["rule"],
    "zoning": _zoning,
    "adaptation": _adaptation,
    "shares": _shares,
}
