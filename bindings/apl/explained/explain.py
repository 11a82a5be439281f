"""The door of the explanations: which kind a code is, and what is secret of the run."""

from __future__ import annotations

from apl.explained.bvcv import AreaExplained, explain_bvcv
from apl.explained.commune import CommuneExplained, explain_commune
from apl.explained.secrecy import LEAST, Secrecy, persons_of, secrecy_of
from apl.scenarios.opened import Opened
from apl_core import Fault, UsageError

COMMUNE, BVCV = "commune", "bvcv"
Explained = CommuneExplained | AreaExplained


def explain(
    run: Opened,
    code: str,
    *,
    key: str | None = None,
    min_persons: int = LEAST,
    confidential: bool = False,
) -> Explained:
    """Why a commune or a BVCV has its value and its class.

    Parameters
    ----------
    run : Opened
        See `apl.open_run`.
    code : str
        A commune's, or a BVCV's.
    key : {"commune", "bvcv"}, optional
        What the code is; by default a commune's if there is one. (A living area has the code of one
        of its communes.)
    min_persons : int
        A commune of fewer professionals shows nothing of its own.
    confidential : bool
        For the producer alone: every commune is shown.

    Raises
    ------
    UsageError
        The run does not have the code.
    """
    return explained(run, code, secrecy(run, min_persons, confidential), key=key)


def secrecy(run: Opened, least: int, confidential: bool) -> Secrecy:
    """What is secret of a run."""
    persons = persons_of(run)
    return secrecy_of(run.place, run.rules, persons, least=least, confidential=confidential)


def explained(run: Opened, code: str, secret: Secrecy, *, key: str | None = None) -> Explained:
    """`explain`, what is secret being known."""
    kinds = kinds_of(run, code)
    kind = key or next(iter(kinds), "")
    if kind not in kinds:
        raise UsageError([_unknown(code, key)])
    how = explain_commune if kind == COMMUNE else explain_bvcv
    return how(run.place, run.rules, run.outcome, code, secret)


def kinds_of(run: Opened, code: str) -> list[str]:
    """What a code is in a run: a commune, a BVCV, both, or nothing."""
    land = run.place.pairs.land
    known = {
        COMMUNE: bool(land.positions([code])[0] >= 0),
        BVCV: code in run.place.communes.column("code_bvcv").unique().to_pylist(),
    }
    return [kind for kind, is_it in known.items() if is_it]


def _unknown(code: str, key: str | None) -> Fault:
    what = {COMMUNE: "no commune", BVCV: "no BVCV"}.get(key or "", "neither a commune nor a BVCV")
    why = f"the run has {what} of this code"
    mend = "use the run's own codes; a canton's code ends in _"
    return Fault("APL-C02", f"unknown code {code!r}", why, mend, "explain", "code")
