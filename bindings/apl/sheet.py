"""A law page as a readable sheet: each figure beside the article that made it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from fractions import Fraction
from typing import Any

from apl.blocks import UNKNOWN, AdaptationRules, Unknown
from apl.law import Rules
from apl.law_schema import CALLER
from apl.lines import asides, quoted, supplied_lines, wrapped

BLOCKS = {
    "indicator": "Indicator",
    "territory": "Units of zoning",
    "sources": "Years of the sources",
    "supply": "Supply in full-time equivalents",
    "demand": "Demand",
    "decay": "Distance",
    "aggregation": "Mean over a unit",
    "attribution": "Units in several regions",
    "zoning": "Ranking and zones",
    "adaptation": "Regional adaptation",
    "shares": "Shares by region, as printed",
}
NAMES = {"aggregation": "weight", "attribution": "rule"}  # blocks of one value
SHOWN_APART = ("regimes", "regions", UNKNOWN)


def in_force(rules: Rules) -> dict[str, Any]:
    """What holds, as plain data: identity, every value by block, why each, what is not law."""
    return {
        "profession": rules.profession,
        "text": rules.text,
        "nor": rules.nor,
        "signed": rules.signed.isoformat(),
        "published": rules.published,
        "in_force": rules.in_force,
        "dates": rules.dates,
        "amended_not_read": list(rules.amendments),
        "selected_from": rules.since.isoformat(),
        "values": _values(rules),
        "readings": _reasons(rules),
        "supplied_by_the_caller_not_law": list(rules.supplied),
    }


def page(rules: Rules) -> dict[str, Any]:
    """One version as plain data: identity, then for each block its values, article and readings."""
    identity = in_force(rules)
    values, reasons = identity.pop("values"), identity.pop("readings")
    return identity | {
        "blocks": [
            {
                "block": name,
                "title": BLOCKS[name],
                "values": _banded(values[name]),
                "cite": cited.cite,
                "quote": cited.quote,
                "reported": cited.reported,
                "unknown": dict(cited.unknown),
                "known": list(cited.known),
                "readings": {
                    key: reasons[f"{name}.{key}"] for key in cited.readings if name in values
                },
            }
            for name in BLOCKS
            if (cited := rules.citations.get(name)) is not None
        ],
    }


def difference(before: Rules, after: Rules) -> dict[str, Any]:
    """What changed between two versions: each value that differs, with both articles.

    Where a version does not know a whole block, each value of it is ``unknown`` there; None where
    it has none.
    """
    old, new = in_force(before), in_force(after)
    flat = [dict(_flat(version["values"])) for version in (old, new)]
    for one, other in (flat, flat[::-1]):
        for block in [name for name in one if "." not in name]:  # unknown as a whole
            rest = [name for name in other if name.startswith(f"{block}.")]
            one |= dict.fromkeys(rest, UNKNOWN)
            if rest:
                del one[block]
    places = list(BLOCKS)
    names = sorted(flat[0] | flat[1], key=lambda name: places.index(name.partition(".")[0]))
    identity = ("text", "nor", "signed", "selected_from")
    return {
        "profession": after.profession,
        "before": {key: old[key] for key in identity},
        "after": {key: new[key] for key in identity},
        "changes": [
            {
                "name": name,
                "before": flat[0].get(name),
                "after": flat[1].get(name),
                "cite_before": _cite(before, name),
                "cite_after": _cite(after, name),
            }
            for name in names
            if flat[0].get(name) != flat[1].get(name)
        ],
    }


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values under dotted names; the bands, classes and regimes by what names them."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            whole = not above and set(value) == {UNKNOWN}
            yield from [(name, UNKNOWN)] if whole else _flat(value, f"{name}.")
        elif key == "bands":
            yield from ((f"{above}{k}", v) for k, v in _banded({"bands": value}).items())
        elif key == "regimes":
            for regime in value:
                yield from _rules_of(regime, f"{name}.{regime['name']}")
        elif key == "classes":
            yield from ((f"{name}.{zone}", number) for zone, number in value)
        else:
            yield name, value


def _rules_of(regime: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """What a regime allows, each rule in words under a name of its own."""
    yield f"{name}.title", regime["title"]
    for move in regime["moves"]:
        arrow = f"{move['origin']} → {move['target']}"
        yield f"{name}.{arrow}", _allowed(move).removeprefix(", ") or "without limit"
    if regime["margin"] is not None:
        yield f"{name}.margin", f"{_points(regime['margin'])}: {', '.join(regime['margin_zones'])}"
    if regime["stable"]:
        yield f"{name}.stable", ", ".join(regime["stable"])


def _cite(rules: Rules, name: str) -> str:
    """Where a version says a value: a regime has an article or a document of its own."""
    block, *rest = name.split(".")
    cited, known = rules.citations.get(block), rules.blocks.get(block)
    if isinstance(known, AdaptationRules) and rest[0] == "regimes":
        return next((one.cite for one in known.regimes if one.name == rest[1]), "")
    return "" if cited is None else cited.cite


def _values(rules: Rules) -> dict[str, dict[str, Any]]:
    """Every value in force by block of the page, the fixed ones last; fractions as text."""
    return {
        name: _plain({**_of(rules, name), **rules.citations[name].fixed})
        for name in BLOCKS
        if name in rules.blocks
    }


def _of(rules: Rules, name: str) -> dict[str, Any]:
    """The values of one block; one that is not wholly known as the page has it."""
    block = rules.blocks[name]
    if isinstance(block, Unknown):
        apart = ("cite", "quote", "reported", "readings", "known", UNKNOWN)
        values = {k: v for k, v in rules.entry[name].items() if k not in apart}
        return values or {UNKNOWN: block.looked[""]}
    if is_dataclass(block) and not isinstance(block, type):
        return asdict(block)
    return {NAMES[name]: block}


def _reasons(rules: Rules) -> dict[str, str]:
    """Why each open value is what it is, by ``block.key``: the page's reading, or the caller."""
    reasons = {
        f"{block}.{key}": reading
        for block, cited in rules.citations.items()
        for key, reading in cited.readings.items()
    }
    for note in rules.supplied:
        name, _, value = note.partition(" = ")
        page = f"; the page has {reasons[name]}" if name in reasons else ""
        reasons[name] = f"{value}: {CALLER}{page}"
    return reasons


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Fraction) else value


