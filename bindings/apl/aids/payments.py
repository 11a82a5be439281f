"""What a contract pays, year by year, in exact fractions of a euro.

Sums come from the page; nothing is rounded, since no text at hand rounds. Where the text does not
say what an activity gives, the caller chooses a named reading or is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from apl.aids.benefits import contract_named
from apl.aids.page import Contract, Contradiction, Fact, Instalment
from apl.blocks import UNKNOWN
from apl.law_schema import law_fault
from apl_core import Fault, RuleError, refuse_if


@dataclass(frozen=True)
class Payment:
    """One payment.

    Attributes
    ----------
    year : int
        When: years after the signature, or the calendar year where the acts are given by year.
    due, label : str
        When in words, and what for.
    printed : int
        Euros before the pro rata.
    share : Fraction
        Of the printed sum.
    euros : Fraction
    cite, quote : str
    note : str
        What was chosen by the caller, or is not stated.
    """

    year: int
    due: str
    label: str
    printed: int
    share: Fraction
    euros: Fraction
    cite: str
    quote: str
    note: str = ""


@dataclass(frozen=True)
class Payments:
    """The payments of a contract in their order; iterates, counts and indexes as a tuple of them.

    Attributes
    ----------
    contract : Contract
        Names its text, its date, and the readings taken.
    payments : tuple of Payment
    left_out : tuple of str
        Payments of which the acts were not given.
    contradictions : tuple of Contradiction
        What the sources say otherwise about these sums, and what was kept.
    conditions : tuple of Fact
        What must hold besides; taken as met.
    """

    contract: Contract
    payments: tuple[Payment, ...]
    left_out: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]
    conditions: tuple[Fact, ...]

    @property
    def total(self) -> Fraction:
        """The sum, in euros."""
        return sum((payment.euros for payment in self.payments), Fraction(0))

    def __iter__(self) -> Iterator[Payment]:
        return iter(self.payments)

    def __len__(self) -> int:
        return len(self.payments)

    def __getitem__(self, at: int) -> Payment:
        return self.payments[at]


def contract_payments(
    contract: str | Contract,
    acts_by_year: Iterable[int] | Mapping[int, int] = (),
    *,
    on: date | None = None,
    readings: Mapping[str, str] | None = None,
) -> Payments:
    """What a contract pays for the acts of each year.

    Parameters
    ----------
    contract : str or Contract
        A contract of `contracts`, or its name.
    acts_by_year : iterable of int, or mapping of year → int
        Acts of each year of the contract, the year of the signature first; the keys of a mapping
        follow each other, and its first is the year of the signature. A payment for a year whose
        acts are not given is left out and named.
    on : date, optional
        The date of the law. It may be left out while there is one version of the contract at hand,
        since nothing is then chosen; the result names that version. With several it must be given.
    readings : mapping, optional
        What the text leaves open: ``first_year`` (in_full, pro_rated), ``scale`` and ``signature``
        (printed, reported), ``below`` (nothing, linear). What is not stated has no default.

    Raises
    ------
    RuleError
        No such contract; acts for more years than it lasts; acts of which the text does not say
        what they give, all together.

    Examples
    --------
    >>> found = contract_payments("CACCMK", [2000, 3000, 1500, 3000])
    >>> [int(payment.euros) for payment in found], int(found.total)
    ([30000, 9000, 2500, 5000], 46500)
    """
    held = contract_named(contract, on) if isinstance(contract, str) else contract
    if not isinstance(contract, str) and on is not None and contract.text.since > on:
        why = f"it holds from {contract.text.since}"
        raise RuleError([law_fault(f"no contract {contract.name} on {on}", why, "a later date")])
    held = held.reading(readings or {})
    first, acts = _years(acts_by_year)
    if len(acts) > held.years:
        title = f"{held.name}: acts for {len(acts)} years"
        raise RuleError([law_fault(title, f"it lasts {held.years}", "give no more")])
    shares = {i.of: _share(held, i.of, acts) for i in held.instalments}
    refuse_if((share for share in shares.values() if isinstance(share, Fault)), RuleError)
    paid, left = [], []
    for instalment in held.instalments:
        share = shares[instalment.of]
        if isinstance(share, Fraction):
            paid.append(_payment(held, instalment, share, first))
        else:
            left.append(f"in {_n(instalment.year)}, for {_n(instalment.of)}: acts not given")
    conditions = tuple(fact for fact in held.facts if fact.condition)
    return Payments(held, tuple(paid), tuple(left), held.contradictions, conditions)


def refund(
    contract: str | Contract,
    received: int | Fraction,
    *,
    years_left: int | Fraction,
    on: date | None = None,
    readings: Mapping[str, str] | None = None,
) -> Fraction:
    """Euros to give back of a contract ended early: in proportion to the time left.

    Parameters
    ----------
    contract, on, readings
        As in `contract_payments`; the choice is ``refund`` (time_left).
    received : int or Fraction
        Euros received so far.
    years_left : int or Fraction
        Of the contract; the text does not say in which unit time is counted.

    Raises
    ------
    RuleError
        A contract of which no text at hand says what is given back.

    Examples
    --------
    >>> refund("CAIMK", 14000, years_left=Fraction(5, 2))
    Fraction(7000, 1)
    """
    held = contract_named(contract, on) if isinstance(contract, str) else contract
    held = held.reading(readings or {})
    if held.choices["refund"] == UNKNOWN:
        refuse_if([_unstated(held, "refund", "what is given back when it ends early")], RuleError)
    if not 0 <= years_left <= held.years or received < 0:
        raise ValueError(f"{years_left} of {held.years} years left, {received} € received")
    return Fraction(received) * Fraction(years_left) / held.years


def _years(given: Iterable[int] | Mapping[int, int]) -> tuple[int, tuple[int, ...]]:
    """The first year, and the acts of each year from it."""
    years = sorted(given) if isinstance(given, Mapping) else []
    if any(year != years[0] + k for k, year in enumerate(years)):
        raise ValueError(f"the years do not follow each other: {years}")
    acts = [given[year] for year in years] if isinstance(given, Mapping) else list(given)
    if any(isinstance(count, bool) or operator.index(count) < 0 for count in acts):
        raise ValueError(f"acts are whole numbers, none negative: {acts}")
    return (years[0] if years else 0), tuple(operator.index(count) for count in acts)


def _share(contract: Contract, year: int, acts: tuple[int, ...]) -> Fraction | Fault | None:
    """The part of a year's sum that its acts give; None where they are not known."""
    whole = Fraction(1)
    if contract.minimum is None or (not year and contract.choices["first_year"] == "in_full"):
        return whole
    if year >= len(acts):
        return None
    done, later = acts[year], min(year, 1)
    asked = contract.minimum[later]
    if done >= asked:
        return whole
    what = f"{done:,} acts in year {_n(year)}, under the {asked:,} that it asks for"
    if contract.choices["scale"] == UNKNOWN:
        return _unstated(contract, "scale", what)
    scale = contract.scales[contract.choices["scale"]][later]
    if done >= scale.least or contract.choices["below"] == "linear":
        return min(whole, Fraction(done, scale.full))
    if contract.choices["below"] == "nothing":
        return Fraction(0)
    return _unstated(contract, "below", f"{what} and the {scale.least:,} of its pro rata")


