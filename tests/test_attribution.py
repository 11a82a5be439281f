"""Who decides: BVCV in several regions, by their inhabitants and by their code; annexes.

By hand: the cases that the ministry's FAQ of February 2020 names. Random countries are held against
the oracle and against a partition counted anew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
import naive
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shared import DATA, needs_data

import apl
from apl.__main__ import cli
from apl.regions.attribution import annexes, astride, by_prefix
from apl.regions.attribution_text import annexes_text, describe, describe_annexes, text
from apl_core import FileError, MarginError, RuleError, TableError, UsageError
from apl_core.tables import checked

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
EXCHANGES = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))
OWN = apl.rules("medecin_generaliste", on=date(2019, 6, 1))
quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])

Row = tuple[str, str, int, str]  # commune, region, inhabitants, BVCV

# Commentry (03) with communes of the Puy-de-Dôme and the Creuse; Pont-de-Vaux, in whose BVCV lies
# Péronne (71); a BVCV of the Corrèze most of whose inhabitants live in the Cantal.
FAQ: list[Row] = [
    ("03082", "84", 6_000, "03082"), ("63001", "84", 300, "03082"), ("23010", "75", 900, "03082"),
    ("01305", "84", 2_200, "01305"), ("71345", "27", 160, "01305"), ("71001", "27", 900, "01305"),
    ("19028", "75", 3_971, "19028"), ("15001", "84", 8_652, "19028"),
    ("05023", "93", 11_000, "05023"), ("05024", "93", 400, "05023"),
]  # fmt: skip


def communes(rows: Sequence[Row]) -> pa.Table:
    codes, regions, persons, units = zip(*rows, strict=True)
    return pa.table(
        {
            "code_commune": pa.array(codes, pa.string()),
            "libelle": [f"name of {code}" for code in codes],
            "code_departement": [code[:2] for code in codes],
            "code_region": pa.array(regions, pa.string()),
            "population": pa.array(persons, pa.int64()),
            "code_bvcv": pa.array(units, pa.string()),
        }
    )


def zoning(
    rows: Sequence[Row], zones: dict[str, str], apl_of: dict[str, float] | None = None
) -> pa.Table:
    """A table ``bvcv`` of these communes under given classes."""
    unit = {code: home for code, _, _, home in rows}
    region = {code: where for code, where, _, _ in rows}
    persons = {code: count for code, _, count, _ in rows}
    decides = naive.attribute(unit, region, persons)
    whole: Counter[str] = Counter()
    for code, home in unit.items():
        whole[home] += persons[code]
    order = sorted(zones, key=lambda code: (apl_of or {}).get(code, 0.0))
    reached = {code: sum(whole[c] for c in order[: k + 1]) for k, code in enumerate(order)}
    return pa.table(
        {
            "code_bvcv": list(zones),
            "code_region": [decides[code] for code in zones],
            "population": pa.array([whole[code] for code in zones], pa.int64()),
            "apl": [(apl_of or {}).get(code, 0.0) for code in zones],
            "population_cumulee": [reached[code] for code in zones],
            "zone": list(zones.values()),
        }
    )


# --- attribution ---------------------------------------------------------------------------------


def test_the_cases_of_the_faq() -> None:
    """Commentry and Pont-de-Vaux go to Auvergne-Rhône-Alpes, by their code and by inhabitants."""
    found = astride(communes(FAQ), LAW)
    assert checked(found, "attribution").num_rows == 6
    decided = {row["code_bvcv"]: (row["region_majorite"], row["region_prefixe"], row["differe"])
               for row in found.to_pylist()}  # fmt: skip
    assert decided == {
        "03082": ("84", "84", False),
        "01305": ("84", "84", False),
        "19028": ("84", "75", True),
    }
    held = {(row["code_bvcv"], row["code_region"]): (row["communes"], row["population"])
            for row in found.to_pylist()}  # fmt: skip
    assert held["03082", "84"] == (2, 6_300)
    assert held["01305", "27"] == (2, 1_060)


def test_what_differs_is_said_with_the_inhabitants_of_each_region() -> None:
    told = describe(astride(communes(FAQ), LAW), LAW)
    assert (told["astride"], len(told["differ"])) == (3, 1)
    assert told["differ"][0]["population"] == {"75": 3_971, "84": 8_652}
    words = " ".join(text(told).split())
    assert "19028 84 Auvergne-Rhône-Alpes 75 Nouvelle-Aquitaine 84: 8,652, 75: 3,971" in words
    assert "annexe, 4.3" in words
    none = describe(astride(communes(FAQ[:6]), LAW), LAW)
    assert "In none of them" in text(none)


def test_a_code_of_another_region_is_told_even_where_all_live_in_one() -> None:
    """A living area whose pole lies elsewhere: not astride, and its code misleads."""
    found = astride(communes([("15001", "84", 10, "19028")]), LAW).to_pylist()
    assert [(row["region_majorite"], row["region_prefixe"], row["differe"]) for row in found] == [
        ("84", "75", True)
    ]


@pytest.mark.parametrize(
    ("code", "region"),
    [("0405_", "93"), ("2A004", "94"), ("97106_", "01"), ("97404", "04"), ("13201", "93"),
     ("69ZZ_", "84"), ("97502", None)],
)  # fmt: skip
def test_the_region_of_a_code(code: str, region: str | None) -> None:
    assert by_prefix(code) == region


def test_a_code_of_no_region_differs_from_none() -> None:
    rows: list[Row] = [("97502", "01", 9, "97502")]
    assert astride(communes(rows), LAW).num_rows == 0


def test_a_tie_of_regions_is_refused() -> None:
    rows: list[Row] = [("01305", "84", 7, "01305"), ("71345", "27", 7, "01305")]
    with pytest.raises(TableError) as refused:
        astride(communes(rows), LAW)
    assert (refused.value.fault, refused.value.values) == ("APL-C15", ("01305",))


def test_a_bare_overseas_canton_is_refused() -> None:
    with pytest.raises(TableError) as refused:
        astride(communes([("97105", "01", 7, "97106")]), LAW)
    assert refused.value.fault == "APL-C13"


def test_no_region_decides_where_each_counts_its_own() -> None:
    with pytest.raises(RuleError, match="no region of attribution"):
        astride(communes(FAQ), OWN)
    with pytest.raises(RuleError, match="no region of attribution"):
        annexes(zoning(FAQ, ZONES), communes(FAQ), OWN, region="84")


REGIONS = ("27", "84", "93")
UNITS = ("01004", "0405_", "71001")


@st.composite
def countries(draw: st.DrawFn) -> list[Row]:
    codes = [f"01{k:03d}" for k in range(1, draw(st.integers(1, 9)) + 1)]
    return [
        (code, draw(st.sampled_from(REGIONS)), draw(st.integers(0, 30)),
         draw(st.sampled_from(UNITS)))
        for code in codes
    ]  # fmt: skip


def decided(rows: Sequence[Row]) -> dict[str, str]:
    """The oracle's region of each BVCV; no example where it says that there is a tie."""
    try:
        return naive.attribute(
            {row[0]: row[3] for row in rows},
            {row[0]: row[1] for row in rows},
            {row[0]: row[2] for row in rows},
        )
    except ValueError:
        assume(False)
        raise


