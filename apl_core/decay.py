"""How access fades with travel time. A decay is a value: minutes in, weights out.

`Steps` holds exact fractions and says how each band closes (peers close their rings silently, on
either side, which changes 95 % of the scores on a matrix of whole minutes). `Table` is any curve
given by points. The smooth ones are those of the floating-catchment papers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


class Decay(Protocol):
    """Anything that turns minutes (float64[m]) into weights (float64[m], finite, ≥ 0)."""

    def __call__(self, minutes: F64, /) -> F64: ...


@dataclass(frozen=True)
class Band:
    """One step: up to ``until`` minutes, that bound belonging to the band or not."""

    until: float
    includes_until: bool
    weight: Fraction


@dataclass(frozen=True)
class Steps:
    """A step decay with exact weights; beyond the last band the weight is 0.

    Parameters
    ----------
    bands : tuple of Band
        Nearest first; bounds ascend, weights descend and lie in (0, 1].

    Raises
    ------
    ValueError
        Bounds that do not ascend, weights that do not descend.

    References
    ----------
    Luo, W., Qi, Y. (2009), An enhanced two-step floating catchment area (E2SFCA) method.
    Arrêté du 20 mars 2024, annexe, 4.1.3 (10, 15 and 20 minutes: 1, 2/3, 1/3).

    Examples
    --------
    >>> legal = Steps((Band(10, False, Fraction(1)), Band(15, False, Fraction(2, 3)),
    ...                Band(20, True, Fraction(1, 3))))
    >>> legal(np.array([0.0, 10.0, 14.99, 15.0, 20.0, 20.01])).round(3).tolist()
    [1.0, 0.667, 0.667, 0.333, 0.333, 0.0]
    """

    bands: tuple[Band, ...]

    def __post_init__(self) -> None:
        bounds = [band.until for band in self.bands]
        weights = [band.weight for band in self.bands]
        if not self.bands or len(self.bands) > 200:
            raise ValueError("a step decay has 1 to 200 bands")
        if bounds[0] != bounds[0] or any(not b > a for a, b in itertools.pairwise(bounds)):
            raise ValueError(f"bounds must ascend: {bounds}")
        if any(b >= a for a, b in itertools.pairwise(weights)):
            raise ValueError(f"weights must descend: {[str(w) for w in weights]}")
        if weights[0] > 1 or weights[-1] <= 0:
            raise ValueError(f"weights must lie in (0, 1]: {[str(w) for w in weights]}")

    @classmethod
    def of(
        cls, bounds: Sequence[float], weights: Sequence[str | float | Fraction], *, closed: str
    ) -> Steps:
        """Bands that all close the same way.

        ``closed="right"``: a time on a bound belongs to the nearer band; ``"left"``: to the
        farther one. A weight written as text (``"2/3"``) is exact; a float is taken as it is.

        >>> Steps.of([10, 20], ["1", "1/2"], closed="left")(np.array([9.0, 10.0, 20.0])).tolist()
        [1.0, 0.5, 0.0]
        """
        if closed not in ("left", "right"):
            raise ValueError("closed is 'left' or 'right'")
        pairs = zip(bounds, weights, strict=True)
        return cls(tuple(Band(float(b), closed == "right", Fraction(w)) for b, w in pairs))

    @property
    def limit(self) -> float:
        """Minutes beyond which the weight is 0."""
        return self.bands[-1].until

    @property
    def denominator(self) -> int:
        """The common denominator of the weights."""
        return math.lcm(*(band.weight.denominator for band in self.bands))

    @property
    def levels(self) -> tuple[int, ...]:
        """The weights' numerators over `denominator`, by band, then the 0 beyond the last."""
        return (*(int(band.weight * self.denominator) for band in self.bands), 0)

    @property
    def closed_limits(self) -> tuple[float, ...]:
        """Each bound as the greatest float64 inside its band, so that ≤ alone decides."""
        return tuple(
            band.until if band.includes_until else math.nextafter(band.until, -math.inf)
            for band in self.bands
        )

    def __call__(self, minutes: F64) -> F64:
        band = np.searchsorted(np.array(self.closed_limits), minutes, side="left")
        weights: F64 = np.array(self.levels, dtype=np.float64)[band] / self.denominator
        return weights


