"""The caller's file of parameters: what the public texts do not give; never law."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apl.law import Rules
from apl.law_schema import as_text, known_choices, law_fault, no_choice, unknown_key
from apl_core import Fault, FileError, RuleError, refuse_if
from apl_core.schema import schema

LARGEST = 1e9  # of a parameter, as of a quantity in the tables
LONGEST = 1 << 24  # bytes of the file: a device has no end
KEYS: dict[str, dict[str, str]] = {
    "supply": {
        "mediane_actes": "median_acts",
        "neuvieme_decile_actes": "ninth_decile_acts",
        "plancher_actes": "least_acts",
    },
    "territories_without_apl": {},
    "readings": {},
    "law": {},
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
    law : mapping of block → mapping of key → value
        Values of the law that no public source states, or other ones; see `Rules.overlaid`.
    source : str or None
        The file that they come from, which messages name.
    """

    median_acts: float | None = None
    ninth_decile_acts: float | None = None
    least_acts: float | None = None
    territories_without_apl: Mapping[str, int] = field(default_factory=dict)
    readings: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    law: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str | None = field(default=None, compare=False)

    def applied(self, rules: Rules) -> Rules:
        """The rules with what is supplied here: values of the law first, then readings."""
        return rules.overlaid(self.law, self.source).reading(self.readings)


def read_parameters(path: str | Path) -> Parameters:
    """The parameters of a TOML file; unknown keys are refused, with the nearest known one.

    Tables: ``[supply]`` (``mediane_actes``, ``neuvieme_decile_actes``, ``plancher_actes``),
    ``[territories_without_apl]`` (region = persons), ``[readings]`` (``"zoning.astride" = …``),
    ``[law.<block>]`` (values in the form of the law pages; held against their schema when they meet
    the rules).

    Raises
    ------
    FileError
        The file is absent or unreadable.
    RuleError
        What it says; all together.
    """
    where = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise FileError([_endless(where)])
        page = tomllib.loads(data.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError([_unreadable(error, where)]) from None
    except tomllib.TOMLDecodeError as error:
        fault = law_fault("not TOML", str(error), "correct the line named", where)
        raise RuleError([fault]) from None
    faults = [unknown_key(key, KEYS, where) for key in page if key not in KEYS]
    flat = [key for key in page if key in KEYS and not isinstance(page[key], dict)]
    faults += [law_fault(f"{k} = {page.pop(k)!r}", "not a table", f"[{k}]", where) for k in flat]
    law = page.get("law", {})
    flat = [key for key in law if not isinstance(law[key], dict)]
    faults += [law_fault(f"law.{k} = {law.pop(k)!r}", "not a table", f"[law.{k}]", where)
               for k in flat]  # fmt: skip
    values, more = _supply(page.get("supply", {}), where)
    without = page.get("territories_without_apl", {})
    faults += [*more, *_territories(without, where)]
    readings = dict(_flat(page.get("readings", {})))
    for name, chosen in readings.items():
        allowed = known_choices().get(name, ())
        if chosen not in allowed:
            faults.append(no_choice(name, chosen, allowed, where))
    refuse_if(faults, RuleError)
    return Parameters(
        **values,
        territories_without_apl=without,
        readings=readings,
        law=_dated(law),
        source=Path(path).name,
    )


def _supply(given: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[Fault]]:
    values: dict[str, Any] = {}
    faults = []
    for key, value in given.items():
        name = KEYS["supply"].get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name is None:
            faults.append(unknown_key(f"supply.{key}", KEYS["supply"], where))
        elif not number or not 0 < value < LARGEST:
            title = f"supply.{key} = {value!r}"
            faults.append(law_fault(title, "not a positive number", "correct it", where))
        else:
            values[name] = float(value)
    return values, faults


def _territories(given: Mapping[str, Any], where: str) -> Iterator[Fault]:
    codes = schema("communes").field("code_region").pattern or ""
    for region, persons in given.items():
        title = f"territories_without_apl.{region} = {persons!r}"
        if not re.fullmatch(codes, region):
            mend = 'two digits between quotes, as "06" for Mayotte'
            yield law_fault(title, "not the code of a region", mend, where)
        if isinstance(persons, bool) or not isinstance(persons, int) or not 0 <= persons < LARGEST:
            yield law_fault(title, "not a number of persons", "correct it", where)


def _flat(readings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """``[readings.zoning] astride = …`` and ``"zoning.astride" = …`` mean the same."""
    for key, value in readings.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", as_text(v)) for inner, v in value.items())
        else:
            yield key, as_text(value)


def _dated(value: Any) -> Any:
    """Dates as ISO text, as in a law page."""
    if isinstance(value, dict):
        return {key: _dated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_dated(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _endless(where: str) -> Fault:
    why = f"more than {LONGEST >> 20} MB: no file of parameters has so much"
    return Fault("APL-A11", "not a file of parameters", why, "give a TOML file", where)


def _unreadable(error: OSError | UnicodeDecodeError, where: str) -> Fault:
    absent = isinstance(error, FileNotFoundError)
    fault, title = ("APL-A01", "no parameter file") if absent else ("APL-A11", "cannot be read")
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    return Fault(fault, title, f"{Path(where).absolute()}: {why}", "give a TOML file", where)
