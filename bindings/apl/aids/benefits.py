"""What a zone gives on a date: aids, contracts, duties, and how a zoning is made.

An entry holds from the date of its text until a later text names the same one. The date has no
default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TypeVar

from apl.aids.page import Aid, Contract, Contradiction, Page, Topic, load_page
from apl.law import Rules
from apl.law_schema import law_fault, page_names, page_text
from apl_core import RuleError

FOLDER = "aides"
Entry = TypeVar("Entry", Aid, Contract, Topic)


@dataclass(frozen=True)
class Benefits:
    """What the classes of a profession give on a date, one class or all of them.

    ``later`` names what a text that is not yet in force on that date adds, with its date.
    """

    profession: str
    libelle: str
    on: date
    zone: str | None
    measures: Mapping[str, str] = field(repr=False)
    aids: tuple[Aid, ...]
    contracts: tuple[Contract, ...]
    topics: tuple[Topic, ...]
    contradictions: tuple[Contradiction, ...]
    later: Mapping[str, date]

    def topic(self, name: str) -> Topic:
        """The topic of this name."""
        found = {topic.name: topic for topic in self.topics}
        if name not in found:
            raise KeyError(f"no topic {name!r} here: {', '.join(found)}")
        return found[name]


def zone_benefits(profession: str | Rules, zone: str | None = None, *, on: date) -> Benefits:
    """What a zone gives to a profession on a date: aids, contracts, duties, the procedure.

    Parameters
    ----------
    profession : str or Rules
    zone : str, optional
        A class, ``tres_sous_dotee``; else all of them.
    on : date
        The date of the law; it has no default.

    Raises
    ------
    RuleError
        A profession of which no page of aids is at hand, a date before its first text, a zone of
        which no text at hand says what it gives.

    Examples
    --------
    >>> found = zone_benefits("masseur_kinesitherapeute", "tres_sous_dotee", on=date(2025, 6, 6))
    >>> [contract.name for contract in found.contracts], found.topic("trainees").value("formerly")
    (['CACCMK', 'CAIMK', 'CAMCK'], 150)
    """
    page = page_of(profession if isinstance(profession, str) else profession.profession)
    first = min(page.texts, key=lambda text: text.since)
    if _checked(on) < first.since:
        title = f"no aids at hand for {page.profession} on {on}"
        why = f"the first text at hand is of {first.since}: {first.title}"
        raise RuleError([law_fault(title, why, "ask for a later date")])
    aids = _in_force(page.aids, on, lambda aid: aid.zone)
    zones = [aid.zone for aid in aids]
    if zone is not None and zone not in zones:
        title = f"no text at hand says what {zone!r} gives on {on}"
        mend = f"one of: {', '.join(zones)}"
        raise RuleError([law_fault(title, "it is no class of those texts", mend)])
    contracts = _in_force(page.contracts, on, lambda contract: contract.name)
    topics = _in_force(page.topics, on, lambda topic: topic.name)
    aids = tuple(aid for aid in aids if zone in (None, aid.zone))
    contracts = tuple(c for c in contracts if zone is None or zone in c.zones)
    topics = tuple(t for t in topics if zone is None or zone in t.zones or not t.zones)
    every: tuple[Contract | Topic, ...] = (*page.contracts, *page.topics)
    names = {aid.zone for aid in aids} | {c.name for c in contracts} | {t.name for t in topics}
    at_hand = {text.name for text in page.texts if text.since <= on}
    return Benefits(
        page.profession,
        page.libelle,
        on,
        zone,
        page.measures,
        aids,
        contracts,
        topics,
        tuple(c for c in page.contradictions if names & set(c.about)
              and at_hand.issuperset(side["text"] for side in c.sides)),
        {entry.name: entry.text.since for entry in every if entry.text.since > on
         and (zone is None or zone in entry.zones or not entry.zones)},
    )  # fmt: skip


def contracts(profession: str | Rules, *, on: date) -> dict[str, Contract]:
    """The contracts of a profession in force on a date, by name.

    Raises
    ------
    RuleError
        As `zone_benefits`.

    Examples
    --------
    >>> found = contracts("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> sum(instalment.euros for instalment in found["CACCMK"].instalments)
    49000
    """
    return {contract.name: contract for contract in zone_benefits(profession, on=on).contracts}


def contract_named(
    name: str, on: date | None = None, profession: str | None = None, zone: str | None = None
) -> Contract:
    """The contract of a name, among those of one profession or of all; open in a zone, if one.

    A date selects its version. Without one there must be a single version at hand, so that no date
    is chosen in silence: the contract found names its text and from when it holds.

    Raises
    ------
    RuleError
        No such contract, none yet on that date, several versions and no date, or not in that zone.
    """
    pages = [page_of(one) for one in (available() if profession is None else [profession])]
    at_hand = [contract for page in pages for contract in page.contracts]
    found = [contract for contract in at_hand if contract.name == name]
    if not found:
        known = ", ".join(dict.fromkeys(contract.name for contract in at_hand))
        why = "the texts at hand name no such contract"
        raise RuleError([law_fault(f"no contract {name!r}", why, f"one of: {known}")])
    since = ", ".join(str(contract.text.since) for contract in found)
    if on is None and len(found) > 1:
        why = f"it is stated from {since}, and the date of the law has no default"
        raise RuleError([law_fault(f"{name} has several versions", why, "say on which date")])
    of_then = [c for c in found if on is None or c.text.since <= _checked(on)]
    if not of_then:
        why = f"it is stated from {since}: {found[0].text.title}"
        title = f"no contract {name} at hand on {on}"
        raise RuleError([law_fault(title, why, "ask for a later date")])
    latest = max(of_then, key=lambda contract: contract.text.since)
    if zone is not None and zone not in latest.zones:
        title, why = f"no contract {name} in {zone}", f"it is open in {', '.join(latest.zones)}"
        raise RuleError([law_fault(title, why, "ask for that zone")])
    return latest


def available() -> list[str]:
    """The professions that have a page of aids."""
    return page_names(FOLDER)


@cache
def page_of(profession: str) -> Page:
    """The page of aids of a profession."""
    if profession not in available():
        title = f"no page of aids for {profession!r}"
        why = "the texts at hand state none: the arrêté and a guide speak of one profession"
        raise RuleError([law_fault(title, why, f"one of: {', '.join(available())}")])
    return load_page(page_text(FOLDER, profession), f"{FOLDER}/{profession}.toml")


def _in_force(entries: Iterable[Entry], on: date, key: Callable[[Entry], str]) -> tuple[Entry, ...]:
    """Of each name, the entry of the latest text in force."""
    latest: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.text.since):
        if entry.text.since <= on:
            latest[key(entry)] = entry
    return tuple(latest.values())


def _checked(on: date) -> date:
    if not isinstance(on, date):
        raise TypeError(f"on is a datetime.date, not {on!r}")
    return on
