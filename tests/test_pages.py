"""The pages of the six professions: they load, each block says where it comes from, what is unknown
is refused; what changed between two texts."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from shared import DATA, needs

from apl import sheet
from apl.blocks import PARSERS, UNKNOWN, Unknown
from apl.law import Rules, available, law_page, rules
from apl.law_schema import zone_order
from apl_core import RuleError
from apl_core.schema import names, schema

MK = "masseur_kinesitherapeute"
MODEL = rules(MK, on=date(2025, 6, 6))
VERSIONS = [version for name in available() for version in law_page(name)]
NAMED = [f"{version.profession} {version.since}" for version in VERSIONS]
every_version = pytest.mark.parametrize("law", VERSIONS, ids=NAMED)
DENSITY = "orthophoniste"  # the one profession that is not ranked by an APL


def refused(law: Rules, *blocks: str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        law.require(*blocks)
    assert caught.value.exit_code == 4
    return caught.value


# Dates


@pytest.mark.parametrize("profession", available())
def test_every_page_answers_on_every_day_that_it_covers(profession: str) -> None:
    since = [version.since for version in law_page(profession)]
    new_years = [date(year, 1, 1) for year in range(since[0].year + 1, 2031)]
    for day in sorted({*since, *new_years}):
        law = rules(profession, on=day)
        assert law.since == max(start for start in since if start <= day)
        assert (law.profession, law.supplied) == (profession, ())
    for earlier, start in itertools.pairwise(since):
        assert rules(profession, on=start - timedelta(days=1)).since == earlier
    with pytest.raises(RuleError) as caught:
        rules(profession, on=since[0] - timedelta(days=1))
    assert caught.value.exit_code == 4
    assert f"the first text at hand is of {since[0]}" in str(caught.value)


def test_the_texts_and_their_dates() -> None:
    assert NAMED == [
        "chirurgien_dentiste 2024-03-20",
        "infirmier 2020-01-10",
        "masseur_kinesitherapeute 2018-09-24",
        "masseur_kinesitherapeute 2024-03-20",
        "medecin_generaliste 2017-11-16",  # in force, where a source gives it; signed on the 13th
        "medecin_generaliste 2025-05-09",
        "orthophoniste 2018-05-31",
        "orthophoniste 2023-03-01",
        "sage_femme 2019-10-17",
        "sage_femme 2024-03-26",
    ]


@every_version
def test_a_text_says_its_dates_and_how_they_are_read(law: Rules) -> None:
    assert law.since in (
        law.signed,
        date.fromisoformat(law.in_force.replace(UNKNOWN, "1000-01-01")),
    )
    dates = [law.signed.isoformat(), law.published, law.in_force]
    known = [day for day in dates if day != UNKNOWN]
    assert known == sorted(known)
    if UNKNOWN in dates:
        assert "selects the version" in law.dates
    if law.nor != UNKNOWN:
        assert len(law.nor) == 12


# Citations


def said(block: dict[str, Any]) -> Iterator[bool]:
    """Where a block, or a regime of it, comes from: an article, and one way to know it."""
    whole = isinstance(block.get(UNKNOWN), str)
    yield bool(block["cite"].strip())
    yield [bool(block.get("quote")), bool(block.get("reported")), whole].count(True) == 1
    for regime in block.get("regime", ()):
        yield from said(regime)
        yield all(rule["cite"] for rule in regime["moves"])


@every_version
def test_every_block_says_where_it_comes_from(law: Rules) -> None:
    density = law.profession == DENSITY
    assert PARSERS.keys() - law.blocks.keys() <= {"shares"} | ({"decay", "aggregation"} & {
        name for name in ("decay", "aggregation") if density})  # fmt: skip
    for name in law.blocks:
        assert all(said(dict(law.entry[name]))), name
        assert law.citations[name].cite


@every_version
def test_a_text_that_was_not_read_is_never_quoted(law: Rules) -> None:
    """But the arrêté of 2024, whose words are held against it (test_quotes)."""
    read = law == MODEL
    for name, cited in law.citations.items():
        assert bool(cited.quote) == read, name
        assert "non lu" in cited.cite or not cited.reported, name


@every_version
def test_what_is_unknown_says_where_it_was_looked_for(law: Rules) -> None:
    for name, block in law.blocks.items():
        looked = law.citations[name].unknown
        assert bool(looked) == isinstance(block, Unknown)
        for key, where in looked.items():
            assert len(where) > 20, (name, key)
            assert key == "" or law.entry[name][key] == UNKNOWN
        if looked:
            fault = refused(law, name)
            assert len(fault.faults) == len(looked)
            for key, where in looked.items():
                assert f"{name}.{key}" if key else name in str(fault)
                assert where in str(fault)
            assert all(words in str(fault) for words in law.citations[name].known)
            assert f"[law.{name}]" in fault.mend
            assert "not law" in fault.mend or "not to be law" in fault.mend


PROPERTIES = {"aggregation": "weight"}


@every_version
def test_a_property_gives_the_block_or_refuses_it(law: Rules) -> None:
    for name in PARSERS:
        if name == "shares" and name not in law.blocks:
            assert law.shares is None
            continue
        known = not isinstance(law.blocks.get(name, Unknown({})), Unknown)
        if known:
            assert getattr(law, PROPERTIES.get(name, name)) == law.blocks[name]
        else:
            with pytest.raises(RuleError, match=name):
                getattr(law, PROPERTIES.get(name, name))


def test_all_unknown_blocks_come_together() -> None:
    law = rules("sage_femme", on=date(2025, 6, 6))
    fault = refused(law, "indicator", "supply", "decay", "zoning")
    assert [one.title.rpartition(": ")[2] for one in fault.faults] == ["supply", "decay", "zoning"]
    law.require("indicator", "demand")


@pytest.mark.parametrize("on", [date(2019, 1, 1), date(2024, 1, 1)])
def test_a_density_has_no_distance_decay(on: date) -> None:
    law = rules(DENSITY, on=on)
    assert law.indicator.kind == "standardised_density"
    for name, why in (("decay", "no distance decay"), ("aggregation", "by unit of zoning")):
        assert name not in law.blocks
        assert why in str(refused(law, name))
    assert "known: " in sheet.text({"versions": [sheet.page(law)]})


# Figures


@needs(DATA)
def test_the_national_frames_are_the_official_ones() -> None:
    with (DATA / "official" / "national_frames_2018_2020.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = {(row["profession"], row["texte"]) for row in rows}
    assert len(texts) == 4
    for profession, text in texts:
        (law,) = (v for v in law_page(profession) if v.text.lower().startswith(text))
        frame = [row for row in rows if row["profession"] == profession]
        assert law.zoning.zones == tuple(row["zone"] for row in frame)
        shares = [Fraction(row["part_population"]) / 100 for row in frame]
        assert [share for _, share in law.zoning.classes] == shares[:-1]
        assert law.zoning.printed == {row["zone"]: Fraction(row["apl_maximum"]) for row in frame}
        # the last class takes the rest; where that is not what is printed, the page says so
        rest = 100 * (1 - sum(shares[:-1]))
        reading = law.citations["zoning"].readings["rest"]
        assert f"{float(sum(shares) * 100):g}" in reading
        if rest != 100 * shares[-1]:
            assert f"it gets {float(rest):g}" in reading


EXCHANGES = {
    (MK, 2019): ("175/1000", "175/1000"),
    ("infirmier", 2021): ("103/1000", "334/1000"),
    ("sage_femme", 2020): ("229/1000", "175/1000"),
    (DENSITY, 2019): ("175/1000", "174/1000"),
}


@pytest.mark.parametrize(("profession", "year"), EXCHANGES)
def test_an_exchange_zone_ends_inside_the_upper_of_its_two_classes(
    profession: str, year: int
) -> None:
    """So each printed share of the population says which classes it lets exchange, and no other."""
    law = rules(profession, on=date(year, 1, 1))
    (regime,) = law.adaptation.regimes
    parts: dict[str, Fraction] = dict(law.zoning.classes)
    parts[law.zoning.rest] = 1 - sum(parts.values(), Fraction(0))
    for side, printed in zip(("lowest", "highest"), EXCHANGES[profession, year], strict=True):
        moves = [move for move in regime.moves if move.exchange == side]
        pairs = {(move.origin, move.target) for move in moves}
        assert len(pairs) == 2
        assert pairs == {(target, origin) for origin, target in pairs}, "both ways"
        assert {move.within for move in moves} == {Fraction(printed)}
        zones = law.zoning.zones if side == "lowest" else law.zoning.zones[::-1]
        inner, outer = sorted(pairs.pop(), key=zones.index)
        assert zones.index(outer) == zones.index(inner) + 1
        below = sum(parts[zone] for zone in zones[: zones.index(outer)])
        assert below < Fraction(printed) < below + parts[outer]
    frozen = {zone for move in regime.moves for zone in (move.origin, move.target)}
    assert set(regime.stable) <= frozen
    assert all(move.limit is None and move.order == "free" for move in regime.moves)


def test_what_each_page_states() -> None:
    midwives = rules("sage_femme", on=date(2020, 1, 1))
    assert (midwives.zoning.population, midwives.demand.sex) == ("women", "F")
    weights = {(v.profession, v.since.year): v.weight for v in VERSIONS
               if not isinstance(v.blocks.get("aggregation", Unknown({})), Unknown)}  # fmt: skip
    assert weights == {
        (MK, 2018): "population",
        (MK, 2024): "population_standardisee",
        ("infirmier", 2020): "population_standardisee",
        ("sage_femme", 2019): "population",
        ("medecin_generaliste", 2017): "population",
    }
    doctors = rules("medecin_generaliste", on=date(2018, 1, 1))
    assert doctors.zoning.method == "thresholds"
    assert doctors.zoning.classes == (
        ("zone_intervention_prioritaire", Fraction(5, 2)), ("vivier", Fraction(4)),
    )  # fmt: skip
    assert (doctors.zoning.rest, doctors.per) == ("hors_vivier", 1)
    assert doctors.attribution == "own_inhabitants"
    assert doctors.entry["territory"]["unit"] == "tvs"
    (move,) = doctors.adaptation.regimes[0].moves
    assert (move.origin, move.target) == ("hors_vivier", "vivier")
    assert (move.limit, move.of) == (Fraction(5, 100), "target")
    assert [len(v.amendments) for v in law_page("medecin_generaliste")] == [3, 0]
    abolished = rules(DENSITY, on=date(2024, 1, 1)).adaptation.regimes
    assert [regime.moves for regime in abolished] == [()]
    for profession in ("chirurgien_dentiste", "medecin_generaliste", "sage_femme"):
        refused(rules(profession, on=date(2025, 6, 6)), "zoning")
    sources = rules(MK, on=date(2019, 1, 1)).sources
    assert (sources.living_areas, sources.cantons, sources.population) == (2012, 2016, None)


def test_tables_know_every_class_that_a_page_may_have() -> None:
    found = 0
    for name in names():
        for field in schema(name).fields:
            classes = set(field.enum or ())
            if "tres_sous_dotee" in classes:
                assert classes == set(zone_order()), (name, field.name)
                found += 1
    assert found >= 5


# The sheet


@every_version
def test_the_sheet_is_whole_and_fits_a_page(law: Rules) -> None:
    page = sheet.page(law)
    assert json.loads(json.dumps(page)) == page
    text = sheet.text({"versions": [page]})
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("UNKNOWN: ") == sum(len(c.unknown) for c in law.citations.values())
    flat = " ".join(text.split())
    for cited in law.citations.values():
        assert f"({cited.cite})" in text
        for words in (*cited.known, *cited.unknown.values(), cited.reported):
            assert words.replace("-", "").replace(" ", "") in flat.replace("-", "").replace(" ", "")
    for later in law.amendments:
        assert f"amended, not read: {later}"[:60] in text
    assert "Fraction(" not in text
    assert "{" not in text


def changed(profession: str, before: date, after: date) -> dict[str, tuple[Any, Any]]:
    found = sheet.difference(rules(profession, on=before), rules(profession, on=after))
    assert json.loads(json.dumps(found)) == found
    assert "Fraction(" not in sheet.difference_text(found)
    return {change["name"]: (change["before"], change["after"]) for change in found["changes"]}


def test_what_changed_between_two_texts() -> None:
    found = changed(MK, date(2019, 6, 1), date(2025, 6, 6))
    assert found["zoning.classes.tres_sous_dotee"] == ("17/250", "3/20")
    assert found["zoning.classes.tres_dotee"] == ("49/500", None)
    assert found["zoning.rest"] == ("sur_dotee", "non_prioritaire")
    assert found["aggregation.weight"] == ("population", "population_standardisee")
    assert found["decay.below 15 minutes"] == (UNKNOWN, "2/3")
    assert found["supply.oldest_age"] == (UNKNOWN, 65)
    assert found["shares.regions.93"] == (None, ["1/250", "1/100", "29/100"])
    assert found["adaptation.regimes.zones_echange_2018.stable"] == ("sous_dotee, sur_dotee", None)
    margin = "adaptation.regimes.article_v_2024.sous_dotee → tres_sous_dotee"
    assert found[margin] == (None, "at most 2.5 % of the regional population, lowest first")
    assert not {"decay", "supply", "territory.unit", "demand.sex"} & found.keys()
    order = list(dict.fromkeys(name.partition(".")[0] for name in found))
    assert order == [name for name in sheet.BLOCKS if name in order]


def test_what_changed_where_a_side_is_unknown_or_absent() -> None:
    found = changed("medecin_generaliste", date(2018, 1, 1), date(2026, 1, 1))
    assert found["zoning.classes.vivier"] == ("4", UNKNOWN)
    assert "decay" not in found, "unknown before and after"
    found = changed(DENSITY, date(2019, 1, 1), date(2024, 1, 1))
    assert found["zoning.printed.sous_dotee"] == ("16", UNKNOWN)
    assert not any(name.startswith(("decay", "aggregation")) for name in found)
    found = changed("infirmier", date(2021, 1, 1), date(2026, 1, 1))
    assert found == {}
    one, other = (rules(name, on=date(2019, 1, 1)) for name in (DENSITY, MK))
    told = {c["name"]: c for c in sheet.difference(one, other)["changes"]}
    assert (told["decay"]["before"], told["decay"]["after"]) == (None, UNKNOWN)
    assert told["decay"]["cite_before"] == ""
    same = sheet.difference(one, one)
    assert sheet.difference_text(same).endswith("Nothing changed.")


def test_a_regime_s_changes_stand_beside_its_own_document() -> None:
    found = sheet.difference(rules(MK, on=date(2019, 1, 1)), MODEL)["changes"]
    cites = {change["cite_after"] for change in found if ".guide_paca_2025." in change["name"]}
    assert cites == {MODEL.adaptation.regimes[1].cite} != {MODEL.citations["adaptation"].cite}
