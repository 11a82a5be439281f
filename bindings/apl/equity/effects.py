"""Four factors that are each of the one year or of the other: what each of them does.

A state is a number of four bits: a factor's bit is set where it is that of the year after. State 0
is the year before, the last one the year after. In a named order, the factors change one after the
other, and the effect of each is what the value moves by as it does: it depends on the order.
Without an order, it is the mean over all 24 (Shapley, 1953, A value for n-person games; Shorrocks,
2013, Decomposition procedures for distributional analysis): the same 16 states, weighed by how many
orders pass them, and no factor stands before another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apl_core.exact import F64

FACTORS = ("supply", "demand", "times", "geography")
SUPPLY, DEMAND, TIMES, GEOGRAPHY = range(4)  # the bit of each in the number of a state
STATES = 1 << len(FACTORS)
# of 24 orders, in how many a factor comes after just these others, by their number: over 12
ORDERS, OVER = (3, 1, 1, 3), 12
AGREE = 1e-12  # of the largest state: what effects may lack to the change, by their roundings


def order_of(names: Sequence[str]) -> tuple[str, ...]:
    """An order of the factors; a ValueError where it is none.

    >>> order_of(["times", "supply", "demand", "geography"])
    ('times', 'supply', 'demand', 'geography')
    """
    if sorted(names) != sorted(FACTORS):
        raise ValueError(f"an order has each once of: {', '.join(FACTORS)}")
    return tuple(names)


def effects(states: F64, order: Sequence[str] | None = None) -> F64:
    """The effect of each factor, float64[4, m]: their sum is the last state less the first.

    Parameters
    ----------
    states : float64[16, m]
    order : sequence of str, optional
        Default: the mean over all orders.

    Examples
    --------
    >>> states = np.array([[float(2 * (k & 1) + 3 * (k >> 1 & 1) * (1 + (k & 1)))]
    ...                    for k in range(16)])
    >>> effects(states)[:, 0].tolist()
    [3.5, 4.5, 0.0, 0.0]
    >>> effects(states, ("supply", "demand", "times", "geography"))[:, 0].tolist()
    [2.0, 6.0, 0.0, 0.0]
    """
    found = np.zeros((len(FACTORS), states.shape[1]))
    if order is not None:
        at = 0
        for name in order_of(order):
            factor = FACTORS.index(name)
            found[factor] = states[at | 1 << factor] - states[at]
            at |= 1 << factor
        return found
    for factor, others in ((f, s) for f in range(len(FACTORS)) for s in range(STATES)):
        if not others >> factor & 1:
            moved = states[others | 1 << factor] - states[others]
            found[factor] += ORDERS[others.bit_count()] * moved
    return found / OVER
