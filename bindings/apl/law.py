"""The law as data: dated pages of ``data_schemas/law/`` → frozen `Rules`.

No figure of the law stands in code. A page cites its text and quotes it, or says who reports it;
what the text leaves open has a named value and a reading; what no public source at hand states is
marked unknown, and asking for it is a `RuleError`. The date has no default: it is never "today".
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, TypeVar

from apl.blocks import (
    PARSERS,
    UNKNOWN,
    AdaptationRules,
    Citation,
    DemandRules,
    IndicatorRules,
    ShareRules,
    SourceRules,
    SupplyRules,
    UnitRules,
    Unknown,
    ZoningRules,
    citation,
    disagreements,
    parsed,
)
from apl.law_schema import (
    CALLER,
    ORDER,
    as_text,
    content_fault,
    empty,
    fixed,
    foreign_keys,
    known_choices,
    law_fault,
    marks,
    no_choice,
    overlay_breaches,
    page_names,
    page_text,
    validated,
    zone_order,
)
from apl_core import Fault, RuleError, Steps, refuse_if

# What a density standardised by age does not have: its supply is counted by unit of zoning.
NOT_OF_A_DENSITY = {
    "decay": "no travel times and no distance decay",
    "aggregation": "no mean over communes: it is computed by unit of zoning",
}


Block = TypeVar("Block")


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
    dates : str
        How dates that are unknown are read.
    amendments : tuple of str
        Later texts that changed this one and that were not read.
    blocks : mapping of name → frozen block, or `Unknown`
        Read through the properties, which refuse what is unknown.
    citations : mapping of block → Citation
    supplied : tuple of str
        What the caller changed; not law.

    The properties give the blocks, and raise RuleError where no public source at hand states them.
    """

    profession: str
    libelle: str
    text: str
    nor: str
    signed: date
    since: date
    published: str
    in_force: str
    dates: str
    amendments: tuple[str, ...]
    blocks: Mapping[str, Any] = field(repr=False)
    citations: Mapping[str, Citation] = field(repr=False)
    entry: Mapping[str, Any] = field(repr=False)
    supplied: tuple[str, ...] = ()

    @property
    def indicator(self) -> IndicatorRules:
        """What is measured, and in which unit."""
        return self._known("indicator", IndicatorRules)

    @property
    def per(self) -> int:
        """The indicator counts supply for so many standardised inhabitants."""
        return self.indicator.per

    @property
    def unit(self) -> str:
        """The unit of the indicator, in words."""
        return self.indicator.unit

    @property
    def territory(self) -> UnitRules:
        """The units of zoning."""
        return self._known("territory", UnitRules)

    @property
    def sources(self) -> SourceRules:
        """The years of the sources."""
        return self._known("sources", SourceRules)

    @property
    def supply(self) -> SupplyRules:
        """Professionals in full-time equivalents."""
        return self._known("supply", SupplyRules)

    @property
    def demand(self) -> DemandRules:
        """The standardised population."""
        return self._known("demand", DemandRules)

    @property
    def decay(self) -> Steps:
        """The weights of travel times."""
        return self._known("decay", Steps)

    @property
    def weight(self) -> str:
        """The population by which the mean over a unit is weighted."""
        return self._known("aggregation", str)

    @property
    def attribution(self) -> str:
        """Which region a unit in several regions counts in."""
        return self._known("attribution", str)

    @property
    def zoning(self) -> ZoningRules:
        """The ranking and its cuts."""
        return self._known("zoning", ZoningRules)

    @property
    def adaptation(self) -> AdaptationRules:
        """What regions may change."""
        return self._known("adaptation", AdaptationRules)

    @property
    def shares(self) -> ShareRules | None:
        """The shares printed by the text; None where it prints none."""
        return self._known("shares", ShareRules) if "shares" in self.blocks else None

    def require(self, *names: str) -> None:
        """Refuse, all together, the blocks of these names that no public source states.

        Raises
        ------
        RuleError
            One fault for each unknown value, or for a block that this indicator does not have.
        """
        faults: list[Fault] = []
        for name in names:
            block = self.blocks.get(name)
            if block is None:
                faults.append(_without(self, name))
            elif isinstance(block, Unknown):
                faults += (_unknown(self, name, key, where) for key, where in block.looked.items())
        refuse_if(faults, RuleError)

    def reading(self, choices: Mapping[str, str | Sequence[str]]) -> Rules:
        """The same rules with other named readings, ``{"zoning.astride": "include"}``.

        ``supply.order`` takes its three rules as a list, or as a text with commas.

        Raises
        ------
        RuleError
            No such choice, or no such value for it; all together.
        """
        entry, supplied, faults = copy.deepcopy(dict(self.entry)), list(self.supplied), []
        for name, chosen in choices.items():
            block, _, key = name.partition(".")
            value, allowed = as_text(chosen), known_choices().get(name, ())
            if value not in allowed:
                faults.append(no_choice(name, value, allowed))
            elif entry[block].get(key, UNKNOWN) == UNKNOWN:
                faults.append(_unknown(self, block, key, "the page does not have this block whole"))
            else:
                entry[block][key] = value.split(",") if name == ORDER else value
                supplied = [*_others(supplied, name), f"{name} = {value}"]
        refuse_if(faults, RuleError)
        return self._changed(entry, supplied) if choices else self

    def overlaid(self, values: Mapping[str, Mapping[str, Any]], where: str | None = None) -> Rules:
        """The same rules with values that the caller supplies, block by block; never law.

        The values take the form that they have in a law page: ``{"decay": {"bands": […]}}``. Keys
        of which there is one value at hand may be left out.

        Raises
        ------
        RuleError
            An unknown block or key, a value that the schema of law pages refuses.
        """
        place, faults = where or CALLER, []
        entry, supplied = copy.deepcopy(dict(self.entry)), list(self.supplied)
        for name, given in values.items():
            foreign = [*foreign_keys(name, given, place)]
            if name in NOT_OF_A_DENSITY and name not in self.blocks:
                foreign = [_without(self, name, place)]
            if foreign:
                faults += foreign
                continue
            block = entry.get(name, {UNKNOWN: "the text has no such block"})
            if isinstance(block.get(UNKNOWN), str):
                block = empty(name)
            looked = {k: why for k, why in block.pop(UNKNOWN, {}).items() if k not in given}
            entry[name] = {**block, **given} | ({UNKNOWN: looked} if looked else {})
            faults += [*overlay_breaches(name, entry[name], place),
                       *marks(entry[name], f"law.{name}", place)]  # fmt: skip
            for key, value in given.items():
                shown = as_text(value) if isinstance(value, str) else json.dumps(value)
                supplied = [*_others(supplied, f"{name}.{key}"), f"{name}.{key} = {shown}"]
        refuse_if(faults, RuleError)
        return self._changed(entry, supplied, where) if values else self

    def _changed(
        self, entry: Mapping[str, Any], supplied: Iterable[str], where: str | None = None
    ) -> Rules:
        page = {"profession": self.profession, "libelle": self.libelle}
        return dataclasses.replace(_version(page, entry, where or CALLER), supplied=tuple(supplied))

    def _known(self, name: str, kind: type[Block]) -> Block:
        """The block of a name, which is of this kind wherever it is known."""
        self.require(name)
        block: Block = self.blocks[name]
        return block

    def as_dict(self) -> dict[str, Any]:
        """What the manifest keeps of the law: its identity, the values in force, and why."""
        from apl import sheet

        return sheet.in_force(self)


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
    if not isinstance(on, date):
        raise TypeError(f"on is a datetime.date, not {on!r}")
    versions = law_page(profession)
    known = [version for version in versions if version.since <= on]
    if not known:
        first = versions[0]
        why = f"the first text at hand is of {first.since}: {first.text}"
        title = f"no rules for {profession} on {on}"
        raise RuleError([law_fault(title, why, "ask for a later date")])
    return known[-1].reading(readings or {})