@dataclass(frozen=True)
class Power:
    """``(minutes / scale) ** exponent`` up to ``limit`` (included), 0 beyond; exponent < 0 decays.

    References
    ----------
    Hansen, W. G. (1959), How accessibility shapes land use; Joseph and Bantock (1982).

    Examples
    --------
    >>> Power(-1, limit=61)(np.array([2.0, 61.0, 62.0])).round(4).tolist()
    [0.5, 0.0164, 0.0]
    """

    exponent: float
    scale: float = 1.0
    limit: float = math.inf

    def __call__(self, minutes: F64) -> F64:
        return _up_to(self.limit, minutes, (minutes / self.scale) ** self.exponent)


@dataclass(frozen=True)
class Exponential:
    """``exp(-rate · minutes)`` up to ``limit`` (included), 0 beyond.

    >>> Exponential(0.1)(np.array([0.0, 10.0])).round(4).tolist()
    [1.0, 0.3679]
    """

    rate: float
    limit: float = math.inf

    def __call__(self, minutes: F64) -> F64:
        return _up_to(self.limit, minutes, np.exp(-self.rate * minutes))


@dataclass(frozen=True)
class Gaussian:
    """``g(t) = exp(-½ · (t / scale)²)`` up to ``limit`` (included), 0 beyond.

    ``to_zero=True`` takes ``(g(t) - g(limit)) / (1 - g(limit))``: 1 at 0 minutes and 0 at the
    limit, without a jump. Dai's form is that one with ``scale`` equal to ``limit``.

    References
    ----------
    Dai, D. (2010), Black residential segregation, disparities in spatial access to health care
    facilities, and late-stage breast cancer diagnosis in metropolitan Detroit, Health & Place
    16(5), doi:10.1016/j.healthplace.2010.06.012.

    Examples
    --------
    >>> Gaussian(10)(np.array([0.0, 10.0])).round(4).tolist()
    [1.0, 0.6065]
    >>> Gaussian(20, limit=20, to_zero=True)(np.array([0.0, 10.0, 20.0])).round(4).tolist()
    [1.0, 0.7014, 0.0]
    """

    scale: float
    limit: float = math.inf
    to_zero: bool = False

    def __call__(self, minutes: F64) -> F64:
        weights = np.exp(-0.5 * (minutes / self.scale) ** 2)
        if self.to_zero:
            least = np.exp(-0.5 * (self.limit / self.scale) ** 2)
            weights = (weights - least) / (1 - least)
        return _up_to(self.limit, minutes, weights)


@dataclass(frozen=True)
class Epanechnikov:
    """``1 - (t / limit)²`` up to ``limit``, 0 beyond: the quadratic kernel, 1 at 0 minutes.

    The kernel's factor 3/4 makes its integral 1; it cancels in the two steps and is left out.

    References
    ----------
    Dai, D., Wang, F. (2011), Geographic disparities in accessibility to food stores in southwest
    Mississippi, Environment and Planning B 38(4).

    Examples
    --------
    >>> Epanechnikov(20)(np.array([0.0, 10.0, 20.0, 21.0])).tolist()
    [1.0, 0.75, 0.0, 0.0]
    """

    limit: float

    def __call__(self, minutes: F64) -> F64:
        return _up_to(self.limit, minutes, 1 - (minutes / self.limit) ** 2)


