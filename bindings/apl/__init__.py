"""Access to care in France: the APL, its zones and the law behind them, recomputed exactly.

>>> from datetime import date
>>> import apl
>>> apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6)).nor
'TSSH2408601A'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apl.activity import demand, supply
    from apl.aggregation import aggregate
    from apl.aids.benefits import contracts, zone_benefits
    from apl.aids.payments import contract_payments
    from apl.bvcv import build as build_bvcv
    from apl.calibrated.calibration import Calibration, calibrate
    from apl.certified.certificate import Certificate, certify
    from apl.cog import History
    from apl.compared.comparison import Comparison, compare
    from apl.conversion import Cog, converted
    from apl.doubted.draws import Doubt
    from apl.doubted.sensitivity import Sensitivity, sensitivity
    from apl.doubted.uncertainty import Uncertainty, uncertainty
    from apl.equity.change import Change, Year, change
    from apl.equity.inequality import Inequality, inequality
    from apl.equity.retirement import Retirement, retirement, staff_of
    from apl.equity.years import year_of
    from apl.explained.explain import explain
    from apl.indicator import access
    from apl.law import Rules, rules
    from apl.live import Live
    from apl.parameters import Parameters, read_parameters
    from apl.pipeline import Run, run
    from apl.regions.adaptation import Adapted, adapt, adapted, suggest
    from apl.regions.attribution import annexes, astride
    from apl.regions.audit import Audit, audit
    from apl.regions.revision import Revision, revise
    from apl.scenarios.marginal import lifted, marginal
    from apl.scenarios.opened import open_run
    from apl.scenarios.places import Places, best_places
    from apl.scenarios.simulate import Simulation, simulate
    from apl.scenarios.situation import Situation, situation
    from apl.travel import travel_times
    from apl.zoning import Ranking, classify, rank
    from apl_core.blockwise import Blockwise
    from apl_core.catchment import Catchment
    from apl_core.decay import (
        Band,
        Epanechnikov,
        Exponential,
        Gaussian,
        Logistic,
        Power,
        Steps,
        Table,
    )
    from apl_core.errors import (
        AplError,
        FileError,
        GapError,
        MarginError,
        ResourceError,
        RuleError,
        TableError,
    )
    from apl_core.family import FAMILY, bfca, e2sfca, i2sfca, kd2sfca, m2sfca, three_sfca, two_sfca
    from apl_core.stream import read_pairs
    from apl_core.tables import checked, read_table
    from apl_core.territory import Territory
    from apl_core.workers import Workers

# Each name is imported when it is first asked for: `apl --help` must not wait for Numba.
_HOME = {
    "apl.activity": ("demand", "supply"),
    "apl.aids.benefits": ("contracts", "zone_benefits"),
    "apl.aids.payments": ("contract_payments",),
    "apl.aggregation": ("aggregate",),
    "apl.bvcv": ("build_bvcv",),
    "apl.doubted.sensitivity": ("Sensitivity", "sensitivity"),
    "apl.doubted.draws": ("Doubt",),
    "apl.doubted.uncertainty": ("Uncertainty", "uncertainty"),
    "apl.certified.certificate": ("Certificate", "certify"),
    "apl.equity.change": ("Change", "Year", "change"),
    "apl.equity.inequality": ("Inequality", "inequality"),
    "apl.equity.retirement": ("Retirement", "retirement", "staff_of"),
    "apl.equity.years": ("year_of",),
    "apl.explained.explain": ("explain",),
    "apl.indicator": ("access",),
    "apl.calibrated.calibration": ("Calibration", "calibrate"),
    "apl.cog": ("History",),
    "apl.compared.comparison": ("Comparison", "compare"),
    "apl.conversion": ("Cog", "converted"),
    "apl.law": ("Rules", "rules"),
    "apl.live": ("Live",),
    "apl.parameters": ("Parameters", "read_parameters"),
    "apl.pipeline": ("Run", "run"),
    "apl.regions.adaptation": ("Adapted", "adapt", "adapted", "suggest"),
    "apl.regions.attribution": ("annexes", "astride"),
    "apl.regions.audit": ("Audit", "audit"),
    "apl.regions.revision": ("Revision", "revise"),
    "apl.scenarios.marginal": ("lifted", "marginal"),
    "apl.scenarios.opened": ("open_run",),
    "apl.scenarios.places": ("Places", "best_places"),
    "apl.scenarios.simulate": ("Simulation", "simulate"),
    "apl.scenarios.situation": ("Situation", "situation"),
    "apl.travel": ("travel_times",),
    "apl.zoning": ("Ranking", "classify", "rank"),
    "apl_core.blockwise": ("Blockwise",),
    "apl_core.catchment": ("Catchment",),
    "apl_core.decay": (
        "Band",
        "Epanechnikov",
        "Exponential",
        "Gaussian",
        "Logistic",
        "Power",
        "Steps",
        "Table",
    ),
    "apl_core.errors": (
        "AplError",
        "FileError",
        "GapError",
        "MarginError",
        "ResourceError",
        "RuleError",
        "TableError",
    ),
    "apl_core.family": (
        "FAMILY",
        "bfca",
        "e2sfca",
        "i2sfca",
        "kd2sfca",
        "m2sfca",
        "three_sfca",
        "two_sfca",
    ),
    "apl_core.stream": ("read_pairs",),
    "apl_core.tables": ("checked", "read_table"),
    "apl_core.territory": ("Territory",),
    "apl_core.workers": ("Workers",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'apl' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), "build" if name == "build_bvcv" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "FAMILY",
    "Adapted",
    "AplError",
    "Audit",
    "Band",
    "Blockwise",
    "Calibration",
    "Catchment",
    "Certificate",
    "Change",
    "Cog",
    "Comparison",
    "Doubt",
    "Epanechnikov",
    "Exponential",
    "FileError",
    "GapError",
    "Gaussian",
    "History",
    "Inequality",
    "Live",
    "Logistic",
    "MarginError",
    "Parameters",
    "Places",
    "Power",
    "Ranking",
    "ResourceError",
    "Retirement",
    "Revision",
    "RuleError",
    "Rules",
    "Run",
    "Sensitivity",
    "Simulation",
    "Situation",
    "Steps",
    "Table",
    "TableError",
    "Territory",
    "Uncertainty",
    "Workers",
    "Year",
    "access",
    "adapt",
    "adapted",
    "aggregate",
    "annexes",
    "astride",
    "audit",
    "best_places",
    "bfca",
    "build_bvcv",
    "calibrate",
    "certify",
    "change",
    "checked",
    "classify",
    "compare",
    "contract_payments",
    "contracts",
    "converted",
    "demand",
    "e2sfca",
    "explain",
    "i2sfca",
    "inequality",
    "kd2sfca",
    "lifted",
    "m2sfca",
    "marginal",
    "open_run",
    "rank",
    "read_pairs",
    "read_parameters",
    "read_table",
    "retirement",
    "revise",
    "rules",
    "run",
    "sensitivity",
    "simulate",
    "situation",
    "staff_of",
    "suggest",
    "supply",
    "three_sfca",
    "travel_times",
    "two_sfca",
    "uncertainty",
    "year_of",
    "zone_benefits",
]
