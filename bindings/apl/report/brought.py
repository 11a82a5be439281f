"""What pages tell of each BVCV beyond the tables: who brings its APL, the cuts, density.

`apl explain` says the same of one BVCV; here those of the whole country are taken from one product
(3,000 explanations one by one would be two minutes).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from apl.explained.commune import gathered_line, in_order, refuse_another_sum
from apl.explained.cuts import Distance, distances
from apl.explained.secrecy import LEAST
from apl.report.material import Material
from apl.scenarios.marginal import effects
from apl.zoning import Ranking
from apl_core.exact import F64, exact_sums
from apl_core.territory import column_values

LISTED = 12  # communes of supply that a page names, the largest first
PLACES = 3  # where FTE would move a BVCV over a cut
PER = 10**4  # inhabitants of the density that agencies publish


@dataclass(frozen=True)
class Told:
    """What a page tells of a BVCV.

    Attributes
    ----------
    parts : tuple of dict
        ``code``, ``libelle``, ``bvcv``, ``etp``, ``apl``; the rest without code: the
        others, then those that are gathered for secrecy (``regroupees``).
    distances : tuple of dict
    """

    parts: tuple[dict[str, Any], ...]
    distances: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Density:
    """Professionals (or FTE, where no persons are known) for so many inhabitants, by group."""

    unit: str
    country: float | None
    by_region: Mapping[str, float]
    by_bvcv: Mapping[str, float | None]


def told_by_bvcv(found: Material) -> dict[str, Told]:
    """Every BVCV: its parts where pairs are known, and its distance to the ends of its class.

    Raises
    ------
    AplError
        A defect of ours: parts that do not sum to the APL.
    """
    ends = _ends(found.ranking)
    rows = {row["code_bvcv"]: row for row in found.ranking.bvcv.to_pylist()}
    if found.opened is None or found.secrecy is None:
        return {code: Told((), tuple(_distances(row, ends, found, {}, {})))
                for code, row in rows.items()}  # fmt: skip
    place = found.opened.place
    units, _, links = effects(place, found.rules)
    order = np.argsort(links.group, kind="stable")
    starts = np.searchsorted(links.group[order], np.arange(len(units) + 1))
    codes = place.pairs.land.codes.to_pylist()
    labels = dict(zip(*(found.communes.column(n).to_pylist()
                        for n in ("code_commune", "libelle")), strict=True))  # fmt: skip
    areas = place.communes.column("code_bvcv").to_pylist()
    told = {}
    for k, code in enumerate(units.to_pylist()):
        mine = order[starts[k] : starts[k + 1]]
        at, effect = links.place[mine].astype(np.int64), links.total[mine]
        apl = effect * place.supply[at]
        row = rows[code]
        refuse_another_sum(apl, row["apl"] or 0.0, code)
        listed, rest = _shown(found, at, apl)
        parts = [
            {"code": codes[at[j]], "libelle": labels[codes[at[j]]], "bvcv": areas[at[j]],
             "etp": _round(place.supply[at[j]], 2), "apl": _round(apl[j], 4)}
            for j in listed
        ]  # fmt: skip
        names = [codes[j] for j in at.tolist()]
        each = dict(zip(names, effect.tolist(), strict=True))
        free = {codes[at[j]]: float(place.supply[at[j]]) for j in listed}
        told[code] = Told(
            (*parts, *rest(row["apl"])), tuple(_distances(row, ends, found, each, free, labels))
        )
    return told


def _shown(found: Material, at: Any, apl: F64) -> tuple[list[int], Any]:
    """Which parts are listed, and what makes the lines without code of the others."""
    assert found.secrecy is not None
    secret = found.secrecy
    brings = np.flatnonzero(apl > 0)
    hidden = np.zeros(at.size, dtype=np.bool_)
    hidden[brings] = secret.gathered(at[brings])
    every = in_order(at, apl, ~hidden & (apl > 0))
    listed, others = every[:LISTED], every[LISTED:]

    def rest(whole: float) -> Iterator[dict[str, Any]]:
        if others:
            total = math.fsum(apl[others].tolist())
            yield _line(total, autres=len(others))
        gathered, line = gathered_line(apl, hidden, secret.secret[at], whole)
        for one in line:
            yield _line(one.apl, regroupees=gathered.communes)

    return listed, rest


def _line(apl: float, **counted: int) -> dict[str, Any]:
    return {"code": None, **counted, "apl": _round(apl, 4)}


def _ends(ranking: Ranking) -> Ranking:
    """A ranking of the lowest and the highest BVCV of each class: `distances` looks at no other."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in ranking.bvcv.select(["zone", "apl"]).to_pylist():
        if row["apl"] is not None:
            kept.setdefault(row["zone"], []).append(row)
    few = [pick(rows, key=lambda row: row["apl"]) for rows in kept.values() for pick in (min, max)]
    schema = pa.schema([("zone", pa.string()), ("apl", pa.float64())])
    return replace(ranking, bvcv=pa.Table.from_pylist(few, schema))


def _distances(
    row: Mapping[str, Any],
    ends: Ranking,
    found: Material,
    effect: Mapping[str, float],
    removable: Mapping[str, float],
    labels: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    for one in distances(row, ends, found.rules, effect, removable):
        yield _distance(one, labels or {})


def _distance(one: Distance, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "sens": "hausse" if one.direction == "rise" else "baisse",
        "zone": one.zone,
        "coupure_apl": one.coupure_apl,
        "ecart_apl": one.ecart_apl,
        "ecart_habitants": one.ecart_habitants,
        "lieux": [{"code": at.code_commune, "libelle": labels.get(at.code_commune, ""),
                   "etp": _round(at.etp, 3)} for at in one.places[:PLACES]],
    }  # fmt: skip


def density(found: Material) -> Density | None:
    """Professionals by inhabitants; None where the run knows neither them nor FTE.

    A BVCV of fewer professionals than a commune may show tells none. Where only FTE are known, it
    tells them only if no commune in it is kept secret: what is listed elsewhere would give those
    that are kept by subtraction.
    """
    etp = column_values(found.communes.column("etp"), np.float64, fill=np.nan)
    if np.isnan(etp).any():
        return None
    least = LEAST if found.secrecy is None else found.secrecy.least
    count, unit, kept = etp, "ETP", (etp > 0) & (etp < least)
    if found.opened is not None and found.secrecy is not None:
        at = found.opened.place.pairs.land.positions(found.communes.column("code_commune"))
        kept = found.secrecy.kept[at]
        if found.persons is not None:
            count, unit = found.persons[at].astype(np.float64), "professionnels en activité"
            kept = np.zeros_like(kept)
    people = column_values(found.communes.column("population"), np.float64)
    hidden = kept.astype(np.float64)

    def by(name: str) -> dict[str, tuple[float, float, float]]:
        codes = found.communes.column(name).to_numpy(zero_copy_only=False).astype(str)
        keys, of = np.unique(codes, return_inverse=True)
        sums = [exact_sums(of, one, keys.size).tolist() for one in (count, people, hidden)]
        return dict(zip(keys.tolist(), zip(*sums, strict=True), strict=True))

    regions, areas = by("code_region"), by("code_bvcv")
    persons, everyone = (sum(one[k] for one in regions.values()) for k in (0, 1))
    return Density(
        unit,
        PER * persons / everyone,
        {code: PER * n / of for code, (n, of, _) in regions.items() if of},
        {code: None if secret or 0 < n < least or not of else PER * n / of
         for code, (n, of, secret) in areas.items()},
    )  # fmt: skip


def _round(value: float, digits: int) -> float:
    return round(float(value), digits)
