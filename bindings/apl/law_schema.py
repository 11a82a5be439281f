"""The schema of the pages of paper (law, aids): what they may say, and the faults of the rest.

`jsonschema` is needed here alone.
"""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from apl.blocks import PARSERS, UNKNOWN
from apl_core import Fault, RuleError, refuse_if

ORDER = "supply.order"  # the one reading that is a permutation
CHOICES_OF = ("territory", "supply", "demand", "zoning", "adaptation")
NOT_OPEN = {"zoning.rest", "zoning.method", "zoning.population", "territory.unit"}
SOURCES = "cite|quote|reported"  # where a figure comes from: one that has none is refused
CALLER = "supplied by the caller, not law"
OF_THE_PAGE = {"cite", "quote", "reported", "readings", "known", UNKNOWN}  # not for callers


def page_names(folder: str) -> list[str]:
    """The professions that have a page in a folder of ``data_schemas/``."""
    files = (resources.files("apl_schemas") / folder).iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def page_text(folder: str, profession: str) -> str:
    """The page of a profession in a folder of ``data_schemas/``."""
    file = resources.files("apl_schemas") / folder / f"{profession}.toml"
    return file.read_text(encoding="utf-8")


def validated(text: str, schema: str, where: str) -> dict[str, Any]:
    """A page from its TOML text, dates as ISO text, held against ``<schema>.schema.json``.

    Raises
    ------
    RuleError
        Not TOML, or every breach of the schema; ``where`` names the page.
    """
    try:
        # dates as ISO text, so that one JSON Schema holds the page
        page: dict[str, Any] = json.loads(json.dumps(tomllib.loads(text), default=str))
    except tomllib.TOMLDecodeError as error:
        fault = law_fault("not TOML", str(error), "correct the line named", where)
        raise RuleError([fault]) from None
    refuse_if(_breaches(page, schema_of(schema), "$", where), RuleError)
    return page


@cache
def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a kind of page."""
    file = resources.files("apl_schemas") / f"{name}.schema.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))


def block_schema(name: str) -> dict[str, Any]:
    """The schema of a block of a law page that is known."""
    return dict(schema_of("law")["$defs"][name])


@cache
def zone_order() -> tuple[str, ...]:
    """All classes that pages know, each from the least to the best served."""
    return tuple(schema_of("law")["$defs"]["zone"]["enum"])


def values_of(entry: Mapping[str, Any]) -> list[str]:
    """The values that a key may take, where they are listed; `unknown` is none."""
    return [value for value in entry.get("enum", ()) if value != UNKNOWN]


def fixed(name: str, block: Mapping[str, Any]) -> dict[str, str]:
    """The values of a block of the page that its schema holds to one."""
    known = block_schema(name)["properties"]
    return {k: str(v) for k, v in block.items()
            if v != UNKNOWN and len(values_of(known.get(k, {}))) == 1}  # fmt: skip


def empty(name: str) -> dict[str, Any]:
    """A block that the caller is to fill: the values of which there is one, and no readings."""
    properties = block_schema(name)["properties"]
    only = {key: values[0] for key, entry in properties.items()
            if len(values := values_of(entry)) == 1}  # fmt: skip
    readings: dict[str, Any] = {"readings": {}} if "readings" in properties else {}
    return {"cite": CALLER, "reported": CALLER, **readings, **only}


@cache
def known_choices() -> dict[str, tuple[str, ...]]:
    """Each choice that the caller may read otherwise, and its values."""
    parts = block_schema("supply")["properties"]["order"]["items"]["enum"]
    orders = tuple(",".join(order) for order in itertools.permutations(parts))
    return {ORDER: orders} | {
        f"{block}.{key}": tuple(values_of(entry))
        for block in CHOICES_OF
        for key, entry in block_schema(block)["properties"].items()
        if len(values_of(entry)) > 1 and f"{block}.{key}" not in NOT_OPEN
    }


def marks(block: Mapping[str, Any], path: str, where: str) -> Iterable[Fault]:
    """A value marked unknown says where it was looked for, and nothing else does."""
    looked = block.get(UNKNOWN, {})
    marked = {key for key, value in block.items() if value == UNKNOWN}
    for key in () if isinstance(looked, str) else sorted(marked ^ set(looked)):
        why = "a value is marked unknown and its [….unknown] says where it was looked for"
        yield law_fault(f"{path}.{key}: marked in one place alone", why, "mark both", where)


def foreign_keys(name: str, given: Mapping[str, Any], where: str | None) -> Iterable[Fault]:
    """What a caller's ``[law.<block>]`` names and no page has: the block, or keys of it."""
    if name not in PARSERS:
        yield unknown_key(f"law.{name}", PARSERS, where)
        return
    known = sorted(block_schema(name)["properties"].keys() - OF_THE_PAGE)
    for key in given:
        if key not in known:
            yield unknown_key(f"law.{name}.{key}", known, where)


