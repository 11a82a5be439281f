"""The job in lazy Polars, on the streaming engine.

Codes are joined once, to row numbers, the rarer destinations first (an Enum of the codes,
rejected: casting 5 million texts takes 20 % longer than both joins).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from . import CUTS, LEAST_FEES, OLDEST_AGE, PER, ZONES


def run(source: Path, out: Path) -> None:
    """The job."""
    tables = {path.stem: pl.scan_parquet(path) for path in source.glob("*.parquet")}
    places = tables["communes"].select("code_commune", "code_bvcv", "code_region", "population")
    known = (
        places.join(demand(tables), on="code_commune", how="left")
        .join(supply(tables["professionnels"]), on="code_commune", how="left")
        .with_columns(pl.col("population_standardisee", "etp").fill_null(0.0))
        .collect(engine="streaming")
        .with_row_index("id")
    )
    communes = known.with_columns(apl=access(tables["temps_de_parcours"], known)).drop("id")
    areas = zoning(communes)
    results = {"apl_communes": communes, "bvcv": areas, "parts_regionales": shares(areas)}
    out.mkdir(parents=True, exist_ok=True)
    for name, table in results.items():
        table.write_parquet(out / f"{name}.parquet", compression="snappy", statistics=False)


def supply(professionals: pl.LazyFrame) -> pl.LazyFrame:
    """FTE by commune (persons as windows over their rows, rejected: 3 times slower)."""
    new = pl.col("installe_dans_l_annee")
    rows = (
        professionals.filter(pl.col("age") <= OLDEST_AGE)
        .select("identifiant", "code_commune", "actes", "honoraires", new)
        .collect()
        .lazy()
    )
    sums = {"total": pl.col("actes").sum(), "fees": pl.col("honoraires").sum()}
    persons = (
        rows.group_by("identifiant")
        .agg(**sums, new=new.any(), places=pl.len())
        .filter(pl.col("new") | (pl.col("fees") >= LEAST_FEES))
        .collect(engine="streaming")
    )
    acts = persons.filter(~pl.col("new"))["total"].sort()
    median, decile = (type_2(acts, over, under) for over, under in ((1, 2), (9, 10)))
    total = pl.col("total")
    fte = pl.when("new").then(1.0).otherwise(total.clip(upper_bound=decile) / median)
    share = pl.when(total > 0).then(pl.col("actes") / total).otherwise(1 / pl.col("places"))
    found = persons.lazy().select("identifiant", "total", "places", fte=fte)
    split = rows.join(found, on="identifiant").group_by("code_commune")
    return split.agg(etp=(pl.col("fte") * share).sum())


def type_2(ordered: pl.Series, over: int, under: int) -> float:
    """The inverse of the distribution function, the mean of two values at a jump."""
    whole, rest = divmod(len(ordered) * over, under)
    above = float(ordered[whole])
    return above if rest else (float(ordered[whole - 1]) + above) / 2


def demand(tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The standardised population by commune."""
    fees = pl.col("honoraires_par_habitant")
    return (
        tables["population_par_age"]
        .join(tables["consommation_par_age"], on="age")
        .group_by("code_commune")
        .agg(n=pl.col("population").sum(), c=(pl.col("population") * fees).sum())
        .select(
            "code_commune",
            population_standardisee=pl.col("c") * (pl.col("n").sum() / pl.col("c").sum()),
        )
    )


def access(times: pl.LazyFrame, known: pl.DataFrame) -> pl.Series:
    """The APL of each row of ``known``."""
    places = known.lazy()
    sites = places.filter(pl.col("etp") > 0).select("code_commune", d="id")
    homes = places.select("code_commune", "population_standardisee", o="id")
    minutes = pl.col("minutes")
    weight = pl.when(minutes < 10).then(1.0).when(minutes < 15).then(2 / 3).otherwise(1 / 3)
    pairs = (
        times.filter(minutes <= 20)
        .join(sites, left_on="destination", right_on="code_commune")
        .join(homes, left_on="origine", right_on="code_commune")
        .select("o", "d", w=weight, faced=weight * pl.col("population_standardisee"))
        .collect(engine="streaming")
        .lazy()
    )
    ratio = (
        pairs.group_by("d")
        .agg(pl.col("faced").sum())
        .filter(pl.col("faced") > 0)
        .join(places.select("etp", d="id"), on="d")
        .select("d", r=pl.col("etp") / pl.col("faced"))
    )
    reached = pairs.join(ratio, on="d").group_by("o").agg(a=(pl.col("w") * pl.col("r")).sum())
    found = reached.collect(engine="streaming")
    joined = known.select("id").join(
        found, left_on="id", right_on="o", how="left", maintain_order="left"
    )
    return joined["a"].fill_null(0.0) * PER


def zoning(communes: pl.DataFrame) -> pl.DataFrame:
    """The BVCV, ranked and cut."""
    people, standard = pl.col("population"), pl.col("population_standardisee")
    pieces = communes.group_by("code_bvcv", "code_region").agg(
        people.sum(), standard.sum(), score=(standard * pl.col("apl")).sum()
    )
    areas = pieces.group_by("code_bvcv").agg(
        pl.col("code_region").get(people.arg_max()),
        people.sum(),
        standard.sum(),
        pl.col("score").sum(),
    )
    apl = pl.when(standard > 0).then(pl.col("score") / standard)
    ordered = areas.with_columns(apl=apl).sort("apl", "population", "code_bvcv", nulls_last=False)
    before = people.cum_sum()
    zone = pl.lit(ZONES[-1])
    for name, cut in zip(ZONES[2::-1], CUTS[::-1], strict=True):
        zone = pl.when(100 * before <= cut * people.sum()).then(pl.lit(name)).otherwise(zone)
    return ordered.select(
        "code_bvcv",
        "code_region",
        "population",
        "population_standardisee",
        "apl",
        rang=pl.when(pl.col("apl").is_not_null()).then(pl.col("apl").cum_count()),
        part_cumulee=before / people.sum(),
        zone=zone,
    )


def shares(areas: pl.DataFrame) -> pl.DataFrame:
    """Persons and BVCV by region and zone."""
    both = pl.concat([areas, areas.with_columns(code_region=pl.lit("FR"))])
    counts = both.group_by("code_region", "zone").agg(
        bvcv=pl.len().cast(pl.Int64), population=pl.col("population").sum()
    )
    cells = both.select(pl.col("code_region").unique()).join(
        pl.DataFrame({"zone": ZONES}), how="cross"
    )
    return (
        cells.join(counts, on=["code_region", "zone"], how="left")
        .with_columns(pl.col("bvcv", "population").fill_null(0))
        .with_columns(part=pl.col("population") / pl.col("population").sum().over("code_region"))
    )
