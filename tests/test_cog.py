"""Of which year a list of codes is, and which of its codes are of another."""

from __future__ import annotations

import pytest
from histories import (
    FULL,
    HISTORY,
    YEAR,
    change,
    merger,
    movements,
    offre,
    refused,
    split,
)

from apl.cog import History, aliens, apart, faults, recognised
from apl_core import TableError

# --- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize("year", FULL)
def test_a_whole_list_is_recognised_by_its_year(year: int) -> None:
    fits = {fit.year: fit for fit in HISTORY.fits(FULL[year])}
    assert (fits[year].matched, fits[year].listed) == (len(FULL[year]),) * 2
    assert fits[year].absent == 0
    assert not [fit for fit in fits.values() if fit.whole and not fit.absent and
                any(HISTORY.stands(c, YEAR[fit.year]) != HISTORY.stands(c, YEAR[year])
                    for c in HISTORY.spans)]  # fmt: skip
    assert not aliens(FULL[year], YEAR[year], HISTORY)
    assert not list(faults(FULL[year], "communes", "code_commune", HISTORY))


def test_a_list_of_some_communes_is_of_the_year_with_fewest_others_or_of_its_folder_s() -> None:
    assert recognised(["01001", "01009"], HISTORY).year == 2023  # the latest of equals
    assert recognised(["01001", "01009"], HISTORY, beside=2020).year == 2020
    assert recognised(["01004"], HISTORY, beside=2023).year == 2022  # 2023 does not have it
    assert recognised(["01009"], HISTORY).whole  # no movement names it


def test_a_code_passed_through_on_one_day_was_no_commune_s() -> None:
    """Pont-Farcy changed département and merged on one day; two communes exchanged their codes."""
    day = "2018-01-01"
    chain = History.of(movements(*change(day, "14513", "50649"), *merger(day, "50592", "50649")))
    assert "50649" not in chain.spans
    assert chain.spans["14513"] == (("", day),)
    there_and_back = History.of(
        movements(*change("2021-01-01", "27676", "27058"), *change("2023-01-01", "27058", "27676"))
    )
    assert [there_and_back.stands("27676", YEAR[y]) for y in (2020, 2021, 2022, 2023)] == [
        True, False, False, True]  # fmt: skip
    both = History.of(movements(*change(day, "01001", "01002"), *change(day, "01002", "01001")))
    assert all(both.stands(code, YEAR[y]) for code in ("01001", "01002") for y in (2017, 2018))


def test_a_commune_created_from_none_and_one_suppressed() -> None:
    history = History.of(movements(
        (20, "2018-01-01", None, None, "COM", "01008"),
        (30, "2020-01-01", "COM", "01007", "COM", "01001"),
        (30, "2020-01-01", "COM", "01007", "COM", "01008"),
    ))  # fmt: skip
    assert [history.stands("01008", YEAR[y]) for y in (2017, 2018, 2020)] == [False, True, True]
    assert [history.stands("01007", YEAR[y]) for y in (2019, 2020)] == [True, False]


def test_movements_without_a_row_tell_no_year() -> None:
    with pytest.raises(TableError) as caught:
        History.of(movements())
    assert caught.value.fault == "APL-C02"


# --- codes of another year -----------------------------------------------------------------------


def test_apl_c03_codes_of_two_years_in_one_table() -> None:
    mixed = offre(dict.fromkeys([*FULL[2024], "01003", "01004"], 1.0))
    fault = refused(mixed, "offre", 2024)
    assert fault.values == (
        "01003 (until 2020-12-31, then 69003)", "01004 (until 2022-12-31, then 01006)",
    )  # fmt: skip
    assert "2024 (71.43 %)" in fault.why
    assert "has 2 of the 2 that 2024 lacks" in fault.why
    assert (fault.table, fault.column, fault.count) == ("offre", "code_commune", 2)


def test_apl_c02_codes_that_the_declared_year_does_not_have() -> None:
    fault = refused(offre(dict.fromkeys(FULL[2022], 1.0)), "offre", 2024, since=YEAR[2023])
    assert (fault.fault, fault.count) == ("APL-C02", 2)
    assert "2022 (100.00 %)" in fault.why


def test_a_successor_that_was_split_is_told() -> None:
    assert HISTORY.told("01002", YEAR[2023]) == "01002 (until 2018-12-31, then 01001)"
    history = History.of(movements(*merger("2019-01-01", "01001", "01003"),
                                   *split("2020-01-01", "01001", "01004")))  # fmt: skip
    assert history.told("01003", YEAR[2021]) == "01003 (until 2018-12-31, then split)"


def test_apl_c08_a_delegated_commune_is_named_with_its_parent() -> None:
    table = offre(dict.fromkeys([*FULL[2022], "01002"], 1.0))
    fault = refused(table, "offre", 2023)
    assert (fault.fault, fault.values) == ("APL-C08", ("01002 (until 2018-12-31, then 01001)",))
    assert "2022-01-01 they are parts of another commune" in fault.why
    ended = History.of(movements(*merger("2019-01-01", "01001", "01002"),
                                 (35, "2022-01-01", "COMD", "01002", "COM", "01001")))  # fmt: skip
    assert [ended.is_part("01002", YEAR[y]) for y in (2018, 2019, 2021, 2022)] == [
        False, True, True, False]  # fmt: skip


def test_a_year_that_the_movements_do_not_cover_is_refused() -> None:
    fault = refused(offre({"01001": 1.0}), "offre", 2025)
    assert (fault.fault, fault.table) == ("APL-C02", "mouvements")
    assert "2024-01-01" in fault.why


def test_apl_c14_two_vintages_name_both_lists() -> None:
    assert not list(apart(("population_standardisee", FULL[2022]), FULL[2022]))
    assert not list(apart(("population_standardisee", FULL[2023]), FULL[2022]))  # lacks, no more
    assert not list(apart(("population_standardisee", ["01001", "01003"]), ["01001", "01002"]))
    (fault,) = apart(("population_standardisee", FULL[2018]), FULL[2022], HISTORY)
    assert fault.fault == "APL-C14"
    assert fault.why == (
        "only in population_standardisee (codes of 2018): 01002, 01003; "
        "only in communes (codes of 2022): 69003"
    )