def available() -> list[str]:
    """The professions that have a law page."""
    return page_names("law")


@cache
def law_page(profession: str) -> tuple[Rules, ...]:
    """All versions of a profession's page, oldest first; refuses a page that breaks its schema."""
    if profession not in available():
        title = f"no profession named {profession!r}"
        why = "it is not in the list of professions"
        raise RuleError([law_fault(title, why, f"one of: {', '.join(available())}")])
    return load_page(page_text("law", profession), f"law/{profession}.toml")


def load_page(text: str, name: str) -> tuple[Rules, ...]:
    """A law page from its text; every breach of the schema is listed."""
    page = validated(text, "law", name)
    faults = (
        fault
        for number, entry in enumerate(page["version"])
        for block in PARSERS.keys() & entry.keys()
        for fault in marks(entry[block], f"$.version[{number}].{block}", name)
    )
    refuse_if(faults, RuleError)
    versions = [_version(page, entry, name) for entry in page["version"]]
    dates = [version.since for version in versions]
    if any(b <= a for a, b in itertools.pairwise(dates)):
        why = f"versions stand oldest first, each from its own date: {[str(d) for d in dates]}"
        raise RuleError([law_fault("overlapping versions", why, "order them", name)])
    return tuple(versions)


def _version(page: Mapping[str, Any], entry: Mapping[str, Any], where: str) -> Rules:
    written = {key: value for key, value in entry.items() if isinstance(value, dict)}
    blocks, place = {}, ""
    try:
        signed = date.fromisoformat(entry["signed"])
        since = signed if entry["in_force"] == UNKNOWN else date.fromisoformat(entry["in_force"])
        for name, block in written.items():
            place = f"law.{name}: "
            blocks[name] = parsed(name, block)
    except ValueError as error:
        raise RuleError([content_fault(str(error), where, place)]) from None
    said = disagreements(blocks, zone_order())
    refuse_if((law_fault(one, "its blocks contradict each other", "correct", where)
               for one in said), RuleError)  # fmt: skip
    return Rules(
        profession=page["profession"],
        libelle=page["libelle"],
        text=entry["text"],
        nor=entry["nor"],
        signed=signed,
        since=since,
        published=entry["published"],
        in_force=entry["in_force"],
        dates=entry.get("reading", ""),
        amendments=tuple(entry.get("amendments", ())),
        blocks=blocks,
        citations={name: citation(block, fixed(name, block)) for name, block in written.items()},
        entry=entry,
    )


