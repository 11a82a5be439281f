"""Why a value is what it is: against the oracle; what secrecy keeps; how far the cuts are."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import naive
import naive_explain as oracle
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import LAW, Scene, scenes
from strategies import Country, strip
from test_worked_example import tables

import apl
from apl.blocks import Unknown
from apl.explained.bvcv import AreaExplained, explain_bvcv
from apl.explained.commune import CommuneExplained, band_names, explain_commune
from apl.explained.cuts import RISE, Where
from apl.explained.describe import describe
from apl.explained.secrecy import Secrecy, persons_by_commune, secrecy_of
from apl.explained.text import text
from apl.inputs import KIND
from apl.law import Rules, available, law_page
from apl.scenarios.opened import Opened
from apl.scenarios.simulate import simulate
from apl.scenarios.situation import Outcome, Situation, outcome, situation
from apl_core import AplError, MarginError, Territory

COUNTS = st.lists(st.integers(1, 6), min_size=9, max_size=9)


def close(value: float | None, exact: Fraction) -> bool:
    return value is not None and abs(Fraction(value) - exact) <= abs(exact) / 10**12


def all_shown(place: Situation) -> Secrecy:
    return secrecy_of(place, LAW, None, confidential=True)


@dataclass(frozen=True, eq=False)
class Seen:
    """A scene as explanations take it, its two steps done once."""

    place: Situation
    found: Outcome

    @classmethod
    def of(cls, scene: Scene) -> Seen:
        place = scene.situation()
        return cls(place, outcome(place, LAW))

    def commune(self, code: str, secret: Secrecy | None = None) -> CommuneExplained:
        return explain_commune(self.place, LAW, self.found, code, secret or all_shown(self.place))

    def area(self, code: str, secret: Secrecy | None = None) -> AreaExplained:
        return explain_bvcv(self.place, LAW, self.found, code, secret or all_shown(self.place))

    def told(self, done: CommuneExplained | AreaExplained, secret: Secrecy) -> dict[str, Any]:
        run = Opened(self.place, LAW, {"synthetic": False}, "", lambda name: None)
        found: dict[str, Any] = json.loads(json.dumps(describe(run, done, secret)))
        return found


@given(scenes())
@settings(max_examples=15, deadline=None)
def test_the_parts_of_a_commune_are_the_terms_of_its_sum(scene: Scene) -> None:
    country, seen = scene.country, Seen.of(scene)
    around = naive.demand_seen(naive.weigh(country.times), country.population)
    for code in country.codes:
        done = seen.commune(code)
        exact = oracle.parts(country.times, country.supply, country.population, code)
        assert {part.code_commune for part in done.parts} == exact.keys()
        for part in done.parts:
            j = str(part.code_commune)
            assert close(part.apl, exact[j])
            assert close(part.demande, around[j])
            assert (part.etp, part.minutes) == (country.supply[j], country.times[code, j])
            assert part.poids == naive.weight(country.times[code, j])
        values = [part.apl for part in done.parts]
        assert values == sorted(values, reverse=True)
        assert close(done.apl, sum(exact.values(), Fraction(0)))
        for sums in (values, [band.apl for band in done.bands]):
            assert math.fsum(sums) == pytest.approx(done.apl, rel=1e-12)
        if values:
            assert math.fsum(part.part for part in done.parts) == pytest.approx(1, rel=1e-12)


@given(scenes())
@settings(max_examples=15, deadline=None)
def test_the_parts_of_a_bvcv_are_means_of_those_of_its_communes(scene: Scene) -> None:
    country, seen = scene.country, Seen.of(scene)
    for code in set(scene.unit.values()):
        done = seen.area(code)
        effect = oracle.effects(country.times, country.population, scene.unit, code)
        exact = {j: v * Fraction(country.supply[j]) for j, v in effect.items() if country.supply[j]}
        assert {part.code_commune for part in done.parts} == exact.keys()
        for part in done.parts:
            j = str(part.code_commune)
            assert close(part.apl, exact[j])
            assert close(part.apl_par_etp, effect[j])
            assert part.code_bvcv == scene.unit[j]
        own = sum((v for j, v in exact.items() if scene.unit[j] == code), Fraction(0))
        assert close(done.split.own, own)
        assert close(done.split.neighbours, sum(exact.values()) - own)
        assert math.fsum(part.apl for part in done.parts) == pytest.approx(
            done.area["apl"], rel=1e-12)  # fmt: skip
        assert math.fsum(m.apporte for m in done.communes) == pytest.approx(
            done.area["apl"], rel=1e-12)  # fmt: skip
        assert math.fsum(member.poids for member in done.communes) == pytest.approx(1)


def counted(scene: Scene, counts: list[int]) -> tuple[dict[str, int], set[str], Secrecy]:
    """A number of persons for each commune of supply, which are kept, and what is secret by it."""
    place, country = scene.situation(), scene.country
    persons = np.where(place.supply > 0, counts[: place.supply.size], 0).astype(np.int64)
    of = dict(zip(country.codes, persons.tolist(), strict=True))
    reach = {c: {*oracle.parts(country.times, country.supply, country.population, c)}
             for c in country.codes}  # fmt: skip
    return of, oracle.kept(reach, of, 3)[1], secrecy_of(place, LAW, persons)


@given(scenes(), COUNTS)
@settings(max_examples=15, deadline=None)
def test_few_professionals_are_never_named(scene: Scene, counts: list[int]) -> None:
    persons, kept, secret = counted(scene, counts)
    seen = Seen.of(scene)
    for code in scene.country.codes:
        whole, done = seen.commune(code), seen.commune(code, secret)
        there = {str(part.code_commune) for part in whole.parts}
        listed = {part.code_commune for part in done.parts} - {None}
        assert listed == oracle.shown(there, kept, persons)
        assert done.gathered.communes == len(there) - len(listed)
        assert done.gathered.communes != 1 or len(there) == 1
        assert math.fsum(part.apl for part in done.parts) == pytest.approx(done.apl, rel=1e-12)
        said = seen.told(done, secret)
        for name in ("code", "bvcv"):  # what was asked for, and where it lies
            said.pop(name)
        words = json.dumps(said)
        assert not [c for c, n in persons.items() if 0 < n < 3 and f'"{c}"' in words]
        last = said["parts"][-1] if said["parts"] else {"code_commune": ""}
        if last["code_commune"] is None:  # a second figure of the line would tell it apart
            assert {k for k, v in last.items() if v is not None} == {"apl", "part"}


@given(scenes(), COUNTS)
@settings(max_examples=15, deadline=None)
def test_a_bvcv_lists_no_fte_of_few(scene: Scene, counts: list[int]) -> None:
    persons, kept, secret = counted(scene, counts)
    seen = Seen.of(scene)
    for code in set(scene.unit.values()):
        whole, done = seen.area(code), seen.area(code, secret)
        there = {str(part.code_commune) for part in whole.parts}
        listed = {part.code_commune for part in done.parts} - {None}
        assert listed == oracle.shown(there, kept, persons)
        split = done.split
        assert split.own + split.neighbours + split.gathered == pytest.approx(done.area["apl"])
        falls = [at for cut in done.distances if cut.direction != RISE for at in cut.places]
        assert {at.code_commune for at in falls} <= listed
        members = {name for member in seen.told(done, secret)["communes"] for name in member}
        assert not members & {"etp", "actes", "honoraires", "identifiant", "professionnels"}


@given(scenes(), COUNTS, st.data())
@settings(max_examples=15, deadline=None)
def test_fte_moved_among_those_gathered_change_no_figure(
    scene: Scene, counts: list[int], data: st.DataObject
) -> None:
    """Whatever the line hides, only its sum can be told from the explanation."""
    persons, _, secret = counted(scene, counts)
    seen = Seen.of(scene)
    code = data.draw(st.sampled_from(scene.country.codes))
    one = oracle.per_fte(scene.country.times, scene.country.population)
    done = seen.commune(code, secret)
    few = [str(p.code_commune) for p in seen.commune(code).parts
           if 0 < persons[str(p.code_commune)] < 3]  # fmt: skip
    if len(few) < 2:
        return
    give, take = few[0], few[1]
    supply = {c: Fraction(fte) for c, fte in scene.country.supply.items()}
    moved = supply[give] / 2
    supply[give] -= moved
    supply[take] += moved * one[code, give] / one[code, take]
    after = {c: float(fte) for c, fte in supply.items()}
    other = replace(scene, country=replace(scene.country, supply=after))
    again = Seen.of(other).commune(code, secret)
    same = [[replace(part, part=0.0) for part in one.parts[:-1]] for one in (again, done)]
    assert same[0] == same[1]
    assert again.parts[-1].apl == pytest.approx(done.parts[-1].apl, rel=1e-9)


def zone_after(place: Situation, code: str, where: str, fte: float) -> str:
    """The class of a BVCV with more or fewer FTE somewhere, the cuts being held."""
    done = simulate(place, LAW, {where: fte}, hold_cuts=True)
    rows = done.after.ranking.bvcv.to_pylist()
    return str(next(row["zone"] for row in rows if row["code_bvcv"] == code))


@given(scenes())
@settings(max_examples=15, deadline=None)
def test_the_fte_told_change_the_class_and_no_fewer(scene: Scene) -> None:
    seen = Seen.of(scene)
    for code in set(scene.unit.values()):
        done = seen.area(code)
        for cut in done.distances:
            if cut.ecart_apl < 1e-6:  # it stands at the cut: a rounding decides
                continue
            for at in cut.places[:2]:
                sign, there = (1, math.inf) if cut.direction == RISE else (
                    -1, scene.country.supply[at.code_commune])  # fmt: skip
                less, more = at.etp * (1 - 1e-6), at.etp * (1 + 1e-6)
                zone = zone_after(seen.place, code, at.code_commune, sign * less)
                assert zone == done.area["zone"]
                if more <= there:
                    zone = zone_after(seen.place, code, at.code_commune, sign * more)
                    assert zone == cut.zone


@given(scenes(size=(3, 9)))
@settings(max_examples=15, deadline=None)
def test_persons_to_the_nearer_end_are_those_of_the_ranking(scene: Scene) -> None:
    seen = Seen.of(scene)
    for code in set(scene.unit.values()):
        done = seen.area(code)
        away = [cut.ecart_habitants for cut in done.distances]
        ends = 2 - (done.area["zone"] in (LAW.zoning.zones[0], LAW.zoning.zones[-1]))
        if len(away) == ends:  # below an empty class there is no level to fall to
            assert min(map(int, map(str, away))) == done.area["ecart_coupure_habitants"]


def test_three_bvcv_by_hand() -> None:
    """20 of 64 inhabitants, each on its own: an FTE brings 1,562.5 points to its BVCV alone."""
    codes = [f"01{k:03d}" for k in range(1, 21)]
    country = Country({(c, c): 0.0 for c in codes}, dict.fromkeys(codes, 64.0),
                      {c: float(k) for k, c in enumerate(codes, 1)})  # fmt: skip
    scene = Scene(country, {c: c for c in codes}, dict.fromkeys(codes, "84"))
    seen = Seen.of(scene)
    done = seen.area("01005")  # the second sous dotée of three: 15 % are three BVCV
    rise, fall = done.distances
    assert (done.area["zone"], done.area["rang"], done.ranked) == ("sous_dotee", 5, 20)
    assert (rise.zone, rise.coupure_apl, rise.ecart_apl) == ("intermediaire", 9375.0, 1562.5)
    assert (fall.zone, fall.coupure_apl, fall.ecart_apl) == ("tres_sous_dotee", 4687.5, 3125.0)
    assert (rise.ecart_habitants, fall.ecart_habitants) == (64, 64)
    assert (rise.voisin_apl, fall.voisin_apl) == (10937.5, 4687.5)
    assert rise.places == (Where("01005", 1562.5, 1.0),)
    assert fall.places == (Where("01005", 1562.5, 2.0),)
    ((move, held),) = done.adaptation
    assert (move.target, [one.rule for one in held.breaches]) == (
        "tres_sous_dotee", ["order", "limit", "margin"])  # fmt: skip
    # 01002 has 2 FTE, here taken as fewer than 3 professionals: alone, it is not named
    few = secrecy_of(seen.place, LAW, None)
    done = seen.area("01002", few)
    assert [part.code_commune for part in done.parts] == [None]
    assert (done.gathered.communes, done.gathered.added) == (1, 0)
    words = text(seen.told(done, few))
    assert "its line is the APL itself" in " ".join(words.split())


@given(scenes())
@settings(max_examples=15, deadline=None)
def test_an_adaptation_is_refused_as_adapt_refuses_it(scene: Scene) -> None:
    seen = Seen.of(scene)
    zones = seen.found.ranking.bvcv
    for code in set(scene.unit.values()):
        for move, held in seen.area(code).adaptation:
            one = pa.table({"code_bvcv": [code], "zone": [move.target], "motif": ["sociales"]})
            try:
                apl.adapt(zones, one, LAW, region=scene.region[code])
            except MarginError:
                assert held.breaches
            else:
                assert not held.breaches


def test_persons_are_those_whose_activity_is_in_the_fte() -> None:
    people = tables()["professionnels"]
    land = Territory.from_codes(["01001", "01002", "01003", "01004"])
    given = apl.Parameters(3783.0, 6906.0)
    # p4 is too old, p5 under the floor: p3 alone would be shown
    assert persons_by_commune(people, land, LAW, given).tolist() == [2, 0, 1, 0]
    turned = people.take(list(range(people.num_rows))[::-1])
    assert persons_by_commune(turned, land, LAW, given).tolist() == [2, 0, 1, 0]
    twice = pa.concat_tables([people, people.slice(0, 1).set_column(
        1, "code_commune", pa.array(["01004"]))])  # fmt: skip
    assert persons_by_commune(twice, land, LAW, given).tolist() == [2, 0, 1, 1]


def test_one_alone_takes_the_next_smallest_with_it_everywhere() -> None:
    """A to E: all see their own; A sees D and E too, F sees D and B, where D is then alone."""
    a, b, _, d, e, f = codes = ["01001", "01002", "01003", "01004", "01005", "01006"]
    pairs = [*((x, x) for x in codes), (a, d), (a, e), (f, d), (f, b)]
    country = Country(dict.fromkeys(pairs, 5.0), dict.fromkeys(codes, 100.0),
                      dict(zip(codes, [1.0, 9.0, 2.0, 8.0, 8.5, 0.0], strict=True)))  # fmt: skip
    scene = Scene(country, dict.fromkeys(codes, a), {a: "84"})
    place = scene.situation()
    found = secrecy_of(place, LAW, np.array([2, 9, 4, 4, 4, 0]))
    assert found.secret.tolist() == [True, False, False, False, False, False]
    assert found.kept.tolist() == [True, True, False, True, False, False]
    assert found.gathered(np.array([0, 3, 4])).tolist() == [True, True, False]
    assert found.gathered(np.array([2, 4])).tolist() == [False, False]
    assert found.gathered(np.array([0, 2, 4])).tolist() == [True, True, False]
    assert found.gathered(np.array([0])).tolist() == [True]  # nobody is left to join it
    assert not secrecy_of(place, LAW, np.array([2, 9, 4, 4, 4, 0]), least=1).kept.any()
    given_fte = secrecy_of(place, LAW, None)
    assert given_fte.secret.tolist() == [True, False, True, False, False, False]
    with pytest.raises(ValueError, match="at least one"):
        secrecy_of(place, LAW, None, least=0)


def test_bands_have_the_names_of_the_law_page() -> None:
    assert band_names(LAW.decay) == ["0–10", "10–15", "15–20"]


def test_parts_that_do_not_sum_are_a_defect() -> None:
    from apl.explained.commune import refuse_another_sum

    refuse_another_sum(np.array([1.0, 2.0]), 3.0, "01001")
    with pytest.raises(AplError, match="do not sum") as refused:
        refuse_another_sum(np.array([1.0, 2.0]), 3.1, "01001")
    assert refused.value.exit_code == 1


@given(scenes(), COUNTS)
@settings(max_examples=15, deadline=None)
def test_every_explanation_can_be_said(scene: Scene, counts: list[int]) -> None:
    _, _, secret = counted(scene, counts)
    seen = Seen.of(scene)
    for code in scene.country.codes:
        words = text(seen.told(seen.commune(code, secret), secret))
        assert f"Commune {code}" in words
        assert "Secrecy: " in words
    for code in set(scene.unit.values()):
        words = text(seen.told(seen.area(code, secret), secret))
        assert f"BVCV {code}" in words
        assert all(len(line) <= 130 for line in words.splitlines())


STATED = ("indicator", "attribution", "zoning")  # a decay that no source states: the caller's
PAGES = [
    replace(law, blocks={**{name: LAW.blocks[name] for name in ("decay", "aggregation")}, **{
        name: block for name, block in law.blocks.items() if not isinstance(block, Unknown)}})
    for name in available() for law in law_page(name)
    if not any(isinstance(law.blocks[block], Unknown) for block in STATED)
    and law.indicator.kind != KIND
]  # fmt: skip


@pytest.mark.parametrize("law", PAGES, ids=lambda law: f"{law.profession}-{law.since}")
def test_every_text_of_an_apl_is_explained(law: Rules) -> None:
    """Shares or levels, women or inhabitants, either weight of the mean, own inhabitants."""
    country = strip(60)
    unit = {code: country.codes[k // 6 * 6] for k, code in enumerate(country.codes)}
    scene = Scene(country, unit, dict.fromkeys(country.codes, "84"))
    women = [int(country.population[code] // 2) for code in country.codes]
    table = scene.communes().append_column("population_feminine", pa.array(women))
    place = situation(table, country.table(), law)
    found, secret = outcome(place, law), secrecy_of(place, law, None)
    for code in sorted(set(unit.values())):
        done = explain_bvcv(place, law, found, code, secret)
        words = text(
            describe(Opened(place, law, {"synthetic": False}, "", lambda name: None), done, secret)
        )
        assert f"BVCV {code}" in words
        assert math.fsum(m.apporte for m in done.communes) == pytest.approx(done.area["apl"])
        persons = {cut.ecart_habitants is None for cut in done.distances}
        assert persons <= {law.zoning.method == "thresholds"}
    assert {law.zoning.method for law in PAGES} == {"shares", "thresholds"}
    assert {law.zoning.population for law in PAGES} >= {"women"}
