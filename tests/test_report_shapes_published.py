"""Shapes of maps on the outlines of 2024: another year than the communes', cities as one."""

from __future__ import annotations

import pytest
from scenes import LAW
from shared import DATA, needs_data

from apl import bvcv
from apl_core.tables import read_table

pytest.importorskip("shapely", reason="the extra report is not installed: shapely")

from apl.report.shapes import shapes_of


@needs_data
def test_real_outlines_of_another_year_and_the_cities() -> None:
    folder = DATA / "geography"
    tables = read_table(folder / "communes_geographie_2023.csv", "geographie")
    people = DATA / "population" / "population_municipale_geographie_2023.csv"
    year = {"population": "population_2020"}
    counted = read_table(people, "population_municipale", choose=year)
    communes = bvcv.build(tables, counted, LAW).communes
    found = shapes_of(communes, folder / "communes_2024_simplifiees.geojson.gz", None)
    assert found.without_shape == ()
    assert len(found.communes_without) == 13  # merged on 1 January 2024
    assert found.schematic == ("13055", "69123", "75056")
    assert len({unit for unit, _ in found.pieces.keys}) == 2878
    here = found.region("93")
    assert len(here.bvcv) == 169  # 167 that it classifies, two that others do
    assert sum(map(len, (*here.bvcv.values(), *here.region.values()))) < 400_000
