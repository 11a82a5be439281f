"""What a zone gives: the page against the texts, what it refuses, the command."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from shared import DATA, needs

from apl.__main__ import cli
from apl.aids import benefits as module
from apl.aids.benefits import contracts, page_of, zone_benefits
from apl.aids.page import load_page
from apl.aids.sheet import plain, text
from apl.law import rules
from apl_core import RuleError

MK = "masseur_kinesitherapeute"
ON = date(2025, 6, 6)
SEEDS = DATA.parent / "seeds"
PAPER = resources.files("apl_schemas") / "aides" / f"{MK}.toml"
PAGE = PAPER.read_text(encoding="utf-8")
RAW: dict[str, Any] = tomllib.loads(PAGE)
MARKS = {"arrete_2024": "NOR : TSSH2408601A", "guide_paca_2025": "LES AIDES DISPONIBLES"}
ZONES = ("tres_sous_dotee", "sous_dotee", "intermediaire", "non_prioritaire")


# The page against the texts


def plain_text(words: str) -> str:
    """Without what typesetting changes: apostrophes, bullets, cut words, spaces, lists."""
    words = unicodedata.normalize("NFKC", words).replace("’", "'").replace("– ", "")
    words = re.sub("[\ue000-\uf8ff•]", " ", words)
    words = re.sub(r"(?<=\w)-\s+(?=\w)", "-", words)
    return re.sub(r"\s+", " ", words).strip()


def seed(name: str) -> str:
    texts = (path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt")))
    return plain_text(next(found for found in texts if MARKS[name] in found))


def quotes() -> Iterator[tuple[str, str]]:
    """Every quote of the page, with the text that it is of."""
    for kind in ("aid", "contract", "topic"):
        for entry in RAW[kind]:
            inner = [*entry.get("fact", ()), *entry.get("instalments", ())]
            yield from ((entry["text"], said["quote"]) for said in [entry, *inner]
                        if "quote" in said)  # fmt: skip
    for entry in RAW["contradiction"]:
        yield from ((side["text"], side["quote"]) for side in entry["sides"])


@needs(SEEDS)
@pytest.mark.parametrize("name", MARKS)
def test_each_quote_stands_in_its_text(name: str) -> None:
    whole, found = seed(name), [quote for of, quote in quotes() if of == name]
    assert len(found) >= {"arrete_2024": 8, "guide_paca_2025": 60}[name]
    for quote in found:
        at = 0
        for piece in (plain_text(part) for part in quote.split("[…]")):
            assert piece
            assert piece in whole[at:], f"not in the text, or not in its order: {piece}"
            at = whole.find(piece, at) + len(piece)


@needs(SEEDS)
def test_instalments_are_those_that_the_guide_prints() -> None:
    """Read from the guide by its own words, without the page."""
    printed = [
        (int(year or 0), int(of or 0), int(sum_.replace(" ", "")))
        for sum_, year, of in re.findall(
            r"(\d+ 000) euros (?:à la signature|en année N\+(\d) "
            r"\(au titre de (?:l'année )?N\+(\d))",
            seed("guide_paca_2025"),
        )
    ]
    ours = [
        (i.year, i.of, i.euros)
        for name in ("CACCMK", "CAIMK")
        for i in contracts(MK, on=ON)[name].instalments
    ]
    assert len(printed) == 8
    assert printed == ours


@needs(SEEDS)
def test_figures_are_those_that_the_guide_prints() -> None:
    whole = seed("guide_paca_2025")
    found = zone_benefits(MK, on=ON)
    value = {(t.name, f.name): f.value for t in found.topics for f in t.facts}
    of = {c.name: c for c in found.contracts}
    for pattern, ours in {
        r"\(CACCMK\), d'un montant maximum de (\d+ \d+) € sur": of["CACCMK"].euros,
        r"\(CAIMK\) des [\w-]+, d'un montant maximum de (\d+ \d+) € sur": of["CAIMK"].euros,
        r"un montant annuel de (\d+ \d+) € par an sur 3 ans": of["CAMCK"].instalments[0].euros,
        r"aide forfaitaire mensuelle de (\d+) €": value["trainees", "euros_a_month"],
        r"par mois \(auparavant (\d+) €": value["trainees", "formerly"],
        r"une activité de (\d+ \d+) actes minimum": value["regulation", "least_acts"],
        r"un successeur dans un délai de (\d+) ans": value["regulation", "successor_years"],
        r"formalités d'installation dans les (\d+) mois": value["regulation", "start_months"],
        r"\((\d+ \d+) heures sur 2 ans\)": value["graduates", "hours"],
        r"\((\d+ \d+) actes sur 2 ans\)": value["graduates", "acts"],
        r"débutant leur formation en (\d+)": value["graduates", "first_intake"],
        r"Sa validité est de (\d+) ans maximum": value["procedure", "valid_years"],
        r"sur la base de 100% pour (\d+ \d+) actes par an": 3000,
        r"réalisant entre (1 500) actes": of["CACCMK"].scales["printed"][1].least,
        r"est proratisé entre (\d+ \d+) et": of["CACCMK"].scales["printed"][0].least,
    }.items():
        match = re.search(pattern, whole)
        assert match, pattern
        assert int(match[1].replace(" ", "")) == ours, pattern


def test_sums_of_instalments() -> None:
    of = contracts(MK, on=ON)
    sums = {name: sum(i.euros for i in contract.instalments) for name, contract in of.items()}
    assert [i.euros for i in of["CACCMK"].instalments] == [30_000, 9_000, 5_000, 5_000]
    assert (of["CACCMK"].euros, sums["CACCMK"]) == (49_000, 49_000)
    assert (of["CAIMK"].euros, sums["CAIMK"]) == (34_000, 24_000)
    assert [c.name for c in of["CAIMK"].contradictions] == ["caimk_amount"]
    assert (sums["CAMCK"], of["CAMCK"].years) == (12_000, 3)


def test_the_pro_rata_reaches_the_whole_where_the_conditions_begin() -> None:
    for contract in contracts(MK, on=ON).values():
        for pair in contract.scales.values():
            assert tuple(scale.full for scale in pair) == contract.minimum
            assert [2 * scale.least for scale in pair] == [scale.full for scale in pair]


# What each class opens


def test_aids_by_class() -> None:
    found = {aid.zone: aid for aid in zone_benefits(MK, on=ON).aids}
    assert {zone: (aid.open, aid.possible, aid.subject_to) for zone, aid in found.items()} == {
        "tres_sous_dotee": (("conventional", "l_1511_8"), ("agency",), ()),
        "sous_dotee": (("l_1511_8",), ("agency",), ()),
        "intermediaire": ((), ("agency",), ()),
        "non_prioritaire": ((), (), ("regulation",)),
    }
    assert tuple(found) == rules(MK, on=ON).zoning.zones == ZONES


def test_a_zone_shows_what_is_its_own() -> None:
    by_zone = {zone: zone_benefits(MK, zone, on=ON) for zone in ZONES}
    everywhere = {"graduates", "consultation", "procedure"}
    for zone, found in by_zone.items():
        topics = {topic.name for topic in found.topics}
        assert everywhere <= topics
        assert [aid.zone for aid in found.aids] == [zone]
        assert bool(found.contracts) == (zone == "tres_sous_dotee")
        assert ("regulation" in topics) == (zone == "non_prioritaire")
        assert ("trainees" in topics) == (zone == "tres_sous_dotee")
        assert {"cts_role"} <= {one.name for one in found.contradictions}
    told = {z: {one.name for one in by_zone[z].contradictions} for z in ZONES}
    assert "caimk_amount" in told["tres_sous_dotee"]
    assert "surdotee" in told["non_prioritaire"] - told["tres_sous_dotee"]
    assert "exemptions" in by_zone["non_prioritaire"].topic("regulation").unknown
    assert zone_benefits(rules(MK, on=ON), "sous_dotee", on=ON) == by_zone["sous_dotee"]


def test_dates_select() -> None:
    early = zone_benefits(MK, "tres_sous_dotee", on=date(2024, 3, 20))
    assert (early.contracts, early.aids[0].text.name) == ((), "arrete_2024")
    assert early.later["CACCMK"] == ON
    assert "sous_dotee_in_1" not in {one.name for one in early.contradictions}
    last = zone_benefits(MK, "non_prioritaire", on=date(2025, 6, 5))
    assert (last.aids[0].subject_to, last.aids[0].text.name) == ((), "arrete_2024")
    for day in (date(2024, 3, 19), date(2019, 6, 1)):
        with pytest.raises(RuleError, match="2024-03-20"):
            zone_benefits(MK, on=day)


def test_what_has_no_page_is_refused() -> None:
    for profession in ("infirmier", "sage_femme", "kine"):
        with pytest.raises(RuleError) as refused:
            zone_benefits(profession, on=ON)
        assert (refused.value.exit_code, refused.value.fault) == (4, "APL-F10")
    with pytest.raises(RuleError, match="sur_dotee"):
        zone_benefits(MK, "sur_dotee", on=ON)
    with pytest.raises(TypeError):
        zone_benefits(MK)  # type: ignore[call-arg]
    with pytest.raises(KeyError):
        zone_benefits(MK, "sous_dotee", on=ON).topic("trainees")
    with pytest.raises(KeyError):
        zone_benefits(MK, on=ON).topic("trainees").value("part_time")


# What the loader refuses


def with_page(old: str, new: str) -> str:
    assert old in PAGE, old
    return PAGE.replace(old, new, 1)


BREACHES = {
    "not TOML": with_page("[measures]", "[measures"),
    "an unknown key": with_page("years = 5", "years = 5\nyear = 5"),
    "no cite": with_page('cite = "annexe, I"\n', ""),
    "neither quote nor report": with_page('quote = "(6 000 actes sur 2 ans)"\n', ""),
    "a fact quoted and reported": with_page('reported = "portails', 'quote = "x"\nreported = "p'),
    "a negative sum": with_page("euros = 30000", "euros = -30000"),
    "a sum that is a text": with_page("euros = 30000", 'euros = "30000"'),
    "a date in words": with_page("since = 2024-03-20", 'since = "soon"'),
    "a text that is not here": with_page('text = "arrete_2024"', 'text = "arrete_2018"'),
    "a measure that is not here": with_page('open = ["conventional"', 'open = ["conventionnal"'),
    "a class that is not here": with_page('zone = "sous_dotee"', 'zone = "sousdotee"'),
    "a contradiction about nothing": with_page('about = ["CAIMK"]', 'about = ["CAMMK"]'),
    "one side alone": re.sub(r"    \{ text = \"guide_paca_2025\", cite = \"partie 05\", "
                             r"quote = \"5 000 euros à.*\n", "", PAGE),
    "a sum that differs unsaid": with_page("payments = true", "payments = false"),
    "instalments that change unsaid": with_page("euros = 9000", "euros = 9001").replace(
        'about = ["CACCMK"]', 'about = ["CAIMK"]'
    ),
    "unknown, without where": with_page("refund = \"unknown\"", 'refund = "unknown"').replace(
        "refund = \"guide, part 05", "refond = \"guide, part 05", 1
    ),
    "a pro rata without its minimum": with_page("minimum = { first", "minimal = { first"),
    "an instalment after the end": with_page("year = 4, of = 3", "year = 4, of = 5"),
    "printed, and none is": with_page('scale = "unknown"', 'scale = "printed"').replace(
        '\nscale = "guide, part 05', '\nother = "guide, part 05'
    ),
}  # fmt: skip


@pytest.mark.parametrize("breach", BREACHES)
def test_the_loader_refuses(breach: str) -> None:
    assert BREACHES[breach] != PAGE
    with pytest.raises(RuleError) as refused:
        load_page(BREACHES[breach], "aides/test.toml")
    assert refused.value.exit_code == 4
    assert refused.value.fault in {"APL-F05", "APL-F09"}
    assert refused.value.table == "aides/test.toml"


def test_the_page_loads_for_every_day_that_it_covers() -> None:
    for year in range(2024, 2031):
        for day in (date(year, 3, 20), date(year, 6, 6), date(year, 12, 31)):
            assert [aid.zone for aid in zone_benefits(MK, on=day).aids] == list(ZONES)
    assert page_of(MK).profession == MK


def test_no_figure_of_the_page_stands_in_code() -> None:
    figures = {int(n) for n in re.findall(r"(?<!\w)\d{3,5}(?!\w)", PAGE.replace(",", ""))}
    assert {49000, 34000, 30000, 9000, 1200, 2240, 6000, 300, 150} <= figures
    folder = Path(module.__file__).parent
    for name in ("page", "benefits", "payments", "sheet"):
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first = node.body[0]
                if ast.get_docstring(node) and isinstance(first, ast.Expr):
                    first.value = ast.Constant("")  # examples may have figures
        held = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        written = [f for one in held for f in re.findall(r"\d{3,}", str(one).replace(",", ""))]
        assert not {int(found) for found in written} & figures, name


# The command


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["benefits", "--profession", MK, "--on", "2025-06-06",
                                    *arguments])  # fmt: skip


def test_the_sheet_has_every_word_of_the_page() -> None:
    whole = re.sub(r"\s+", " ", run().output)
    found = zone_benefits(MK, on=ON)
    assert text(found) == run().output.rstrip("\n")
    facts = [f for c in found.contracts for f in c.facts]
    facts += [f for t in found.topics for f in t.facts]
    said = [f.words for f in facts] + [f.quote for f in facts] + [a.quote for a in found.aids]
    said += [one.kept for one in found.contradictions]
    said += [why for c in found.contracts for why in (*c.readings.values(), *c.unknown.values())]
    squeezed = whole.replace(" ", "")  # wrapping may break after a hyphen
    for words in filter(None, said):
        assert words.replace(" ", "") in squeezed, words
    assert max(map(len, run().output.splitlines())) <= 96


def test_the_command_pays() -> None:
    shown = run("--contract", "CACCMK", "--acts", "1000, 1500,2999,3000").output
    assert re.search(r"total +29,498\.33 €", shown)
    assert "2999/3000 of 5,000 €" in shown
    found = json.loads(run("--contract", "CAIMK", "--acts", "2000,3000,3000,1500",
                           "--reading", "scale=reported", "--json").output)  # fmt: skip
    assert (found["total"], found["payments"][3]["euros"]) == ("21500", "2500")
    assert found["contract"]["supplied"] == ["scale = reported"]
    assert found["contradictions"][0]["name"] == "caimk_amount"
    assert "left out: in N, for N: acts not given" in run("--contract", "CACCMK").output
    assert re.search(r"total +12,000\.00 €", run("--contract", "CAMCK").output)


def test_json_is_the_same_as_the_objects() -> None:
    for zone in ZONES:
        found = json.loads(run("--zone", zone, "--json").output)
        assert found == plain(zone_benefits(MK, zone, on=ON))
        assert (found["zone"], found["on"]) == (zone, "2025-06-06")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--acts 3", 2, "go with --contract"),
        ("--reading below=nothing", 2, "go with --contract"),
        ("--contract CACCMK --acts a", 2, "whole numbers"),
        ("--contract CACCMK --acts 1,,2", 2, "whole numbers"),
        ("--contract CACCMK --acts=-1", 2, "whole numbers"),
        ("--contract CACCMK --acts ²", 2, "whole numbers"),
        (f"--contract CACCMK --acts {'9' * 5000}", 2, "whole numbers"),
        ("--contract CACCMK --reading below", 2, "KEY=VALUE"),
        ("--contract CACCMK --reading below=nothing --reading below=linear", 2, "twice"),
        ("--zone dotee", 4, "sous_dotee"),
        ("--contract CAMMK", 4, "CAMCK"),
        ("--contract CACCMK --zone sous_dotee", 4, "open in tres_sous_dotee"),
        ("--contract CACCMK --acts 999", 4, "below = "),
    ],
)
def test_the_command_refuses(arguments: str, code: int, said: str) -> None:
    done = run(*arguments.split())
    refused = isinstance(done.exception, RuleError)
    assert (done.exception.exit_code if refused else done.exit_code) == code
    assert said in (str(done.exception) if refused else done.output)


def test_the_command_leaves_with_the_code_of_its_failure() -> None:
    for on, code in (("2025-06-06", 0), ("2020-01-01", 4)):
        done = subprocess.run(
            [sys.executable, "-m", "apl", "benefits", "--profession", MK, "--on", on],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
