"""Family F: rules and parameters. One test a fault, named after it."""

from __future__ import annotations

import re
from datetime import date

import pytest
from faults.faulty import Scene

import apl
from apl.law import load_page
from apl.law_schema import page_text
from apl_core import RuleError

PROFESSION = "masseur_kinesitherapeute"
BAND = '{{ until = {}, includes_until = {}, weight = "{}" }}'


def bands(*given: tuple[int, str]) -> str:
    last = len(given) - 1
    rows = (BAND.format(t, str(k == last).lower(), w) for k, (t, w) in enumerate(given))
    return f"[law.decay]\nbands = [{', '.join(rows)}]\n"


def refused(scene: Scene, fault: str, text: str) -> str:
    path = scene.place / "parameters.toml"
    path.write_text(text, encoding="utf-8")
    told = scene.refused(fault, "--parameters", path, code=4)
    return f"{told['title']}: {told['why']}; {told['mend']}"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("[suply]\nmediane_actes = 1\n", "did you mean 'supply'"),
        ("[supply]\nmediane_acte = 1\n", "did you mean 'mediane_actes'"),
        ('[readings]\n"zoning.astrid" = "include"\n', "did you mean 'zoning.astride'"),
        ("[law.zonning]\nclasses = []\n", "did you mean 'zoning'"),
    ],
)
def test_apl_f01_parameter_that_does_not_exist(scene: Scene, text: str, near: str) -> None:
    assert near in refused(scene, "APL-F01", text)


def test_apl_f02_bands_that_do_not_ascend(scene: Scene) -> None:
    assert "[10.0, 9.0]" in refused(scene, "APL-F02", bands((10, "1"), (9, "1/3")))


def test_apl_f03_weights_out_of_order(scene: Scene) -> None:
    assert "'1/3', '2/3'" in refused(scene, "APL-F03", bands((10, "1/3"), (20, "2/3")))
    assert "(0, 1]" in refused(scene, "APL-F03", bands((10, "2"), (20, "1")))


def test_apl_f04_shares_that_do_not_add_up(scene: Scene) -> None:
    text = '[law.zoning]\nclasses = [{ zone = "tres_sous_dotee", share = "7/10" }, '
    text += '{ zone = "sous_dotee", share = "4/10" }]\n'
    assert "more than 1" in refused(scene, "APL-F04", text)


def test_apl_f05_rule_without_its_source() -> None:
    page = page_text("law", PROFESSION)
    spoilt = re.sub(r"(\[version\.decay\]\n)cite = .*\n", r"\1", page, count=1)
    assert spoilt != page
    with pytest.raises(RuleError) as caught:
        load_page(spoilt, PROFESSION)
    assert (caught.value.fault, caught.value.exit_code) == ("APL-F05", 4)
    assert "cite" in str(caught.value)


def test_apl_f07_years_that_differ(scene: Scene) -> None:
    published = scene.place / "published.csv"
    published.write_text("code_commune,APL aux infirmiers,population_standardisee\n01001,1,1\n")
    asked = ["zone", published, scene.table("communes"), "--profession", PROFESSION, "--on",
             "2025-06-06", "--out", scene.out, "--json"]  # fmt: skip
    told = scene.refused("APL-F07", code=4, arguments=asked, column="apl")
    assert "infirmier" in told["mend"]


def test_apl_f08_parameter_without_effect(scene: Scene) -> None:
    path = scene.place / "parameters.toml"
    path.write_text("[supply]\nmediane_actes = 4000\n")
    assert scene.noticed("APL-F08", "--parameters", path).endswith("supply.mediane_actes")


@pytest.mark.parametrize(
    "text",
    ["x = [", "supply = 3\n", "[supply]\nmediane_actes = -1\n", "[law.zoning]\nclasses = 1\n"],
)
def test_apl_f09_file_of_parameters_that_has_not_its_form(scene: Scene, text: str) -> None:
    refused(scene, "APL-F09", text)


def test_apl_f10_text_that_is_not_at_hand(scene: Scene) -> None:
    law = ("--profession", PROFESSION, "--on", "1999-01-01")
    scene.refused("APL-F10", code=4, law=law)
    scene.refused("APL-F10", code=4, law=("--profession", "kine", "--on", "2025-06-06"))
    with pytest.raises(RuleError) as caught:
        apl.rules("sage_femme", on=date(2025, 6, 6)).require("zoning")
    assert caught.value.fault == "APL-F10"


def test_apl_f11_figure_of_the_year(scene: Scene) -> None:
    scene.by_age()
    path = scene.place / "parameters.toml"
    path.write_text('[readings]\n"supply.floor" = "acts"\n')
    told = scene.refused("APL-F11", "--parameters", path, code=4)
    assert "plancher_actes" in told["mend"]


def test_apl_f12_territories_without_apl_that_have_one(scene: Scene) -> None:
    path = scene.place / "parameters.toml"
    path.write_text('[territories_without_apl]\n"84" = 1000\n')
    scene.refused("APL-F12", "--parameters", path, code=4, values=["84"])
