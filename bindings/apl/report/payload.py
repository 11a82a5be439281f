"""One page's data: a plain dict with French keys, of a region or of the whole country."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from apl.explained.secrecy import LEAST
from apl.law import short_title
from apl.outputs import FINGERPRINT
from apl.regions.regimes import printed_shares
from apl.regions.zonage import rows_of, units_of
from apl.report.brought import Density, Told, density, told_by_bvcv
from apl.report.material import Material
from apl.report.pairs_data import pairs_data
from apl.report.regime_data import regime_data
from apl.report.words import WHO, region_label, zone_label
from apl.zoning import FRANCE
from apl_core import RuleError

CURVE = 300  # points of the national curve


@dataclass(frozen=True, eq=False)
class Nation:
    """What the pages of all regions share.

    Attributes
    ----------
    material : Material
    bvcv : list of dict
        Every BVCV by ascending APL, as pages have it.
    astride : mapping of BVCV → dict
        Those in several regions: who decides, and who lives where.
    density : Density or None
    benefits : mapping of zone → list of dict
        What each class gives.
    """

    material: Material
    bvcv: list[dict[str, Any]]
    astride: Mapping[str, dict[str, Any]]
    density: Density | None
    benefits: Mapping[str, list[dict[str, str]]]


def nation(found: Material, *, on: date | None = None) -> Nation:
    """Everything of the country, once.

    Parameters
    ----------
    found : Material
    on : date, optional
        Of the texts that say what a class gives; default: that of the law applied.
    """
    told, dense = told_by_bvcv(found), density(found)
    places = _communes(found)
    doubt = _doubt(found)
    last = found.zonage.column_names
    names = [name for name in ("code_bvcv", "zone", "motif", "article") if name in last]
    decided = {row["code_bvcv"]: row for row in found.zonage.select(names).to_pylist()}
    ranked = sorted(
        found.ranking.bvcv.to_pylist(), key=lambda row: (row["rang"] or 0, row["code_bvcv"])
    )
    bvcv = [_bvcv(row, decided[row["code_bvcv"]], told[row["code_bvcv"]], found, places, dense,
                  doubt) for row in ranked]  # fmt: skip
    return Nation(found, bvcv, _astride(found), dense, _benefits(found, on or found.rules.since))


def region_payload(country: Nation, region: str) -> dict[str, Any]:
    """The data of the page of a region (`apl.report.pages`)."""
    found = country.material
    lies = {unit for unit, where in rows_of(found.communes, "code_bvcv", "code_region")
            if where == region}  # fmt: skip
    chosen = [_seen_from(one, region) for one in country.bvcv
              if one["region"] == region or one["code"] in lies]  # fmt: skip
    shown = {one["code"] for one in chosen}
    return {
        **_head(country, region),
        "bvcv": chosen,
        "attribution": [one for code, one in country.astride.items() if code in shown],
        "regime": _regime(found, region),
        "paires": _pairs(found, chosen),
    }


def france_payload(country: Nation) -> dict[str, Any]:
    """The data of the page of the whole country: no communes, parts or decisions."""
    found = country.material
    light = ("decomposition", "communes", "ecarts")
    bvcv = [{key: value for key, value in one.items() if key not in light}
            | {"lieux": _places(one)} for one in country.bvcv]  # fmt: skip
    return {
        **_head(country, FRANCE),
        "bvcv": bvcv,
        "regions": [
            _row_of(country, one)
            for one in sorted({*found.ranking.parts.column("code_region").to_pylist()} - {FRANCE})
        ],
        "attribution": list(country.astride.values()),
        "regime": None,
        "paires": None,
    }


def _places(one: Mapping[str, Any]) -> str:
    """The communes of a BVCV in one text: the page of the country searches 35,000."""
    return "|".join(f"{c['code']} {c['libelle'].replace('|', ' ')}" for c in one["communes"])


def _head(country: Nation, region: str) -> dict[str, Any]:
    """The keys that all pages have."""
    found = country.material
    law = found.rules
    return {
        "region": {"code": region, "libelle": region_label(region)},
        "profession": law.libelle,
        "titre": f"Zonage : {law.libelle} · {region_label(region)}",
        "droit": {"texte": short_title(law.text), "nor": law.nor, "depuis": law.since.isoformat()},
        "unite": law.unit,
        "qui": WHO.get(law.zoning.population, "habitants"),
        "synthetique": found.synthetic,
        "hors_loi": list(law.supplied),
        "empreinte": found.manifest[FINGERPRINT],
        "zones": _zones(country, region),
        "seuils": _cuts(found),
        "courbe": _curve(country.bvcv),
        "densite": _dense(country, region),
        "benefices": {zone: list(given) for zone, given in country.benefits.items()},
        "secret": None if found.secrecy is None else
        {"seuil": found.secrecy.least, "compte": found.secrecy.counted},
    }  # fmt: skip


def _zones(country: Nation, region: str) -> list[dict[str, Any]]:
    """The classes of a region beside France and beside the table of the text."""
    found = country.material
    parts = {(row["code_region"], row["zone"]): row for row in found.ranking.parts.to_pylist()}
    printed = printed_shares(found.rules, region) or {}
    mine = [one for one in country.bvcv if region in (one["region"], FRANCE)]
    moved = found.rules.attribution == "most_population"
    rows = []
    for zone in found.rules.zoning.zones:
        before, whole = parts.get((region, zone)), parts[FRANCE, zone]
        count, persons, share = (
            (before[n] if before else 0) for n in ("bvcv", "population", "part")
        )
        if moved:  # with the decisions; persons outside any BVCV stay in their class
            change = [(one["population"], one["zone"] == zone, one["zone_nationale"] == zone)
                      for one in mine if one["zone"] != one["zone_nationale"]]  # fmt: skip
            count += sum(now - was for _, now, was in change)
            persons += sum(n * (now - was) for n, now, was in change)
        total = sum(parts[region, z]["population"] for z in found.rules.zoning.zones
                    if (region, z) in parts)  # fmt: skip
        rows.append({
            "code": zone,
            "libelle": zone_label(zone),
            "bvcv": count,
            "population": persons,
            "part": persons / total if total else 0.0,
            "part_nationale": share,
            "part_france": whole["part"],
            "part_table_vi": float(printed[zone].middle) if zone in printed else None,
        })  # fmt: skip
    return rows


def _cuts(found: Material) -> list[dict[str, Any]]:
    zones = found.rules.zoning.zones
    return [
        {
            "zone": cut.zone,
            "suivante": after,
            "part": float(cut.target / found.ranking.total),
            "atteint": cut.reached,
            "apl": cut.apl,
            "a_cheval": cut.astride,
        }
        for cut, after in zip(found.ranking.cuts, zones[1:], strict=True)
    ]


def _curve(bvcv: list[dict[str, Any]]) -> list[list[float]]:
    """The national curve, APL by cumulated share: some points of it, first and last included."""
    points = [[round(one["part_cumulee"], 5), round(one["apl"], 2)] for one in bvcv
              if one["apl"] is not None and one["part_cumulee"] is not None]  # fmt: skip
    step = max(1, len(points) // CURVE)
    return [*points[::step], *points[-1:]]


def _bvcv(
    row: Mapping[str, Any],
    decided: Mapping[str, Any],
    told: Told,
    found: Material,
    places: Mapping[str, list[dict[str, Any]]],
    dense: Density | None,
    doubt: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    code = row["code_bvcv"]
    of_density = None if dense is None else dense.by_bvcv.get(code)
    return {
        "code": code,
        "libelle": found.libelles.get(code, code),
        "region": row["code_region"],
        "population": row["population"],
        "population_standardisee": round(row["population_standardisee"] or 0.0, 1),
        "apl": row["apl"],
        "rang": row["rang"],
        "part_cumulee": row["part_cumulee"],
        "population_cumulee": row["population_cumulee"],
        "zone_nationale": row["zone"],
        "zone": decided["zone"],
        "motif": decided.get("motif"),
        "article": decided.get("article"),
        "communes": places[code],
        "ecarts": list(told.distances),
        "decomposition": list(told.parts),
        "densite": None if of_density is None else round(of_density, 2),
        "intervalle": doubt.get(code),
    }


def _seen_from(one: Mapping[str, Any], region: str) -> dict[str, Any]:
    """A BVCV and its communes, as its own region or a neighbour sees them."""
    communes = []
    for place in one["communes"]:
        here = place["region"] == region
        kept = {key: value for key, value in place.items() if key != "region" or not here}
        communes.append({**kept, "dans_region": here})
    return {**one, "dans_region": one["region"] == region, "communes": communes}


def _communes(found: Material) -> dict[str, list[dict[str, Any]]]:
    by: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    names = ("code_commune", "libelle", "code_region", "code_bvcv", "population", "apl")
    for code, label, region, unit, persons, apl in rows_of(found.communes, *names):
        by[unit].append({"code": code, "libelle": label, "region": region, "population": persons,
                         "apl": None if apl is None else round(apl, 4)})  # fmt: skip
    return {unit: sorted(rows, key=lambda one: (-one["population"], one["code"]))
            for unit, rows in by.items()}  # fmt: skip


def _dense(country: Nation, region: str) -> dict[str, Any] | None:
    found, dense = country.material, country.density
    if dense is None:
        return None
    here = dense.country if region == FRANCE else dense.by_region.get(region)
    least = LEAST if found.secrecy is None else found.secrecy.least
    return {"unite": dense.unit, "region": here, "france": dense.country, "seuil": least}


def _doubt(found: Material) -> dict[str, dict[str, Any]]:
    """The interval of each BVCV and how firmly its class is held, of a table ``incertitude``."""
    if found.incertitude is None:
        return {}
    chances = [f"p_{zone}" for zone in found.rules.zoning.zones]
    return {
        row["code_bvcv"]: {
            "bas": row["apl_bas"],
            "haut": row["apl_haut"],
            "tenue": row["tenue"],
            "zones": {name[2:]: row[name] for name in chances if row.get(name) is not None},
        }
        for row in found.incertitude.to_pylist()
    }


def _astride(found: Material) -> dict[str, dict[str, Any]]:
    """The BVCV in several regions; none under a text where each counts its own inhabitants."""
    from apl.regions.attribution import astride

    try:
        rows = astride(found.communes, found.rules).to_pylist()
    except RuleError:
        return {}
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = told.setdefault(row["code_bvcv"], {
            "code": row["code_bvcv"],
            "libelle": found.libelles.get(row["code_bvcv"], row["code_bvcv"]),
            "decide": {"code": row["region_majorite"],
                       "libelle": region_label(row["region_majorite"])},
            "differe": row["differe"],
            "regions": [],
        })  # fmt: skip
        one["regions"].append({
            "code": row["code_region"], "libelle": region_label(row["code_region"]),
            "communes": row["communes"], "population": row["population"],
        })  # fmt: skip
    return told


def _regime(found: Material, region: str) -> dict[str, Any] | None:
    """What the page holds decisions against; None where no public source states it."""
    if found.regime is None or found.rules.attribution != "most_population":
        return None
    standing = {code: (zone, why or "") for code, lies, zone, national, why in rows_of(
        found.zonage, "code_bvcv", "code_region", "zone", "zone_nationale", "motif")
        if lies == region and zone != national and zone is not None}  # fmt: skip
    labels = {zone: zone_label(zone) for zone in found.rules.zoning.zones}
    units = units_of(found.zonage, region)
    whom = WHO.get(found.rules.zoning.population, "habitants")
    return regime_data(
        found.rules, units, found.regime, labels=labels, standing=standing, whom=whom
    )


def _pairs(found: Material, chosen: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What the page works "what if" out of; None where the run's pairs are not at hand."""
    if found.opened is None or found.secrecy is None:
        return None
    units = [one["code"] for one in chosen]
    cuts = found.ranking.cuts
    return pairs_data(found.opened.place, found.rules, found.secrecy, cuts, units=units)


def _benefits(found: Material, on: date) -> dict[str, list[dict[str, str]]]:
    """What each class gives on a date, in the words of its texts; nothing where none is at hand."""
    from apl.aids.benefits import zone_benefits

    try:
        given = zone_benefits(found.rules, on=on)
    except RuleError:
        return {}
    by: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for aid in given.aids:
        by[aid.zone].append({"titre": "", "texte": aid.quote,
                             "article": f"{aid.text.title}, {aid.cite}"})  # fmt: skip
    for contract in given.contracts:
        for zone in contract.zones:
            title = f"{contract.name} : {contract.title}"
            by[zone].append({"titre": title, "texte": contract.quote,
                             "article": f"{contract.text.title}, {contract.cite}"})  # fmt: skip
    return dict(by)


def _row_of(country: Nation, region: str) -> dict[str, Any]:
    """A line of the table of regions."""
    zones = _zones(country, region)
    return {
        "code": region,
        "libelle": region_label(region),
        "bvcv": sum(zone["bvcv"] for zone in zones),
        "population": sum(zone["population"] for zone in zones),
        "parts": [zone["part"] for zone in zones],
        "page": region in country.material.regions,
        "tables_vi": [zone["part_table_vi"] for zone in zones],
    }
