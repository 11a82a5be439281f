"""The catalogue of faults: file, code, tests and page say the same."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from apl.catalogue import catalogue, strictly
from apl.noticed import Notice
from apl_core import TableError

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "data_schemas"
SKETCHED = 116  # faults of the first catalogue


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_faults", ROOT / "docs" / "make_faults.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_the_file_has_its_form() -> None:
    page = tomllib.loads((PAPER / "faults.toml").read_text(encoding="utf-8"))
    schema = json.loads((PAPER / "faults.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(page, schema)
    assert list(page) == sorted(page)
    assert sum(not entry.get("ours", False) for entry in page.values()) == SKETCHED


def test_every_identifier_in_the_code_is_in_the_file() -> None:
    assert set(generator().places()) <= set(catalogue())


def test_what_is_answered_stands_in_the_code() -> None:
    places = generator().places()
    for name, entry in catalogue().items():
        if entry.status == "answered" and entry.severity != "handled":
            assert name in places or entry.why_not or entry.test, name
        if entry.status != "answered" and entry.severity == "error":
            assert entry.why_not, name


def test_what_may_be_refused_under_strict_says_how_to_mend_it() -> None:
    noticed = re.compile(r'Notice\(\s*"(APL-[A-Z]\d\d)"')
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "bindings").rglob("*.py"))
    said = {name for text in texts for name in noticed.findall(text)}
    assert len(said) >= 20
    for name in said:
        entry = catalogue()[name]
        assert entry.mend or entry.severity == "handled", name


def test_every_fault_is_in_the_table_of_the_page() -> None:
    made = generator()
    lines = made.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| [APL-")]
    assert len(rows) == len(catalogue())
    anchors = {made.anchor(line[4:]) for line in lines if line[:4] == "### "}
    assert all(re.search(r"\(#(.+?)\)", row)[1] in anchors for row in rows)  # type: ignore[index]


@pytest.mark.parametrize("name", [n for n, e in catalogue().items() if e.status == "answered"])
def test_what_is_answered_has_a_test_named_after_it(name: str) -> None:
    path, _, test = catalogue()[name].test.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
    if path.startswith("tests/faults/"):
        assert test.startswith(f"test_{name.replace('-', '_').lower()}_")


def test_the_page_is_what_the_generator_gives() -> None:
    made = generator()
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), "run `make faults`"


def test_strictness_names_all_that_is_noticed_but_what_is_handled() -> None:
    said = [Notice("APL-E08", "alone"), Notice("APL-A09", "a title"), Notice("APL-D06", "a gap")]
    with pytest.raises(TableError) as caught:
        strictly(said)
    assert [(one.fault, one.why) for one in caught.value.faults] == [
        ("APL-E08", "alone"),
        ("APL-D06", "a gap"),
    ]
    assert "islands" in caught.value.mend
    strictly([said[1]])