def _banded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with each band of the decay under words of its own."""
    bands = {
        f"{'up to' if band['includes_until'] else 'below'} {band['until']:g} minutes": band[
            "weight"
        ]
        for band in values.get("bands", ())
    }
    return bands | {key: value for key, value in values.items() if key != "bands"}


def text(found: Mapping[str, Any]) -> str:
    """Versions as a person reads them."""
    return "\n\n".join(_version(version) for version in found["versions"])


def _version(version: Mapping[str, Any]) -> str:
    lines = [
        *wrapped("", version["text"], ""),
        f"NOR {version['nor']} · signed {version['signed']} · published {version['published']} · "
        f"in force {version['in_force']} · selected from {version['selected_from']}",
        *wrapped("reading: ", version["dates"], "  "),
        *(line for later in version["amended_not_read"]
          for line in wrapped("amended, not read: ", later, "  ")),
        *supplied_lines(version),
    ]  # fmt: skip
    for block in version["blocks"]:
        lines += ["", f"{block['title']} ({block['cite']})", *_block(block)]
    return "\n".join(lines)


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    for key, value in block["values"].items():
        if key not in SHOWN_APART and value != {}:
            yield f"  {key.replace('_', ' '):<24} {_shown(key, value, block['values'])}"
    for regime in block["values"].get("regimes", ()):
        yield from _regime(regime)
    for region, parts in block["values"].get("regions", {}).items():
        yield f"  {region:<4}" + "".join(f"{float(100 * Fraction(p)):>8.1f} %" for p in parts)
    yield from quoted(block["quote"], "  ")
    if block["reported"]:
        yield from wrapped("  reported by: ", block["reported"], "    ")
    unknown = {key or block["block"]: looked for key, looked in block["unknown"].items()}
    yield from asides(block["readings"], unknown)
    for known in block["known"]:
        yield from wrapped("  known: ", known, "    ")


def _shown(key: str, value: Any, block: Mapping[str, Any]) -> str:
    """One value of a block as a person reads it."""
    if key == "classes" and block["method"] == "shares":
        return ", ".join(f"{zone} {_points(share)}" for zone, share in value)
    if key == "classes":
        return ", ".join(f"{zone} up to {_number(level)}" for zone, level in value)
    if key == "printed":
        return ", ".join(f"{zone} {_number(level)}" for zone, level in value.items())
    if value is None:
        return "none named"
    return ", ".join(map(_cell, value)) if isinstance(value, list) else str(value)


def _regime(regime: Mapping[str, Any]) -> Iterator[str]:
    yield from wrapped("  regime ", f"{regime['name']}: {regime['title']}", "    ")
    if not regime["moves"]:
        yield "    no move: any change of class is refused"
    for move in regime["moves"]:
        words = f"{move['origin']} → {move['target']}{_allowed(move)} ({move['cite']})"
        yield from wrapped("    ", words, "      ")
    if regime["margin"] is not None:
        zones, points = ", ".join(regime["margin_zones"]), _points(regime["margin"])
        yield from wrapped(
            "    ", f"final share of {zones} within {points} of the national one "
            f"({regime['margin_cite']})", "      "
        )  # fmt: skip
    if regime["stable"]:
        zones = ", ".join(regime["stable"])
        yield from wrapped(
            "    ", f"no more persons in {zones} ({regime['stable_cite']})", "      "
        )
    if regime["provisional"]:
        zone, cite = regime["provisional"], regime["provisional_cite"]
        yield from wrapped("    ", f"while the region in charge has not published: {zone} ({cite})",
                           "      ")  # fmt: skip
    if regime["motives"]:
        yield from wrapped("    motives: ", ", ".join(regime["motives"]), "      ")
    words = f"« {regime['quote']} »" if regime["quote"] else f"reported by: {regime['reported']}"
    yield from wrapped("    ", words, "    ")


def _allowed(move: Mapping[str, Any]) -> str:
    """The limit, the order and the exchange zone of a move, in words."""
    words = ""
    if move["limit"] is not None:
        whose = {"region": "regional population", "target": "population of the class joined"}
        words += f", at most {_points(move['limit'])} of the {whose[move['of']]}"
    if move["order"] != "free":
        words += f", {move['order'].replace('_', ' ')}"
    if move["exchange"]:
        words += f", within the {move['exchange']} {_points(move['within'])} of the country"
    return words


def difference_text(found: Mapping[str, Any]) -> str:
    """What changed, as a person reads it."""
    lines = [f"{found['profession']}"]
    for mark, side in (("−", "before"), ("+", "after")):
        version = found[side]
        lines += wrapped(f"{mark} ", f"{version['text']} (NOR {version['nor']}, from "
                          f"{version['selected_from']})", "  ")  # fmt: skip
    if not found["changes"]:
        lines += ["", "Nothing changed."]
    for change in found["changes"]:
        lines += ["", change["name"]]
        for mark, side in (("−", "before"), ("+", "after")):
            value, cite = change[side], change[f"cite_{side}"]
            said = "(absent)" if value is None else f"{_told(change['name'], value)}  ({cite})"
            lines += wrapped(f"  {mark} ", said, "    ")
    return "\n".join(lines)


def _told(name: str, value: Any) -> str:
    """A value of `difference` in words: shares in %, other fractions as decimals."""
    if name.startswith("shares.regions.") and isinstance(value, list):
        return ", ".join(map(_points, value))
    if not isinstance(value, str) or not re.fullmatch(r"\d+/\d+", value):
        return _cell(value)
    share = name.startswith("zoning.classes.") and Fraction(value) < 1
    return _points(value) if share else f"{_number(value)} ({value})"


def _points(share: str) -> str:
    return f"{_number(100 * Fraction(share))} %"


def _number(value: str | Fraction) -> str:
    return f"{float(Fraction(value)):g}"


def _cell(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def index(pages: Mapping[str, list[str]]) -> str:
    """Which professions have a law page, and from when."""
    width = max(map(len, pages))
    return "\n".join(f"{name:<{width}}  from {', '.join(since)}" for name, since in pages.items())
