"""A small sound scene, what spoils it, and how the program must then leave."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apl.__main__ import main
from apl.catalogue import catalogue

LAW = ("--profession", "masseur_kinesitherapeute", "--on", "2025-06-06")
COMMUNES, TIMES = "communes", "temps_de_parcours"
STANDARD, OFFRE = "population_standardisee", "offre"
AGES, FEES, PEOPLE = "population_par_age", "consommation_par_age", "professionnels"
SOUND = {
    COMMUNES: "code_commune,code_departement,code_region,population,code_bvcv\n"
    "01001,01,84,400,01001\n01002,01,84,900,01001\n01004,01,84,700,01004\n",
    TIMES: "origine,destination,minutes\n01001,01001,0\n01001,01002,12.5\n"
    "01002,01001,12.5\n01002,01002,0\n01004,01004,0\n01004,01001,14\n",
    STANDARD: "code_commune,population_standardisee\n01001,400\n01002,900\n01004,700\n",
    OFFRE: "code_commune,etp\n01001,1\n01002,0\n01004,2\n",
}
BY_AGE = {
    AGES: "code_commune,age,population\n01001,0,300\n01001,65,100\n"
    "01002,0,900\n01004,0,600\n01004,65,100\n",
    FEES: "age,honoraires_par_habitant\n0,40\n65,200\n",
    PEOPLE: "identifiant,code_commune,age,actes,honoraires,installe_dans_l_annee\n"
    "p1,01001,45,3783,69500,non\np2,01004,50,9000,165000,non\n",
}


@dataclass(frozen=True)
class Left:
    """How the program left: exit code, and what it said."""

    code: int
    output: str
    errors: str

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output)
        return found


@dataclass(frozen=True)
class Scene:
    """A folder of tables that passes every gate, until it is spoilt."""

    place: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def source(self) -> Path:
        return self.place / "input"

    @property
    def out(self) -> Path:
        return self.place / "out"

    def table(self, name: str, suffix: str = "csv") -> Path:
        return self.source / f"{name}.{suffix}"

    def by_age(self) -> Scene:
        """With tables by age and by professional in place of the sums."""
        for name in (STANDARD, OFFRE):
            self.table(name).unlink()
        for name, text in BY_AGE.items():
            self.table(name).write_text(text)
        return self

    def edit(self, name: str, old: str, new: str) -> Scene:
        text = self.table(name).read_text()
        assert old in text
        self.table(name).write_text(text.replace(old, new, 1))
        return self

    def write(self, name: str, data: str | bytes, *, instead: bool = True) -> Path:
        """A file of the folder in place of the CSV of that table."""
        if instead:
            self.table(name.partition(".")[0]).unlink()
        path = self.source / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def apl(self, *arguments: object) -> Left:
        """The program, in this process."""
        self.monkeypatch.setattr(sys, "argv", ["apl", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Left(ended.value.code, said.out, said.err)

    def run(self, *options: object, law: Sequence[str] = LAW) -> Left:
        return self.apl("run", self.source, *law, "--out", self.out, "--json", *options)

    def refused(
        self,
        fault: str,
        *options: object,
        code: int = 3,
        arguments: Sequence[object] | None = None,
        law: Sequence[str] = LAW,
        **expected: Any,
    ) -> dict[str, Any]:
        """The run is refused for that fault, told in full; inputs and output stay as they were."""
        before = digest(self.place)
        left = self.run(*options, law=law) if arguments is None else self.apl(*arguments)
        assert left.code == code, left.errors
        assert "Traceback" not in left.errors
        assert f"exit {code}: " in left.errors
        if left.told["list"]:
            assert code in (3, 8)
            Path(left.told["list"]).unlink()
        assert digest(self.place) == before, "something was written, or an input changed"
        found = [one for one in left.told["faults"] if one["fault"] == fault]
        assert found, [one["fault"] for one in left.told["faults"]]
        told = found[0]
        for key, value in expected.items():
            assert told[key] == value, (key, told[key])
        place = [told["table"], told["column"], *(f"{row:,}" for row in told["rows"])]
        for words in (fault, told["title"], told["why"], told["mend"], *place, *told["values"]):
            assert words is None or words in left.errors
        assert told["why"]
        assert told["mend"]
        return dict(told)

    def noticed(self, fault: str, *options: object) -> str:
        """A run passes and says so; under --strict it is refused, or passes what is handled."""
        left = self.run(*options)
        assert left.code == 0, left.errors
        said = [one for one in left.told["noticed"] if one["fault"] == fault]
        assert said, left.told["noticed"]
        manifest = json.loads((self.out / "manifeste.json").read_text(encoding="utf-8"))
        assert said[0] in manifest["noticed"]
        for path in self.out.iterdir():
            path.unlink()
        self.out.rmdir()
        if catalogue()[fault].severity == "notice":
            told = self.refused(fault, *options, "--strict")
            assert told["why"] == said[0]["text"]
        return str(said[0]["text"])

    def listed(self) -> list[dict[str, str]]:
        """The full list that a refused run left."""
        with (self.place / "out.faults.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def digest(folder: Path) -> dict[str, str]:
    """Every file under a folder, by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
