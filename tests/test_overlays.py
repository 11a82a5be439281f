"""What the caller supplies in place of what no public source states: used, said, or refused."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import apl
from apl import sheet
from apl.law import Rules, available, law_page, rules
from apl.law_schema import OF_THE_PAGE
from apl.parameters import read_parameters
from apl_core import AplError, RuleError

MODEL = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
VERSIONS = [version for name in available() for version in law_page(name)]
DENSITY = "orthophoniste"  # the one profession that is not ranked by an APL


def refused(law: Rules, *blocks: str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        law.require(*blocks)
    assert caught.value.exit_code == 4
    return caught.value


DECAY = """
[law.decay]
bands = [
    { until = 12, includes_until = false, weight = "1" },
    { until = 24, includes_until = true, weight = "1/4" },
]
"""
NURSES = rules("infirmier", on=date(2021, 1, 1))


def supplied(folder: Path, text: str, law: Rules = NURSES) -> Rules:
    path = folder / "ours.toml"
    path.write_text(text, encoding="utf-8")
    return read_parameters(path).applied(law)


def test_a_file_supplies_what_no_source_states(tmp_path: Path) -> None:
    refused(NURSES, "decay")
    law = supplied(tmp_path, DECAY)
    assert law.decay(np.array([11.9, 12.0, 24.0, 24.1])).tolist() == [1.0, 0.25, 0.25, 0.0]
    (note,) = law.supplied
    assert note.startswith("decay.bands = [")
    assert law.overlaid(read_parameters(tmp_path / "ours.toml").law) == law, "twice is once"
    kept = law.as_dict()
    assert kept["supplied_by_the_caller_not_law"] == [note]
    assert kept["values"]["decay"]["bands"][1]["weight"] == "1/4"
    assert "supplied by the caller, not law" in kept["readings"]["decay.bands"]
    text = sheet.text({"versions": [sheet.page(law)]})
    assert "Distance (supplied by the caller, not law)" in text
    refused(law, "supply")
    assert NURSES.supplied == ()


def test_results_say_what_is_not_law(tmp_path: Path) -> None:
    codes = ["01001", "01002"]
    tables = {
        "communes": pa.table({
            "code_commune": codes, "code_departement": ["01"] * 2, "code_region": ["84"] * 2,
            "population": [400, 900], "code_bvcv": ["01001"] * 2}),
        "temps_de_parcours": pa.table(
            {"origine": codes, "destination": codes[::-1], "minutes": [12.0, 12.0]}),
        "population_standardisee": pa.table(
            {"code_commune": codes, "population_standardisee": [400.0, 900.0]}),
        "offre": pa.table({"code_commune": ["01001"], "etp": [1.0]}),
    }  # fmt: skip
    with pytest.raises(RuleError, match="decay"):
        apl.run(tables, NURSES, self_pair="0", out=tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    path = tmp_path / "ours.toml"
    path.write_text(DECAY, encoding="utf-8")
    done = apl.run(tables, NURSES, self_pair="0", parameters=read_parameters(path))
    assert done.communes["apl"].to_pylist() == pytest.approx([1e5 / 625, 1e5 / 2500])
    (note,) = done.manifest["rules"]["supplied_by_the_caller_not_law"]
    assert note.startswith("decay.bands")
    assert done.manifest["options"]["parameters"]["source"] == "ours.toml"


def test_a_block_that_is_known_can_be_changed_in_part(tmp_path: Path) -> None:
    law = supplied(tmp_path, '[law.aggregation]\nweight = "population"\n')
    assert (law.weight, law.supplied) == ("population", ("aggregation.weight = population",))
    assert law.citations["aggregation"] == NURSES.citations["aggregation"]
    doctors = rules("medecin_generaliste", on=date(2018, 1, 1))
    part = supplied(tmp_path, "[law.territory]\nurban_unit_above = 50000\n", doctors)
    assert len(refused(part, "territory").faults) == 3, "what is still unknown stays so"


WHOLE = [
    (law, name) for law in VERSIONS for name, cited in law.citations.items() if "" in cited.unknown
]


@pytest.mark.parametrize(
    ("law", "name"), WHOLE, ids=[f"{law.profession} {law.since} {name}" for law, name in WHOLE]
)
def test_any_unknown_block_can_be_supplied_whole(law: Rules, name: str) -> None:
    given = {k: v for k, v in MODEL.entry[name].items() if k not in OF_THE_PAGE}
    found = law.overlaid({name: copy.deepcopy(given)})
    found.require(name)
    assert found.blocks[name] == MODEL.blocks[name]
    assert {note.split(" = ")[0] for note in found.supplied} == {f"{name}.{key}" for key in given}
    assert found.overlaid({name: given}) == found
    json.dumps(found.as_dict())


HOSTILE = {
    "an unknown block": ("[law.decy]\nbands = []", "did you mean 'decay'"),
    "an unknown key": ('[law.decay]\nband = []\n[law.zoning]\nastrid = "x"', "mean 'astride'"),
    "a citation": ('[law.decay]\ncite = "annexe, 4.1.3"', "unknown parameter 'law.decay.cite'"),
    "a mark of unknown": ('[law.decay]\nunknown = "x"', "unknown parameter 'law.decay.unknown'"),
    "the rest missing": (
        '[law.supply]\nfloor = "acts"',
        "law.supply.newcomer_fte is missing",
    ),
    "a value marked unknown": ('[law.demand]\nsex = "unknown"', "law.demand.sex"),
    "no band": ("[law.decay]\nbands = []", "law.decay.bands"),
    "a band in words": ('[law.decay]\nbands = "ten minutes"', "law.decay.bands"),
    "a band without weight": (
        "[law.decay]\nbands = [{ until = 10, includes_until = true }]",
        "law.decay.bands[0]: 'weight' is a required property",
    ),
    "a weight as a number": (DECAY.replace('"1/4"', "0.25"), "law.decay.bands[1].weight"),
    "weights that rise": (DECAY.replace('"1/4"', '"5/4"'), "ours.toml"),
    "a bound that is no number": (DECAY.replace("24", "nan"), "ours.toml"),
    "no bound": (DECAY.replace("24", "inf"), "ours.toml"),
    "a number too large": ("[law.indicator]\nper = 1" + "0" * 400, "law.indicator.per"),
    "a fraction too long": (DECAY.replace('"1/4"', f'"1/{10**400}"'), "law.decay.bands[1].weight"),
    "a fixed value": ('[law.decay]\nbands = []\ntimes = "HP"', "law.decay.times"),
    "shares over one": (
        '[law.zoning]\nclasses = [{ zone = "tres_sous_dotee", share = "9/8" }]',
        "more than 1",
    ),
    "shares of a region over one": (
        '[law.shares]\nunit = "1/1000"\nregions = { 93 = ["50.0", "40.1", "10.0", "0.2"] }',
        "law.shares: the shares of 93 add up to 100.3 %",
    ),
    "a unit of no digit": (
        '[law.shares]\nunit = "7"\nregions = { 93 = ["0.4", "1.0", "29.0", "0.1"] }',
        "law.shares: unit = 7",
    ),
    "a region that is none": (
        '[law.shares]\nunit = "1/1000"\nregions = { 99 = ["0.4", "1.0", "29.0", "0.1"] }',
        "law.shares.regions: '99'",
    ),
    "the block that cannot be": (DECAY.replace('"1/4"', '"5/4"'), "law.decay: weights"),
    "a class that regimes name": (
        '[law.zoning]\nclasses = [{ zone = "tres_sous_dotee", share = "1/8" }]',
        "regime zones_echange_2020: sous_dotee is no class of this text",
    ),
    "a class that does not exist": (
        '[law.zoning]\nclasses = [{ zone = "sous_doté", share = "1/8" }]',
        "law.zoning.classes[0].zone",
    ),
    "a regime without words": (
        '[[law.adaptation.regime]]\nname = "ours"\ntitle = "x"\ncite = "x"\nmoves = []',
        "quote or reported, and one of them alone",
    ),
    "not a table": ("law = 3", "law = 3"),
    "a block that is no table": ("[law]\ndecay = 3", "law.decay = 3"),
    "a date": ("[law.indicator]\nper = 2025-01-01", "law.indicator.per"),
    "a unit of nobody": ("[law.indicator]\nper = 0", "law.indicator.per"),
    "another kind": (
        '[law.indicator]\nkind = "standardised_density"',
        "decay: an APL has this block",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_overlays_are_refused_with_the_file(name: str, tmp_path: Path) -> None:
    text, words = HOSTILE[name]
    with pytest.raises(RuleError) as caught:
        supplied(tmp_path, text)
    assert caught.value.exit_code == 4
    assert words in str(caught.value)
    assert "ours.toml" in str(caught.value)
    assert len(str(caught.value)) < 2500


def test_a_decay_for_a_density_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="no distance decay") as caught:
        supplied(tmp_path, DECAY, rules(DENSITY, on=date(2019, 1, 1)))
    assert "ours.toml" in str(caught.value)


def test_all_faults_of_an_overlay_come_together(tmp_path: Path) -> None:
    text = (
        '[law.decay]\nband = []\n[law.demand]\nsex = "x"\n[law.aggregation]\nweight = 3\n[law.x]\n'
    )
    with pytest.raises(RuleError) as caught:
        supplied(tmp_path, text)
    assert [fault.fault for fault in caught.value.faults] == [
        "APL-F01",
        "APL-F09",
        "APL-F09",
        "APL-F01",
    ]
    with pytest.raises(RuleError) as caught:
        supplied(tmp_path, '[law.supply]\nfloor = "acts"\n')
    missing = {"oldest_age", "least_fees", "newcomer_fte", "order", "field", "quantile", "places"}
    titles = {f"law.supply.{key} is missing" for key in missing}
    assert {fault.title for fault in caught.value.faults} == titles
    assert "type_2, type_7" in str(caught.value)


def shares(last: str) -> dict[str, dict[str, object]]:
    zones = MODEL.zoning.zones
    cut = zip(zones, ("15/100", "15/100", last), strict=False)
    return {"zoning": {"classes": [{"zone": zone, "share": share} for zone, share in cut]}}


def test_shares_may_add_up_to_the_whole_and_no_further() -> None:
    assert sum(share for _, share in MODEL.overlaid(shares("7/10")).zoning.classes) == 1
    with pytest.raises(RuleError, match="more than 1"):
        MODEL.overlaid(shares("701/1000"))


def test_the_unit_of_printed_shares_is_below_1() -> None:
    assert MODEL.overlaid({"shares": {"unit": "99/100"}}).shares is not None
    with pytest.raises(RuleError, match="unit = 1:"):
        MODEL.overlaid({"shares": {"unit": "1"}})


@pytest.mark.parametrize(
    ("number", "read"), [("999999999", True), ("1000000000", False), ("1000000001", False)]
)
@pytest.mark.parametrize("key", ["supply]\nmediane_actes", 'territories_without_apl]\n"06"'])
def test_parameters_are_below_a_thousand_million(
    key: str, number: str, read: bool, tmp_path: Path
) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(f"[{key} = {number}\n", encoding="utf-8")
    if read:
        read_parameters(path)
        return
    with pytest.raises(RuleError, match=number):
        read_parameters(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device as POSIX has it")
def test_a_file_of_parameters_without_end_is_refused() -> None:
    with pytest.raises(AplError) as refused:
        read_parameters("/dev/zero")
    assert [fault.fault for fault in refused.value.faults] == ["APL-A11"]
