"""Faults for others than the producer: rows, and nothing of a person."""

from __future__ import annotations

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
