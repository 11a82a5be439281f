"""Family B: the form of text files. One test a fault, named after it."""

from __future__ import annotations

import openpyxl
from faults.faulty import LAW, OFFRE, PEOPLE, SOUND, Scene


def test_apl_b01_separator_that_is_not_recognised(scene: Scene) -> None:
    scene.write("offre.csv", SOUND[OFFRE].replace(",", "|"))
    told = scene.refused("APL-B01", column="code_commune", values=["code_commune|etp"])
    assert "'|'" in told["mend"]


def test_apl_b02_decimal_commas(scene: Scene) -> None:
    scene.write("offre.csv", SOUND[OFFRE].replace(",", ";").replace(";1", ";1,5"))
    assert "decimal commas" in scene.noticed("APL-B02")
    scene.write("offre.csv", "code_commune;etp\n01001;1,5\n01002;0\n01004;2.5\n")
    scene.refused("APL-B02", column="etp", rows=[1, 3], values=["1,5", "2.5"])


def test_apl_b03_not_utf8(scene: Scene) -> None:
    scene.write("offre.csv", (SOUND[OFFRE] + "été,1\n").encode("cp1252"))
    told = scene.refused("APL-B03", values=["été,1"])
    assert "line 5" in told["why"]


def test_apl_b04_byte_order_mark(scene: Scene) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        scene.write("offre.csv", SOUND[OFFRE].encode(encoding))
        assert scene.run("--overwrite").code == 0


def test_apl_b05_codes_that_became_numbers(scene: Scene) -> None:
    scene.edit(OFFRE, "01002", "1002.0")
    scene.refused("APL-B05", column="code_commune", rows=[2], values=["1002.0"])


def test_apl_b06_codes_in_scientific_notation(scene: Scene) -> None:
    scene.edit(OFFRE, "01002", "2.0E+04")
    scene.refused("APL-B06", column="code_commune", rows=[2], values=["2.0E+04"])


def test_apl_b07_two_columns_of_one_name(scene: Scene) -> None:
    scene.write("offre.csv", "code_commune,etp,etp\n01001,1,1\n01002,0,0\n01004,2,2\n")
    scene.refused("APL-B07", column="etp", values=["etp"])


def test_apl_b08_column_that_is_missing(scene: Scene) -> None:
    """Each required column of each table in turn."""
    for name, text in SOUND.items():
        for column in text.partition("\n")[0].split(","):
            scene.table(name).write_text(text.replace(column, "other", 1))
            told = scene.refused("APL-B08", column=column)
            assert "other" in told["why"]
        scene.table(name).write_text(text)


def test_apl_b09_row_of_another_length(scene: Scene) -> None:
    scene.edit(OFFRE, "01002,0", "01002,0,7")
    scene.refused("APL-B09", rows=[2], values=["01002,0,7"])


def test_apl_b10_spaces_in_numbers(scene: Scene) -> None:
    for space in (" ", "\u00a0", "\u202f"):
        scene.table(OFFRE).write_text(SOUND[OFFRE].replace("01004,2", f"01004,1{space}002"))
        assert "spaces in numbers" in scene.noticed("APL-B10")


def test_apl_b11_control_character(scene: Scene) -> None:
    scene.edit(OFFRE, "01002", "01\x0002")
    told = scene.refused("APL-B11", column="code_commune", rows=[2])
    assert "U+0000" in told["why"]
    scene.table(OFFRE).write_text(SOUND[OFFRE].replace("01004,2", "01004,2\x00"))
    scene.refused("APL-B11", column="etp", rows=[3])
    scene.by_age().edit(PEOPLE, "p1", "p\x001")
    scene.refused("APL-B11", column="identifiant", rows=[1])


def test_apl_b12_total_among_the_rows(scene: Scene) -> None:
    scene.table(OFFRE).write_text(SOUND[OFFRE] + "France entière,3\n")
    scene.refused("APL-B12", column="code_commune", rows=[4], values=["France entière"])


def test_apl_b12_note_alone_under_a_text_file(scene: Scene) -> None:
    for note in ("Source : INSEE", "TOTAL"):
        scene.table(OFFRE).write_text(f"{SOUND[OFFRE]}{note}\n")
        scene.refused("APL-B12", rows=[4], values=[note])
    scene.table(OFFRE).write_text(f"{SOUND[OFFRE]}Source : INSEE\n01005,2,3\n")
    scene.refused("APL-B09", rows=[4, 5])


def test_apl_b12_note_under_the_table_of_a_workbook(scene: Scene) -> None:
    book = openpyxl.Workbook()
    for line in (*SOUND[OFFRE].split(), "Source : nobody"):
        book.active.append(line.split(","))
    book.save(scene.write("offre.xlsx", b""))
    assert "rows [5]" in scene.noticed("APL-B12", "--json")


def test_apl_b13_several_columns(scene: Scene) -> None:
    names = ("APL aux infirmiers", "APL aux infirmières")
    published = scene.place / "published.csv"
    published.write_text(f"code_commune,{','.join(names)},population_standardisee\n01001,1,1,1\n")
    asked = ["zone", published, scene.table("communes"), *LAW, "--out", scene.out, "--json"]
    scene.refused("APL-B13", arguments=asked, column="apl", values=[*names])


def test_apl_b14_columns_that_no_schema_names(scene: Scene) -> None:
    scene.write("offre.csv", "code_commune,etp,note\n01001,1,a\n01002,0,b\n01004,2,c\n")
    assert scene.noticed("APL-B14") == "offre: columns ignored: note"


def test_apl_b15_rows_above_the_header(scene: Scene) -> None:
    """A header that is damaged, and a second one further down: what lies between is data."""
    text = SOUND[OFFRE]
    scene.write("offre.csv", text.replace("code_commune", "mune") + text)
    told = scene.refused("APL-B15", values=["01001,1", "01002,0", "01004,2"])
    assert "header" in told["mend"]
    scene.write("offre.csv", f"Offre,2024\n(commune),ETP\nSource : Insee 2024,\n{text}")
    assert "3 lines above" in scene.noticed("APL-A09")
