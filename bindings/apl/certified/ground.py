"""The ground that claims stand on: a folder of published data, each file read once."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.aggregation import aggregate
from apl.bvcv import Built, build
from apl.law import Rules, rules
from apl.outputs import sha256
from apl.regions.table_vi import municipal_populations
from apl.zoning import Ranking, rank
from apl_core import Fault, FileError
from apl_core.errors import refuse_lacking
from apl_core.tables import read_table
from apl_core.territory import column_values

F64 = NDArray[np.float64]
T = TypeVar("T")
GEOGRAPHY = "geography/communes_geographie_2023.csv"
OLD_GEOGRAPHY = "geography/communes_geographie_2022.csv"
MOVEMENTS = "geography/mvtcommune_2024.csv.gz"
PERSONS = "population/population_municipale_geographie_2023.csv"
APL_2022 = "published/apl_mk_2022.csv"
TABLE_VI, PACA = "official/table_vi_arrete_2024.csv", "official/paca_2025.csv"
FRAMES = "official/national_frames_2018_2020.csv"
CASES = "cases/index.json"
WORKBOOKS = {
    "masseur_kinesitherapeute": "published/APL_mk_2021.xlsx",
    "infirmier": "published/APL_inf_2021.xlsx",
    "sage_femme": "published/APL_sf_2021.xlsx",
    "chirurgien_dentiste": "published/APL_cd_2021.xlsx",
    "medecin_generaliste": "published/APL_mg_2021.xlsx",
}
MK = "masseur_kinesitherapeute"
ZONING_DAY = date(2025, 6, 6)  # of the agency of region 93
MAYOTTE = "06"  # it has inhabitants, and no published APL


@dataclass(frozen=True)
class Published:
    """What a workbook says of the communes that have an APL (float64, one row a commune)."""

    codes: pa.Array
    apl: F64
    standard: F64
    persons: F64


@dataclass(frozen=True)
class Ground:
    """A folder of published data.

    Parameters
    ----------
    folder : Path
        As the data folder is laid out; worked cases of others in ``cases/``, in it or beside it.
    """

    folder: Path
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    _used: dict[str, Path] = field(default_factory=dict, repr=False, compare=False)

    def path(self, name: str) -> Path:
        """Where a file of the ground lies."""
        beside = name.startswith("cases/") and not (self.folder / "cases").is_dir()
        return (self.folder.parent if beside else self.folder) / name

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return self.path(name).is_file()

    def used(self, name: str) -> Path:
        """The path of a file, which from now on is one of the inputs."""
        self._used[name] = self.path(name)
        return self._used[name]

    def inputs(self) -> list[dict[str, Any]]:
        """Name, size and sha256 of each file that was read, by name."""
        return [
            {"file": name, "bytes": path.stat().st_size, "sha256": sha256(path)}
            for name, path in sorted(self._used.items())
        ]

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What was made under this key, made now if it was not yet."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def table(self, name: str, schema: str, **options: Any) -> pa.Table:
        """A file as a checked table."""
        return self.once((name, schema, tuple(options)), lambda: read_table(
            self.used(name), schema, **options))  # fmt: skip

    def rows(self, name: str, *wanted: str) -> list[dict[str, str]]:
        """A file of the folder that is no table of ours, as text.

        Raises
        ------
        TableError
            A column is missing.
        """
        head, rows = self.once(name, lambda: _text_rows(self.used(name)))
        refuse_lacking(head, name, *wanted)
        return rows

    def json(self, name: str) -> Any:
        """A JSON file of the folder."""
        return self.once(name, lambda: _json(self.used(name)))

    @property
    def law(self) -> Rules:
        """The physiotherapists' text of the zoning that is recomputed."""
        return self.once("law", lambda: rules(MK, on=ZONING_DAY))

    @property
    def mayotte(self) -> dict[str, int]:
        """Its inhabitants, who stand in the lowest class."""
        return {MAYOTTE: municipal_populations()[MAYOTTE]}

    @property
    def units(self) -> Built:
        """Communes in their BVCV: geography 2023, population 2020."""
        return self.once("units", lambda: self.built(self.law))

    def built(self, law: Rules) -> Built:
        """The same under other rules."""
        geography = self.table(GEOGRAPHY, "geographie")
        persons = self.table(PERSONS, "population_municipale", choose={"population": "2020"})
        return build(geography, persons, law)

    @property
    def ranking(self) -> Ranking:
        """The national zones of the APL published for 2022, Mayotte in the lowest class."""
        return self.once("ranking", lambda: self.ranked(self.units.communes))

    def ranked(
        self,
        communes: pa.Table,
        law: Rules | None = None,
        *,
        outside: Mapping[str, int] | None = None,
        published: pa.Table | None = None,
    ) -> Ranking:
        """The national zones under another reading."""
        law = law or self.law
        table = self.table(APL_2022, "apl_publie") if published is None else published
        areas = aggregate(table, communes, law)
        return rank(
            areas, law, territories_without_apl=self.mayotte if outside is None else outside
        )

    def workbook(self, profession: str) -> pa.Table:
        """The APL of 2021 as it was published."""
        return self.table(WORKBOOKS[profession], "apl_publie")

    def published(self, profession: str) -> Published:
        """The communes of a workbook that have an APL."""
        table = self.workbook(profession)
        full = table.filter(pc.is_valid(table.column("apl")))
        codes = full.column("code_commune").cast(pa.string()).combine_chunks()
        names = ("apl", "population_standardisee", "population")
        return Published(codes, *(column_values(full.column(name), np.float64) for name in names))


@dataclass(frozen=True)
class _Head:
    column_names: tuple[str, ...]


def _text_rows(path: Path) -> tuple[_Head, list[dict[str, str]]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            return _Head(tuple(reader.fieldnames or ())), list(reader)
    except (ValueError, EOFError, gzip.BadGzipFile, csv.Error) as error:
        raise _unreadable(path, error) from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> FileError:
    title, mend = "another kind of file than its name says", "fetch the data folder again"
    return FileError([Fault("APL-A07", title, str(error), mend, str(path))])


def fingerprint(inputs: list[dict[str, Any]]) -> str:
    """The sha256 of the list ``sha256  file`` of all inputs, as ``sha256sum`` would print it."""
    lines = (f"{one['sha256']}  {one['file']}\n" for one in inputs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def parts_of(ranking: Ranking) -> dict[str, dict[str, dict[str, Any]]]:
    """``parts_regionales`` by region and zone."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in ranking.parts.to_pylist():
        found.setdefault(row["code_region"], {})[row["zone"]] = row
    return found
