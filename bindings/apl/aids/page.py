"""The nouns of a page of aids, and how they are read from its plain data.

A page of ``data_schemas/aides/`` has every entry with its text, its article and its words. No
amount stands in code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, TypeVar

from apl.blocks import UNKNOWN
from apl.law_schema import law_fault, marks, schema_of, unknown_key, validated
from apl_core import RuleError, refuse_if

SCHEMA = "aides"
PRINTED, REPORTED = "printed", "reported"
CHOICES = ("first_year", "scale", "below", "signature", "refund")
Noun = TypeVar("Noun")


@dataclass(frozen=True)
class Text:
    """A text at hand; ``since`` selects, ``reading`` says why that date."""

    name: str
    title: str
    since: date
    reading: str


@dataclass(frozen=True)
class Fact:
    """One thing that a text says: its words in English, its own words, a value where it has one.

    ``reported`` stands in the place of ``quote`` where another source says it; ``condition``: a
    contract pays only where this holds.
    """

    name: str
    words: str
    value: int | Fraction | str | None
    unit: str
    quote: str
    reported: str
    condition: bool


@dataclass(frozen=True)
class Aid:
    """What a class opens, may open, and is subject to (names of ``Benefits.measures``)."""

    zone: str
    text: Text
    cite: str
    quote: str
    open: tuple[str, ...]
    possible: tuple[str, ...]
    subject_to: tuple[str, ...]


@dataclass(frozen=True)
class Instalment:
    """A payment as printed: made in year N + ``year``, for the activity of year N + ``of``."""

    year: int
    of: int
    euros: int
    due: str
    quote: str


@dataclass(frozen=True)
class Scale:
    """A pro rata: acts over ``full``, from ``least`` acts."""

    least: int
    full: int


@dataclass(frozen=True)
class Contradiction:
    """What sources say otherwise one from another; ``kept`` is what the code does, and why."""

    name: str
    about: tuple[str, ...]
    payments: bool
    sides: tuple[Mapping[str, str], ...]
    kept: str


@dataclass(frozen=True)
class Contract:
    """An incentive contract.

    Attributes
    ----------
    years : int
    euros : int or None
        The most that is announced in all.
    minimum : (int, int) or None
        Acts asked for, in the first year and in each later one.
    scales : mapping of "printed" | "reported" → (Scale, Scale)
        Pro rata of the first year and of the later ones, by who says it.
    choices : mapping of str → str
        How the text is read; ``"unknown"`` where it does not say. `reading` changes them.
    readings, unknown : mapping of str → str
        Why each choice; where what is unknown was looked for.
    reported : str
        Who says what is reported.
    supplied : tuple of str
        Choices of the caller; not law.
    """

    name: str
    title: str
    text: Text
    cite: str
    quote: str
    zones: tuple[str, ...]
    years: int
    euros: int | None
    instalments: tuple[Instalment, ...]
    before: str
    minimum: tuple[int, int] | None
    scales: Mapping[str, tuple[Scale, Scale]]
    signatures: Mapping[str, int]
    choices: Mapping[str, str]
    readings: Mapping[str, str]
    unknown: Mapping[str, str]
    facts: tuple[Fact, ...]
    reported: str
    contradictions: tuple[Contradiction, ...]
    supplied: tuple[str, ...] = ()

    def open_choices(self) -> dict[str, tuple[str, ...]]:
        """Each choice that a caller may read otherwise, and its values."""
        known = schema_of(SCHEMA)["$defs"]["contract"]["properties"]
        values = {key: {v for v in known[key]["enum"] if v != UNKNOWN} for key in self.choices}
        for key, sources in (("scale", self.scales), ("signature", self.signatures)):
            if key in values:
                values[key] &= set(sources)
        return {key: tuple(sorted(found)) for key, found in values.items()}

    def reading(self, chosen: Mapping[str, str]) -> Contract:
        """The same contract with other named readings, ``{"below": "nothing"}``; not law.

        Raises
        ------
        RuleError
            No such choice, or no such value for it; all together.
        """
        known, faults = self.open_choices(), []
        for key, value in chosen.items():
            if key not in known:
                faults.append(unknown_key(key, known, None))
            elif value not in known[key]:
                title = f"{self.name}: {key} has no reading {value!r}"
                mend = f"one of: {', '.join(known[key])}" if known[key] else "leave it out"
                faults.append(law_fault(title, "a reading is one of a list", mend))
        refuse_if(faults, RuleError)
        kept = [note for note in self.supplied if note.partition(" = ")[0] not in chosen]
        return dataclasses.replace(
            self,
            choices={**self.choices, **chosen},
            supplied=(*kept, *(f"{key} = {value}" for key, value in chosen.items())),
        )


@dataclass(frozen=True)
class Topic:
    """A subject of a page: facts of one text about one thing. No zone: it holds in all."""

    name: str
    title: str
    text: Text
    cite: str
    zones: tuple[str, ...]
    facts: tuple[Fact, ...]
    readings: Mapping[str, str]
    unknown: Mapping[str, str]

    def value(self, name: str) -> int | Fraction | str:
        """The value of a fact."""
        found = {fact.name: fact.value for fact in self.facts if fact.value is not None}
        if name not in found:
            raise KeyError(f"{self.name} has no value {name!r}: {', '.join(found)}")
        return found[name]


@dataclass(frozen=True)
class Page:
    """All entries of a page, of every text."""

    profession: str
    libelle: str
    texts: tuple[Text, ...]
    measures: Mapping[str, str]
    aids: tuple[Aid, ...]
    contracts: tuple[Contract, ...]
    topics: tuple[Topic, ...]
    contradictions: tuple[Contradiction, ...]


def load_page(text: str, where: str) -> Page:
    """A page of aids from its text; every breach of its schema, then of its sense, is listed."""
    page = validated(text, SCHEMA, where)
    faults = [
        fault
        for number, entry in enumerate(page["contract"])
        for fault in marks(entry, f"$.contract[{number}]", where)
    ]
    faults += [law_fault(said, "such a page cannot be", "correct it", where)
               for said in _senseless(page)]  # fmt: skip
    refuse_if(faults, RuleError)
    texts = {entry["name"]: _text(entry) for entry in page["text"]}
    between = tuple(_contradiction(entry) for entry in page["contradiction"])
    return Page(
        page["profession"],
        page["libelle"],
        tuple(texts.values()),
        page["measures"],
        tuple(_taken(Aid, entry, text=texts[entry["text"]]) for entry in page["aid"]),
        tuple(_contract(entry, texts, between) for entry in page["contract"]),
        tuple(_topic(entry, texts) for entry in page["topic"]),
        between,
    )


def _senseless(page: Mapping[str, Any]) -> Iterable[str]:
    """What the schema cannot see: names that lead nowhere, sums that differ unsaid."""
    texts = {entry["name"] for entry in page["text"]}
    entries = [e for kind in ("aid", "contract", "topic") for e in page[kind]]
    between = page["contradiction"]
    sides = (side for entry in between for side in entry["sides"])
    yield from (f"no text {entry['text']!r}" for entry in (*entries, *sides)
                if entry["text"] not in texts)  # fmt: skip
    for aid in page["aid"]:
        named = {*aid["open"], *aid["possible"], *aid["subject_to"]} - page["measures"].keys()
        yield from (f"{aid['zone']}: no measure {name!r}" for name in sorted(named))
    subjects = {entry.get("name", entry.get("zone")) for entry in entries}
    for entry in between:
        lost = sorted(set(entry["about"]) - subjects)
        yield from (f"{entry['name']}: about {name!r}, which is not here" for name in lost)
    told = {name for entry in between if entry["payments"] for name in entry["about"]}
    for entry in page["contract"]:
        paid = sum(instalment["euros"] for instalment in entry["instalments"])
        if entry.get("euros", paid) != paid and entry["name"] not in told:
            yield f"{entry['name']}: its instalments sum to {paid}, and no contradiction says so"
        if entry.get("scale") == PRINTED and "scale_first" not in entry:
            yield f"{entry['name']}: a pro rata as printed, and none is printed"
        if any(i["of"] >= entry["years"] for i in entry["instalments"]):
            yield f"{entry['name']}: an instalment for a year after its last"


def _contract(
    entry: Mapping[str, Any], texts: Mapping[str, Text], between: Iterable[Contradiction]
) -> Contract:
    said = entry.get("reported", {})
    scales = {
        who: (Scale(**held["scale_first"]), Scale(**held["scale_later"]))
        for who, held in ((PRINTED, entry), (REPORTED, said))
        if "scale_first" in held
    }
    at_signature = [i["euros"] for i in entry["instalments"] if i["due"] == "signature"]
    signatures = dict.fromkeys([PRINTED], sum(at_signature)) if at_signature else {}
    signatures |= {REPORTED: said["signature"]} if "signature" in said else {}
    asked = entry.get("minimum")
    return _taken(
        Contract,
        {"euros": None, "before": "", "readings": {}, "unknown": {}, **entry},
        text=texts[entry["text"]],
        instalments=tuple(Instalment(**instalment) for instalment in entry["instalments"]),
        minimum=None if asked is None else (asked["first"], asked["later"]),
        scales=scales,
        signatures=signatures,
        choices={key: entry[key] for key in CHOICES if key in entry},
        facts=tuple(_fact(fact) for fact in entry["fact"]),
        reported=said.get("by", ""),
        contradictions=tuple(c for c in between if c.payments and entry["name"] in c.about),
        supplied=(),
    )


def _topic(entry: Mapping[str, Any], texts: Mapping[str, Text]) -> Topic:
    facts = tuple(_fact(fact) for fact in entry["fact"])
    filled = {"readings": {}, "unknown": {}, **entry}
    return _taken(Topic, filled, text=texts[entry["text"]], facts=facts)


def _fact(entry: Mapping[str, Any]) -> Fact:
    value = entry.get("value")
    if isinstance(value, str) and "/" in value:
        value = Fraction(value)
    blank = {"unit": "", "quote": "", "reported": "", "condition": False}
    return _taken(Fact, {**blank, **entry}, value=value)


def _text(entry: Mapping[str, Any]) -> Text:
    return _taken(Text, entry, since=date.fromisoformat(entry["since"]))


def _contradiction(entry: Mapping[str, Any]) -> Contradiction:
    return _taken(Contradiction, entry)


def _taken(kind: Callable[..., Noun], entry: Mapping[str, Any], **changed: Any) -> Noun:
    """A noun from the keys of an entry that it has; lists become tuples."""
    names = [f.name for f in dataclasses.fields(kind) if f.name not in changed]  # type: ignore[arg-type]
    held = {n: tuple(entry[n]) if isinstance(entry[n], list) else entry[n] for n in names}
    return kind(**held, **changed)
