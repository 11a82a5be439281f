"""Write ``docs/faults.md``: the catalogue of faults, from the code that finds them.

``data_schemas/faults.toml`` says of each identifier what its message cannot; title, why and mend
are taken from the very places in the code where the identifier stands, so that the page cannot say
anything else than the program does. ``make faults`` runs it; `tests/test_catalogue.py` holds the
page that is committed against it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apl.catalogue import Entry, catalogue

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "faults.md"
IDENTIFIER = re.compile(r"APL-[A-Z]\d\d")
SHORT = re.compile(r"[A-Z]\d\d")  # as `live.py` writes them, where they key a table of texts
FAMILIES = {
    "A": "Files", "B": "Form and encoding", "C": "Codes and geography", "D": "Values and keys",
    "E": "Travel times", "F": "Law and parameters", "G": "Zones and adaptation",
    "H": "The published figures", "I": "Outputs", "J": "Resources", "K": "Hostile input",
    "L": "The machine", "M": "Distributed runs", "N": "Arithmetic", "S": "What a run is",
    "U": "Questions that are none",
}  # fmt: skip
HEAD = """# Faults

Written by `make faults` from `data_schemas/faults.toml` and from the messages in the code: do not
edit it. Identifiers are stable; one that is published keeps its meaning.

A fault names table, column, rows (from 1 under the header) and values, says why it is refused and
how to mend it. All faults of a stage come together, before anything is written; twenty rows of each
are shown, and all of them are in `OUT.faults.csv` beside the output (for data, exit 3, and zonings,
exit 8), which the next run that succeeds removes. `--json` says the same as one object.

* **error**: refused.
* **notice**: said on the summary and in `manifeste.json`; refused under `--strict`, all together,
  before anything is written.
* **handled**: dealt with, and said where it changed something.

Under each fault stand its messages, as title — why — how to mend it, and where they are in the
code; … stands for what the case at hand fills in.
"""


@dataclass(frozen=True)
class Place:
    """Where an identifier stands: module, and the texts beside it."""

    module: str
    texts: tuple[str, ...]


def places() -> dict[str, list[Place]]:
    """Every place of every identifier in the code, in the order of the modules."""
    found: defaultdict[str, list[Place]] = defaultdict(list)
    for folder in (ROOT / "apl_core", ROOT / "bindings"):
        for path in sorted(folder.rglob("*.py")):
            module = str(path.relative_to(ROOT))
            for name, texts in _named(ast.parse(path.read_text(encoding="utf-8"))):
                found[name].append(Place(module, texts))
    return dict(found)


def _named(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Identifiers and the texts of the call, tuple or table in which they stand."""
    above = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        holder = above.get(id(node))
        if isinstance(holder, ast.IfExp):
            holder = above.get(id(holder))
        if IDENTIFIER.fullmatch(node.value):
            parts: list[ast.expr] = []
            if isinstance(holder, ast.Call):
                parts = holder.args[1:]
            elif isinstance(holder, ast.Tuple):
                parts = [part for part in holder.elts if part is not node]
            yield node.value, tuple(_texts(parts, node, above))
        elif SHORT.fullmatch(node.value) and isinstance(holder, ast.Dict):
            value = next(v for k, v in zip(holder.keys, holder.values, strict=True) if k is node)
            yield f"APL-{node.value}", tuple(_texts(getattr(value, "elts", []), node, above))


def _texts(parts: list[ast.expr], node: ast.AST, above: dict[int, ast.AST]) -> Iterator[str]:
    """Texts among the parts; a name is looked for in the function around it."""
    around = node
    while id(around) in above and not isinstance(around, ast.FunctionDef):
        around = above[id(around)]
    given = list(_assigned(around)) if isinstance(around, ast.FunctionDef) else []
    line = getattr(node, "lineno", 0)
    known_then = dict(pair for at, pair in sorted(given, key=lambda one: one[0]) if at <= line)
    for part in parts:
        known = known_then.get(part.id, part) if isinstance(part, ast.Name) else part
        text = _template(known)
        if text and (" " in text or "…" in text):
            yield text


def _assigned(function: ast.FunctionDef) -> Iterator[tuple[int, tuple[str, ast.expr]]]:
    """Names that a function gives to expressions, by line; the last one before a place holds."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for name, given in pairs:
                if isinstance(name, ast.Name):
                    yield node.lineno, (name.id, given)


def _template(node: ast.expr) -> str:
    """A text as the code has it, with … for what it fills in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
        return "".join(map(str, parts))
    return ""


def page() -> str:
    """The page."""
    known, found = catalogue(), places()
    lines = [HEAD, *_table(known), ""]
    for letter, title in FAMILIES.items():
        rows = {name: entry for name, entry in known.items() if name[4] == letter}
        lines += [f"## {letter}. {title}", ""]
        for name, entry in rows.items():
            lines += [*_entry(name, entry, found.get(name, [])), ""]
    return "\n".join([*lines, *_count()]) + "\n"


def _table(known: Mapping[str, Entry]) -> Iterator[str]:
    yield from ("## All of them", "", "| fault | severity | exit | status | test, or why not |")
    yield "|---|---|---|---|---|"
    for name, entry in known.items():
        title = f"{name} {entry.title}"
        why = f"`{entry.test.partition('::')[2]}`" if entry.test else entry.why_not
        cells = (f"[{name}](#{anchor(title)}) {entry.title}", entry.severity, entry.exit or "–",
                 entry.status, why)  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"


def anchor(title: str) -> str:
    """Where a title of the page is, as GitHub names it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _entry(name: str, entry: Entry, where: list[Place]) -> Iterator[str]:
    ours = " · not of the first catalogue" if entry.ours else ""
    leaves = f" · exit {entry.exit}" if entry.exit else ""
    yield f"### {name} {entry.title}"
    yield ""
    yield f"**{entry.severity}**{leaves} · {entry.status}{ours}"
    if entry.why_not:
        yield from ("", f"{entry.why_not[0].upper()}{entry.why_not[1:]}.")
    if entry.mend:
        yield from ("", f"To mend it: {entry.mend}.")
    told = [place for place in dict.fromkeys(where) if place.texts]
    if told:
        yield ""
    for place in told:
        said = " — ".join(" ".join(text.split()) for text in place.texts)
        yield f"* {said} (`{place.module}`)"
    if entry.test:
        yield ""
        yield f"Test: `{entry.test}`"


def _count() -> list[str]:
    entries = list(catalogue().values())
    first = [entry for entry in entries if not entry.ours]
    by_status = {s: sum(e.status == s for e in first) for s in sorted({e.status for e in first})}
    said = ", ".join(f"{n} {status}" for status, n in by_status.items())
    return ["## Count", "", f"{len(first)} of the first catalogue: {said}. "
            f"{len(entries) - len(first)} of our own."]  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
