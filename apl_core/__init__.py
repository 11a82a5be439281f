"""The compiled engine of the APL: tables, territory, catchment, two steps. It knows no law."""

from apl_core.catchment import Catchment
from apl_core.decay import Band, Decay, Exponential, Gaussian, Power, Steps
from apl_core.errors import (
    AplError,
    Fault,
    FileError,
    MarginError,
    RuleError,
    TableError,
    UsageError,
    refuse_if,
)
from apl_core.exact import exact_sums
from apl_core.territory import Territory
from apl_core.weighted import Weighted

__all__ = [
    "AplError",
    "Band",
    "Catchment",
    "Decay",
    "Exponential",
    "Fault",
    "FileError",
    "Gaussian",
    "MarginError",
    "Power",
    "RuleError",
    "Steps",
    "TableError",
    "Territory",
    "UsageError",
    "Weighted",
    "exact_sums",
    "refuse_if",
]
