"""The schemas as data, held against themselves, and the headers that they recognise."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from apl_schemas import ROOT

from apl_core import AplError
from apl_core.schema import SUFFIX, names, recognise, schema
from apl_core.tables import checked, read_table

PACKAGE = json.loads((ROOT / "datapackage.json").read_text(encoding="utf-8"))
PAGES = {
    path.name.removesuffix(SUFFIX): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.glob(f"*{SUFFIX}"))
    if path.name
    not in {
        f"{page}{SUFFIX}" for page in ("law", "aides", "faults")
    }  # of pages, which are no table
}
FIELDS = [
    pytest.param(field, id=f"{name}.{field['name']}")
    for name, page in PAGES.items()
    for field in page["fields"]
]
KEYS = {
    "name", "title", "type", "description", "unit", "constraints", "optional", "example", "source",
    "synonyms", "synonymPatterns", "prefer", "sentinels", "faults", "former",
}  # fmt: skip
LIMITS = {"required", "minimum", "maximum", "pattern", "enum"}
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool,
}  # fmt: skip


# --- what the files say ------------------------------------------------------------------------


def test_the_package_lists_exactly_the_schemas() -> None:
    listed = {entry["name"]: entry for entry in PACKAGE["resources"]}
    assert len(listed) == len(PACKAGE["resources"])
    assert sorted(listed) == sorted(PAGES) == names()
    for name, entry in listed.items():
        assert entry["schema"] == f"{name}{SUFFIX}"
        assert entry["path"] == f"{name}.csv"
        assert entry["title"]


@pytest.mark.parametrize("name", PAGES)
def test_a_table_says_what_it_is(name: str) -> None:
    page = PAGES[name]
    assert set(page) == {"$schema", "name", "title", "description", "fields", "primaryKey"}
    assert page["name"] == name
    assert page["title"]
    assert page["description"].endswith(".")
    columns = [field["name"] for field in page["fields"]]
    assert len(set(columns)) == len(columns)
    assert page["primaryKey"]
    assert set(page["primaryKey"]) <= set(columns)


@pytest.mark.parametrize("field", FIELDS)
def test_a_column_says_what_it_is_and_where_that_stands(field: dict[str, Any]) -> None:
    for key in ("title", "description", "type", "source"):
        assert field.get(key), key
    assert {"unit", "example", "constraints"} <= set(field)
    assert set(field) <= KEYS
    assert set(field["constraints"]) <= LIMITS
    assert field["type"] in TYPES
    if field["type"] == "number":  # whole numbers may be ranks, counts and codes
        assert field["unit"], "a quantity has a unit"


@pytest.mark.parametrize("field", FIELDS)
def test_an_example_is_one(field: dict[str, Any]) -> None:
    example, limits = field["example"], field["constraints"]
    assert isinstance(example, TYPES[field["type"]]), "in the type of its column"
    assert isinstance(example, bool) == (field["type"] == "boolean")
    assert "pattern" not in limits or re.search(limits["pattern"], str(example))
    assert "enum" not in limits or example in limits["enum"]
    assert "minimum" not in limits or example >= limits["minimum"]
    assert "maximum" not in limits or example <= limits["maximum"]
    assert example not in [mark["value"] for mark in field.get("sentinels", ())]


@pytest.mark.parametrize("field", FIELDS)
def test_every_pattern_compiles_and_is_anchored(field: dict[str, Any]) -> None:
    patterns = [*field.get("synonymPatterns", ())]
    patterns += [field["constraints"]["pattern"]] if "pattern" in field["constraints"] else []
    for pattern in patterns:
        re.compile(pattern)
        assert pattern.startswith("^"), pattern
        assert pattern.endswith("$"), pattern
    re.compile(field.get("prefer", ""))


@pytest.mark.parametrize("name", PAGES)
def test_own_names_and_synonyms_name_one_column(name: str) -> None:
    shape = schema(name)
    for field in shape.fields:
        for header in (field.name, *field.synonyms):
            others = [f.name for f in shape.fields if f.name != field.name]
            found, _ = recognise([*others, header], shape)
            assert found[field.name] == header


def test_a_published_population_has_the_same_headers_in_both_tables() -> None:
    ours, theirs = (
        schema(name).field("population_standardisee")
        for name in ("population_standardisee", "apl_publie")
    )
    assert ours.synonym_patterns == theirs.synonym_patterns
    for name in ("population_standardisee", "apl_publie"):
        assert schema(name).field("code_commune").synonyms[-1] == "Commune"


def test_the_facts_of_the_departements_fit_their_schema_and_their_totals() -> None:
    path = Path(ROOT, "departements.csv")
    table = read_table(path, "departements")
    with path.open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == table.column_names
    assert table.num_rows == 101
    assert len(set(table.column("code_region").to_pylist())) == 18
    assert sum(table.column("communes").to_pylist()) == 34_945
    assert sum(table.column("population").to_pylist()) == 67_441_058


# --- headers -----------------------------------------------------------------------------------


def test_every_table_has_a_schema_and_an_unknown_one_is_named() -> None:
    assert all(schema(name).fields for name in names())
    assert "law" not in names()
    for name in ("law", "commune"):
        with pytest.raises(AplError, match="apl_communes, apl_publie"):
            schema(name)


def test_a_header_given_twice_is_refused() -> None:
    found, faults = recognise(["code_commune", "etp", "etp"], schema("offre"))
    assert found == {"code_commune": "code_commune"}
    assert [(f.fault, f.column, f.values) for f in faults] == [("APL-B07", "etp", ("etp",))]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (["Code_Commune", "ETP"], ["Code_Commune", "ETP"]),
        (["code  commune", "Étp"], ["code  commune", "Étp"]),
        (["code_commune", "CODE_COMMUNE", "ETP", "etp"], ["code_commune", "etp"]),
        (["codgeo", "CODGEO", "etp"], ["CODGEO", "etp"]),
        (["CODE COMMUNE", "Code_commune", "etp"], ["Code_commune", "etp"]),
    ],
)
def test_case_and_accents_of_a_header_do_not_matter_but_the_exact_one_wins(
    headers: list[str], found: list[str]
) -> None:
    names, faults = recognise(headers, schema("offre"))
    assert (list(names.values()), faults) == (found, [])


def test_two_headers_alike_and_none_exact_are_asked_about() -> None:
    _, faults = recognise(["code_commune", "Etp", "ETP"], schema("offre"))
    assert [(f.fault, f.column, f.values) for f in faults] == [("APL-B13", "etp", ("Etp", "ETP"))]
    found, faults = recognise(["code_commune", "Etp", "ETP"], schema("offre"), {"etp": "ETP"})
    assert (found["etp"], faults) == ("ETP", [])


def test_a_message_gives_names_and_an_example_and_no_pattern() -> None:
    for name in names():
        _, faults = recognise(["x"], schema(name))
        for fault in faults:
            assert schema(name).field(fault.column or "").example in fault.mend
            assert not set("^$\\") & set(fault.mend), fault.mend
    with pytest.raises(AplError) as caught:
        checked(pa.table({"code_commune": ["0100X"], "etp": [1.0]}), "offre")
    assert caught.value.faults[0].why == "a value of code_commune looks like 05023"
