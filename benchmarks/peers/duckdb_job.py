"""The job in SQL, straight on the Parquet files.

Codes are joined once, to whole numbers (joining text at both steps, rejected: 10 % slower;
an ENUM of the codes: 3 times slower), and only pairs that lead to some supply are kept.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from . import CUTS, LEAST_FEES, OLDEST_AGE, PER, THREADS, ZONES

# median() is the type 2 median; a type 2 decile is the mean of the discrete ones from both ends.
SUPPLY = f"""
CREATE OR REPLACE TEMP TABLE exercice AS
SELECT code_commune, actes, age, bool_or(installe_dans_l_annee) OVER personne AS nouveau,
       sum(actes) OVER personne AS total, sum(honoraires) OVER personne AS honoraires,
       count(*) OVER personne AS lieux, row_number() OVER personne AS rang
FROM read_parquet('{{source}}/professionnels.parquet')
WHERE age <= {OLDEST_AGE}
WINDOW personne AS (PARTITION BY identifiant);

CREATE OR REPLACE TEMP TABLE offre AS
WITH bornes AS (
    SELECT median(total) AS mediane,
           (quantile_disc(total, 0.9) - quantile_disc(-total, 0.1)) / 2 AS decile
    FROM exercice WHERE rang = 1 AND NOT nouveau AND honoraires >= {LEAST_FEES})
SELECT code_commune, sum(if(nouveau, 1, least(total, decile) / mediane)
                         * if(total > 0, actes / total, 1 / lieux)) AS etp
FROM exercice, bornes WHERE nouveau OR honoraires >= {LEAST_FEES}
GROUP BY code_commune
"""

PLACES = """
CREATE OR REPLACE TEMP TABLE lieux AS
WITH ages AS (
    SELECT code_commune, sum(population) AS n, sum(population * honoraires_par_habitant) AS c
    FROM read_parquet('{source}/population_par_age.parquet')
    JOIN read_parquet('{source}/consommation_par_age.parquet') USING (age)
    GROUP BY code_commune),
demande AS (SELECT code_commune, c * (sum(n) OVER () / sum(c) OVER ()) AS p FROM ages)
SELECT (row_number() OVER ())::INTEGER AS id, code_commune, code_bvcv, code_region, population,
       coalesce(p, 0) AS p, coalesce(etp, 0) AS etp
FROM read_parquet('{source}/communes.parquet')
LEFT JOIN demande USING (code_commune) LEFT JOIN offre USING (code_commune)
"""

TWO_STEPS = f"""
CREATE OR REPLACE TEMP TABLE paires AS
SELECT o.id AS o, d.id AS d, o.p AS p,
       CASE WHEN minutes < 10 THEN 1::DOUBLE WHEN minutes < 15 THEN 2::DOUBLE / 3
            ELSE 1::DOUBLE / 3 END AS w
FROM read_parquet('{{source}}/temps_de_parcours.parquet')
JOIN lieux o ON origine = o.code_commune JOIN lieux d ON destination = d.code_commune
WHERE minutes <= 20 AND d.etp > 0;

CREATE OR REPLACE TEMP TABLE apl_communes AS
WITH demande AS (SELECT d AS id, sum(w * p) AS face FROM paires GROUP BY d),
ratio AS (SELECT id AS d, etp / face AS r FROM demande JOIN lieux USING (id) WHERE face > 0),
acces AS (SELECT o AS id, sum(w * r) AS a FROM paires JOIN ratio USING (d) GROUP BY o)
SELECT code_commune, code_bvcv, code_region, population, p AS population_standardisee, etp,
       coalesce(a, 0) * {PER} AS apl
FROM lieux LEFT JOIN acces USING (id)
"""

ZONING = f"""
CREATE OR REPLACE TEMP TABLE bvcv AS
WITH morceaux AS (
    SELECT code_bvcv, code_region, sum(population) AS n, sum(population_standardisee) AS p,
           sum(population_standardisee * apl) AS s
    FROM apl_communes GROUP BY code_bvcv, code_region),
unites AS (
    SELECT code_bvcv, arg_max(code_region, n) AS code_region, sum(n)::BIGINT AS population,
           sum(p) AS population_standardisee, sum(s) / nullif(sum(p), 0) AS apl
    FROM morceaux GROUP BY code_bvcv),
rangs AS (
    SELECT *, if(apl IS NULL, NULL, count(apl) OVER ordre) AS rang,
           sum(population) OVER ordre AS cumul, sum(population) OVER () AS total
    FROM unites
    WINDOW ordre AS (ORDER BY apl NULLS FIRST, population, code_bvcv ROWS UNBOUNDED PRECEDING))
SELECT code_bvcv, code_region, population, population_standardisee, apl, rang,
       cumul::DOUBLE / total AS part_cumulee,
       CASE WHEN 100 * cumul <= {CUTS[0]} * total THEN '{ZONES[0]}'
            WHEN 100 * cumul <= {CUTS[1]} * total THEN '{ZONES[1]}'
            WHEN 100 * cumul <= {CUTS[2]} * total THEN '{ZONES[2]}' ELSE '{ZONES[3]}' END AS zone
FROM rangs
"""

SHARES = f"""
CREATE OR REPLACE TEMP TABLE parts_regionales AS
WITH regions AS (SELECT DISTINCT code_region FROM bvcv UNION ALL SELECT 'FR'),
cases AS (SELECT code_region, zone FROM regions, (SELECT unnest({list(ZONES)}) AS zone)),
comptes AS (
    SELECT coalesce(code_region, 'FR') AS code_region, zone, count(*) AS bvcv,
           sum(population)::BIGINT AS population
    FROM bvcv GROUP BY GROUPING SETS ((code_region, zone), (zone)))
SELECT code_region, zone, coalesce(bvcv, 0) AS bvcv, coalesce(population, 0) AS population,
       coalesce(population, 0) / sum(population) OVER (PARTITION BY code_region) AS part
FROM cases LEFT JOIN comptes USING (code_region, zone)
"""

RESULTS = ("apl_communes", "bvcv", "parts_regionales")


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One connection for all rounds."""
    return duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False})


def run(source: Path, out: Path) -> None:
    """The job."""
    database = connection()
    for step in (SUPPLY, PLACES, TWO_STEPS, ZONING, SHARES):
        database.execute(step.format(source=source))
    out.mkdir(parents=True, exist_ok=True)
    for table in RESULTS:
        database.execute(f"COPY {table} TO '{out / table}.parquet' (FORMAT parquet)")
