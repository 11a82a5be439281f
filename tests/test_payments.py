"""What contracts pay: by hand in fractions, against an independent formula, and refusals."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_benefits import MK, ON, PAGE

from apl.aids import benefits as module
from apl.aids.benefits import contract_named, contracts
from apl.aids.page import Contract, load_page
from apl.aids.payments import contract_payments, refund
from apl.aids.sheet import payments_text
from apl_core import RuleError


def euros(found: Any) -> list[Fraction]:
    return [payment.euros for payment in found]


# Payments, by hand


@pytest.mark.parametrize(
    ("acts", "paid"),
    [
        (1000, 15_000), (1001, 15_015), (1499, 22_485), (1500, 22_500), (1999, 29_985),
        (2000, 30_000), (2999, 30_000), (3000, 30_000),
    ],
)  # fmt: skip
def test_the_first_year_of_caccmk(acts: int, paid: int) -> None:
    assert euros(contract_payments("CACCMK", [acts])) == [paid]


@pytest.mark.parametrize(
    ("acts", "of_9000", "of_5000"),
    [
        (1500, Fraction(4500), Fraction(2500)),
        (1501, Fraction(4503), Fraction(7505, 3)),
        (1999, Fraction(5997), Fraction(9995, 3)),
        (2000, Fraction(6000), Fraction(10_000, 3)),
        (2999, Fraction(8997), Fraction(14_995, 3)),
        (3000, Fraction(9000), Fraction(5000)),
        (3001, Fraction(9000), Fraction(5000)),
    ],
)
def test_the_later_years_of_caccmk(acts: int, of_9000: Fraction, of_5000: Fraction) -> None:
    found = contract_payments("CACCMK", [2000, acts, acts, acts])
    assert euros(found) == [30_000, of_9000, of_5000, of_5000]
    assert found.total == 30_000 + of_9000 + 2 * of_5000


def test_each_payment_is_for_the_acts_of_its_own_year() -> None:
    found = contract_payments("CACCMK", [2000, 1500, 3000, 2250, 0])
    assert euros(found) == [30_000, 4_500, 5_000, 3_750]
    assert [(p.year, p.label) for p in found] == [
        (0, "for N"), (2, "for N+1"), (3, "for N+2"), (4, "for N+3"),
    ]  # fmt: skip
    assert [p.due for p in found][:2] == ["at the signature (N)", "in N+2, before 30 April"]
    assert (found[1].printed, found[1].share, len(found)) == (9_000, Fraction(1, 2), 4)
    assert [c.name for c in found.contradictions] == ["creation_minimum"]
    assert {fact.name for fact in found.conditions} == {
        "where", "acts", "share_in_zone", "equipment", "take_over",
    }  # fmt: skip
    assert all(payment.quote in PAGE and "partie 05" in payment.cite for payment in found)


def test_years_that_are_not_given_are_left_out_by_name() -> None:
    found = contract_payments("CACCMK", [2000, 3000])
    assert euros(found) == [30_000, 9_000]
    assert found.left_out == (
        "in N+3, for N+2: acts not given",
        "in N+4, for N+3: acts not given",
    )
    assert euros(contract_payments("CACCMK")) == []
    assert contract_payments("CACCMK", [2000, 3000, 3000, 3000]).left_out == ()


def test_calendar_years() -> None:
    found = contract_payments("CACCMK", {2027: 3000, 2026: 1500, 2025: 2000})
    assert [(p.year, int(p.euros)) for p in found] == [(2025, 30_000), (2027, 4_500), (2028, 5_000)]
    for years in ({2025: 1, 2027: 1}, {0: 1, 2: 1}):
        with pytest.raises(ValueError, match="follow"):
            contract_payments("CACCMK", years)


def test_caimk_as_printed_carries_its_contradiction() -> None:
    found = contract_payments("CAIMK", [2000, 3000, 3000, 3000])
    assert euros(found) == [5_000, 9_000, 5_000, 5_000]
    assert [c.name for c in found.contradictions] == ["caimk_amount"]
    assert found.contract.euros == found.total + 10_000
    assert found.contract.supplied == ()
    assert "CONTRADICTION caimk_amount" in payments_text(found)


def test_caimk_as_reported_by_other_agencies() -> None:
    found = contract_payments(
        "CAIMK", [1000, 1500, 3000, 3000], readings={"signature": "reported", "scale": "reported"}
    )
    assert euros(found) == [7_500, 4_500, 5_000, 5_000]
    assert found.contract.supplied == ("signature = reported", "scale = reported")
    assert "Normandie" in found[0].note
    assert "supplied by the caller, not law: scale = reported" in payments_text(found)
    whole = contract_payments("CAIMK", [2000] + [3000] * 3, readings={"signature": "reported"})
    assert whole.total == whole.contract.euros == 34_000
    assert [c.name for c in whole.contradictions] == ["caimk_amount"], "stated all the same"


def test_camck_asks_for_no_acts() -> None:
    for acts in ([], [0], [0, 5000, 1]):
        found = contract_payments("CAMCK", acts)
        assert euros(found) == [4_000, 4_000, 4_000]
        assert [p.year for p in found] == [0, 1, 2]
        assert not found.left_out
        assert not found.contradictions
        assert all("not stated" in payment.note for payment in found)


def test_the_first_year_in_full() -> None:
    for acts in ([], [0], [999]):
        found = contract_payments("CACCMK", acts, readings={"first_year": "in_full"})
        assert euros(found) == [30_000]
        assert found.contract.supplied == ("first_year = in_full",)
    assert contract_payments("CACCMK", [1000])[0].note.startswith("when the difference")


ACTS = st.lists(st.integers(0, 9000), min_size=4, max_size=5)


@given(ACTS)
def test_payments_against_an_independent_formula(acts: list[int]) -> None:
    """Below the pro rata, read as linear: euros × min(1, acts / whole)."""
    expected = [
        amount * min(Fraction(1), Fraction(count, 2000 if k == 0 else 3000))
        for k, (amount, count) in enumerate(zip((30_000, 9_000, 5_000, 5_000), acts, strict=False))
    ]
    found = contract_payments("CACCMK", acts, readings={"below": "linear"})
    assert euros(found) == expected
    least = [1000, 1500, 1500, 1500]
    kept = [e if a >= m else 0 for e, a, m in zip(expected, acts, least, strict=False)]
    assert euros(contract_payments("CACCMK", acts, readings={"below": "nothing"})) == kept
    refused = sum(a < m for a, m in zip(acts, least, strict=False))
    if refused:
        with pytest.raises(RuleError) as told:
            contract_payments("CACCMK", acts)
        assert len(told.value.faults) == refused, "all together"
    else:
        assert euros(contract_payments("CACCMK", acts)) == expected


@given(ACTS, st.integers(0, 4), st.integers(1, 4000))
def test_more_acts_never_pay_less_nor_more_than_announced(
    acts: list[int], year: int, more: int
) -> None:
    readings = {"below": "linear"}
    held = contract_payments("CACCMK", acts, readings=readings).total
    acts[min(year, len(acts) - 1)] += more
    assert held <= contract_payments("CACCMK", acts, readings=readings).total <= 49_000


# Refusals


@pytest.mark.parametrize(
    ("contract", "acts", "key"),
    [
        ("CACCMK", [999], "below"), ("CACCMK", [2000, 1499], "below"), ("CACCMK", [0], "below"),
        ("CAIMK", [1999], "scale"), ("CAIMK", [2000, 2999], "scale"),
    ],
)  # fmt: skip
def test_what_is_not_stated_is_refused(contract: str, acts: list[int], key: str) -> None:
    with pytest.raises(RuleError) as refused:
        contract_payments(contract, acts)
    assert (refused.value.exit_code, refused.value.fault) == (4, "APL-F10")
    assert len(refused.value.faults) == 1
    assert f"{key} = " in refused.value.mend
    assert "guide, part 05" in str(refused.value)


def test_under_the_reported_pro_rata_is_refused_too() -> None:
    with pytest.raises(RuleError, match="1,499 acts in year N\\+1"):
        contract_payments("CAIMK", [2000, 1499], readings={"scale": "reported"})


@pytest.mark.parametrize(
    ("contract", "readings", "fault"),
    [
        ("CACCMK", {"blow": "nothing"}, "APL-F01"),
        ("CACCMK", {"below": "none"}, "APL-F10"),
        ("CACCMK", {"below": "unknown"}, "APL-F10"),
        ("CACCMK", {"scale": "reported"}, "APL-F10"),
        ("CACCMK", {"signature": "reported"}, "APL-F10"),
        ("CAIMK", {"scale": "printed"}, "APL-F10"),
        ("CAMCK", {"below": "nothing"}, "APL-F01"),
    ],
)
def test_a_reading_that_does_not_exist(contract: str, readings: dict[str, str], fault: str) -> None:
    with pytest.raises(RuleError) as refused:
        contract_payments(contract, [], readings=readings)
    assert (refused.value.exit_code, refused.value.fault) == (4, fault)


@pytest.mark.parametrize("acts", [[-1], [True], [2000.5], ["2000"], [None], {2025: -1}])
def test_acts_are_whole_numbers(acts: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        contract_payments("CACCMK", acts)


def test_more_years_than_the_contract_lasts() -> None:
    for name, years in (("CACCMK", 6), ("CAIMK", 6), ("CAMCK", 4)):
        with pytest.raises(RuleError, match=f"{years} years"):
            contract_payments(name, [3000] * years)
        contract_payments(name, [3000] * (years - 1))


def test_a_refund_is_in_proportion_to_the_time_left() -> None:
    assert refund("CAIMK", 14_000, years_left=Fraction(5, 2)) == 7_000
    assert refund("CAIMK", 5_000, years_left=Fraction(1, 3)) == Fraction(1000, 3)
    assert refund("CAIMK", 100, years_left=5) == 100
    assert refund("CAIMK", 100, years_left=0) == 0
    for name in ("CACCMK", "CAMCK"):
        with pytest.raises(RuleError, match="given back"):
            refund(name, 30_000, years_left=1)
    assert refund("CACCMK", 30_000, years_left=1, readings={"refund": "time_left"}) == 6_000
    for left in (-1, 6):
        with pytest.raises(ValueError, match="years left"):
            refund("CAIMK", 1, years_left=left)


# The date has no default: a name alone does while there is nothing to choose

LATER = """
[[text]]
name = "later"
title = "A later text"
since = 2027-01-01
reading = "made up"
"""


def two_versions() -> str:
    start = PAGE.index('[[contract]]\nname = "CACCMK"')
    again = PAGE[start : PAGE.index('[[contract]]\nname = "CAIMK"')]
    again = again.replace("guide_paca_2025", "later").replace("euros = 30000", "euros = 31000")
    again = again.replace("euros = 49000", "euros = 50000")
    return PAGE.replace("[measures]", f"{LATER}\n[measures]").replace(
        '[[contract]]\nname = "CAIMK"', f'{again}\n[[contract]]\nname = "CAIMK"'
    )


def test_a_name_alone_while_there_is_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert contract_payments("CACCMK").contract.text.since == ON
    assert contract_named("CACCMK", ON) == contracts(MK, on=ON)["CACCMK"]
    with pytest.raises(RuleError, match="2025-06-06"):
        contract_payments("CACCMK", [2000], on=date(2025, 6, 5))
    with pytest.raises(RuleError, match="2025-06-06"):
        contract_payments(contract_named("CACCMK"), [2000], on=date(2025, 6, 5))
    page = load_page(two_versions(), "aides/test.toml")
    monkeypatch.setattr(module, "page_of", lambda profession: page)
    with pytest.raises(RuleError, match="no default"):
        contract_payments("CACCMK", [2000])
    by_day = {day: contract_payments("CACCMK", [2000], on=day).total for day in (
        date(2025, 6, 6), date(2026, 12, 31), date(2027, 1, 1),
    )}  # fmt: skip
    assert list(by_day.values()) == [30_000, 30_000, 31_000]
    assert contract_payments("CAIMK", [2000]).total == 5_000
    assert contracts(MK, on=date(2027, 1, 1))["CACCMK"].euros == 50_000


def test_an_unknown_contract() -> None:
    with pytest.raises(RuleError) as refused:
        contract_payments("CAMMK")
    assert "CAMCK" in refused.value.mend


def test_nouns_are_frozen() -> None:
    held: Contract = contract_named("CACCMK")
    with pytest.raises(AttributeError):
        held.years = 6  # type: ignore[misc]
    assert held.reading({"below": "nothing"}).reading({"below": "linear"}).supplied == (
        "below = linear",
    )
    assert held.supplied == ()