@dataclass(frozen=True)
class Logistic:
    """``(1 + exp(-k·middle)) / (1 + exp(k·(t - middle)))``, ``k = π / (√3 · deviation)``; 0 beyond.

    1 at 0 minutes, falling fastest at ``middle``; ``limit`` is included.

    Parameters
    ----------
    middle : float
        Minutes of the inflection, ≥ 0.
    deviation : float
        Standard deviation of the logistic curve in minutes, > 0; near 0 it is a step at ``middle``.
    limit : float

    References
    ----------
    Bauer, J., Groneberg, D. A. (2016), Measuring spatial accessibility of health care providers –
    introduction of a variable distance decay function within the floating catchment area (FCA)
    method, PLOS ONE 11(7), doi:10.1371/journal.pone.0159148.

    Examples
    --------
    >>> Logistic(15, 5, limit=30)(np.array([0.0, 15.0, 30.0, 31.0])).round(4).tolist()
    [1.0, 0.5022, 0.0043, 0.0]
    """

    middle: float
    deviation: float
    limit: float = math.inf

    def __post_init__(self) -> None:
        if not (self.middle >= 0 and 0 < self.deviation < math.inf):
            raise ValueError("a logistic decay has middle ≥ 0 and deviation > 0, in minutes")

    def __call__(self, minutes: F64) -> F64:
        k = math.pi / (math.sqrt(3) * self.deviation)
        # in logarithms: exp(k·t) leaves float64 from k·t = 710 on
        top = np.logaddexp(0.0, -k * self.middle)
        weights = np.exp(top - np.logaddexp(0.0, k * (minutes - self.middle)))
        return _up_to(self.limit, minutes, weights)


@dataclass(frozen=True)
class Table:
    """A decay given by points: rows of (minutes, weight), and how to read between them.

    Parameters
    ----------
    rows : tuple of (float, float)
        Minutes ascend, finite and ≥ 0; weights are finite and ≥ 0, in any order. At the minutes of
        a row the weight is the row's; before the first row it is the first weight; beyond the last
        row it is 0.
    interpolation : {"step", "linear"}
        ``"step"``: a row's weight holds up to its minutes, these included, from those of the row
        before, these excluded (`Steps` has exact sums and the other closure); ``"linear"``: the
        straight line between two rows.

    Raises
    ------
    ValueError
        Rows or an interpolation that are not so.

    Examples
    --------
    >>> rows = ((0.0, 1.0), (10.0, 0.5), (20.0, 0.25))
    >>> Table(rows, interpolation="linear")(np.array([0.0, 5.0, 10.0, 20.0, 21.0])).tolist()
    [1.0, 0.75, 0.5, 0.25, 0.0]
    >>> Table(rows, interpolation="step")(np.array([0.0, 5.0, 10.0, 20.0, 21.0])).tolist()
    [1.0, 0.5, 0.5, 0.25, 0.0]
    """

    rows: tuple[tuple[float, float], ...]
    _: KW_ONLY
    interpolation: str

    def __post_init__(self) -> None:
        if self.interpolation not in ("step", "linear"):
            raise ValueError("interpolation is 'step' or 'linear'")
        numbers = [number for row in self.rows for number in row]
        if not numbers or not all(0 <= number < math.inf for number in numbers):
            raise ValueError("a table has rows of minutes and weights, finite and not negative")
        minutes = [row[0] for row in self.rows]
        if any(not b > a for a, b in itertools.pairwise(minutes)):
            raise ValueError(f"minutes must ascend: {minutes}")

    @property
    def limit(self) -> float:
        """Minutes of the last row, beyond which the weight is 0."""
        return self.rows[-1][0]

    def __call__(self, minutes: F64) -> F64:
        known, weights = np.array(self.rows, dtype=np.float64).T
        if self.interpolation == "linear":
            between: F64 = np.interp(minutes, known, weights, right=0.0)
            return between
        held: F64 = np.append(weights, 0.0)[np.searchsorted(known, minutes, side="left")]
        return held


def _up_to(limit: float, minutes: F64, weights: F64) -> F64:
    """``weights`` where ``minutes`` is within the limit, else 0."""
    return np.where(minutes <= limit, weights, 0.0)
