"""Faults for others than the producer: rows, and nothing of a person."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.faulty import LAW, PEOPLE, Scene

HEADER = "identifiant,code_commune,age,actes,honoraires,installe_dans_l_annee"
PERSON = ("QX77", "01001", "45", "3783.25", "69555.5", "non")
OF_A_PERSON = ("QX77", "45", "3783.25", "69555.5", "QX88", "-77123", "oops77", "88.5x")

SPOILT = {
    "negative acts": ["QX88", "01001", "45", "-77123", "69555.5", "non"],
    "not a number": ["QX88", "01001", "45", "3783.25", "88.5x", "non"],
    "not a truth": ["QX88", "01001", "45", "3783.25", "69555.5", "oops77"],
    "given twice": list(PERSON),
    "two ages": ["QX77", "01004", "46", "3783.25", "69555.5", "non"],
    "a ragged row": ["QX88", "01001", "45", "3783.25", "69555.5"],
    "no identifier": ["", "01001", "45", "3783.25", "69555.5", "non"],
    "a control character": ["QX88\x07", "01001", "45", "3783.25", "69555.5", "non"],
    "another place": ["QX88", "99999", "45", "3783.25", "69555.5", "non"],
    "no place": ["QX77", "QX88", "45", "3783.25", "69555.5", "non"],
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("spoilt", SPOILT)
def test_nothing_of_a_person_is_told(spoilt: str, command: str, scene: Scene) -> None:
    rows = [HEADER, ",".join(PERSON), ",".join(SPOILT[spoilt])]
    scene.by_age().table(PEOPLE).write_text("\n".join(rows) + "\n", encoding="utf-8")
    asked = [command, scene.source, *LAW, "--out", scene.out, "--json"]
    plain, discreet = scene.apl(*asked), scene.apl(*asked, "--for-others")
    listed = scene.out.with_name("out.faults.csv").read_text(encoding="utf-8")
    assert (discreet.code, plain.code) == (3, 3)
    if "code_commune" not in {fault["column"] for fault in plain.told["faults"]}:
        assert any(value in plain.output for value in OF_A_PERSON) or spoilt == "no identifier"
    for value in OF_A_PERSON:
        assert value not in discreet.output + discreet.errors + listed
    seen = [(fault["fault"], fault["rows"]) for fault in plain.told["faults"]]
    assert [(fault["fault"], fault["rows"]) for fault in discreet.told["faults"]] == seen


def test_a_file_without_a_header_tells_nobody_either(scene: Scene) -> None:
    """Its first person stands where the message has the header that was found."""
    scene.by_age().table(PEOPLE).write_text(",".join(PERSON) + "\n", encoding="utf-8")
    asked = ["run", scene.source, *LAW, "--out", scene.out, "--json"]
    plain, discreet = scene.apl(*asked), scene.apl(*asked, "--for-others")
    assert (discreet.code, plain.code) == (3, 3)
    assert "QX77" in plain.output
    assert "headers found: (withheld)" in discreet.output
    for value in ("QX77", "3783.25", "69555.5"):
        assert value not in discreet.output + discreet.errors


def test_a_cell_that_a_message_quotes_is_not_told(scene: Scene) -> None:
    """Of a Parquet file, whose reader says what it could not take for a number."""
    columns = dict(zip(HEADER.split(","), [[cell] for cell in PERSON], strict=True))
    table = pa.table({**columns, "actes": ["8x8.5"], "age": [45]})
    scene.by_age().table(PEOPLE).unlink()
    pq.write_table(table, scene.table(PEOPLE, "parquet"))
    left = scene.apl("run", scene.source, *LAW, "--out", scene.out, "--json", "--for-others")
    assert left.code == 3
    assert "8x8.5" not in left.output + left.errors
