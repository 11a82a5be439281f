"""The corridor, readable top to bottom: read, index, weigh, access, aggregate, rank, write."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl import (
    activity,
    aggregation,
    bvcv,
    cities,
    counted,
    density,
    indicator,
    noticed,
    outputs,
    plausible,
    zoning,
)
from apl.catalogue import strictly
from apl.conversion import Cog
from apl.inputs import SYNTHETIC, Inputs, blocks_of, over_blocks, start_inputs
from apl.jobs import Jobs
from apl.law import Rules, law_page
from apl.noticed import (
    Notice,
    notices,
    pair_notices,
    unused_parameters,
    without_apl,
    zone_notices,
)
from apl.parameters import Parameters
from apl.provenance import described, stamped, synthetic, versions
from apl.started import Started, start, start_pairs
from apl.travel import estimate_of
from apl_core import Weighted, refuse_if
from apl_core.blockwise import Summed
from apl_core.stream import counted_rows
from apl_core.workers import Workers

Progress = Callable[[str], None]
Supplied = tuple[activity.F64, activity.Supply | None]  # FTE; how, where they were computed
GATE_LAW = "masseur_kinesitherapeute"  # whose text `check` takes unless another is asked for


def _silent(stage: str) -> None:
    """The library prints nothing."""


@dataclass(frozen=True, eq=False)
class Run:
    """The results of a run.

    Attributes
    ----------
    rules : Rules
    communes, bvcv, parts : pyarrow.Table
        The tables ``apl_communes``, ``bvcv`` and ``parts_regionales``.
    ranking : zoning.Ranking
    supply : activity.Supply or None
        How the FTE came about, where they were computed.
    noticed : tuple of Notice
    manifest : mapping
        Inputs, rules, options, counts.
    """

    rules: Rules
    communes: pa.Table
    bvcv: pa.Table
    parts: pa.Table
    ranking: zoning.Ranking
    supply: activity.Supply | None
    noticed: tuple[Notice, ...]
    manifest: Mapping[str, Any]

    def write(
        self,
        out: str | Path,
        *,
        file_format: str = "parquet",
        overwrite: bool = False,
        ready: Mapping[str, Future[outputs.Contents]] | None = None,
    ) -> None:
        """Write the three tables and ``manifeste.json`` into a folder.

        ``ready`` has the contents of files that are under way in this format.
        """
        tables = {"apl_communes": self.communes, "bvcv": self.bvcv, "parts_regionales": self.parts}
        how: dict[str, Any] = {"file_format": file_format, "overwrite": overwrite}
        outputs.write_results(Path(out), tables, self.manifest, **how, ready=ready)


@dataclass(frozen=True, eq=False)
class Zoned:
    """The results of `zone`: the ranking, what was noticed, and where it comes from."""

    rules: Rules
    ranking: zoning.Ranking
    noticed: tuple[Notice, ...]
    manifest: Mapping[str, Any]


def run(
    source: str | Path | Mapping[str, Any] | None,
    rules: Rules,
    *,
    out: str | Path | None = None,
    self_pair: str = "error",
    parameters: Parameters | None = None,
    time: str | None = None,
    cog: Cog | None = None,
    threads: int | None = None,
    workers: Workers | None = None,
    file_format: str = "parquet",
    overwrite: bool = False,
    strict: bool = False,
    progress: Progress = _silent,
) -> Run:
    """The whole recomputation: from input tables to the APL, the BVCV and their zones.

    Parameters
    ----------
    source : folder, mapping of table → pyarrow.Table, or None
        A folder of files named after their tables; None: the embedded synthetic country.
    rules : Rules
    out : folder, optional
        Where to write the results.
    self_pair : {"error", "0", "none"}
        What a missing self pair means: a fault, 0 minutes (METRIC's convention), or no access.
    parameters : Parameters, optional
        What the public texts do not give (see `apl.read_parameters`).
    time : {"HC", "HP"}, optional
        Off-peak or peak hours, where the travel times have both.
    cog : Cog, optional
        The communes that all tables are brought to (see `apl.converted`).
    threads : int, optional
        Default: the processors there are, 8 at most. The result has the same bits for any number.
    workers : Workers, optional
        Who adds the pairs up, in blocks of their file, which is read twice and never held in
        memory (`apl.scheduler.cluster`, `Workers.threads`); the source is a folder then. The result
        has the same bits.
    file_format : {"parquet", "csv"}
    overwrite : bool
        Replace results that stand.
    strict : bool
        What is to be noticed is refused (TableError), as is what is wrong.
    progress : callable, optional
        Told the name of each stage as it begins.

    Raises
    ------
    TableError, RuleError, FileError
        Before anything is written.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> tables = {
    ...     "communes": pa.table({"code_commune": ["01001", "01002"],
    ...         "code_departement": ["01"] * 2, "code_region": ["84"] * 2,
    ...         "population": [400, 900], "code_bvcv": ["01001"] * 2}),
    ...     "temps_de_parcours": pa.table({"origine": ["01001", "01002"],
    ...         "destination": ["01002", "01001"], "minutes": [12.0, 12.0]}),
    ...     "population_standardisee": pa.table({"code_commune": ["01001", "01002"],
    ...         "population_standardisee": [400.0, 900.0]}),
    ...     "offre": pa.table({"code_commune": ["01001"], "etp": [1.0]})}
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> found = apl.run(tables, law, self_pair="0")
    >>> found.bvcv.column("apl").to_pylist()
    [76.92307692307692]
    """
    parameters = parameters or Parameters()
    rules = parameters.applied(rules)
    rules.require(*blocks_of(source, rules))
    asked = {"self_pair": self_pair, "time": time, "parameters": asdict(parameters)}
    asked |= {} if cog is None else {"cog": cog.to.isoformat()}
    with outputs.claimed(out, overwrite), Jobs() as jobs:
        progress("reading and indexing")
        told: dict[str, Any] = {"self_pair": self_pair, "progress": progress}
        over = over_blocks(source, rules, workers, time=time, **told)
        given = start_inputs(
            jobs, source, rules, time, hashed=True, apart=over is not None, cog=cog, **told
        )
        started = start(jobs, given, rules, parameters, self_pair, over)
        near, noted = start_pairs(jobs, started, rules)
        jobs.finish()
        given = started.given
        origin = _origin(rules, asked, given)
        communes, how = started.placed.result(), started.supply.result()[1]
        progress("two steps")
        found, result = _solved(started, near, rules, threads or min(os.cpu_count() or 1, 8))
        ready = {}
        if out is not None:  # the largest by far, encoded while the others come about
            made = partial(outputs.contents, synthetic=given.synthetic)
            encode = partial(made, made_from=outputs.made_from(origin))
            ready["apl_communes"] = jobs.start(partial(encode, result, file_format))
        progress("zones")
        areas = (density.areas if near is None else aggregation.aggregate)(result, communes, rules)
        ranking = _ranked(areas, communes, rules, parameters)
        tables = {name: table.result() for name, table in given.tables.items()}
        seen = (
            *((Notice("APL-S01", SYNTHETIC),) if given.synthetic else ()),
            *unused_parameters(parameters, computed=how is not None),
            *notices(tables, noted.result() if noted else None, found, communes, ranking, rules),
            *noticed.field(communes, parameters.territories_without_apl),
        )
        if strict:
            strictly(seen)
        given.refuse_changed()
        manifest = {**origin, **_counted(given, started, found, how, seen)}
        done = Run(rules, result, ranking.bvcv, ranking.parts, ranking, how, seen, manifest)
        if out is not None:
            progress("writing")
            done.write(out, file_format=file_format, overwrite=overwrite, ready=ready)
    return done


def check(
    source: str | Path,
    rules: Rules | None = None,
    *,
    self_pair: str = "error",
    parameters: Parameters | None = None,
    time: str | None = None,
    cog: Cog | None = None,
    strict: bool = False,
    progress: Progress = _silent,
) -> dict[str, int]:
    """Every gate of `run` and no result: the rows of each table, or all faults together.

    Without ``rules``, under the newest text at hand for physiotherapists. With ``strict``, what can
    be noticed before anything is computed is a fault too.

    Raises
    ------
    TableError, FileError
    """
    parameters = parameters or Parameters()
    law = parameters.applied(rules or law_page(GATE_LAW)[-1])
    law.require(*blocks_of(source, law))
    progress("reading and indexing")
    with Jobs() as jobs:
        given = start_inputs(
            jobs, source, law, time, self_pair=self_pair, progress=progress, cog=cog
        )
        started = start(jobs, given, law, parameters, self_pair)
        jobs.start(partial(aggregation.attributed, rules=law), started.placed)
        jobs.finish()
        tables = {name: table.result() for name, table in given.tables.items()}
        if strict:
            communes, pairs = started.placed.result(), started.pairs
            of_pairs = () if pairs is None else pair_notices(pairs.result(), communes, law)
            absent = noticed.field(communes, parameters.territories_without_apl)
            strictly((*noticed.of_tables(tables, law), *of_pairs, *absent))
    return {name: counted_rows(table) for name, table in tables.items()}


def zone(
    apl: pa.Table,
    communes: pa.Table,
    rules: Rules,
    *,
    parameters: Parameters | None = None,
    files: Mapping[str, Path] | None = None,
    out: str | Path | None = None,
    file_format: str = "parquet",
    overwrite: bool = False,
    strict: bool = False,
) -> Zoned:
    """From an APL by commune, ours or published, to the BVCV and the shares by region.

    Parameters
    ----------
    apl : pyarrow.Table
        ``code_commune``, ``apl`` (empty: none published), ``population_standardisee``.
    communes : pyarrow.Table
        The table ``communes``.
    rules : Rules
    parameters : Parameters, optional
        Population of territories without APL, readings.
    files : mapping of table → path, optional
        Where the tables come from, for the manifest.
    out, file_format, overwrite, strict
        As `run`.
    """
    parameters = parameters or Parameters()
    rules = parameters.applied(rules)
    density.refuse_apl(rules)
    rules.require("indicator", "aggregation", "attribution", "zoning")
    if out is not None:  # before anything is computed; it is held while it is written
        outputs.refuse_standing(Path(out), overwrite)
    plausible.profession(apl, rules)
    tables = {"apl_publie": apl, "communes": communes}
    mixed = (one for name in tables for one in cities.faults(name, tables[name], communes))
    refuse_if([*bvcv.bare_overseas(communes), *mixed])
    communes = counted.counted(communes, rules, published=apl)
    areas = aggregation.aggregate(apl, communes, rules)
    ranking = _ranked(areas, communes, rules, parameters)
    made_up = synthetic(*tables.values())
    seen = (
        *((Notice("APL-S01", SYNTHETIC),) if made_up else ()),
        *unused_parameters(parameters, computed=False),
        *without_apl(apl, communes),
        *noticed.vintages(tables, rules),
        *noticed.whom(communes, rules),
        *noticed.field(communes, parameters.territories_without_apl),
        *zone_notices(ranking),
    )
    if strict:
        strictly(seen)
    manifest = {
        "software": versions(),
        "synthetic": made_up,
        "inputs": [described(name, tables[name], (files or {}).get(name)) for name in tables],
        "rules": rules.as_dict(),
        "options": {"parameters": asdict(parameters)},
        "noticed": [notice.as_dict() for notice in seen],
    }
    done = Zoned(rules, ranking, seen, manifest)
    if out is not None:
        results = {"bvcv": ranking.bvcv, "parts_regionales": ranking.parts}
        outputs.write_results(
            Path(out), results, manifest, file_format=file_format, overwrite=overwrite
        )
    return done


def _solved(
    started: Started, near: Future[Weighted | Summed] | None, rules: Rules, threads: int
) -> tuple[indicator.Indicator, pa.Table]:
    """The indicator of each commune, and its table."""
    etp, demand = started.supply.result()[0], started.demand.result()
    if near is None:
        found = density.measured(etp, demand)
    else:
        found = indicator.solved(near.result(), etp, demand, rules, threads=threads)
    kind = density if near is None else indicator
    return found, stamped(kind.table(started.land.result(), found, started.placed.result()), rules)


def _ranked(
    areas: pa.Table, communes: pa.Table, rules: Rules, parameters: Parameters
) -> zoning.Ranking:
    """The ranking, with what the caller gives and what the attribution asks for."""
    return zoning.rank(
        areas,
        rules,
        territories_without_apl=parameters.territories_without_apl,
        inhabitants=counted.own_inhabitants(communes, rules),
    )


def _origin(rules: Rules, asked: Mapping[str, Any], given: Inputs) -> dict[str, Any]:
    """What goes into results; all inputs are read."""
    return {
        "software": versions(),
        "synthetic": given.synthetic,
        "inputs": [
            described(
                name,
                table.result(),
                given.files.get(name),
                given.hashes[name].result() if name in given.hashes else None,
            )
            for name, table in given.tables.items()
        ],
        "rules": rules.as_dict(),
        "options": dict(asked),
    }


def _counted(
    given: Inputs,
    started: Started,
    found: indicator.Indicator,
    how: activity.Supply | None,
    seen: tuple[Notice, ...],
) -> dict[str, Any]:
    """What was met on the way, for a reader of the results."""
    pairs = None if started.pairs is None else started.pairs.result()
    return {
        "activity": None
        if how is None
        else {
            "mediane_actes": how.median,
            "neuvieme_decile_actes": how.ninth_decile,
            "computed_from_the_table": how.computed,
            "persons": how.persons,
            "over_age": how.too_old,
            "installed_in_the_year": how.newcomers,
            "below_floor": how.below_floor,
            "above_ninth_decile": how.capped,
        },
        "travel_times_estimate": None
        if pairs is None
        else estimate_of(given.tables["temps_de_parcours"].result()),
        "counts": {"communes": found.supply.size}
        | (
            {}
            if pairs is None
            else {
                "pairs_read": pairs.read,
                "pairs_kept": pairs.size,
                "self_pairs_added": pairs.self_added,
                "supply_unreached_etp": float(found.supply[found.unreached].sum()),
            }
        ),
        "arithmetic": found.arithmetic,
        "noticed": [notice.as_dict() for notice in seen],
    }
