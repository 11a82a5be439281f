"""Families G and H: zones, their adaptation, the published figures. One test a fault."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pyarrow as pa
import pytest
from faults.faulty import Scene
from naive_regimes import LEAST, LOW, MIDDLE, REST, Area
from regions import region_of, table_of, zones_of

import apl
from apl.regions.adaptation import adapt, adapted, suggest
from apl.regions.audit import audit
from apl.regions.table_vi import notices_of_shares
from apl_core import AplError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
COUNTRY = {
    **region_of((1, 10, LOW), (2, 20, LOW), (3, 5, LEAST)),
    "02050": Area("32", None, 7, LOW),
}


def broken(decisions: dict[str, str], fault: str, country: dict[str, Area] = COUNTRY) -> AplError:
    """The refusal of decisions, of that fault and with its place."""
    with pytest.raises(AplError) as caught:
        adapt(zones_of(country), table_of(decisions), LAW, region="84")
    told = {one.fault: one for one in caught.value.faults}
    assert fault in told, told
    assert caught.value.exit_code == 8
    assert (told[fault].table, told[fault].column) == ("decisions", "code_bvcv")
    assert told[fault].why
    assert told[fault].mend
    return caught.value


def areas(*apls: float | None) -> pa.Table:
    codes = [f"01{k:03}" for k in range(1, len(apls) + 1)]
    return pa.table({"code_bvcv": codes, "code_region": ["84"] * len(apls),
                     "population": [15, 15, 70][: len(apls)],
                     "population_standardisee": [15.0, 15.0, 70.0][: len(apls)],
                     "apl": pa.array(apls, pa.float64())})  # fmt: skip


def test_apl_g01_equal_apl_on_both_sides_of_a_cut() -> None:
    from apl.noticed import zone_notices

    (said,) = zone_notices(apl.rank(areas(10.0, 10.0, 30.0), LAW))
    assert said.fault == "APL-G01"
    assert "01001, 01002" in said.text


@pytest.mark.parametrize(
    ("reading", "persons", "inside"),
    [
        ("include", [10, 8, 82], True),
        ("exclude", [10, 8, 82], False),
        ("closest", [10, 8, 82], True),  # ends at 18, 3 over; else at 10, 5 short
        ("closest", [14, 8, 78], False),  # 7 over, 1 short
        ("include", [10, 5, 85], True),  # ends at the cut: it is not across
        ("exclude", [10, 5, 85], True),
    ],
)
def test_apl_g02_bvcv_across_a_cut(reading: str, persons: list[int], inside: bool) -> None:
    """Of 100 persons 15 are in the lowest class; the reading is a parameter, with a name."""
    law = apl.Parameters(readings={"zoning.astride": reading}).applied(LAW)
    table = areas(10.0, 20.0, 30.0).set_column(2, "population", pa.array(persons))
    ranking = apl.rank(table, law)
    assert (ranking.bvcv.column("zone")[1].as_py() == LEAST) == inside
    assert ranking.cuts[0].astride == (None if persons[1] == 5 else "01002")


def test_apl_g02_is_asked_of_a_run(scene: Scene) -> None:
    path = scene.place / "parameters.toml"
    found = []
    for value in ("include", "exclude"):
        path.write_text(f'[readings]\n"zoning.astride" = "{value}"\n')
        left = scene.run("--parameters", path, "--overwrite", "--format", "csv")
        assert left.code == 0, left.errors
        found.append((scene.out / "bvcv.csv").read_bytes())
    assert found[0] != found[1]


def test_apl_g03_cut_that_rounding_would_decide() -> None:
    """0.1 + 0.05 is more than 0.15 in float64; 10 + 5 of 100 persons are 15 % and no more."""
    table = pa.table({"code_bvcv": ["01001", "01002", "01003"], "code_region": ["84"] * 3,
                      "population": [10, 5, 85], "apl": [1.0, 2.0, 3.0],
                      "population_standardisee": [10.0, 5.0, 85.0]})  # fmt: skip
    assert 0.1 + 0.05 > 0.15
    assert Fraction(10 + 5, 100) == Fraction(15, 100)
    zones = apl.classify(table, LAW).column("zone").to_pylist()
    assert zones[:2] == ["tres_sous_dotee"] * 2


def test_apl_g04_apl_that_is_not_a_number() -> None:
    with pytest.raises(AplError) as caught:
        apl.classify(areas(10.0, float("nan"), 30.0), LAW)
    assert (caught.value.fault, caught.value.rows, caught.value.column) == ("APL-G04", (2,), "apl")
    assert caught.value.values == ("01002",)


def test_apl_g05_margin_passed() -> None:
    """Of 1,000 persons 25 may move: exactly as many do, one more may not."""
    for persons, over in ((25, False), (26, True)):
        country = {"01001": Area("84", Fraction(1), persons, LOW),
                   "01002": Area("84", Fraction(9), 1000 - persons, REST)}  # fmt: skip
        if over:
            broken({"01001": LEAST}, "APL-G05", country)
        else:
            adapt(zones_of(country), table_of({"01001": LEAST}), LAW, region="84")


def test_apl_g06_change_out_of_order() -> None:
    error = broken({"01002": LEAST}, "APL-G06")
    assert "01001" in str(error)


def test_apl_g07_change_of_another_region_s_bvcv() -> None:
    error = broken({"02050": LEAST}, "APL-G07")
    assert error.faults[0].values == ("02050",)
    assert "region 32" in error.faults[0].mend


def test_apl_g08_bvcv_without_a_class() -> None:
    before, after = zones_of(COUNTRY), zones_of(COUNTRY)
    lost = audit(before, after.filter(pa.array([c != "01001" for c in
                 after.column("code_bvcv").to_pylist()])), LAW, region="84")  # fmt: skip
    (fault,) = (one for one in lost.faults if one.fault == "APL-G08")
    assert (fault.table, fault.column, fault.values) == ("after", "code_bvcv", ("01001",))


def test_apl_g09_shares_of_the_text_that_are_not_found_again() -> None:
    noticed = adapted(zones_of(COUNTRY), table_of({}), LAW, region="84").noticed
    assert "printed by the text" in {one.fault: one.text for one in noticed}["APL-G09"]


def test_apl_g10_decisions_under_the_proposed_motive() -> None:
    zones = zones_of(COUNTRY)
    found = suggest(zones, LAW, region="84")
    assert found.num_rows
    noticed = adapted(zones, found, LAW, region="84").noticed
    assert "motive" in {one.fault: one.text for one in noticed}["APL-G10"]


def test_apl_g11_changes_taken_as_they_stand() -> None:
    before = zones_of(COUNTRY)
    after = adapt(before, table_of({"01001": LEAST}), LAW, region="84")
    told = {one.fault: one.text for one in audit(after, before, LAW, region="84").noticed}
    assert told["APL-G11"].endswith("01001")


def test_apl_h02_publication_that_contradicts_itself() -> None:
    (said,) = notices_of_shares(LAW)
    assert said.fault == "APL-H02"


def printed(*points: str) -> pa.Table:
    """Shares as a text prints them, to the tenth of a point; the last class takes the rest."""
    parts = [float(Fraction(one) / 100) for one in points]
    return pa.table({"zone": [LEAST, LOW, MIDDLE, REST], "part": parts, "precision": [0.001] * 4})


def test_apl_h03_rounding_of_what_is_published() -> None:
    """1.0 % is anything that rounds to it: what 100 persons are of 10,500, or 105."""
    before = printed("1.0", "1.0", "29.0", "69.0")
    for persons in (100, 105):
        after = pa.table({"zone": [LEAST, LOW, MIDDLE, REST],
                          "population": [persons, 105, 3045, 10_500 - 3150 - persons]})  # fmt: skip
        assert audit(before, after, LAW, region="93").accepted


def test_apl_h05_what_totals_cannot_show() -> None:
    table = printed("0.4", "1.0", "29.0", "69.6")
    noticed = {one.fault: one.text for one in audit(table, table, LAW, region="93").noticed}
    assert "flows are net" in noticed["APL-H05"]
