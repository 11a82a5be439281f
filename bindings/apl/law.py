"""The law as data: dated pages of ``data_schemas/law/`` → frozen `Rules`.

No figure of the law stands in code. A page cites and quotes its text; what the text leaves open has
a named value and a reading. The date has no default: it is never "today".
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from importlib import resources
from math import inf
from pathlib import Path
from typing import Any

from apl_core import Band, Fault, RuleError, Steps, refuse_if
from apl_core.schema import schema

PROFESSIONS = (
    "masseur_kinesitherapeute",
    "infirmier",
    "sage_femme",
    "chirurgien_dentiste",
    "orthophoniste",
    "medecin_generaliste",
)


@dataclass(frozen=True)
class Citation:
    """Where a block of rules stands in the text, its words, and how they are read."""

    cite: str
    quote: str
    readings: Mapping[str, str]


@dataclass(frozen=True)
class UnitRules:
    """II: what a BVCV is."""

    urban_unit_above: int
    canton_without_number: str
    merged_canton_pole: str


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
    """4.2: the ranking and its cuts."""

    classes: tuple[tuple[str, Fraction], ...]
    rest: str
    astride: str
    start: str
    ties: str
    without_apl: str

    @property
    def zones(self) -> tuple[str, ...]:
        """All zones, lowest APL first."""
        return (*(zone for zone, _ in self.classes), self.rest)


@dataclass(frozen=True)
class Rules:
    """One version of the rules of one profession, in force from `since`.

    Attributes
    ----------
    profession, libelle, text, nor : str
    signed : date
    since : date
        The date that selects the version: entry into force, or signature where no source gives it.
    published, in_force : str
        ISO date, or ``"unknown"``.
    per : int
        The indicator counts FTE for so many standardised inhabitants.
    unit, territory, supply, demand, decay, weight, zoning
        The blocks.
    citations : mapping of block → Citation
    supplied : tuple of str
        What the caller changed; not law.
    """

    profession: str
    libelle: str
    text: str
    nor: str
    signed: date
    since: date
    published: str
    in_force: str
    per: int
    unit: str
    territory: UnitRules
    supply: SupplyRules
    demand: DemandRules
    decay: Steps
    weight: str
    zoning: ZoningRules
    citations: Mapping[str, Citation] = field(repr=False)
    supplied: tuple[str, ...] = ()

    def reading(self, choices: Mapping[str, str]) -> Rules:
        """The same rules with other named readings, ``{"zoning.astride": "include"}``.

        Raises
        ------
        RuleError
            No such choice, or no such value for it; all together.
        """
        rules, faults = self, []
        for name, value in choices.items():
            block, _, key = name.partition(".")
            allowed = _choices().get(name, ())
            if value not in allowed:
                faults.append(_no_choice(name, value, allowed))
                continue
            changed = dataclasses.replace(getattr(rules, block), **{key: value})
            note = f"{name} = {value}"
            rules = dataclasses.replace(
                rules,
                **{block: changed},
                supplied=(*rules.supplied, note),
            )
        refuse_if(faults, RuleError)
        return rules

    def as_dict(self) -> dict[str, Any]:
        """What the manifest keeps of the law."""
        return {
            "profession": self.profession,
            "text": self.text,
            "nor": self.nor,
            "signed": self.signed.isoformat(),
            "published": self.published,
            "in_force": self.in_force,
            "readings": {
                f"{block}.{key}": reading
                for block, citation in self.citations.items()
                for key, reading in citation.readings.items()
            },
            "supplied_by_the_caller_not_law": list(self.supplied),
        }


@dataclass(frozen=True)
class Parameters:
    """What the public texts do not give, from ``--parameters FILE`` (TOML).

    Attributes
    ----------
    median_acts, ninth_decile_acts, least_acts : float or None
        4.1.1; where None, median and ninth decile are computed from the table.
    territories_without_apl : mapping of region → persons
        Population of territories that have no APL (Mayotte: ``{"06": 279471}``).
    readings : mapping of name → value
        Other named readings than the law page's.
    """

    median_acts: float | None = None
    ninth_decile_acts: float | None = None
    least_acts: float | None = None
    territories_without_apl: Mapping[str, int] = field(default_factory=dict)
    readings: Mapping[str, str] = field(default_factory=dict)


KEYS = {
    "supply": {
        "mediane_actes": "median_acts",
        "neuvieme_decile_actes": "ninth_decile_acts",
        "plancher_actes": "least_acts",
    },
    "territories_without_apl": {},
    "readings": {},
}


def rules(profession: str, *, on: date, readings: Mapping[str, str] | None = None) -> Rules:
    """The rules of a profession on a date.

    Parameters
    ----------
    profession : str
        One of ``masseur_kinesitherapeute``, ``infirmier``, ``sage_femme``,
        ``chirurgien_dentiste``, ``orthophoniste``, ``medecin_generaliste``.
    on : date
        The date of the law; it has no default.
    readings : mapping, optional
        See `Rules.reading`.

    Raises
    ------
    RuleError
        An unknown profession, one without a page, or a date before its first text.

    Examples
    --------
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> law.nor, law.zoning.zones[0], str(law.zoning.classes[0][1])
    ('TSSH2408601A', 'tres_sous_dotee', '3/20')
    """
    versions = law_page(profession)
    known = [version for version in versions if version.since <= on]
    if not known:
        first = versions[0]
        why = f"the first text at hand is of {first.since}: {first.text}"
        raise RuleError([_fault(f"no rules for {profession} on {on}", why, "ask for a later date")])
    return known[-1].reading(readings or {})


def available() -> list[str]:
    """The professions that have a law page."""
    pages = (resources.files("apl_schemas") / "law").iterdir()
    return sorted(p.name.removesuffix(".toml") for p in pages if p.name.endswith(".toml"))


@cache
def law_page(profession: str) -> tuple[Rules, ...]:
    """All versions of a profession's page, oldest first; refuses a page that breaks its schema."""
    if profession not in available():
        known = profession in PROFESSIONS
        title = f"no {'law page' if known else 'profession named'} {profession!r}"
        why = "its texts are not encoded yet" if known else "it is not in the list of professions"
        raise RuleError([_fault(title, why, f"one of: {', '.join(available())}")])
    file = resources.files("apl_schemas") / "law" / f"{profession}.toml"
    return load_page(file.read_text(encoding="utf-8"), f"law/{profession}.toml")