def _others(supplied: Iterable[str], name: str) -> list[str]:
    return [note for note in supplied if not note.startswith(f"{name} = ")]


def _unknown(law: Rules, block: str, key: str, where: str) -> Fault:
    name = f"{block}.{key}" if key else block
    said = "; ".join(law.citations[block].known)
    return law_fault(
        f"unknown for {_title(law)}: {name}",
        f"no public source at hand states it ({where})" + (f"; known: {said}" if said else ""),
        f"supply it in the file of --parameters, [law.{block}]"
        + (f" {key} = …" if key else "")
        + ": it is then said not to be law",
    )


def _without(law: Rules, block: str, where: str | None = None) -> Fault:
    why = NOT_OF_A_DENSITY.get(block, "the text has no such block")
    kind = "its indicator is a density standardised by age: " if block in NOT_OF_A_DENSITY else ""
    mend = "do without it" if where is None else "leave it out"
    return law_fault(f"no {block} for {_title(law)}", kind + why, mend, where)


def _title(law: Rules) -> str:
    return f"{law.profession}, {short_title(law.text)}"


def short_title(text: str) -> str:
    """The title of a text without its subject.

    >>> short_title("Arrêté du 20 mars 2024 relatif à la méthodologie")
    'Arrêté du 20 mars 2024'
    """
    return text.split(" relatif")[0]
