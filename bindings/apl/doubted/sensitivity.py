"""What each reading that a run did not take would have changed.

One index holds the pairs up to a minute beyond the last band, so that bounds, closures and rounding
only weigh it anew; the time within a commune and peak hours, which are other pairs, build their
own. Every reading gives the bits of a whole run under it (the tests hold it against one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl import activity, bvcv, density
from apl.counted import column_of, counted
from apl.doubted.readings import MINUTE, ROUNDED, Reading, readings
from apl.inputs import TIMES, blocks_of, start_inputs
from apl.jobs import Jobs
from apl.law import Rules
from apl.parameters import LARGEST, Parameters
from apl.provenance import stamped
from apl.scenarios.opened import BROUGHT_BY, open_run
from apl.scenarios.situation import Outcome, Situation, outcome
from apl.started import start
from apl_core import AplError, Catchment, Territory
from apl_core.exact import frozen
from apl_core.tables import checked, read_table
from apl_core.territory import column_values

F64 = NDArray[np.float64]
Source = str | Path | Mapping[str, Any] | None

BEYOND = (0.005, 0.05)  # relative changes of an APL that are counted apart
MOST_CUTS = 4  # columns of the table: no text has more than five classes


@dataclass(frozen=True, eq=False)
class Scene:
    """The input of a run: its tables, and what it knew before the two steps.

    ``place`` has the pairs up to a minute beyond the last band.
    """

    source: Source
    tables: Mapping[str, pa.Table]
    files: Mapping[str, Path]
    place: Situation
    rules: Rules
    parameters: Parameters
    self_pair: str
    time: str | None
    how: activity.Supply | None
    synthetic: bool
    threads: int = 1

    @property
    def land(self) -> Territory:
        """The communes."""
        return self.place.pairs.land


@dataclass(frozen=True)
class Effect:
    """What a reading changes.

    Attributes
    ----------
    communes : int
        Whose APL changes at all.
    beyond : tuple of int
        By more than each of `BEYOND`, relative to the run's.
    mean : float
        Mean absolute change over all communes, in the unit of the APL.
    bvcv : int
        BVCV of the run that change class, wholly or in part.
    persons : int
        Whom the cuts count there.
    cuts : tuple of float or None
        The APL at which each class but the last ends.
    """

    communes: int
    beyond: tuple[int, ...]
    mean: float
    bvcv: int
    persons: int
    cuts: tuple[float | None, ...]


@dataclass(frozen=True)
class Row:
    """A reading, its effect (None: it cannot be asked), and why not, or what to know of it."""

    reading: Reading
    effect: Effect | None
    remark: str


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """All readings, and the run that they are held against."""

    scene: Scene
    base: Outcome
    rows: tuple[Row, ...]

    @property
    def table(self) -> pa.Table:
        """The table ``sensibilite``, one row a reading."""
        return stamped(_table(self.rows), self.scene.rules)


def sensitivity(
    source: Source,
    rules: Rules,
    *,
    self_pair: str = "error",
    parameters: Parameters | None = None,
    time: str | None = None,
    threads: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """What each reading that a run did not take would have changed: APL, classes, persons, cuts.

    Parameters
    ----------
    source, rules, self_pair, parameters, time, progress
        As `apl.run`.
    threads : int
        The bits do not depend on it.

    Raises
    ------
    TableError, RuleError, FileError
        As `apl.run`. A reading that cannot be asked of this input is a row that says so.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> tables = {
    ...     "communes": pa.table({"code_commune": ["01001", "01002"],
    ...         "code_departement": ["01"] * 2, "code_region": ["84"] * 2,
    ...         "population": [400, 900], "code_bvcv": ["01001"] * 2}),
    ...     "temps_de_parcours": pa.table({"origine": ["01001", "01002"],
    ...         "destination": ["01002", "01001"], "minutes": [10.0, 10.0]}),
    ...     "population_standardisee": pa.table({"code_commune": ["01001", "01002"],
    ...         "population_standardisee": [400.0, 900.0]}),
    ...     "offre": pa.table({"code_commune": ["01001"], "etp": [1.0]})}
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> first = sensitivity(tables, law, self_pair="0").rows[0]
    >>> first.reading.subject, first.reading.value, first.effect.communes
    ('decay 10 minutes', 'in the nearer band', 2)
    """
    progress("reading and indexing")
    scene = opened(
        source, rules, self_pair=self_pair, parameters=parameters, time=time, threads=threads
    )
    base = outcome(scene.place, scene.rules, threads=threads)
    progress("other readings")
    rows = tuple(_row(scene, base, asked) for asked in asked_of(scene))
    return Sensitivity(scene, base, rows)


def of_run(
    folder: Path,
    source: Path | None = None,
    *,
    movements: Path | None = None,
    passage: Path | None = None,
    threads: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Sensitivity:
    """`sensitivity` of a run as it was, from its output folder and its input folder.

    ``movements`` and ``passage`` are those of a run with ``--cog``, which is asked as its tables
    were brought to the communes it is in.

    Raises
    ------
    FileError, UsageError, RuleError
        As `apl.open_run`, which holds both against the manifest.
    """
    progress("holding the run against its manifest")
    run = open_run(folder, source, movements=movements, passage=passage)
    options = run.manifest["options"]
    given: Source = source
    if options.get("cog") is not None:
        names = [entry["table"] for entry in run.manifest["inputs"]]
        given = {name: run.tables(name) for name in names if name not in BROUGHT_BY}
    return sensitivity(given, run.rules, self_pair=options["self_pair"],
                       parameters=run.parameters, time=options["time"], threads=threads,
                       progress=progress)  # fmt: skip


def opened(
    source: Source,
    rules: Rules,
    *,
    self_pair: str = "error",
    parameters: Parameters | None = None,
    time: str | None = None,
    threads: int = 1,
) -> Scene:
    """Read and index the input of a run, with every gate that a run has."""
    parameters = parameters or Parameters()
    rules = parameters.applied(rules)
    density.refuse_apl(rules)
    rules.require(*blocks_of(source, rules))
    within = rules.decay.limit + MINUTE

    def build(times: pa.Table, land: Territory) -> Catchment:
        return Catchment.build(times, land, within=within, self_pair=self_pair)

    with Jobs() as jobs:
        # without rules the travel times are read whole: other pairs are made from them
        given = start_inputs(jobs, source, rules if source is None else None, time)
        land = jobs.start(Territory.from_table, given.tables["communes"])
        wide = jobs.start(build, given.tables[TIMES], land)
        started = start(jobs, replace(given, pairs=wide), rules, parameters, self_pair)
        jobs.finish()
    given.refuse_changed()
    etp, how = started.supply.result()
    outside = parameters.territories_without_apl
    place = Situation(wide.result(), etp, started.demand.result(), started.placed.result(), outside)
    tables = {name: table.result() for name, table in given.tables.items()}
    return Scene(source, tables, given.files, place, rules, parameters, self_pair, time, how,
                 given.synthetic, threads)  # fmt: skip


def asked_of(scene: Scene) -> Iterator[Reading]:
    """The readings that the run of a scene did not take."""
    return readings(
        scene.rules,
        tables=frozenset(scene.tables),
        embedded=scene.source is None,
        self_pair=scene.self_pair,
        time=scene.time,
        longest=scene.place.pairs.longest,
    )


def answer(scene: Scene, asked: Reading) -> Outcome:
    """What a run under another reading gives.

    Raises
    ------
    AplError
        It cannot be asked of this input, or a run under it is refused.
    """
    rules = asked.applied(scene.rules)
    changed: dict[str, Any] = {}
    if asked.rounding:
        times = frozen(ROUNDED[asked.rounding](scene.place.pairs.times))
        changed["pairs"] = replace(scene.place.pairs, times=times)
    if asked.self_pair or asked.time:
        changed["pairs"] = _other_pairs(scene, asked)
    if asked.block == "supply" or asked.uncapped:
        changed["supply"] = _other_supply(scene, asked, rules)
    if asked.block == "demand":
        ages, fees = (scene.tables[n] for n in ("population_par_age", "consommation_par_age"))
        changed["demand"] = activity.demand(ages, fees, scene.land, rules, scene.place.communes)
    if asked.block == "territory":
        communes = scene.land.ordered(bvcv.build(*_drawn(), rules).communes)
        changed["communes"] = counted(communes, rules, ages=scene.tables["population_par_age"])
    return outcome(replace(scene.place, **changed), rules, threads=scene.threads)


@cache
def _drawn() -> tuple[pa.Table, pa.Table]:
    """What the units of the embedded country are built from: two seconds to draw."""
    from apl.country import country

    tables = country()
    return tables["geographie"], tables["population_municipale"]


def _other_pairs(scene: Scene, asked: Reading) -> Catchment:
    """The pairs of other hours, or without the times given within a commune.

    A commune that then is the destination of no pair is as one that is too far: a run refuses its
    FTE as an omission of the table, which they are not here.
    """
    times = scene.tables[TIMES]
    if asked.time:
        choose = {"minutes": asked.time}
        if isinstance(scene.source, Mapping):
            times = checked(scene.source[TIMES], TIMES, choose=choose)
        else:
            times = read_table(scene.files[TIMES], TIMES, choose=choose)
    else:
        ends = (times.column(name).cast(pa.string()) for name in ("origine", "destination"))
        times = times.filter(pc.not_equal(*ends))
    within = scene.rules.decay.limit
    how = asked.self_pair or scene.self_pair
    pairs = Catchment.build(times, scene.land, within=within, self_pair=how)
    return pairs if asked.time else replace(pairs, paired=scene.place.pairs.paired)


def _other_supply(scene: Scene, asked: Reading, rules: Rules) -> F64:
    """FTE under other rules; without the cap, over the median of the run."""
    parameters, how = scene.parameters, scene.how
    if asked.uncapped and how is not None:
        parameters = replace(parameters, median_acts=how.median, ninth_decile_acts=LARGEST)
    return activity.supply(scene.tables["professionnels"], scene.land, rules, parameters).etp


def _row(scene: Scene, base: Outcome, asked: Reading) -> Row:
    if asked.without:
        return Row(asked, None, asked.without)
    try:
        found = answer(scene, asked)
    except AplError as error:
        fault = error.faults[0]
        return Row(asked, None, f"{fault.title}: {fault.why}")
    remark, lost = asked.remark, found.unreached - base.unreached
    if lost > 0:
        remark = f"{lost:,.1f} FTE more are in reach of nobody"
    return Row(asked, effect(base, found, scene.place.communes, column_of(scene.rules)), remark)


def effect(base: Outcome, found: Outcome, communes: pa.Table, counting: str) -> Effect:
    """What changed between two outcomes over the same communes; see `Effect`.

    ``counting`` is the column of ``communes`` that the cuts count.
    """
    before, after = (column_values(one.communes.column("apl"), np.float64)
                     for one in (base, found))  # fmt: skip
    away = np.abs(after - before)
    beyond = tuple(int(np.count_nonzero(away > share * before)) for share in BEYOND)
    moved = _zones(base) != _zones(found)
    persons = column_values(communes.column(counting), np.int64)
    units = base.communes.column("code_bvcv").filter(pa.array(moved))
    return Effect(
        int(np.count_nonzero(away)),
        beyond,
        float(away.mean()),
        len(pc.unique(units)),
        int(persons[moved].sum()),
        tuple(cut.apl for cut in found.ranking.cuts),
    )


def _zones(one: Outcome) -> NDArray[Any]:
    """The class of each commune's BVCV, as text; empty where it is not ranked."""
    bvcv = one.ranking.bvcv
    at = pc.index_in(one.communes.column("code_bvcv"), value_set=bvcv.column("code_bvcv"))
    zones = pc.fill_null(bvcv.column("zone").cast(pa.string()).take(at), "")
    return np.asarray(zones.to_numpy(), dtype=np.str_)


def _table(rows: tuple[Row, ...]) -> pa.Table:
    found = [row.effect for row in rows]

    def column(of: Callable[[Effect], Any], kind: pa.DataType) -> pa.Array:
        return pa.array([None if one is None else of(one) for one in found], kind)

    def cut(k: int) -> pa.Array:
        return column(lambda one: one.cuts[k] if k < len(one.cuts) else None, pa.float64())

    return pa.table(
        {
            "lecture": [row.reading.subject for row in rows],
            "base": [row.reading.base for row in rows],
            "valeur": [row.reading.value for row in rows],
            "communes": column(lambda one: one.communes, pa.int64()),
            "communes_demi_pourcent": column(lambda one: one.beyond[0], pa.int64()),
            "communes_cinq_pourcent": column(lambda one: one.beyond[1], pa.int64()),
            "ecart_moyen": column(lambda one: one.mean, pa.float64()),
            "bvcv": column(lambda one: one.bvcv, pa.int64()),
            "habitants": column(lambda one: one.persons, pa.int64()),
            **{f"coupure_{k + 1}": cut(k) for k in range(MOST_CUTS)},
            "remarque": pa.array([row.remark or None for row in rows], pa.string()),
        }
    )