def load_page(text: str, name: str) -> tuple[Rules, ...]:
    """A law page from its text; every breach of the schema is listed."""
    from jsonschema import Draft202012Validator

    try:
        page = _iso_dates(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RuleError([_fault("not TOML", str(error), "correct the line named", name)]) from None
    breaches = Draft202012Validator(_page_schema()).iter_errors(page)
    refuse_if(
        (
            _fault(
                f"{error.json_path}: {error.message}",
                "the page breaks law.schema.json",
                "correct the page",
                name,
            )
            for error in sorted(breaches, key=lambda e: e.json_path)
        ),
        RuleError,
    )
    try:
        versions = [_version(page, entry) for entry in page["version"]]
    except ValueError as error:
        raise RuleError([_fault(str(error), "such a text cannot be", "correct", name)]) from None
    dates = [version.since for version in versions]
    if any(b <= a for a, b in itertools.pairwise(dates)):
        why = f"versions stand oldest first, each from its own date: {[str(d) for d in dates]}"
        raise RuleError([_fault("overlapping versions", why, "order them", name)])
    return tuple(versions)


def _version(page: Mapping[str, Any], entry: Mapping[str, Any]) -> Rules:
    blocks = {key: value for key, value in entry.items() if isinstance(value, dict)}
    citations = {
        key: Citation(value["cite"], value["quote"], value.get("readings", {}))
        for key, value in blocks.items()
    }
    signed = date.fromisoformat(entry["signed"])
    since = signed if entry["in_force"] == "unknown" else date.fromisoformat(entry["in_force"])
    supply = blocks["supply"]
    zoning = blocks["zoning"]
    classes = tuple((c["zone"], Fraction(c["share"])) for c in zoning["classes"])
    if sum(share for _, share in classes) > 1:
        raise ValueError("the shares add up to more than 1")
    decay = Steps(
        tuple(
            Band(float(b["until"]), b["includes_until"], Fraction(b["weight"]))
            for b in blocks["decay"]["bands"]
        )
    )
    return Rules(
        profession=page["profession"],
        libelle=page["libelle"],
        text=entry["text"],
        nor=entry["nor"],
        signed=signed,
        since=since,
        published=entry["published"],
        in_force=entry["in_force"],
        per=blocks["indicator"]["per"],
        unit=blocks["indicator"]["unit"],
        territory=_take(UnitRules, blocks["territory"]),
        supply=dataclasses.replace(
            _take(SupplyRules, supply),
            newcomer_fte=Fraction(supply["newcomer_fte"]),
            order=tuple(supply["order"]),
        ),
        demand=_take(DemandRules, blocks["demand"]),
        decay=decay,
        weight=blocks["aggregation"]["weight"],
        zoning=dataclasses.replace(_take(ZoningRules, zoning), classes=classes),
        citations=citations,
    )


def _take(kind: Any, block: Mapping[str, Any]) -> Any:
    """A frozen block from the keys that it has."""
    return kind(**{f.name: block[f.name] for f in dataclasses.fields(kind)})


@cache
def _page_schema() -> dict[str, Any]:
    text = (resources.files("apl_schemas") / "law.schema.json").read_text(encoding="utf-8")
    page: dict[str, Any] = json.loads(text)
    return page


@cache
def _choices() -> dict[str, tuple[str, ...]]:
    """Each choice that the caller may read otherwise, and its values."""
    blocks = _page_schema()["$defs"]["version"]["properties"]
    return {
        f"{block}.{key}": tuple(entry["enum"])
        for block in ("territory", "supply", "demand", "zoning")
        for key, entry in blocks[block]["properties"].items()
        if "enum" in entry and len(entry["enum"]) > 1 and key != "rest"
    }


def read_parameters(path: str | Path) -> Parameters:
    """The parameters of a TOML file; unknown keys are refused, with the nearest known one.

    Tables: ``[supply]`` (``mediane_actes``, ``neuvieme_decile_actes``, ``plancher_actes``),
    ``[territories_without_apl]`` (region = persons), ``[readings]`` (``"zoning.astride" = …``).

    Raises
    ------
    RuleError
    """
    try:
        page = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        title = "a parameter file that cannot be read"
        raise RuleError([_fault(title, str(error), "give a TOML file", str(path))]) from None
    where = str(path)
    faults = [_unknown_key(key, KEYS, where) for key in page if key not in KEYS]
    flat = [key for key in page if key in KEYS and not isinstance(page[key], dict)]
    faults += [
        _fault(f"{key} = {page.pop(key)!r}", "not a table", f"[{key}]", where) for key in flat
    ]
    values: dict[str, Any] = {}
    for key, value in page.get("supply", {}).items():
        name = KEYS["supply"].get(key)
        if name is None:
            faults.append(_unknown_key(f"supply.{key}", KEYS["supply"], where))
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
            title = f"supply.{key} = {value!r}"
            faults.append(_fault(title, "not a positive number", "correct it", where))
        else:
            values[name] = float(value)
    without = page.get("territories_without_apl", {})
    codes = schema("communes").field("code_region").pattern or ""
    for region, persons in without.items():
        title = f"territories_without_apl.{region} = {persons!r}"
        if not re.fullmatch(codes, region):
            mend = 'two digits between quotes, as "06" for Mayotte'
            faults.append(_fault(title, "not the code of a region", mend, where))
        if isinstance(persons, bool) or not isinstance(persons, int) or persons < 0:
            faults.append(_fault(title, "not a number of persons", "correct it", where))
    readings = dict(_flat(page.get("readings", {})))
    for name, chosen in readings.items():
        allowed = _choices().get(name, ())
        if chosen not in allowed:
            faults.append(_no_choice(name, chosen, allowed, where))
    refuse_if(faults, RuleError)
    return Parameters(**values, territories_without_apl=without, readings=readings)


def _flat(readings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """``[readings.zoning] astride = …`` and ``"zoning.astride" = …`` mean the same."""
    for key, value in readings.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", str(v)) for inner, v in value.items())
        else:
            yield key, str(value)


def _iso_dates(value: Any) -> Any:
    """TOML dates as ISO text, so that one JSON Schema holds the page."""
    if isinstance(value, dict):
        return {key: _iso_dates(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_iso_dates(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def _no_choice(name: str, value: str, allowed: Iterable[str], where: str | None = None) -> Fault:
    allowed = tuple(allowed)
    if not allowed:
        return _unknown_key(name, _choices(), where)
    mend = f"one of: {', '.join(allowed)}"
    return _fault(f"{name} has no reading {value!r}", "a reading is one of a list", mend, where)


def _unknown_key(key: str, known: Iterable[str], where: str | None) -> Fault:
    near = get_close_matches(
        key.rpartition(".")[2] if "." not in str(known) else key, list(known), 1, 0.3
    )
    mend = (
        f"did you mean {near[0]!r}? known: {', '.join(known)}"
        if near
        else (f"known: {', '.join(known)}")
    )
    return Fault("APL-F01", f"unknown parameter {key!r}", "it would have no effect", mend, where)


def _fault(title: str, why: str, mend: str, where: str | None = None) -> Fault:
    return Fault("APL-F07" if where is None else "APL-F02", title, why, mend, where)
