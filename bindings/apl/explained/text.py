"""An explanation in words, from its plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apl.explained.cuts import RISE
from apl.explained.explain import COMMUNE
from apl.explained.secrecy import FTE
from apl.lines import aligned, headed, made_up, people_of, region_name, wrapped

FIRST = 10  # lines of a list that people read; --json has all
FEW = 3  # places named for a change of class


def text(found: Mapping[str, Any]) -> str:
    """The explanation as a person reads it."""
    lines = [*made_up(found)]
    if found["secrecy"]["confidential"]:
        lines.append("CONFIDENTIAL: for the producer alone; no commune is gathered.")
    lines += headed(found)
    lines += _commune(found) if found["kind"] == COMMUNE else _area(found)
    return "\n".join([*lines, "", *_secrecy(found["secrecy"])])


def _commune(found: Mapping[str, Any]) -> Iterator[str]:
    area = found["bvcv"]
    yield f"Commune {found['code']}: APL {found['apl']:.2f} ({found['unit']})"
    yield _people(found)
    value = "no APL" if area["apl"] is None else f"APL {area['apl']:.2f}, rank {area['rang']:,}"
    yield (f"  in BVCV {area['code_bvcv']} ({value}, {area['zone'] or 'no class'}), region "
           f"{region_name(area['code_region'])}")  # fmt: skip
    if found["also_bvcv"]:
        yield f"  {found['code']} is a BVCV's code too: --key bvcv"
    if not found["parts"]:
        yield "No commune where professionals work is within reach."
        return
    yield ""
    yield "What each commune of supply brings: apl = unit · poids · etp / demande"
    head = ["code_commune", "etp", "minutes", "bande", "poids", "demande", "apl", "part"]
    yield from _table(head, [_part(part) for part in found["parts"]])
    yield ""
    yield "By band of travel time, in minutes: the communes listed"
    head = ["bande", "poids", "communes", "apl", "part"]
    rest = [["(gathered)", "", str(found["secrecy"]["communes"]), *_part(part)[-2:]]
            for part in found["parts"] if part["code_commune"] is None]  # fmt: skip
    yield from aligned([head, *(_band(band) for band in found["bands"]), *rest])


def _part(part: Mapping[str, Any]) -> list[str]:
    value = [f"{part['apl']:.4f}", f"{100 * part['part']:.1f} %"]
    if part["code_commune"] is None:
        return ["(gathered)", "", "", "", "", "", *value]
    return [part["code_commune"], f"{part['etp']:.2f}", f"{part['minutes']:g}", part["bande"],
            part["poids_exact"], f"{part['demande']:,.1f}", *value]  # fmt: skip


def _band(band: Mapping[str, Any]) -> list[str]:
    return [band["bande"], band["poids_exact"], str(band["communes"]), f"{band['apl']:.4f}",
            f"{100 * band['part']:.1f} %"]  # fmt: skip


def _area(found: Mapping[str, Any]) -> Iterator[str]:
    value = "no APL" if found["apl"] is None else f"APL {found['apl']:.4f} ({found['unit']})"
    yield f"BVCV {found['code']}: {value}"
    yield _people(found, people_of(found))
    if found["rang"] is not None:
        yield (f"  rank {found['rang']:,} of {found['ranked']:,} by ascending APL: "
               f"{found['zone']}; region {region_name(found['code_region'])}")  # fmt: skip
    yield ""
    yield "Its communes: the APL is the mean of theirs, by poids"
    head = ["code_commune", "population", "population_standardisee", "poids", "apl", "apporte"]
    yield from _table(head, [_member(one) for one in found["communes"]])
    yield from _brought(found)
    yield from _cuts(found)
    yield from _adapted(found)


def _people(found: Mapping[str, Any], who: str = "inhabitants") -> str:
    standard = f"{found['population_standardisee']:,.1f} standardised"
    return f"  {found['population']:,} {who}, {standard}"


def _member(one: Mapping[str, Any]) -> list[str]:
    return [one["code_commune"], f"{one['population']:,}", f"{one['population_standardisee']:,.1f}",
            f"{one['poids']:.4f}", f"{one['apl']:.4f}", f"{one['apporte']:.4f}"]  # fmt: skip


def _brought(found: Mapping[str, Any]) -> Iterator[str]:
    split = found["brought"]
    yield ""
    yield (f"Brought by its own communes {split['own']:.4f}, by its neighbours' "
           f"{split['neighbours']:.4f}, by communes that are gathered {split['gathered']:.4f}"
           )  # fmt: skip
    head = ["code_commune", "code_bvcv", "etp", "apl_par_etp", "apl", "part"]
    yield from _table(head, [_area_part(part) for part in found["parts"]])


def _area_part(part: Mapping[str, Any]) -> list[str]:
    value = [f"{part['apl']:.4f}", f"{100 * part['part']:.1f} %"]
    if part["code_commune"] is None:
        return ["(gathered)", "", "", "", *value]
    return [part["code_commune"], part["code_bvcv"], f"{part['etp']:.2f}",
            f"{part['apl_par_etp']:.4f}", *value]  # fmt: skip


def _cuts(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["cuts"]:
        return
    yield ""
    yield "To change class, the cuts being held (anew, they are the whole country's: apl simulate)"
    for cut in found["cuts"]:
        rises = cut["direction"] == RISE
        verb = "rise to" if rises else "fall to"
        line = (f"{verb} {cut['zone']}: {'more than' if rises else 'at least'} "
                f"{cut['ecart_apl']:.4f} points of APL ({'above' if rises else 'down to'} "
                f"{cut['coupure_apl']:.4f})")  # fmt: skip
        if cut["ecart_habitants"] is not None:
            line += f"; {cut['ecart_habitants']:,} persons of the ranking lie between"
        if rises and cut["voisin_apl"] is not None:
            line += f"; the lowest of that class stands at {cut['voisin_apl']:.4f}"
        yield from wrapped("  ", line, "    ")
        some = [f"{at['etp']:.3f} in {at['code_commune']}" for at in cut["places"][:FEW]]
        much = "more than" if rises else "loss of"
        none = "nowhere" if rises else "no commune that is listed has so many"
        yield from wrapped("    ", f"FTE: {much} {', or '.join(some)}" if some else f"FTE: {none}",
                           "    ")  # fmt: skip


def _adapted(found: Mapping[str, Any]) -> Iterator[str]:
    adaptation = found["adaptation"]
    if adaptation is None or found["zone"] is None:
        return
    yield ""
    if not adaptation["moves"]:
        yield f"Its region cannot change {found['zone']} (regime {adaptation['regime']})"
        return
    yield f"If its region adapted it, and nothing else (regime {adaptation['regime']})"
    for move in adaptation["moves"]:
        yield from wrapped("  ", f"{move['zone']} ({move['cite']})", "    ")
        for gauge in move["gauges"]:
            yield (f"    {gauge['rule']} {gauge['subject']}: {gauge['used']:+,} persons of "
                   f"{gauge['allowed']:,} allowed")  # fmt: skip
        for one in move["refused"]:
            first = f"; before it in order: {_some(one['first'])}" if one["first"] else ""
            yield from wrapped("    ", f"REFUSED: {one['title']}{first}", "      ")
        if not move["refused"]:
            yield "    allowed, with a reason"


def _some(codes: Sequence[str]) -> str:
    more = f" and {len(codes) - FIRST:,} more" * (len(codes) > FIRST)
    return ", ".join(codes[:FIRST]) + more


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The first rows, and the last where it is what is gathered."""
    gathered = [row for row in rows if row[0] == "(gathered)"]
    listed = [row for row in rows if row[0] != "(gathered)"]
    more = [f"… and {len(listed) - FIRST:,} more (--json has all)"] * (len(listed) > FIRST)
    return [*aligned([head, *listed[:FIRST], *gathered]), *more]


def _secrecy(secret: Mapping[str, Any]) -> Iterator[str]:
    few, count = f"fewer than {secret['min_persons']} professionals", secret["communes"]
    added = secret["added"]
    if secret["confidential"]:
        yield "Secrecy: none was kept (--confidential)."
        return
    words = f"Secrecy: no commune of {few} brings anything here."
    if count == 1:
        words = ("Secrecy: the one commune that brings anything is not named; its line is the APL "
                 "itself.")  # fmt: skip
    elif count:
        words = (f"Secrecy: {count:,} communes are gathered in one line, without code, FTE or "
                 f"minutes: {count - added:,} of {few}")  # fmt: skip
        more = f", and {added:,} more so that none is alone, here or in another explanation"
        words += f"{more if added else ''}."
    yield from wrapped("", words, "  ")
    if secret["counted"] == FTE:
        yield from wrapped(
            "", f"The run knows FTE and no persons (table offre): a commune under "
            f"{secret['min_persons']} FTE is taken as one of {few}.", "  ",
        )  # fmt: skip