@quick
@given(countries(), st.randoms(use_true_random=False))
def test_attribution_is_the_oracle_s_and_loses_nobody(rows: list[Row], chance: Any) -> None:
    region_of = decided(rows)
    found = astride(communes(rows), LAW)
    for row in found.to_pylist():
        assert row["region_majorite"] == region_of[row["code_bvcv"]]
        assert row["differe"] == (row["region_prefixe"] != row["region_majorite"])
    several = {unit for unit in region_of if len({r[1] for r in rows if r[3] == unit}) > 1}
    other = {unit for unit in region_of if by_prefix(unit) != region_of[unit]}
    assert {row["code_bvcv"] for row in found.to_pylist()} == several | other
    told: Counter[tuple[str, str]] = Counter()
    for _, region, persons, unit in rows:
        if unit in several | other:
            told[unit, region] += persons
    assert {(row["code_bvcv"], row["code_region"]): row["population"]
            for row in found.to_pylist()} == told  # fmt: skip
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert astride(communes(shuffled), LAW).equals(found)


# --- annexes -------------------------------------------------------------------------------------

ZONES = {
    "03082": "intermediaire", "01305": "sous_dotee", "19028": "tres_sous_dotee",
    "05023": "non_prioritaire",
}  # fmt: skip


def lists(found: pa.Table) -> dict[int, list[str]]:
    lists: dict[int, list[str]] = {}
    for row in found.to_pylist():
        lists.setdefault(row["annexe"], []).append(row["code_commune"])
    return lists


