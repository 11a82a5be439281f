"""What the law says in its refusals, and where a page or a parameter begins to be wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_law import MK, ON, PAGE, parameters

import apl
from apl.law import load_page, rules, short_title
from apl.parameters import Parameters, read_parameters
from apl_core import FileError, RuleError

LAW = rules(MK, on=ON)
DOCTORS = rules("medecin_generaliste", on=date(2020, 1, 1))
NURSES = rules("infirmier", on=date(2021, 1, 1))
SPEECH = rules("orthophoniste", on=date(2020, 1, 1))


def refusal(ask: Any) -> RuleError:
    with pytest.raises(RuleError) as refused:
        ask()
    return refused.value


def test_the_mend_shows_the_key_where_one_value_is_unknown_and_the_block_where_all_is() -> None:
    assert "[law.territory] urban_unit_above = …" in refusal(lambda: DOCTORS.territory).mend
    whole = refusal(lambda: NURSES.decay).mend
    assert "[law.decay]" in whole
    assert " = …" not in whole


def test_a_density_says_that_it_has_no_decay_and_what_to_do() -> None:
    asked = refusal(lambda: SPEECH.decay)
    assert "its indicator is a density standardised by age" in str(asked)
    assert asked.mend == "do without it"
    given = refusal(lambda: SPEECH.overlaid({"decay": {"bands": []}}, "own.toml"))
    assert given.mend == "leave it out"
    other = refusal(lambda: rules(MK, on=date(2019, 6, 1)).require("shares"))
    assert "density" not in str(other)


def test_a_title_is_cut_once_and_the_unit_is_a_word() -> None:
    assert short_title("Arrêté relatif à ceci et relatif à cela") == "Arrêté"
    assert LAW.unit == "ETP pour 100 000 habitants standardisés"


def test_one_reading_is_one_text() -> None:
    for name in ("zoning.astride", "demand.sex"):  # on either side of supply.order by name
        block, _, key = name.partition(".")
        value = {"zoning.astride": "include", "demand.sex": "F"}[name]
        assert getattr(getattr(LAW.reading({name: value}), block), key) == value


def test_a_page_and_an_overlay_are_mended_where_they_stand() -> None:
    page = refusal(lambda: load_page(PAGE.replace("oldest_age = 65", "oldest_age = 'x'"), "p.toml"))
    assert "the page breaks its schema" in str(page)
    assert page.mend == "correct the page"
    own = refusal(lambda: LAW.overlaid({"supply": {"oldest_age": "x"}}, "own.toml"))
    assert "law.schema.json does not allow it" in str(own)
    assert own.mend == "give it in the form that law pages have"


def test_the_nearest_key_is_suggested_alone(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as refused:
        parameters(tmp_path, '[readings]\n"zoning.astrid" = "include"\n')  # start is near too
    assert refused.value.mend.count("did you mean") == 1


def test_printed_shares_may_pass_the_whole_by_their_rounding() -> None:
    """Three shares printed to a tenth of a point: 1.5 times that over 100 %, and not more."""
    row = {"unit": "1/1000", "regions": {"93": ["50.05", "50.05", "0.05"]}}
    assert LAW.overlaid({"shares": row}).shares is not None
    row["regions"] = {"93": ["50.05", "50.05", "0.06"]}
    refusal(lambda: LAW.overlaid({"shares": row}))


@pytest.mark.parametrize("levels", [("4", "2.5"), ("2.5", "2.5")])
def test_thresholds_rise(levels: tuple[str, str]) -> None:
    zones = [zone for zone, _ in DOCTORS.zoning.classes]
    classes = [{"zone": z, "until": n} for z, n in zip(zones, levels, strict=True)]
    refusal(lambda: DOCTORS.overlaid({"zoning": {"classes": classes}}))


def test_classes_stand_least_served_first() -> None:
    order = ("intermediaire", "sous_dotee", "tres_sous_dotee")
    classes = [{"zone": zone, "share": "1/5"} for zone in order]
    assert "least served first" in str(
        refusal(lambda: LAW.overlaid({"zoning": {"classes": classes}}))
    )


def test_a_parameter_may_be_small_and_a_territory_empty(tmp_path: Path) -> None:
    text = '[supply]\nplancher_actes = 0.5\n[territories_without_apl]\n"06" = 0\n'
    assert parameters(tmp_path, text) == Parameters(
        least_acts=0.5, territories_without_apl={"06": 0}, source="parameters.toml"
    )


def test_a_file_that_is_absent_is_said_in_the_words_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileError) as refused:
        read_parameters(tmp_path / "none.toml")
    assert "No such file or directory" in str(refused.value)
    assert "[Errno" not in str(refused.value)
    assert isinstance(refused.value, apl.AplError)
