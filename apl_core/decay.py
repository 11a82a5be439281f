"""How access fades with travel time. A decay is a value: minutes in, weights out.

`Steps` holds exact fractions and says how each band closes (peers close their rings silently, on
either side, which changes 95 % of the scores on a matrix of whole minutes). The smooth ones are the
usual members of the floating-catchment family.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
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
    """``exp(-½ · (minutes / scale)²)`` up to ``limit`` (included), 0 beyond.

    References
    ----------
    Dai, D. (2010), Black residential segregation … (KD2SFCA with a gaussian kernel).

    Examples
    --------
    >>> Gaussian(10)(np.array([0.0, 10.0])).round(4).tolist()
    [1.0, 0.6065]
    """

    scale: float
    limit: float = math.inf

    def __call__(self, minutes: F64) -> F64:
        return _up_to(self.limit, minutes, np.exp(-0.5 * (minutes / self.scale) ** 2))


def _up_to(limit: float, minutes: F64, weights: F64) -> F64:
    """``weights`` where ``minutes`` is within the limit, else 0."""
    return np.where(minutes <= limit, weights, 0.0)
