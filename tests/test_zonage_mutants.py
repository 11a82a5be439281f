"""Which table a file of zones is: `apl/regions/zonage.py` (`tests/MUTATION.md`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from apl.regions.zonage import read_zones
from apl_core import TableError

ZONES = {
    "code_bvcv": "01004", "code_region": "84", "apl": "2.5", "population": "9",
    "zone_nationale": "sous_dotee", "zone": "sous_dotee", "motif": "", "article": "",
}  # fmt: skip


@pytest.mark.parametrize("wrong", [{"apl": "-1"}, {"apl": None}, {"zone": None}, {"motif": None}])
def test_a_zonage_with_another_fault_is_not_read_as_a_bvcv(
    wrong: dict[str, str | None], tmp_path: Path
) -> None:
    path = tmp_path / "zones.csv"
    row = {name: cell for name, cell in (ZONES | wrong).items() if cell is not None}
    path.write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding="utf-8")
    with pytest.raises(TableError) as refused:
        read_zones(path)
    assert refused.value.table == f"zonage ({path})"
    assert {fault.column for fault in refused.value.faults} == set(wrong)
