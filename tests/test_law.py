"""The law page: what its schema refuses, which version a date selects, readings, parameters."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import apl
from apl.blocks import PARSERS
from apl.law import Rules, available, law_page, load_page, rules
from apl.law_schema import known_choices, schema_of, values_of
from apl.parameters import KEYS, Parameters, read_parameters
from apl_core import RuleError

PROFESSIONS = (
    "masseur_kinesitherapeute",
    "infirmier",
    "sage_femme",
    "chirurgien_dentiste",
    "orthophoniste",
    "medecin_generaliste",
)
MK = "masseur_kinesitherapeute"
ON = date(2025, 6, 6)
WHOLE = (resources.files("apl_schemas") / "law" / f"{MK}.toml").read_text(encoding="utf-8")
VERSIONS = WHOLE.split("\n[[version]]")
PAGE = f"{VERSIONS[0]}\n[[version]]{VERSIONS[-1]}"  # with the arrêté of 2024 alone


def with_page(old: str, new: str, times: int = 1) -> str:
    """The page with some words changed; they must be there."""
    assert PAGE.count(old) >= 1, old
    return PAGE.replace(old, new, times)


def without_line(start: str) -> str:
    """The page without its first line that starts so."""
    line = next(line for line in PAGE.splitlines() if line.startswith(start))
    return with_page(f"{line}\n", "")


# The figures of the law, as the text prints them


def test_the_figures_of_2024() -> None:
    law = rules(MK, on=ON)
    assert [(band.until, band.includes_until, band.weight) for band in law.decay.bands] == [
        (10.0, False, Fraction(1)), (15.0, False, Fraction(2, 3)), (20.0, True, Fraction(1, 3)),
    ]  # fmt: skip
    assert dict(law.zoning.classes) == {
        "tres_sous_dotee": Fraction(15, 100),
        "sous_dotee": Fraction(15, 100),
        "intermediaire": Fraction(40, 100),
    }
    assert law.zoning.zones[-1] == "non_prioritaire"
    assert (law.territory.urban_unit_above, law.per) == (30_000, 100_000)
    assert (law.supply.oldest_age, law.supply.least_fees) == (65, 10_000)
    assert law.supply.newcomer_fte == Fraction(1)
    assert law.weight == "population_standardisee"
    assert law.supplied == ()


# What the loader refuses

BAND = '{ until = 15, includes_until = false, weight = "2/3" }'
BREACHES = {
    "a key that is unknown to a block": with_page("oldest_age = 65", "oldest_age = 65\noldest = 1"),
    "a key that is unknown to a version": with_page('nor = "TSSH', 'nro = "x"\nnor = "TSSH'),
    "a key that is unknown to the page": f"profesion = 'x'\n{PAGE}",
    "a key that is unknown to a band": with_page(BAND, BAND.replace(" }", ", minutes = 3 }")),
    "no cite": without_line("cite = "),
    "no quote": without_line("quote = "),
    "an empty quote": re.sub('quote = "[^"]*"', 'quote = ""', PAGE, count=1),
    "no zoning": PAGE[: PAGE.index("[version.zoning]")],
    "no readings": PAGE[: PAGE.index("[version.zoning.readings]")],
    "an APL without decay": re.sub(
        r"\[version\.decay\].*(?=\[version\.agg)", "", PAGE, flags=re.DOTALL
    ),
    "a density with a decay": with_page('kind = "apl"', 'kind = "standardised_density"'),
    "both a quote and a reporter": with_page("cite = ", 'reported = "x"\ncite = '),
    "a value unknown that nobody looked for": with_page(
        "oldest_age = 65", 'oldest_age = "unknown"'
    ),
    "a value looked for and known": with_page(
        "[version.supply.readings]",
        '[version.supply.unknown]\noldest_age = "x"\n\n[version.supply.readings]',
    ),
    "a value that cannot be unknown": with_page('sex = "both"', 'sex = "unknown"'),
    "an unknown block with a value": with_page('sex = "both"', 'sex = "both"\nunknown = "x"'),
    "classes out of order": with_page('zone = "sous_dotee"', 'zone = "tres_dotee"'),
    "a class twice": with_page('zone = "sous_dotee"', 'zone = "tres_sous_dotee"'),
    "a last class that stands before": with_page(
        'rest = "non_prioritaire"', 'rest = "intermediaire"'
    ),
    "a share under thresholds": with_page('method = "shares"', 'method = "thresholds"'),
    "a move from a class of another text": with_page('from = "sous_dotee"', 'from = "sur_dotee"'),
    "a move to a class of another text": with_page('to = "sous_dotee"', 'to = "vivier"'),
    "a margin of a class of another text": with_page(
        'zones = ["tres_sous_dotee"]', 'zones = ["sur_dotee"]'
    ),
    "a frozen class of another text": with_page(
        "margin = { points", 'stable = { zones = ["vivier"], cite = "x" }\nmargin = { points'
    ),
    "two regimes of one name": with_page('name = "guide_paca_2025"', 'name = "article_v_2024"'),
    "an exchange without its zone": with_page(
        'cite = "annexe, V, alinéa 3"', 'exchange = "lowest", cite = "annexe, V, alinéa 3"'
    ),
    "a row of shares too long": with_page('["0.4", "1.0", "29.0"]', '["0.4", "1.0", "29.0", "1"]'),
    "a row of shares too short": with_page('["0.4", "1.0", "29.0"]', '["0.4", "1.0"]'),
    "weights that rise": with_page(BAND, BAND.replace("2/3", "1/4")),
    "weights that stay": with_page(BAND, BAND.replace("2/3", "1")),
    "a weight over 1": with_page('false, weight = "1"', 'false, weight = "3/2"'),
    "a weight of 0": with_page('weight = "1/3"', 'weight = "0"'),
    "bounds that stay": with_page("until = 15", "until = 10"),
    "bounds that fall": with_page("until = 15", "until = 25"),
    "a bound of 0": with_page("until = 10", "until = 0"),
    "no band": re.sub(r"bands = \[.*?\n\]", "bands = []", PAGE, flags=re.DOTALL),
    "shares over 1": with_page('share = "40/100"', 'share = "71/100"'),
    "one share over 1": with_page('share = "15/100"', 'share = "3/2"'),
    "a share that is no fraction": with_page('share = "40/100"', 'share = "0.4"'),
    "a share over 0": with_page('share = "40/100"', 'share = "1/0"'),
    "a share that is a number": with_page('share = "40/100"', "share = 0.4"),
    "a zone that does not exist": with_page('zone = "sous_dotee"', 'zone = "sousdotee"'),
    "a reading that does not exist": with_page('astride = "exclude"', 'astride = "excluded"'),
    "a rule twice": with_page('"age", "installed", "floor"', '"age", "age", "floor"'),
    "a date that is none": with_page("signed = 2024-03-20", 'signed = "2024-02-30"'),
    "a date in words": with_page('in_force = "unknown"', 'in_force = "soon"'),
    "not TOML": with_page("[version.decay]", "[version.decay"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_the_loader_refuses(breach: str) -> None:
    with pytest.raises(RuleError) as refused:
        load_page(BREACHES[breach], "law/test.toml")
    assert refused.value.exit_code == 4
    assert refused.value.fault in {"APL-F02", "APL-F03", "APL-F04", "APL-F05", "APL-F09"}
    assert refused.value.table == "law/test.toml"


def test_all_breaches_come_together() -> None:
    twice = with_page("oldest_age = 65", "oldest = 65").replace('start = "nominal"', 'start = "x"')
    with pytest.raises(RuleError) as refused:
        load_page(twice, "law/test.toml")
    assert len(refused.value.faults) == 3  # one unknown, one missing, one that does not exist


def test_a_breach_is_told_in_few_words() -> None:
    """Never the whole block: jsonschema puts it in some of its messages."""
    for breach, why in (("no quote", "quote or reported"), ("no cite", "'cite' is a required"),
                        ("a class twice", "least served first: tres_sous_dotee, tres_sous_dotee"),
                        ("a row of shares too long", "shares of 93: 4 figures for 3 classes"),
                        ("two regimes of one name", "two regimes named article_v")):  # fmt: skip
        with pytest.raises(RuleError) as refused:
            load_page(BREACHES[breach], "law/test.toml")
        assert why in str(refused.value), breach
        assert len(str(refused.value)) < 600, breach


def two_versions(signed: str, in_force: str = '"unknown"') -> str:
    """The page, and its version once more with other dates and shares."""
    again = PAGE[PAGE.index("\n[[version]]") :].replace('"15/100"', '"20/100"')
    again = again.replace("signed = 2024-03-20", f"signed = {signed}")
    again = again.replace('in_force = "unknown"', f"in_force = {in_force}")
    return f"{PAGE}\n{again}"


@pytest.mark.parametrize("signed", ["2024-03-20", "2024-03-19", "2020-01-01"])
def test_overlapping_versions_are_refused(signed: str) -> None:
    with pytest.raises(RuleError, match="overlapping"):
        load_page(two_versions(signed), "law/test.toml")


def test_entry_into_force_selects_where_it_is_known_else_the_signature() -> None:
    first, second = load_page(two_versions("2026-01-10"), "law/test.toml")
    assert (first.since, second.since) == (date(2024, 3, 20), date(2026, 1, 10))
    _, later = load_page(two_versions("2026-01-10", "2026-07-01"), "law/test.toml")
    assert (later.signed, later.since) == (date(2026, 1, 10), date(2026, 7, 1))
    assert later.zoning.classes[0][1] == Fraction(1, 5)


# Which version


def test_the_date_selects_the_version() -> None:
    first = law_page(MK)[0]
    assert rules(MK, on=first.since).since == first.since
    with pytest.raises(RuleError) as refused:
        rules(MK, on=first.since - timedelta(days=1))
    assert (refused.value.exit_code, refused.value.fault) == (4, "APL-F10")
    assert str(first.since) in str(refused.value)


def test_the_date_has_no_default() -> None:
    with pytest.raises(TypeError):
        rules(MK)  # type: ignore[call-arg]


@pytest.mark.parametrize("profession", ["kine", "", "../law", "Infirmier"])
def test_a_profession_that_does_not_exist_is_refused(profession: str) -> None:
    with pytest.raises(RuleError) as refused:
        rules(profession, on=ON)
    assert refused.value.exit_code == 4
    assert all(name in refused.value.mend for name in PROFESSIONS)


def test_every_profession_has_a_page() -> None:
    assert available() == sorted(PROFESSIONS)
    for profession in PROFESSIONS:
        assert rules(profession, on=ON).profession == profession


# Readings


def blocks() -> dict[str, Any]:
    found: dict[str, Any] = schema_of("law")["$defs"]
    return {name: found[name] for name in PARSERS}


# Values of a list that every text states itself: no reading takes them.
STATED = {("aggregation", "weight"), ("indicator", "kind"), ("territory", "unit"),
          ("zoning", "method")}  # fmt: skip


def stated(version: Rules) -> set[tuple[str, str]]:
    """The values that a version has: of blocks that are known, and not marked unknown."""
    return {
        (name, key)
        for name in version.citations
        if "" not in version.citations[name].unknown
        for key in version.entry[name]
        if key not in version.citations[name].unknown
    }


def test_every_choice_of_the_schema_has_a_reading_in_every_page() -> None:
    choices = {
        (name, key)
        for name, block in blocks().items()
        for key, entry in block["properties"].items()
        if "enum" in entry or key == "order"
    } - STATED
    assert len(choices) >= 23
    of_2024 = law_page(MK)[-1]
    assert choices <= stated(of_2024)
    for profession in available():
        for version in law_page(profession):
            told = {(name, key) for name, c in version.citations.items() for key in c.readings}
            assert choices & stated(version) <= told, (profession, version.since)


FIXED = "fixed: the one reading at hand"


def test_a_fixed_value_says_so_in_the_schema_and_in_every_page() -> None:
    fixed = {
        (name, key)
        for name, block in blocks().items()
        for key, entry in block["properties"].items()
        if len(values_of(entry)) == 1
    }
    said = {
        (name, key)
        for name, block in blocks().items()
        for key, entry in block["properties"].items()
        if entry.get("description") == FIXED
    }
    assert fixed == said
    assert len(fixed) >= 9
    for profession in available():
        for version in law_page(profession):
            cited = version.citations.items()
            assert {(name, key) for name, c in cited for key in c.fixed} == fixed & stated(version)
            assert {
                (name, key) for name, c in cited for key, why in c.readings.items() if FIXED in why
            } == fixed & stated(version), (profession, version.since)


def test_every_reading_names_a_key_of_its_block_and_its_value() -> None:
    for profession in available():
        for version in law_page(profession):
            for name, citation in version.citations.items():
                for key, reading in citation.readings.items():
                    entry = blocks()[name]["properties"][key]
                    if "enum" in entry:
                        assert reading.partition(":")[0] in values_of(entry), (name, key)


def told(value: Any) -> str:
    """A value of the manifest as a reading names it."""
    return ",".join(value) if isinstance(value, list) else str(value)


def test_a_page_s_readings_begin_with_the_value_that_it_takes() -> None:
    """But those of the bands and of the regions, whose values are tables."""
    for profession in available():
        for law in law_page(profession):
            values = law.as_dict()["values"]
            for name, citation in law.citations.items():
                for key in set(citation.readings) - {"bands", "regions"}:
                    value = told(values[name][key])
                    assert citation.readings[key].startswith(f"{value}:"), (profession, name, key)
    law = rules(MK, on=ON)
    assert {name for name in known_choices() if name not in law.as_dict()["readings"]} == set()


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, vs in known_choices().items() for v in vs]
)
def test_another_reading_is_recorded_as_the_caller_s(name: str, value: str) -> None:
    law = rules(MK, on=ON, readings={name: value})
    block, key = name.split(".")
    kept = law.as_dict()
    assert told(kept["values"][block][key]) == value
    assert kept["readings"][name].startswith(f"{value}: supplied by the caller, not law")
    assert law.supplied == (f"{name} = {value}",)
    assert kept["supplied_by_the_caller_not_law"] == [f"{name} = {value}"]
    assert law.reading({name: value}) == law, "asked twice, said once"
    assert rules(MK, on=ON).supplied == ()


@pytest.mark.parametrize(
    "order", ["floor,age,installed", " floor, age ,installed", ["floor", "age", "installed"]]
)
def test_the_order_of_the_rules_is_a_list_or_a_text(order: str | list[str]) -> None:
    law = rules(MK, on=ON, readings={"supply.order": order})
    assert law.supply.order == ("floor", "age", "installed")
    assert law.supplied == ("supply.order = floor,age,installed",)


def test_the_manifest_holds_every_value_in_force_and_the_reading_of_dates() -> None:
    kept = rules(MK, on=ON).as_dict()
    assert kept["dates"].startswith("No public source at hand")
    values = kept["values"]
    assert values["indicator"]["per"] == 100_000
    assert values["decay"]["bands"][1] == {
        "until": 15.0, "includes_until": False, "weight": "2/3"
    }  # fmt: skip
    assert values["zoning"]["classes"][2] == ["intermediaire", "2/5"]
    assert values["attribution"] == {"rule": "most_population"}
    assert (values["supply"]["oldest_age"], values["supply"]["least_fees"]) == (65, 10_000)
    words = {"cite", "quote", "reported", "readings", "unknown", "known"}
    renamed = {"regime": "regimes", "apl_max": "printed", "rest_apl_max": "printed"}
    for name, block in blocks().items():
        keys = {renamed.get(key, key) for key in set(block["properties"]) - words}
        assert keys == set(values[name]), name
    assert kept["amended_not_read"] == []
    assert json.loads(json.dumps(kept)) == kept


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("zoning.astrid", "include", "zoning.astride"),
        ("zonning.start", "nominal", "zoning.start"),
        ("zoning.astride", "included", "include"),
        ("zoning.rest", "sur_dotee", "known: "),
        ("zoning.classes", "1/2", "known: "),
        ("aggregation.weight", "population", "known: "),
        ("supply.order", "age,installed", "one of: age,installed,floor; "),
        ("supply.order", "age,age,floor", "one of: "),
        ("supply.bounds", "computed", "known: "),
        ("territory.urban_pole", "pole_commune", "known: "),
    ],
)
def test_a_reading_that_does_not_exist_is_refused(name: str, value: str, mend: str) -> None:
    with pytest.raises(RuleError) as refused:
        rules(MK, on=ON, readings={name: value})
    assert refused.value.exit_code == 4
    assert mend in refused.value.mend


# Parameters


def parameters(folder: Path, text: str) -> Parameters:
    path = folder / "parameters.toml"
    path.write_text(text, encoding="utf-8")
    return read_parameters(path)


def test_parameters_are_read(tmp_path: Path) -> None:
    text = (
        "[supply]\nmediane_actes = 3783\nneuvieme_decile_actes = 6906.5\nplancher_actes = 544\n"
        '[territories_without_apl]\n"06" = 279471\n'
        '[readings]\n"zoning.astride" = "include"\nsupply.floor = "acts"\n'
        'supply.order = ["installed", "age", "floor"]\n'
    )
    readings = {
        "zoning.astride": "include",
        "supply.floor": "acts",
        "supply.order": "installed,age,floor",
    }
    assert parameters(tmp_path, text) == Parameters(3783.0, 6906.5, 544.0, {"06": 279471}, readings)
    assert parameters(tmp_path, "") == Parameters()


def misspelt(name: str) -> str:
    """A letter doubled, a letter lost, and two exchanged."""
    return f"{name[0]}{name[2:-1]}{name[-1] * 2}"


KNOWN = [
    *KEYS,
    *(f"supply.{key}" for key in KEYS["supply"]),
    *(f"readings.{c}" for c in known_choices()),
]


@pytest.mark.parametrize("key", KNOWN)
def test_a_misspelt_key_is_named_with_the_nearest(tmp_path: Path, key: str) -> None:
    table, _, name = key.partition(".")
    wrong = misspelt(name or table)
    text = f'[{table}]\n"{wrong}" = 1\n' if name else f"[{wrong}]\n"
    with pytest.raises(RuleError) as refused:
        parameters(tmp_path, text)
    assert (refused.value.exit_code, refused.value.fault) == (4, "APL-F01")
    assert wrong in str(refused.value)
    assert f"did you mean {name or table!r}?" in refused.value.mend


@pytest.mark.parametrize(
    "text",
    [
        "[supply]\nmediane_actes = -1", "[supply]\nmediane_actes = 0",
        '[supply]\nmediane_actes = "3783"', "[supply]\nmediane_actes = true",
        "[supply]\nmediane_actes = nan", "[supply]\nmediane_actes = inf",
        "[supply]\nmediane_actes = [1]", "supply = 3783", "territories_without_apl = 279471",
        'readings = "include"', '[territories_without_apl]\n"6" = 279471',
        "[territories_without_apl]\nMayotte = 279471", '[territories_without_apl]\n"06" = -1',
        '[territories_without_apl]\n"06" = 279471.5', '[territories_without_apl]\n"06" = true',
        '[readings]\n"zoning.astride" = "in"', '[readings]\n"zoning.astride" = true',
        '[readings]\nzoning = "include"', '[readings]\n"supply.order" = ["age", "floor"]',
        "[supply", "mediane_actes = 3783",
    ],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(RuleError) as refused:
        parameters(tmp_path, text)
    assert refused.value.exit_code == 4
    assert str(tmp_path) in str(refused.value)


def test_all_parameter_faults_come_together(tmp_path: Path) -> None:
    text = '[supply]\nmediane = 1\nplancher_actes = 0\n[readings]\n"zoning.start" = "x"\n[other]\n'
    with pytest.raises(RuleError) as refused:
        parameters(tmp_path, text)
    assert len(refused.value.faults) == 4


def test_a_parameter_file_that_is_absent_or_unreadable_is_a_fault_of_files(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes("# médiane\n".encode("latin-1"))
    for name, fault in (("none.toml", "APL-A01"), ("latin.toml", "APL-A11"), (".", "APL-A11")):
        with pytest.raises(apl.FileError) as refused:
            read_parameters(tmp_path / name)
        assert (refused.value.exit_code, refused.value.fault) == (5, fault)
        assert str(tmp_path) in str(refused.value)