def test_the_three_lists() -> None:
    found = annexes(zoning(FAQ, ZONES), communes(FAQ), LAW, region="84")
    assert checked(found, "annexes").num_rows == found.num_rows
    assert lists(found) == {1: ["01305", "03082", "15001", "63001"],
                            3: ["19028", "23010", "71001", "71345"]}  # fmt: skip
    one = found.to_pylist()[0]
    assert one == {
        "code_commune": "01305", "libelle": "name of 01305", "code_departement": "01",
        "code_region": "84", "code_bvcv": "01305", "region_decision": "84", "annexe": 1,
        "zone": "sous_dotee", "provisoire": False,
    }  # fmt: skip


def test_communes_that_another_region_classifies() -> None:
    rows = [*FAQ, ("71002", "27", 50, "71002")]
    zones = {**ZONES, "71002": "sous_dotee"}
    found = annexes(zoning(rows, zones), communes(rows), LAW, region="27")
    assert lists(found) == {1: ["71002"], 2: ["71001", "71345"]}
    assert {row["region_decision"] for row in found.to_pylist() if row["annexe"] == 2} == {"84"}


def test_without_exchange_zones_the_class_waits_for_the_region_that_decides() -> None:
    """2024: the text says nothing of it; the regions of list 1 and those published are sure."""
    rows = [*FAQ, ("71002", "27", 50, "71002")]
    zones = {**ZONES, "71002": "sous_dotee"}
    given = zoning(rows, zones), communes(rows), LAW
    found = annexes(*given, region="27", published=[])
    assert [(row["code_commune"], row["zone"], row["provisoire"]) for row in found.to_pylist()] == [
        ("71002", "sous_dotee", False), ("71001", None, True), ("71345", None, True),
    ]  # fmt: skip
    told = annexes(*given, region="27", published=["84"])
    assert told.equals(annexes(*given, region="27"))
    assert not any(told.column("provisoire").to_pylist())


def test_in_an_exchange_zone_the_class_is_provisionally_intermediate() -> None:
    """FAQ of February 2020, p. 13–14, under the text of 2018: the lowest and highest 17.5 %."""
    rows: list[Row] = [
        ("01001", "84", 68, "01001"), ("71001", "27", 2, "01001"),  # the lowest: may not move
        ("01002", "84", 100, "01002"), ("71002", "27", 5, "01002"),  # to 175 of 1,000: moves
        ("01003", "84", 7, "01003"), ("71003", "27", 1, "01003"),  # passes 175
        ("71009", "27", 700, "71009"),
        ("01004", "84", 110, "01004"), ("71004", "27", 7, "01004"),  # the highest: moves
    ]  # fmt: skip
    zones = {
        "01001": "tres_sous_dotee", "01002": "sous_dotee", "01003": "sous_dotee",
        "71009": "intermediaire", "01004": "sur_dotee",
    }  # fmt: skip
    levels = {code: float(k) for k, code in enumerate(zones)}
    given = zoning(rows, zones, levels), communes(rows), EXCHANGES
    found = annexes(*given, region="27", published=())
    assert {row["code_commune"]: (row["zone"], row["provisoire"]) for row in found.to_pylist()} == {
        "71001": ("tres_sous_dotee", True),
        "71002": ("intermediaire", True),
        "71003": ("sous_dotee", True),
        "71004": ("intermediaire", True),
        "71009": ("intermediaire", False),
    }


@quick
@given(countries(), st.data())
def test_each_commune_stands_in_one_list_or_none(rows: list[Row], data: st.DataObject) -> None:
    region_of = decided(rows)
    zones = dict.fromkeys(region_of, "sous_dotee")
    region = data.draw(st.sampled_from(sorted(set(region_of.values()))))
    found = annexes(zoning(rows, zones), communes(rows), LAW, region=region)
    kept = {
        code: 1 if lies == region == region_of[unit] else 2 if lies == region else 3
        for code, lies, _, unit in rows
        if region in (lies, region_of[unit])
    }
    listed = [(row["code_commune"], row["annexe"]) for row in found.to_pylist()]
    assert dict(listed) == kept
    assert len(listed) == len(kept)
    order = data.draw(st.permutations(rows))
    again = annexes(zoning(order, zones), communes(order), LAW, region=region)
    assert again.equals(found)


def test_a_region_that_decides_nothing_is_refused() -> None:
    for asked in ({"region": "11"}, {"region": "84", "published": ["99"]}):
        with pytest.raises(UsageError) as refused:
            annexes(zoning(FAQ, ZONES), communes(FAQ), LAW, **asked)
        assert refused.value.fault == "APL-U03"
        assert "84" in refused.value.mend


