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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from apl_core import Band, Fault, FileError, RuleError, Steps, refuse_if
from apl_core.schema import schema

PROFESSIONS = (
    "masseur_kinesitherapeute",
    "infirmier",
    "sage_femme",
    "chirurgien_dentiste",
    "orthophoniste",
    "medecin_generaliste",
)
ORDER = "supply.order"  # the one reading that is a permutation


@dataclass(frozen=True)
class Citation:
    """Where a block stands in the text, its words, how they are read, and what is fixed.

    A fixed value is the one reading at hand: the code does this and nothing else.
    """

    cite: str
    quote: str
    readings: Mapping[str, str]
    fixed: Mapping[str, str]


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
        As the page has them.
    dates : str
        How dates that are unknown are read.
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
    dates: str = ""
    supplied: tuple[str, ...] = ()

    def reading(self, choices: Mapping[str, str | Sequence[str]]) -> Rules:
        """The same rules with other named readings, ``{"zoning.astride": "include"}``.

        ``supply.order`` takes its three rules as a list, or as a text with commas.

        Raises
        ------
        RuleError
            No such choice, or no such value for it; all together.
        """
        rules, faults = self, []
        for name, chosen in choices.items():
            block, _, key = name.partition(".")
            value, allowed = _as_text(chosen), _choices().get(name, ())
            if value not in allowed:
                faults.append(_no_choice(name, value, allowed))
                continue
            kept = tuple(value.split(",")) if name == ORDER else value
            changed = dataclasses.replace(getattr(rules, block), **{key: kept})
            others = (note for note in rules.supplied if not note.startswith(f"{name} = "))
            supplied = (*others, f"{name} = {value}")
            rules = dataclasses.replace(rules, **{block: changed}, supplied=supplied)
        refuse_if(faults, RuleError)
        return rules

    def as_dict(self) -> dict[str, Any]:
        """What the manifest keeps of the law: its identity, the values in force, and why."""
        from apl import sheet

        return sheet.in_force(self)


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
    readings: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


LARGEST = 1e9  # of a parameter, as of a quantity in the tables
KEYS = {
    "supply": {
        "mediane_actes": "median_acts",
        "neuvieme_decile_actes": "ninth_decile_acts",
        "plancher_actes": "least_acts",
    },
    "territories_without_apl": {},
    "readings": {},
}


def rules(
    profession: str, *, on: date, readings: Mapping[str, str | Sequence[str]] | None = None
) -> Rules:
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
        # dates as ISO text, so that one JSON Schema holds the page
        page = json.loads(json.dumps(tomllib.loads(text), default=str))
    except tomllib.TOMLDecodeError as error:
        raise RuleError([_fault("not TOML", str(error), "correct the line named", name)]) from None
    breaches = Draft202012Validator(_page_schema()).iter_errors(page)
    why = "the page breaks law.schema.json"
    refuse_if(
        (
            _fault(f"{breach.json_path}: {breach.message}", why, "correct the page", name)
            for breach in sorted(breaches, key=lambda breach: breach.json_path)
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
        key: Citation(value["cite"], value["quote"], value.get("readings", {}), _fixed(key, value))
        for key, value in blocks.items()
    }
    signed = date.fromisoformat(entry["signed"])
    since = signed if entry["in_force"] == "unknown" else date.fromisoformat(entry["in_force"])
    supply, zoning = blocks["supply"], blocks["zoning"]
    classes = tuple((c["zone"], Fraction(c["share"])) for c in zoning["classes"])
    if sum(share for _, share in classes) > 1:
        raise ValueError("the shares add up to more than 1")
    bands = (
        Band(float(band["until"]), band["includes_until"], Fraction(band["weight"]))
        for band in blocks["decay"]["bands"]
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
        decay=Steps(tuple(bands)),
        weight=blocks["aggregation"]["weight"],
        zoning=dataclasses.replace(_take(ZoningRules, zoning), classes=classes),
        citations=citations,
        dates=entry.get("reading", ""),
    )


def _take(kind: Any, block: Mapping[str, Any]) -> Any:
    """A frozen block from the keys that it has."""
    return kind(**{f.name: block[f.name] for f in dataclasses.fields(kind)})


def _as_text(chosen: Any) -> str:
    """A reading as one text; the parts of an order stand between commas, without blanks."""
    parts = chosen if isinstance(chosen, list | tuple) else str(chosen).split(",")
    return ",".join(str(part).strip() for part in parts)


@cache
def _page_schema() -> dict[str, Any]:
    text = (resources.files("apl_schemas") / "law.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _fixed(block: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The values of a block of the page that its schema holds to one."""
    known = _page_schema()["$defs"]["version"]["properties"][block]["properties"]
    return {k: str(v) for k, v in values.items() if len(known[k].get("enum", ())) == 1}


@cache
def _choices() -> dict[str, tuple[str, ...]]:
    """Each choice that the caller may read otherwise, and its values."""
    blocks = _page_schema()["$defs"]["version"]["properties"]
    parts = blocks["supply"]["properties"]["order"]["items"]["enum"]
    orders = tuple(",".join(order) for order in itertools.permutations(parts))
    return {ORDER: orders} | {
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
    FileError
        The file is absent or unreadable.
    RuleError
        What it says; all together.
    """
    where = str(path)
    try:
        page = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError([_unreadable(error, where)]) from None
    except tomllib.TOMLDecodeError as error:
        raise RuleError([_fault("not TOML", str(error), "correct the line named", where)]) from None
    faults = [_unknown_key(key, KEYS, where) for key in page if key not in KEYS]
    flat = [key for key in page if key in KEYS and not isinstance(page[key], dict)]
    faults += [_fault(f"{k} = {page.pop(k)!r}", "not a table", f"[{k}]", where) for k in flat]
    values: dict[str, Any] = {}
    for key, value in page.get("supply", {}).items():
        name = KEYS["supply"].get(key)
        if name is None:
            faults.append(_unknown_key(f"supply.{key}", KEYS["supply"], where))
        elif (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST
        ):
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
        if isinstance(persons, bool) or not isinstance(persons, int) or not 0 <= persons < LARGEST:
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
            yield from ((f"{key}.{inner}", _as_text(v)) for inner, v in value.items())
        else:
            yield key, _as_text(value)


def _no_choice(name: str, value: str, allowed: Iterable[str], where: str | None = None) -> Fault:
    if not (allowed := tuple(allowed)):
        return _unknown_key(name, _choices(), where)
    mend = f"one of: {'; '.join(allowed)}"  # an order has commas of its own
    return _fault(f"{name} has no reading {value!r}", "a reading is one of a list", mend, where)


def _unreadable(error: OSError | UnicodeDecodeError, where: str) -> Fault:
    absent = isinstance(error, FileNotFoundError)
    fault, title = ("APL-A01", "no parameter file") if absent else ("APL-A11", "cannot be read")
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    return Fault(fault, title, f"{Path(where).absolute()}: {why}", "give a TOML file", where)


def _unknown_key(key: str, known: Iterable[str], where: str | None) -> Fault:
    name = key if "." in str(known) else key.rpartition(".")[2]
    near = get_close_matches(name, list(known), 1, 0.3)
    mend = "".join(f"did you mean {one!r}? " for one in near) + f"known: {', '.join(known)}"
    return Fault("APL-F01", f"unknown parameter {key!r}", "it would have no effect", mend, where)


def _fault(title: str, why: str, mend: str, where: str | None = None) -> Fault:
    return Fault("APL-F07" if where is None else "APL-F02", title, why, mend, where)
