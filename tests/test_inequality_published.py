"""The inequality that DREES published of 2021, from its workbooks."""

from __future__ import annotations

import pytest
from shared import DATA, needs_data, needs_jit

from apl.compared.read import read_side
from apl.equity.inequality import inequality

# tenths: worst to best served (DREES, December 2022); means, FTE or consultations
RATIOS = {"mk": 6.7, "inf": 6.1, "sf": 5.4, "mg": 3.7}
MEANS = {"mk": "111.6", "inf": "156.1", "sf": "19.7", "cd": "59.0", "mg": "3.37"}


@needs_jit
@needs_data
@pytest.mark.parametrize("name", MEANS)
def test_the_published_ratios_and_means_of_2021(name: str) -> None:
    side = read_side(DATA / f"published/APL_{name}_2021.xlsx")
    found = inequality(side.tables["code_commune"][0])
    assert f"{found.mean:.{len(MEANS[name].partition('.')[2])}f}" == MEANS[name]
    assert found.ratio is not None
    assert name not in RATIOS or round(found.ratio, 1) == RATIOS[name]
