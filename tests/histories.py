"""Movements of communes to try vintages on, told as INSEE does, and any made-up history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from apl.cog import History
from apl.conversion import converted
from apl_core import Fault, TableError
from apl_core.tables import checked

Row = tuple[int, str, str | None, str | None, str, str]  # MOD, day, type, code, type, code
YEAR = {year: date(year, 1, 1) for year in range(2015, 2026)}


def movements(*rows: Row) -> pa.Table:
    mod, days, *sides = zip(*rows, strict=True) if rows else ((),) * 6
    names = ("type_avant", "code_avant", "type_apres", "code_apres")
    texts = {name: pa.array(side, pa.string()) for name, side in zip(names, sides, strict=True)}
    columns = {"mod": pa.array(mod, pa.int64()), "date_effet": pa.array(days, pa.string())}
    return checked(pa.table(columns | texts), "mouvements")


def merger(day: str, into: str, *others: str, mod: int = 32) -> list[Row]:
    """As INSEE writes a commune nouvelle: every commune, that of the seat too, and their parts."""
    rows: list[Row] = [(mod, day, "COM", code, "COM", into) for code in (into, *others)]
    part = {32: "COMD", 33: "COMA"}.get(mod)
    return rows + [(mod, day, "COM", code, part, code) for code in others if part]


def change(day: str, old: str, new: str) -> list[Row]:
    return [(41, day, "COM", old, "COM", new)]


def split(day: str, old: str, new: str) -> list[Row]:
    rows: list[Row] = [(21, day, "COM", old, "COM", code) for code in (old, new)]
    return [*rows, (21, day, "COMD", new, "COM", new)]


# 2019: 01002 merges into 01001; 2021: 01003 becomes 69003; 2023: 01004 and 01005 into 01006;
# 2024: 01001 is split, 01002 comes back
TOLD = movements(
    (10, "2015-06-01", "COM", "01001", "COM", "01001"),
    *merger("2019-01-01", "01001", "01002"), *change("2021-01-01", "01003", "69003"),
    *merger("2023-01-01", "01006", "01004", "01005", mod=31),
    *split("2024-01-01", "01001", "01002"),
)  # fmt: skip
HISTORY = History.of(TOLD)
FULL = {
    2018: ["01001", "01002", "01003", "01004", "01005", "01006", "01009"],
    2020: ["01001", "01003", "01004", "01005", "01006", "01009"],
    2022: ["01001", "01004", "01005", "01006", "01009", "69003"],
    2023: ["01001", "01006", "01009", "69003"],
    2024: ["01001", "01002", "01006", "01009", "69003"],
}


def offre(values: Mapping[str, float]) -> pa.Table:
    return pa.table({"code_commune": list(values), "etp": pa.array(values.values(), pa.float64())})


def brought(table: pa.Table, name: str, year: int, **how: Any) -> pa.Table:
    return converted(table, name, to=YEAR[year], **{"movements": HISTORY} | how)


def refused(table: pa.Table, name: str, year: int, **how: Any) -> Fault:
    with pytest.raises(TableError) as caught:
        brought(table, name, year, **how)
    (fault,) = caught.value.faults
    return fault


# --- any history ---------------------------------------------------------------------------------


@dataclass
class World:
    """A made-up history, told as INSEE does, and who is where: the truth it is held against."""

    rows: list[Row] = field(default_factory=list)
    lists: dict[int, set[str]] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)  # first code → code now


CODES = [f"01{number:03d}" for number in range(1, 13)]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World(home={code: code for code in CODES[:8]})
    now, spare = set(CODES[:8]), CODES[8:]
    world.lists[2015] = set(now)
    world.rows.append((10, "2015-03-01", "COM", "01001", "COM", "01001"))
    for year in range(2016, 2021):
        busy: set[str] = set()  # one event a commune and day, as INSEE has it but for a few
        for _ in range(draw(st.integers(0, 2))):
            free = sorted(now - busy)
            if len(free) < 2:
                break
            one, other = draw(st.lists(st.sampled_from(free), min_size=2, max_size=2, unique=True))
            day = f"{year}-01-01"
            if draw(st.booleans()) or not spare:
                world.rows += merger(day, one, other, mod=draw(st.sampled_from([31, 32, 33])))
                old, new = other, one
            else:
                old, new = other, spare.pop()
                world.rows += change(day, old, new)
                now.add(new)
            now.discard(old)
            busy |= {one, other, new}
            world.home = {first: new if at == old else at for first, at in world.home.items()}
        world.lists[year] = set(now)
    return world