def _payment(contract: Contract, instalment: Instalment, share: Fraction, first: int) -> Payment:
    signed = instalment.due == "signature"
    source = contract.choices.get("signature", "") if signed else ""
    printed = contract.signatures[source] if source else instalment.euros
    notes = [f"the sum is reported by: {contract.reported}"] if source == "reported" else []
    if signed and share != 1:
        notes.append("when the difference from what was paid at the signature is settled is not "
                     "stated")  # fmt: skip
    if instalment.due == "each_year":
        notes.append("the day is not stated")
    when = {
        "signature": "at the signature (N)",
        "before": f"in {_n(instalment.year)}, before {contract.before}",
        "each_year": f"in {_n(instalment.year)}",
    }
    return Payment(
        first + instalment.year,
        when[instalment.due],
        f"for {_n(instalment.of)}",
        printed,
        share,
        printed * share,
        f"{contract.text.title}, {contract.cite}",
        instalment.quote,
        "; ".join(notes),
    )


def _n(year: int) -> str:
    """A year of the contract as texts name it, N being that of the signature."""
    return f"N+{year}" if year else "N"


def _unstated(contract: Contract, key: str, what: str) -> Fault:
    choices = contract.open_choices()[key]
    return law_fault(
        f"{contract.name}: not stated: {what}",
        f"no text at hand says it ({contract.unknown[key]})",
        f"choose a reading, {key} = {' or '.join(choices)}: it is then said not to be law",
    )
