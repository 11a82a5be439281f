"""A region of four BVCV as maps, workbooks and documents are given it, with hostile labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

import apl
from apl.law import Rules

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
HOSTILE = "</w:t></script><b>&\u202e{{ 7*7 }}"
FORMULA = '=HYPERLINK("http://example.org")'
ZONES = ("tres_sous_dotee", "sous_dotee", "intermediaire", "non_prioritaire")
LABELS = ("Très sous dotée", "Sous dotée", "Intermédiaire", "Non prioritaire")

# commune, name, region, BVCV, inhabitants
COMMUNES = (
    ("13001", HOSTILE, "93", "13001", 900), ("13002", "Bourg", "93", "13001", 100),
    ("13003", FORMULA, "93", "1302_", 800), ("26001", "Val", "84", "1302_", 50),
    ("13004", "https://example.org", "93", "13004", 700), ("13005", "Ici", "93", "26002", 10),
    ("26002", "Là", "84", "26002", 640),
)  # fmt: skip
# BVCV, region that decides, national class, class, why
UNITS = (
    ("13001", "93", "sous_dotee", "tres_sous_dotee", f"@{HOSTILE}"),
    ("1302_", "93", "intermediaire", "intermediaire", None),
    ("13004", "93", "non_prioritaire", "non_prioritaire", None),
    ("26002", "84", "sous_dotee", "sous_dotee", None),
)


@dataclass(frozen=True)
class Found:
    """What of `apl.report.material.Material` documents read."""

    communes: pa.Table
    zonage: pa.Table
    libelles: Mapping[str, str]
    manifest: Mapping[str, Any]
    rules: Rules = LAW


@dataclass(frozen=True)
class Scene:
    """What of `apl.report.payload.Nation` documents read."""

    material: Found
    bvcv: list[dict[str, Any]] = field(default_factory=list)


def scene() -> tuple[Any, dict[str, Any]]:
    """The country (a `Scene`, for what stands for a `Nation`), and the page of region 93."""
    communes = pa.table(dict(zip(
        ("code_commune", "libelle", "code_region", "code_bvcv", "population"),
        zip(*COMMUNES, strict=True), strict=True,
    )))  # fmt: skip
    units = [_unit(*row) for row in UNITS]
    names = ("code", "region", "zone_nationale", "zone", "population", "motif")
    table = ("code_bvcv", "code_region", "zone_nationale", "zone", "population", "motif")
    zonage = pa.table({to: [one[name] for one in units]
                       for name, to in zip(names, table, strict=True)})  # fmt: skip
    zonage = zonage.append_column("apl", pa.array([10.0, 90.0, 150.0, 60.0]))
    told = {"software": {"apl": "0"}, "inputs": [{"table": "communes", "file": "communes.csv",
                                                  "sha256": "ab"}]}  # fmt: skip
    libelles = {one["code"]: one["libelle"] for one in units}
    return Scene(Found(communes, zonage, libelles, told), units), page(units)


def _unit(code: str, region: str, national: str, zone: str, why: str | None) -> dict[str, Any]:
    mine = [row for row in COMMUNES if row[3] == code]
    return {
        "code": code, "libelle": mine[0][1], "region": region, "dans_region": region == "93",
        "population": sum(row[4] for row in mine), "population_standardisee": 1000.5,
        "apl": 10.0, "rang": 1, "part_cumulee": 0.1, "zone_nationale": national, "zone": zone,
        "motif": why, "article": "V" if why else None,
        "communes": [{"code": row[0], "libelle": row[1], "region": row[2], "population": row[4],
                      "dans_region": row[2] == "93"} for row in mine],
    }  # fmt: skip


def page(units: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "region": {"code": "93", "libelle": "Provence-Alpes-Côte d'Azur"},
        "profession": "masseur-kinésithérapeute", "titre": f"Zonage : {HOSTILE}",
        "droit": {"texte": "Arrêté du 20 mars 2024", "nor": "TSSH2408601A", "depuis": "2024-03-20"},
        "unite": "ETP", "qui": "habitants", "synthetique": True, "hors_loi": ["un seuil"],
        "empreinte": "c0ffee",
        "zones": [
            {"code": zone, "libelle": label, "bvcv": 1, "population": 1000, "part": 0.25,
             "part_nationale": 0.2, "part_france": 0.3, "part_table_vi": None}
            for zone, label in zip(ZONES, LABELS, strict=True)
        ],
        "bvcv": units,
    }  # fmt: skip