def test_a_zoning_of_other_communes_is_refused() -> None:
    table = zoning(FAQ, ZONES)
    with pytest.raises(TableError) as refused:
        annexes(table.slice(1), communes(FAQ), LAW, region="84")
    assert (refused.value.fault, refused.value.values) == ("APL-C14", ("03082",))
    other = table.set_column(1, "code_region", [["75", "84", "84", "93"]])
    with pytest.raises(TableError) as refused:
        annexes(other, communes(FAQ), LAW, region="84")
    assert refused.value.fault == "APL-C15"
    assert refused.value.values == ("03082 (75, by these communes 84)",)
    places = communes([(code, where, 2 * count, unit) for code, where, count, unit in FAQ])
    with pytest.raises(TableError, match="other inhabitants") as refused:
        annexes(table, places, LAW, region="84")
    assert refused.value.values[0] == "01305 (3,260, of these communes 6,520)"


def test_a_commune_without_a_class_is_in_no_list_of_an_arrete() -> None:
    table = zoning(FAQ, ZONES)
    column = [None if code == "03082" else ZONES[code] for code in table["code_bvcv"].to_pylist()]
    none = table.set_column(table.column_names.index("zone"), "zone", [pa.array(column)])
    with pytest.raises(MarginError) as refused:
        annexes(none, communes(FAQ), LAW, region="84")
    assert (refused.value.fault, refused.value.values) == ("APL-G08", ("03082",))
    assert annexes(none, communes(FAQ), LAW, region="93").num_rows


# --- on files ------------------------------------------------------------------------------------


def written(folder: Path) -> tuple[str, str]:
    names = [str(folder / name) for name in ("communes.csv", "bvcv.csv")]
    columns = ["population_standardisee", "rang", "part_cumulee"]
    areas = zoning(FAQ, ZONES)
    for name in columns:
        areas = areas.append_column(name, pa.array([1] * areas.num_rows))
    for path, table in zip(names, (communes(FAQ), areas), strict=True):
        rows = [table.column_names, *(map(str, row.values()) for row in table.to_pylist())]
        Path(path).write_text("\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    return names[0], names[1]


def run(*arguments: str) -> Result:
    """The command line without a new process."""
    return CliRunner().invoke(cli, list(arguments), standalone_mode=False)


def test_the_commands(tmp_path: Path) -> None:
    places, areas = written(tmp_path)
    out = tmp_path / "attribution.csv"
    done = run("attribution", places, "--out", str(out), "--json")
    assert done.exception is None
    assert json.loads(done.stdout)["astride"] == 3
    assert apl.read_table(out, "attribution").num_rows == 6
    law = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
    arguments = ["annexes", areas, places, "--region", "84", *law]
    done = run(*arguments, "--published", "84,93", "--out", str(tmp_path / "annexes.parquet"))
    assert done.exception is None
    assert "of other regions, decided here" in done.stdout
    assert apl.read_table(tmp_path / "annexes.parquet", "annexes").num_rows == 8
    again = run(*arguments, "--out", str(tmp_path / "annexes.parquet"))
    assert isinstance(again.exception, FileError)
    wrong = run(*arguments[:4], "99", *law, "--out", str(tmp_path / "x.csv"))
    assert isinstance(wrong.exception, UsageError)
    assert not (tmp_path / "x.csv").exists()
    alone = run("attribution", places, "--on", "2025-06-06")
    assert isinstance(alone.exception, click.UsageError)


def test_the_text_of_annexes_says_what_waits() -> None:
    rows: list[Row] = [*FAQ, ("19001", "75", 30, "19001")]
    places, table = communes(rows), zoning(rows, {**ZONES, "19001": "intermediaire"})
    found = annexes(table, places, LAW, region="75", published=["75"])
    words = annexes_text(describe_annexes(found, places, LAW, "75"))
    assert "waits for the region that decides" in words
    assert "75 Nouvelle-Aquitaine" in words


@needs_data
def test_the_whole_country() -> None:
    """155 BVCV lie in several regions; inhabitants and code differ on four of them."""
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    persons = apl.read_table(
        DATA / "population/population_municipale_geographie_2023.csv",
        "population_municipale",
        choose={"population": "2020"},
    )
    told = describe(astride(apl.build_bvcv(geography, persons, LAW).communes, LAW), LAW)
    assert told["astride"] == 155
    assert {one["code_bvcv"]: one["population"] for one in told["differ"]} == {
        "19028": {"75": 3_971, "84": 8_652},
        "28007": {"11": 9_200, "24": 11_948, "28": 21_376},
        "32096": {"75": 4_547, "76": 3_640},
        "76035": {"28": 6_434, "32": 11_399},
    }
    assert all(one["region_majorite"] == max(one["population"], key=one["population"].get)
               for one in told["differ"])  # fmt: skip
