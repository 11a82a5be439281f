"""What the page of 2024 quotes and prints, held against the texts themselves."""

from __future__ import annotations

import csv
import re
import unicodedata
from datetime import date
from fractions import Fraction

import pytest
from shared import DATA, needs

from apl.blocks import PARSERS
from apl.law import law_page, rules

MK = "masseur_kinesitherapeute"
ON = date(2025, 6, 6)
SEEDS = DATA.parent / "seeds"


def plain(text: str) -> str:
    """Without what typesetting changes: apostrophes, cut words, spaces, the dashes of lists."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("– ", "")
    text = re.sub(r"(?<=\w)-\s+(?=\w)", "-", text)
    return re.sub(r"\s+", " ", text).strip()


def arrete() -> str:
    """The text of the arrêté of 20 March 2024, found by its NOR."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt")))
    return plain(next(text for text in texts if "NOR : TSSH2408601A" in text))


def guide() -> str:
    """The guide of the regional agency of Provence-Alpes-Côte d'Azur, found by its words."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt")))
    return plain(next(text for text in texts if "marge de manœuvre" in text))


def stands(quote: str, text: str) -> None:
    """Each piece of a quote stands in the text, after the one before it."""
    pieces, at = [plain(piece) for piece in quote.split("[…]")], 0
    assert all(pieces[:1])
    for piece in filter(None, (piece.strip(" .") for piece in pieces)):
        found = text.find(piece, at)
        assert found >= 0, f"not in the text, or not after what is quoted before it: {piece}"
        at = found + len(piece)


@needs(SEEDS)
@pytest.mark.parametrize("block", sorted(PARSERS))
def test_each_quote_stands_in_the_text_in_its_order(block: str) -> None:
    cited = law_page(MK)[-1].citations[block]
    assert cited.reported == ""
    stands(cited.quote, arrete())


@needs(SEEDS)
def test_the_quote_of_each_regime_stands_in_its_own_document() -> None:
    own, other = rules(MK, on=ON).adaptation.regimes
    stands(own.quote, arrete())
    stands(other.quote, guide())
    for move in other.moves:  # « … » in the cites are words of the guide
        for words in re.findall("« (.*?) »", f"{move.cite} {other.margin_cite}"):
            stands(words, guide())
    with pytest.raises(AssertionError):
        stands(other.quote, arrete())


REGIONS_VI = {
    "84": "Auvergne-Rhône-Alpes", "27": "Bourgogne-Franche-Comté", "53": "Bretagne",
    "24": "Centre-Val de Loire", "94": "Corse", "44": "Grand-Est", "01": "Guadeloupe",
    "03": "Guyane", "32": "Hauts-de-France", "11": "Ile-de-France", "04": "La Réunion",
    "02": "Martinique", "06": "Mayotte", "28": "Normandie", "75": "Nouvelle-Aquitaine",
    "76": "Occitanie", "52": "Pays de la Loire", "93": "Provence-Alpes-Côte d'Azur",
    "FR": "France entière",
}  # fmt: skip


@needs(SEEDS)
def test_the_shares_are_those_of_the_table_in_the_text() -> None:
    table = arrete()
    table = table[table.index("Région Catégorie") : table.index("VII.")]
    figure = r" ([\d,]+) % "
    shares = rules(MK, on=ON).shares
    assert shares is not None
    assert shares.regions.keys() == REGIONS_VI.keys()
    for code, name in REGIONS_VI.items():
        # a page break may put the table's heading once more between a region and its rows
        row = re.search(rf"{name}\s.*?Très sous dotée{figure}.*?Sous dotée{figure}"
                        rf"Intermédiaire{figure}", table)  # fmt: skip
        assert row, name
        printed = tuple(Fraction(part.replace(",", ".")) / 100 for part in row.groups())
        assert printed == shares.regions[code], name
        assert all((part / shares.unit).denominator == 1 for part in printed)


@needs(DATA)
def test_the_shares_are_those_of_the_official_table() -> None:
    shares = rules(MK, on=ON).shares
    assert shares is not None
    with (DATA / "official" / "table_vi_arrete_2024.csv").open(encoding="utf-8") as file:
        rows = {row.pop("code_region"): row for row in csv.DictReader(file)}
    zones = [zone for zone, _ in rules(MK, on=ON).zoning.classes]
    assert shares.regions == {
        code: tuple(Fraction(row[zone]) / 100 for zone in zones) for code, row in rows.items()
    }


@needs(SEEDS)
def test_the_title_and_the_number_are_the_text_s() -> None:
    version = law_page(MK)[-1]
    title = plain(version.text).replace("1° de", "1o de")
    assert title in arrete()
    assert f"NOR : {version.nor}" in arrete()
    assert "Fait le 20 mars 2024" in arrete()
    assert version.signed == date(2024, 3, 20)
    before = law_page(MK)[0]  # its title stands in the text that amends it
    assert plain(before.text).replace("1° de", "1o de").replace("Arrêté", "arrêté") in arrete()
