"""The regimes in the page against those of `apl adapt`, on the same cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from browser.chrome import needs_browser
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from naive_regimes import LEAST, LOW, MIDDLE, REST
from regions import (
    EXCHANGE,
    FITTING,
    GUIDE,
    LAW,
    PRINTED,
    Case,
    cases,
    region_of,
    table_of,
    zones_of,
)

import apl
from apl.regions.adaptation import adapt, no_decisions
from apl.regions.regimes import hold, regime_of
from apl.regions.zonage import as_zonage, units_of
from apl.report.regime_data import regime_data
from apl_core import AplError, MarginError
from apl_core.tables import read_table

pytestmark = needs_browser
TABLED = PRINTED.overlaid({"shares": {"regions": {"84": ["8.8", "0.0", "0.0"]}}})
LAWS = [(LAW, None), (LAW, GUIDE), (FITTING, None), (TABLED, None), (EXCHANGE, None)]
MANY = 200
NAMES = {"limite": "limit", "marge": "margin", "stabilite": "stable", "ordre": "order",
         "echange": "exchange", "non_prevu": "not provided",
         "sans_zone": "unclassified"}  # fmt: skip
JUDGE = """(cases) => cases.map(([regime, decisions]) => {
  const {jauges, refus} = jugerDecisions(regime, null, new Map(decisions));
  return {jauges, refus};
})"""


def by_hand() -> list[tuple[Case, tuple[Any, str | None]]]:
    """To the person: one that would just fit, one beside an equal APL, one inside the highest."""
    tight = region_of((1, 15, LOW), (2, 10, LOW), (3, 1, LOW))
    equal = region_of((1, 15, LOW), (2, 10, LOW), (2, 10, LOW), (3, 0, LOW))
    high = region_of((1, 600, LOW), (50, 50, MIDDLE), (60, 50, REST))
    return [
        (Case(tight, {"01001": LEAST, "01003": LEAST}), (FITTING, None)),
        (Case(equal, {"01001": LEAST, "01002": LEAST, "01004": LEAST}), (FITTING, None)),
        (Case(high, {"01099": REST}), (EXCHANGE, None)),
        (Case(high, {"01002": REST}), (EXCHANGE, None)),
    ]


def generated(strategy: Any, count: int) -> list[Any]:
    """Many examples of a strategy, the same at each run: one evaluation judges them all."""
    found: list[Any] = []

    @settings(max_examples=count, derandomize=True, database=None, deadline=None,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def draw(example: Any) -> None:
        found.append(example)

    draw()
    return found


def written(decisions: dict[str, str], motive: str = "accès difficile") -> list[Any]:
    return [[code, {"zone": zone, "motif": motive}] for code, zone in decisions.items()]


def refused(refusals: Sequence[Any]) -> list[Any]:
    """What both tell of a refusal: rule, subject, article, BVCV, those before, persons, allowed."""
    return sorted(
        (NAMES.get(r["regle"], r["regle"]), r["sujet"], r["article"], r["bvcv"], r["premiers"],
         r.get("personnes"), r.get("permis")) for r in refusals if r["regle"] in NAMES
    )  # fmt: skip


def test_the_page_refuses_what_adapt_refuses_for_the_same_reasons(bare: Any) -> None:
    asked, told = [], []
    drawn = generated(st.tuples(cases(), st.sampled_from(LAWS)), MANY)
    for case, (law, name) in [*by_hand(), *drawn]:
        units = units_of(as_zonage(zones_of(case.country), law), "84")
        regime = regime_of(law, name)
        held = hold(units, case.of("84"), law, regime)
        asked.append([regime_data(law, units, regime), written(case.of("84"))])
        cite = {"not provided": regime.cite, "unclassified": regime.cite}
        told.append((
            [(g.used, g.allowed, g.left, g.broken, g.cite) for g in held.gauges],
            sorted((b.rule, b.subject, cite.get(b.rule, b.cite), list(b.bvcv), list(b.first),
                    b.used, b.allowed) for b in held.breaches),
        ))  # fmt: skip
    found = bare.evaluate(JUDGE, json.loads(json.dumps(asked)))
    for answer, (gauges, breaches) in zip(found, told, strict=True):
        assert [(j["utilise"], j["permis"], j["reste"], j["depassee"], j["article"])
                for j in answer["jauges"]] == gauges  # fmt: skip
        assert refused(answer["refus"]) == breaches
        assert all(r["texte"] and r["faute"] for r in answer["refus"])
    assert sum(bool(breaches) for _, breaches in told) > MANY / 4
    assert sum(not breaches for _, breaches in told) > MANY / 8
    seen = {breach[0] for _, breaches in told for breach in breaches}
    assert seen == {"limit", "margin", "stable", "order", "exchange", "not provided"}


def test_the_bounds_of_other_texts_are_held_too(bare: Any) -> None:
    """A limit of the class that is joined (2017), exchange zones of the texts themselves."""
    pages = [("medecin_generaliste", date(2018, 6, 1)),
             ("masseur_kinesitherapeute", date(2019, 6, 1))]  # fmt: skip
    asked, told = [], []
    for profession, day in pages:
        law = apl.rules(profession, on=day)
        zones = law.zoning.zones
        for case in generated(cases(), 40):
            names = dict(zip((LEAST, LOW, MIDDLE), zones, strict=False))
            table = zones_of(case.country)
            at = table.schema.get_field_index("zone")
            other = [names.get(zone, zones[-1]) for zone in table.column("zone").to_pylist()]
            table = table.set_column(at, "zone", [other])
            after = {code: names.get(zone, zones[-1]) for code, zone in case.of("84").items()}
            units = units_of(as_zonage(table, law), "84")
            held = hold(units, after, law, regime_of(law))
            asked.append([regime_data(law, units, regime_of(law)), written(after)])
            told.append(sorted((b.rule, b.subject, list(b.bvcv)) for b in held.breaches))
    found = bare.evaluate(JUDGE, json.loads(json.dumps(asked)))
    again = [sorted((r[0], r[1], r[3]) for r in refused(answer["refus"])) for answer in found]
    assert again == told
    assert any(told)


def page_of(case: Case, law: Any = LAW, standing: dict[str, Any] | None = None) -> dict[str, Any]:
    units = units_of(as_zonage(zones_of(case.country), law), "84")
    return regime_data(law, units, regime_of(law), standing=standing)


FILE = """([regime, decisions]) => {
  const prises = new Map(decisions);
  const texte = ecrireDecisions(regime, prises);
  const {decisions: lues, erreurs} = lireDecisions(texte, regime);
  const {refus} = jugerDecisions(regime, null, prises);
  return {texte, lues: [...lues], erreurs, refus: refus.length};
}"""
MOTIVES = ["accès difficile", "=cmd|'/c calc'!A0", "'=1+1", "-2 % d'habitants", "@ici, \"là\"; et",
           "\u202eéloigné</script>", "ligne\nautre\tligne", " espaces "]  # fmt: skip


def test_the_file_of_the_page_has_the_same_verdict(bare: Any, tmp_path: Path) -> None:
    """Written by the page, read by `apl adapt` and by the page again; on ``bvcv`` and, with
    decisions that stood before, on ``zonage``."""
    path, verdicts = tmp_path / "decisions.csv", []
    for k, case in enumerate(generated(cases(), 60)):
        motive = MOTIVES[k % len(MOTIVES)]
        page, decided = page_of(case), written(case.of("84"), motive)
        told = bare.evaluate(FILE, [page, decided])
        path.write_bytes(told["texte"].encode())
        assert told["erreurs"] == []
        clean = " ".join(motive.split()) if "\n" in motive else motive.strip()
        changes = [[c, {"zone": z, "motif": clean}] for c, z in case.of("84").items()
                   if z != case.country[c].zone]  # fmt: skip
        assert sorted(told["lues"]) == sorted(changes)
        try:
            adapt(zones_of(case.country), read_table(path, "decisions"), LAW, region="84")
        except MarginError:
            verdicts.append(False)
        else:
            verdicts.append(True)
        assert verdicts[-1] == (told["refus"] == 0), told
    assert {True, False} == set(verdicts)


def test_decisions_that_stood_are_undone_in_the_file(bare: Any, tmp_path: Path) -> None:
    def accepted(case: Case) -> bool:
        decided = table_of({c: z for c, z in case.of("84").items() if z != case.country[c].zone})
        try:
            adapt(zones_of(case.country), decided, LAW, region="84")
        except AplError:
            return False
        return bool(decided.num_rows)

    case = next(case for case in generated(cases(), 200) if accepted(case))
    before = {c: z for c, z in case.of("84").items() if z != case.country[c].zone}
    zonage = adapt(zones_of(case.country), table_of(before), LAW, region="84")
    page = page_of(case, standing={c: (z, "avant") for c, z in before.items()})
    kept = bare.evaluate("(regime) => [...decisionsEnPlace(regime)]", page)
    assert sorted(kept) == sorted(written(before, "avant"))
    told = bare.evaluate(FILE, [page, []])
    path = tmp_path / "decisions.csv"
    path.write_bytes(told["texte"].encode())
    given = read_table(path, "decisions")
    assert set(given.column("code_bvcv").to_pylist()) == set(before)
    assert told["lues"] == []  # the page reads its own file as it was
    some = 'code_bvcv,zone,motif\n"{}","{}","après"\n'.format(*next(iter(before.items())))
    read = bare.evaluate("([r, t]) => [...lireDecisions(t, r).decisions]", [page, some])
    assert {code: one["zone"] for code, one in read} == before  # what it does not name stands on
    assert sorted(one["motif"] for _, one in read) == ["après", *["avant"] * (len(before) - 1)]
    for table in (zonage, zones_of(case.country)):
        after = adapt(table, given, LAW, region="84")
        same = adapt(zones_of(case.country), no_decisions(), LAW, region="84")
        assert after.column("zone").equals(same.column("zone"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code_bvcv,zone\n01001,sous_dotee\n", "Ligne 1 : l’en-tête"),
        ("", "Ligne 1 : l’en-tête"),
        ("code_bvcv,zone,motif\n99999,sous_dotee,x\n", "Ligne 2 : « 99999 »"),
        ("code_bvcv,zone,motif\n\n01001,rouge,x\n", "Ligne 3 : « rouge »"),
        ("code_bvcv;zone;motif\n01001;sous_dotee; \n", "Ligne 2 : le motif manque"),
        ("code_bvcv,zone,motif\n01001,sous_dotee\n", "Ligne 2 : 2 cellules"),
        ("code_bvcv,zone,motif\n 01001,sous_dotee,x\n", "Ligne 2 : «  01001 »"),
        ('code_bvcv,zone,motif\n01001,sous_dotee,"x\n', "Ligne 2 : un guillemet"),
        ("code_bvcv,zone,motif\n01001,sous_dotee,x\n01001,sous_dotee,y\n", "Ligne 3 : « 01001 »"),
    ],
)
def test_a_malformed_file_is_told_by_line_and_nothing_is_taken(
    bare: Any, text: str, said: str
) -> None:
    regime = {"unites": [{"code": "01001", "zone": MIDDLE}], "zones": [{"code": LOW}],
              "en_place": {"01001": {"zone": LOW, "motif": "avant"}}}  # fmt: skip
    found = bare.evaluate("([t, r]) => { const f = lireDecisions(t, r);"
                          " return [f.decisions.size, f.erreurs]; }", [text, regime])  # fmt: skip
    assert found[0] == 0
    assert [said in line for line in found[1]] == [True], found


@pytest.mark.parametrize(
    ("encoding", "taken"),
    [("utf-8", True), ("utf-8-sig", True), ("utf-16", True), ("cp1252", False)],
)
def test_a_file_is_read_in_the_encodings_that_apl_reads(
    bare: Any, tmp_path: Path, encoding: str, taken: bool
) -> None:
    """Excel's own encoding is refused by both: a motive would be printed wrong in an arrêté."""
    text = "code_bvcv;zone;motif\r\n01001;sous_dotee;éloigné\r\n"
    regime = {"unites": [{"code": "01001", "zone": MIDDLE}], "zones": [{"code": LOW}],
              "en_place": {}}  # fmt: skip
    found = bare.evaluate(
        "([o, r]) => { const f = lireFichier(new Uint8Array(o).buffer, r);"
        " return [[...f.decisions], f.erreurs]; }",
        [list(text.encode(encoding)), regime],
    )
    path = tmp_path / "decisions.csv"
    path.write_bytes(text.encode(encoding))
    if taken:
        assert found == [[["01001", {"zone": LOW, "motif": "éloigné"}]], []]
        assert read_table(path, "decisions").column("motif").to_pylist() == ["éloigné"]
    else:
        assert found[0] == []
        assert "UTF-8" in found[1][0]
        with pytest.raises(AplError):
            read_table(path, "decisions")


def test_what_is_no_decision_at_all_is_told(bare: Any) -> None:
    case = generated(cases(), 1)[0]
    page = page_of(case)
    (code, *_) = (unit["code"] for unit in page["unites"])
    decided = [["98765", {"zone": LOW, "motif": "x"}], [code, {"zone": "rouge", "motif": " \n"}]]
    answer = bare.evaluate(JUDGE, [[page, decided]])[0]
    faults = {r["regle"]: (r["faute"], r["bvcv"]) for r in answer["refus"]}
    assert faults["autre_region"] == ("APL-G07", ["98765"])
    assert faults["classe"] == ("APL-D10", [code])
    assert faults["motif"] == ("APL-D01", [code])
