"""The audit: lists held as adaptation holds them, totals as far as rounded figures tell."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from regions import EXCHANGE, FITTING, GUIDE, PRINTED, Case, cases, table_of, zones_of
from test_cli import apl as command

import apl
from apl.regions import audit as auditing
from apl.regions import audit_text, totals
from apl.regions.adaptation import adapt
from apl.regions.audit import Audit, audit
from apl.regions.interval import Interval
from apl.regions.totals import BROKEN, OPEN, WITHIN
from apl.regions.zonage import as_zonage
from apl_core import AplError, MarginError, RuleError, TableError
from apl_core.errors import UsageError

DAY = date(2025, 6, 6)
LAW = apl.rules("masseur_kinesitherapeute", on=DAY)
ZONES = LAW.zoning.zones
LEAST, LOW, MIDDLE, REST = ZONES
HELD = {"article V": (LAW, None), "the guide": (LAW, GUIDE), "overtaking": (FITTING, None),
        "exchange": (EXCHANGE, None), "printed": (PRINTED, None)}  # fmt: skip
ON = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06", "--region"]


@cache
def laws(name: str) -> tuple[Any, str | None]:
    """Rules and a regime; the printed ones with a row for the region of the examples."""
    law, regime = HELD[name]
    if name == "printed":
        law = law.overlaid({"shares": {"regions": {"84": ["14.4", "8.8", "40.0"]}}})
    return law, regime


# --- lists: the audit and adaptation never differ ------------------------------------------------


def forced(case: Case, *regions: str) -> pa.Table:
    """The zoning with the decisions of some regions, lawful or not."""
    before = zones_of(case.country)
    decided = case.of(*regions)
    codes, zones = (before.column(name).to_pylist() for name in ("code_bvcv", "zone"))
    after = [decided.get(code, zone) for code, zone in zip(codes, zones, strict=True)]
    return before.set_column(before.column_names.index("zone"), "zone", pa.array(after))


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from(sorted(HELD)))
def test_audit_accepts_what_adapt_accepts_and_refuses_what_it_refuses(
    case: Case, name: str
) -> None:
    law, regime = laws(name)
    before, decided = zones_of(case.country), table_of(case.of("84"))
    found = audit(before, forced(case, "84"), law, region="84", regime=regime)
    if not found.accepted:
        with pytest.raises(MarginError) as refused:
            adapt(before, decided, law, region="84", regime=regime)
        with pytest.raises(MarginError) as same:
            found.refuse()
        said = str(refused.value).replace("table : decisions", "table : after")
        assert said == str(same.value)
        return
    after = adapt(before, decided, law, region="84", regime=regime)
    found.refuse()
    again = audit(before, after, law, region="84", regime=regime)
    assert again.accepted
    moved = {row["code_bvcv"]: row["apres"] for row in again.table().to_pylist()}
    national = {code: area.zone for code, area in case.country.items()}
    assert moved == {c: z for c, z in case.of("84").items() if z != national[c]}
    assert set(again.table().column("verdict").to_pylist()) <= {WITHIN}


@settings(max_examples=30, deadline=None)
@given(cases())
def test_the_identity_is_accepted_and_rows_may_stand_in_any_order(case: Case) -> None:
    before = zones_of(case.country)
    for law, regime in map(laws, HELD):
        found = audit(before, before, law, region="84", regime=regime)
        assert found.accepted
        assert not found.changes
    after = forced(case, "84")
    turned = after.take(pa.array(range(after.num_rows - 1, -1, -1)))
    one, two = (audit(before, table, LAW, region="84") for table in (after, turned))
    assert audit_text.describe(one) == audit_text.describe(two)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_a_zoning_in_force_is_held_from_the_national_classes(case: Case) -> None:
    try:
        zonage = adapt(zones_of(case.country), table_of(case.of("84")), LAW, region="84")
    except MarginError:
        assume(False)
    ours = audit(zonage, zonage, LAW, region="84")
    assert ours.accepted
    assert ours.changes == audit(zones_of(case.country), zonage, LAW, region="84").changes


@settings(max_examples=30, deadline=None)
@given(cases())
def test_other_regions_are_not_held_but_named(case: Case) -> None:
    before, after = zones_of(case.country), forced(case, "93")
    found = audit(before, after, LAW, region="84")
    assert found.accepted
    national = {code: area.zone for code, area in case.country.items()}
    others = sorted(code for code, zone in case.of("93").items() if zone != national[code])
    said = [notice.text for notice in found.noticed if notice.fault == "APL-G07"]
    assert bool(said) == bool(others)
    assert all(code in said[0] for code in others)


SMALL = pa.table({"code_bvcv": ["01001", "01002", "01003", "01004"], "code_region": ["84"] * 4,
                  "apl": [1.0, 2.0, 3.0, 4.0], "population": [20, 6, 474, 500],
                  "zone": [LOW, LOW, MIDDLE, REST]})  # fmt: skip


def listed(*zones: str | None, codes: Sequence[str] | None = None) -> pa.Table:
    names = codes or SMALL.column("code_bvcv").to_pylist()
    return pa.table({"code_bvcv": names, "zone": pa.array(zones, pa.string())})


def faults_of(after: pa.Table, **how: Any) -> dict[str, tuple[str, ...]]:
    found = audit(SMALL, after, LAW, region="84", **how)
    return {fault.fault: fault.values for fault in found.faults}


def test_bvcv_lost_new_doubled_or_without_a_class_are_named() -> None:
    whole = SMALL.column("code_bvcv").to_pylist()
    assert faults_of(listed(LOW, LOW, MIDDLE, codes=whole[:3])) == {"APL-G08": ("01004",)}
    more = [*whole, "01999", "2A004"]
    assert faults_of(listed(LOW, LOW, MIDDLE, REST, LOW, LOW, codes=more)) == {
        "APL-C14": ("01999", "2A004")
    }
    regions = listed(LOW, LOW, MIDDLE, REST, LOW, LOW, codes=more).append_column(
        "code_region", pa.array(["84", "84", None, "84", "93", "84"])
    )
    assert faults_of(regions) == {"APL-C14": ("2A004",)}
    assert faults_of(listed(LOW, LOW, None, REST)) == {"APL-G08": ("01003",)}
    for before, after, name in (
        (SMALL, listed(LOW, LOW, MIDDLE, REST, LOW, codes=[*whole, "01001"]), "after"),
        (pa.concat_tables([SMALL, SMALL.slice(1, 1)]), listed(LOW, LOW, MIDDLE, REST), "before"),
    ):
        with pytest.raises(TableError) as refused:
            audit(before, after, LAW, region="84")
        assert (refused.value.fault, refused.value.table) == ("APL-D05", name)


def test_all_that_is_broken_comes_together_with_the_moves_it_concerns() -> None:
    """26 persons of 1,000 where 25 are allowed; and two moves that article V does not provide."""
    found = audit(SMALL, listed(LEAST, LEAST, REST, MIDDLE), LAW, region="84")
    assert [fault.fault for fault in found.faults] == ["APL-G06"] * 2 + ["APL-G05"] * 2
    rows = {row["code_bvcv"]: row for row in found.table().to_pylist()}
    assert rows["01001"]["verdict"] == "over: limit; over: margin"
    assert rows["01001"]["article"] == "annexe, V, alinéa 2"
    assert rows["01003"]["verdict"] == rows["01004"]["verdict"] == "not provided"
    assert rows["01003"]["article"] is None
    assert faults_of(listed(LEAST, LOW, MIDDLE, REST)) == {}
    assert faults_of(listed(LOW, LEAST, MIDDLE, REST)) == {"APL-G06": ("01002",)}
    text = audit_text.text(audit_text.describe(found))
    assert "4 broken." in text
    assert "not provided" in text
    with pytest.raises(TableError, match="vivier"):
        audit(SMALL, listed(LOW, LOW, MIDDLE, "vivier"), LAW, region="84")


def test_other_populations_are_noticed() -> None:
    after = listed(LOW, LOW, MIDDLE, REST)
    same = after.append_column("population", SMALL.column("population"))
    other = after.append_column("population", pa.array([20, 7, None, 500]))
    texts = [[n.text for n in audit(SMALL, table, LAW, region="84").noticed if n.fault == "APL-F07"]
             for table in (same, other)]  # fmt: skip
    assert texts[0] == []
    assert texts[1] == ["1 BVCV have other populations after; those before are counted: 01002"]


def test_swapped_lists_and_other_regions_of_attribution_are_noticed() -> None:
    after = adapt(SMALL, table_of({"01001": LEAST}), LAW, region="84")
    told = {n.fault: n.text for n in audit(after, SMALL, LAW, region="84").noticed}
    assert told["APL-G11"].endswith("the two are swapped: 01001")
    assert not {n.fault for n in audit(SMALL, after, LAW, region="84").noticed} & {"APL-G11"}
    regions = pa.array(["84", "93", None, "84"])
    elsewhere = listed(LOW, LOW, MIDDLE, REST).append_column("code_region", regions)
    told = {n.fault: n.text for n in audit(SMALL, elsewhere, LAW, region="84").noticed}
    assert told["APL-C15"].endswith("01002 (93)")


# --- totals --------------------------------------------------------------------------------------


def shares(*parts: str, precision: str = "0.001", zones: Sequence[str] = ZONES) -> pa.Table:
    """Printed shares; in points."""
    values = [float(Fraction(part) / 100) for part in parts]
    return pa.table({"zone": list(zones), "part": values,
                     "precision": [float(precision)] * len(values)})  # fmt: skip


def persons(*counts: int) -> pa.Table:
    return pa.table({"zone": ZONES[: len(counts)], "population": pa.array(counts, pa.int64())})


PRINTED_PACA = shares("0.4", "1.0", "29.0", "69.6")  # table VI; the last is what it leaves
PACA_2025 = persons(70_887, 0, 1_614_260, 3_433_489).append_column(
    "bvcv", pa.array([10, 0, 83, 74])
)


def told(found: Audit) -> dict[tuple[str, str], str]:
    return {(v.rule, v.subject): v.verdict for v in found.verdicts}


def test_paca_2025_under_article_v() -> None:
    found = audit(PRINTED_PACA, PACA_2025, LAW, region="93")
    assert told(found) == {
        ("margin", LEAST): WITHIN,
        ("balance", f"{LEAST} + {LOW}"): OPEN,
        ("balance", MIDDLE): "not provided",
        ("balance", REST): "not provided",
        ("flow", f"{LEAST} → {LOW}"): WITHIN,
        ("flow", f"{LOW} → {LEAST}"): WITHIN,
    }
    change = totals.changes(found.before, found.after)[MIDDLE]
    after = Fraction(1_614_260, 5_118_636)
    assert change == Interval(after - Fraction(2905, 10_000), after - Fraction(2895, 10_000))
    assert (auditing.points(change.low), auditing.points(change.high)) == ("+2.49", "+2.59")
    up = next(v for v in found.verdicts if v.zones == (LOW, LEAST) and v.rule == "flow")
    assert up.limit == Fraction(25, 1000)
    assert (auditing.points(up.found.low), auditing.points(up.found.high)) == ("+0.95", "+1.03")
    assert [fault.fault for fault in found.faults] == ["APL-G06"] * 2
    assert "it can only come from non_prioritaire" in found.faults[0].why
    assert "it can only go to intermediaire" in found.faults[1].why


def test_paca_2025_under_the_guide_s_regime() -> None:
    found = audit(PRINTED_PACA, PACA_2025, LAW, region="93", regime=GUIDE)
    verdicts = told(found)
    assert [verdicts["margin", zone] for zone in ZONES] == [WITHIN, WITHIN, OPEN, OPEN]
    assert found.accepted
    assert {v.zones for v in found.untold if v.rule == "margin"} == {(MIDDLE,), (REST,)}
    rounded = audit(PRINTED_PACA, shares("1.4", "0.0", "31.5", "67.1"), LAW, region="93",
                    regime=GUIDE)  # fmt: skip
    assert told(rounded) == verdicts


def test_exactly_the_margin_is_within_and_one_person_more_is_over() -> None:
    before = persons(0, 100, 500, 400)
    for moved, verdict in ((25, WITHIN), (26, "over")):
        after = persons(moved, 100 - moved, 500, 400)
        found = audit(before, after, LAW, region="93")
        assert told(found)["margin", LEAST] == told(found)["flow", f"{LOW} → {LEAST}"] == verdict
        assert found.accepted == (verdict == WITHIN)
        assert not found.accepted or not found.untold
    assert told(found)["balance", f"{LEAST} + {LOW}"] == WITHIN


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from(sorted(HELD)), st.sampled_from([10, 100, 1000]))
def test_totals_never_accuse_a_lawful_list(case: Case, name: str, digits: int) -> None:
    """And exact totals find what they can see: margins that are passed."""
    law, regime = laws(name)
    before, after = zones_of(case.country), forced(case, "84")
    lists = audit(before, after, law, region="84", regime=regime)
    row = [round(float(total.share.low) * digits) / digits for total in lists.after.values()]
    rounded = pa.table({"zone": ZONES, "part": row, "precision": [1 / digits] * 4})
    seen = audit(before, rounded, law, region="84", regime=regime)
    broken = {v.subject for v in seen.verdicts if v.verdict in BROKEN}
    assert not broken or not lists.accepted
    known = {(v.rule, v.zones): v for v in lists.verdicts}
    balanced = all(v.found == totals.ZERO for v in lists.verdicts if v.rule == "balance")
    for verdict in (v for v in seen.verdicts if balanced or v.rule != "flow"):
        exact = known[verdict.rule, verdict.zones]
        assert verdict.found.low <= exact.found.low <= exact.found.high <= verdict.found.high
        assert verdict.verdict in (OPEN, exact.verdict) or exact.verdict == OPEN
    gauges = {g.subject: g.broken for g in lists.gauges if g.rule in ("margin", "stable")}
    over = {v.subject: v.broken for v in lists.verdicts if v.rule in ("margin", "stable")}
    if name != "printed":
        assert gauges == over
    assert {s for s, found in over.items() if found} <= {s for s, found in gauges.items() if found}


def test_a_chain_of_classes_gives_the_flow_of_each_frontier() -> None:
    """One point up into the first class; the second keeps its own by two from the third."""
    regime = {"name": "chain", "title": "a chain", "reported": "a test", "cite": "p. 1",
              "moves": [{"from": a, "to": b, "cite": "p. 1", "limit": "15/1000"}
                        for a, b in ((LOW, LEAST), (MIDDLE, LOW), (REST, MIDDLE))]}  # fmt: skip
    law = LAW.overlaid({"adaptation": {"regime": [regime]}})
    found = audit(persons(100, 200, 300, 400), persons(110, 210, 300, 380), law, region="93")
    flows = {v.zones: (v.found.low, v.verdict) for v in found.verdicts if v.rule == "flow"}
    assert flows == {
        (LOW, LEAST): (Fraction(1, 100), WITHIN),
        (MIDDLE, LOW): (Fraction(2, 100), "over"),
        (REST, MIDDLE): (Fraction(2, 100), "over"),
    }
    back = audit(persons(110, 210, 300, 380), persons(100, 200, 300, 400), law, region="93")
    assert {v.zones for v in back.verdicts if v.verdict == "not provided"} == {
        (LEAST, LOW), (LOW, MIDDLE), (MIDDLE, REST),
    }  # fmt: skip
    ring = {**regime, "moves": [*regime["moves"], {"from": LEAST, "to": REST, "cite": "p. 1"}]}
    round_ = LAW.overlaid({"adaptation": {"regime": [ring]}})
    found = audit(persons(110, 210, 300, 380), persons(100, 200, 300, 400), round_, region="93")
    assert {v.rule for v in found.verdicts} == {"balance"}
    assert found.accepted


def test_a_limit_may_be_of_the_class_that_is_joined() -> None:
    law = apl.rules("medecin_generaliste", on=date(2018, 1, 1))
    zones = law.zoning.zones

    def counts(*numbers: int) -> pa.Table:
        return pa.table({"zone": zones, "population": list(numbers)})

    assert audit(counts(100, 200, 700), counts(100, 210, 690), law, region="93").accepted
    over = audit(counts(100, 200, 700), counts(100, 211, 689), law, region="93")
    assert [v.verdict for v in over.verdicts if v.broken] == ["over"]
    near = audit(shares("10", "20", "70", precision="0.01", zones=zones), counts(100, 211, 689),
                 law, region="93")  # fmt: skip
    assert near.accepted
    assert "flow" in {v.rule for v in near.untold}


def test_one_class_may_be_left_out_and_takes_the_rest() -> None:
    three = shares("0.4", "1.0", "29.0", zones=ZONES[:3])
    found = audit(three, PACA_2025, LAW, region="93")
    assert found.before[REST].share == Interval(Fraction(6945, 10_000), Fraction(6975, 10_000))
    assert told(found)["balance", REST] == "not provided"
    both = three.append_column("code_region", pa.array(["93"] * 3))
    other = shares("10", "10", "10", zones=ZONES[:3]).append_column(
        "code_region", pa.array(["84"] * 3)
    )
    again = audit(pa.concat_tables([other, both]), PACA_2025, LAW, region="93")
    assert again.before == found.before


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        (shares("0.4", "1.0", "29.0", "69.0"), TableError, "do not add up"),
        (shares("0.4", "1.0", zones=ZONES[:2]), TableError, "no share for intermediaire"),
        (shares("1", "1", "1", "97", zones=[*ZONES[:3], "vivier"]), TableError, "vivier"),
        (shares("1", "1", "1", "97").drop_columns("precision"), TableError, "precision"),
        (shares("1", "1", "1", "97", precision="0.1"), TableError, "0.01 is not printed to 0.1"),
        (shares("1", "1", "1", "97", precision="1"), TableError, "0.97 is not printed to 1"),
        (persons(0, 0, 0, 0), UsageError, "no inhabitants"),
        (PACA_2025.slice(0, 0), UsageError, "does not have it"),
        (listed(LOW, LOW, MIDDLE, REST), TableError, "code_region or population"),
    ],
)
def test_totals_that_cannot_be(table: pa.Table, error: type[AplError], said: str) -> None:
    with pytest.raises(error, match=said):
        audit(table, PACA_2025, LAW, region="93")


def test_a_share_that_is_not_that_of_its_persons_is_noticed() -> None:
    """29.1 / 100 is 0.29100000000000004 in float64, and printed to a tenth all the same."""
    counts = persons(4, 10, 291, 695)
    told = []
    for last in ("69.5", "69.7"):
        printed = shares("0.4", "1.0", "29.1", last)
        both = printed.append_column("population", counts.column("population"))
        both = both.set_column(1, "part", pa.array([0.004, 0.01, 29.1 / 100, float(last) / 100]))
        notices = audit(both, both, LAW, region="93").noticed
        told.append([n.text for n in notices if "persons are held" in n.text])
    assert told[0] == []
    assert f"before: persons and printed shares disagree, persons are held: {REST}" in told[1][0]
    assert len(told[1]) == 2


def test_what_is_asked_for_exists() -> None:
    with pytest.raises(UsageError, match="not the code of a region"):
        audit(PRINTED_PACA, PACA_2025, LAW, region="zz")
    with pytest.raises(RuleError, match="no regime named"):
        audit(PRINTED_PACA, PACA_2025, LAW, region="93", regime="x")
    with pytest.raises(UsageError, match="no region '24'"):
        audit(SMALL, SMALL, LAW, region="24")
    with pytest.raises(UsageError, match="no region '24'"):
        audit(SMALL, PACA_2025, LAW, region="24")
    none = PRINTED.overlaid({"shares": {"regions": {"84": ["1.0", "1.0", "1.0"]}}})
    with pytest.raises(RuleError, match="no share printed"):
        audit(PRINTED_PACA, PACA_2025, none, region="93")


# --- the command ---------------------------------------------------------------------------------


def test_the_command_on_totals(tmp_path: Path) -> None:
    for name, table in (("before", PRINTED_PACA), ("after", PACA_2025)):
        pa_csv.write_csv(table, tmp_path / f"{name}.csv")
    files = ["before.csv", "after.csv"]
    done = command("audit", *files, *ON, "93", "--out", "verdicts.csv", cwd=tmp_path)
    assert done.returncode == 8, done.stderr
    assert "+2.49 to +2.59" in done.stdout
    assert re.search(r"intermediaire +– +83 ", done.stdout)
    assert "2 broken, as far as totals show; 1 cannot be told" in done.stdout
    assert done.stderr.count("APL-G06") == 2
    written = pa_csv.read_csv(tmp_path / "verdicts.csv")
    assert written.column("verdict").to_pylist().count("not provided") == 2
    done = command("audit", *files, *ON, "93", "--regime", GUIDE, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["accepted"], found["cannot_be_told"], found["from"]) == (True, 4, "totals")
    assert "cannot be told from rounded figures: margin of intermediaire" in done.stderr


def test_the_command_on_lists(tmp_path: Path) -> None:
    before = as_zonage(SMALL, LAW)
    after = adapt(SMALL, table_of({"01001": LEAST}), LAW, region="84")
    for name, table in (("before", before), ("after", after),
                        ("list", listed(LEAST, LEAST, MIDDLE, REST))):  # fmt: skip
        pa_csv.write_csv(table, tmp_path / f"{name}.csv")
    old, new = (
        auditing.read_before(tmp_path / "before.csv"),
        auditing.read_after(tmp_path / "after.csv"),
    )
    text = audit_text.text(audit_text.describe(audit(old, new, LAW, region="84")))
    assert "01001" in text
    assert "No rule is broken." in text
    done = command("audit", "before.csv", "list.csv", *ON, "84", "--out", "m.csv", cwd=tmp_path)
    assert done.returncode == 8
    assert "26 persons, at most 25 allowed" in done.stderr
    assert pa_csv.read_csv(tmp_path / "m.csv").column("code_bvcv").to_pylist() == [1001, 1002]


def test_files_are_told_by_their_headers(tmp_path: Path) -> None:
    zonage = as_zonage(SMALL, LAW)
    national = SMALL.append_column("population_standardisee", pa.array([1.0] * 4))
    for name in ("rang", "part_cumulee"):
        national = national.append_column(name, pa.nulls(4, pa.float64()))
    for name, table in (("z", zonage), ("b", national), ("t", PACA_2025),
                        ("bad", zonage.drop_columns("zone"))):  # fmt: skip
        pa_csv.write_csv(table, tmp_path / f"{name}.csv")
    assert "zone_nationale" in auditing.read_before(tmp_path / "z.csv").column_names
    assert "rang" in auditing.read_before(tmp_path / "b.csv").column_names
    for read in (auditing.read_before, auditing.read_after):
        assert "code_bvcv" not in read(tmp_path / "t.csv").column_names
        with pytest.raises(TableError, match="zone"):
            read(tmp_path / "bad.csv")
    assert auditing.read_after(tmp_path / "b.csv").column("zone").to_pylist()[0] == LOW


def test_the_parts_of_a_run_are_totals_and_the_country_is_no_region(tmp_path: Path) -> None:
    areas = SMALL.drop_columns("zone").append_column("population_standardisee", [[1.0] * 4])
    pa_csv.write_csv(apl.rank(areas, LAW).parts, tmp_path / "parts.csv")
    table = auditing.read_before(tmp_path / "parts.csv")
    assert audit(table, table, LAW, region="84").accepted
    with pytest.raises(UsageError, match="not the code of a region"):
        audit(table, table, LAW, region="FR")
