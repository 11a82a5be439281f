"""What a zone gives as a person reads it: each amount beside the words that print it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from apl.aids.benefits import Benefits
from apl.aids.page import Contract
from apl.aids.payments import Payments
from apl.law_schema import CALLER
from apl.lines import asides, quoted, wrapped

DUTIES = (("open", "open"), ("possible", "possible"), ("subject_to", "subject to"))


def plain(value: Any) -> Any:
    """A noun as plain data: fractions and dates as text."""
    if isinstance(value, Payments):
        held = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {**held, "total": str(value.total)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Fraction | date) else value


def text(found: Benefits) -> str:
    """The sheet of a zone, or of all zones."""
    shown = plain(found)
    lines = [f"{found.libelle}, on {found.on}"]
    for aid in shown["aids"]:
        lines += ["", *_head(aid["zone"], aid)]
        for key, title in DUTIES:
            for name in aid[key]:
                lines += wrapped(f"  {title + ':':<12}", found.measures[name], " " * 14)
        lines += quoted(aid["quote"], "    ")
        if not any(aid[key] for key, _ in DUTIES):
            lines.append("  (this text opens nothing there)")
    for contract in found.contracts:
        lines += ["", *_contract(contract)]
    for topic in shown["topics"]:
        lines += ["", *_head(topic["title"], topic)]
        lines += [line for fact in topic["facts"] for line in _fact(fact)]
        lines += asides(topic["readings"], topic["unknown"])
    lines += _contradictions(shown["contradictions"])
    if found.later:
        names = ", ".join(f"{name} from {since}" for name, since in found.later.items())
        lines += ["", *wrapped("Not yet in force on that date: ", names, "  ")]
    return "\n".join(lines)


def payments_text(paid: Payments) -> str:
    """What a contract asks and pays."""
    lines = list(_contract(paid.contract))
    if len(paid):
        lines += ["", "Payments, the conditions being met"]
    for one in paid:
        cut = "" if one.share == 1 else f"  = {one.share} of {one.printed:,} €"
        lines.append(f"  {one.due:<26} {one.label:<8} {_euros(one.euros):>12} €{cut}")
        lines += wrapped("    note: ", one.note, "      ") if one.note else []
    if len(paid):
        lines.append(f"  {'total':<35} {_euros(paid.total):>12} €")
    lines += [f"  left out: {name}" for name in paid.left_out]
    lines += _contradictions(plain(paid.contradictions))
    lines += [f"{CALLER}: {choice}" for choice in paid.contract.supplied]
    return "\n".join(lines)


def _contract(contract: Contract) -> Iterator[str]:
    shown = plain(contract)
    yield from _head(f"{contract.name}: {contract.title}", shown)
    most = "" if contract.euros is None else f", {contract.euros:,} € at most"
    yield f"  {contract.years} years{most}; zones: {', '.join(contract.zones)}"
    yield from quoted(contract.quote, "    ")
    for one in shown["instalments"]:
        year = f"N+{one['year']}" if one["year"] else "N"
        yield from wrapped(f"  {year:<4} {one['euros']:>7,} €  ", f"« {one['quote']} »", " " * 17)
    for fact in shown["facts"]:
        yield from _fact(fact)
    yield from asides(shown["readings"], shown["unknown"])
    if contract.reported:
        yield from wrapped("  reported elsewhere: ", contract.reported, "    ")


def _fact(fact: Mapping[str, Any]) -> Iterator[str]:
    value = "" if fact["value"] is None else f"{fact['value']} {fact['unit']}".strip() + ": "
    kind = "condition: " if fact["condition"] else ""
    yield from wrapped("  - ", kind + value + fact["words"], "    ")
    yield from quoted(fact["quote"], "    ")
    if fact["reported"]:
        yield from wrapped("    reported by: ", fact["reported"], "      ")


def _contradictions(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        yield ""
        yield f"CONTRADICTION {one['name']} ({', '.join(one['about'])})"
        for side in one["sides"]:
            yield from wrapped("  - ", f"{side['words']} ({side['text']}, {side['cite']})", "    ")
            yield from quoted(side["quote"], "    ")
        yield from wrapped("  kept by default: ", one["kept"], "    ")


def _head(title: str, entry: Mapping[str, Any]) -> list[str]:
    held = entry["text"]
    return wrapped("", f"{title} ({held['name']}, {entry['cite']}, from {held['since']})", "  ")


def _euros(amount: Fraction) -> str:
    """To the cent, for the eye; the exact fraction is in the result."""
    return f"{float(amount):,.2f}"