def overlay_breaches(name: str, block: Mapping[str, Any], where: str) -> Iterable[Fault]:
    """What a block that the caller supplied, wholly or in part, lacks or has wrong."""
    defs = schema_of("law")["$defs"]
    properties = defs[name]["properties"]
    lacking = [key for key in defs[name]["required"] if key not in block]
    for key in lacking:
        listed = values_of(properties[key]) or values_of(properties[key].get("items", {}))
        mend = f"from: {', '.join(listed)}" if listed else "in the form that law pages have"
        why = "no source at hand states this block: it is supplied whole"
        yield law_fault(f"law.{name}.{key} is missing", why, f"give it, {mend}", where)
    required = [key for key in defs[name]["required"] if key not in lacking]
    alone = {"$defs": {**defs, name: {**defs[name], "required": required}}}
    yield from _breaches(block, alone | {"$ref": f"#/$defs/{name}"}, f"law.{name}", where)


def _breaches(page: Any, schema: Mapping[str, Any], top: str, where: str) -> Iterable[Fault]:
    from jsonschema import Draft202012Validator

    whole = top == "$"
    why = "the page breaks its schema" if whole else "law.schema.json does not allow it"
    mend = "correct the page" if whole else "give it in the form that law pages have"
    found = Draft202012Validator(dict(schema)).iter_errors(page)
    for breach in sorted(found, key=lambda breach: breach.json_path):
        path = top + breach.json_path.removeprefix("$")
        said = _said(breach)
        fault = "APL-F05" if re.search(f"'?({SOURCES})'? .*(required|needed)", said) else "APL-F09"
        yield law_fault(f"{path}: {said}", why, mend, where, fault=fault)


def _said(breach: Any) -> str:
    """The message of a breach, without the whole block in it."""
    if breach.validator in ("oneOf", "anyOf"):
        if all(set(part) == {"required"} for part in breach.validator_value):
            names = " or ".join(part["required"][0] for part in breach.validator_value)
            return f"{names}, and one of them alone, is needed"
        return "; ".join(dict.fromkeys(part.message for part in breach.context))
    return str(breach.message)


def as_text(chosen: Any) -> str:
    """A reading as one text; the parts of an order stand between commas, without blanks."""
    parts = chosen if isinstance(chosen, list | tuple) else str(chosen).split(",")
    return ",".join(str(part).strip() for part in parts)


def no_choice(name: str, value: str, allowed: Iterable[str], where: str | None = None) -> Fault:
    """The fault of a reading that does not exist."""
    if not (allowed := tuple(allowed)):
        return unknown_key(name, known_choices(), where)
    mend = f"one of: {'; '.join(allowed)}"  # an order has commas of its own
    return law_fault(f"{name} has no reading {value!r}", "a reading is one of a list", mend, where)


def unknown_key(key: str, known: Iterable[str], where: str | None) -> Fault:
    """The fault of a key that would have no effect, with the nearest known one."""
    known = list(known)
    dotted = any("." in one for one in known)
    name = key if dotted else key.rpartition(".")[2]
    near = get_close_matches(name, known, 1, 0.3)
    mend = "".join(f"did you mean {one!r}? " for one in near) + f"known: {', '.join(known)}"
    return Fault("APL-F01", f"unknown parameter {key!r}", "it would have no effect", mend, where)


def law_fault(
    title: str, why: str, mend: str, where: str | None = None, *, fault: str = "APL-F09"
) -> Fault:
    """A fault of the law asked for (no place), or of a page or file (its name)."""
    return Fault("APL-F10" if where is None else fault, title, why, mend, where)


# What the parsers of blocks refuse, by the first word of it that is here; else the form is wrong.
CONTENT = {"bounds": "APL-F02", "thresholds": "APL-F02", "weights": "APL-F03", "shares": "APL-F04"}


def content_fault(message: str, where: str, place: str = "") -> Fault:
    """The fault of a block that has its form, and says what cannot be."""
    words = message.replace(":", "").split()
    fault = next((CONTENT[word] for word in words if word in CONTENT), "APL-F09")
    return law_fault(f"{place}{message}", "such a text cannot be", "correct it", where, fault=fault)
