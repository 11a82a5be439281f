"""The family of floating catchments from files to results: ours against the packages that have it.

    python benchmarks/family.py [--rounds 3] [--short] [--json FILE]

All in one process, imports and one run before. Ours checks every table inside the time that is
measured. Results are compared before any figure is printed: exit 1 where one differs by more than
1e-9, relative. What packages define otherwise, and how they were asked: `peers/family_jobs.py`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for a script that is run as a file
from benchmarks import tables

TOLERANCE = 1e-9  # relative, of the peers' float sums
PACKAGES = {
    "pysal access": "access",
    "pysal access, tables tuned by hand": "access",
    "traccess": "traccess",
    "aceso": "aceso",
}
DENSE = ("aceso",)  # n × n floats: 10 GB for the country
REGION = "93"  # some 900 communes: what a dense matrix can hold, several times over
GOAL = 50  # × pysal access as its guide uses it; the country, E2SFCA
OURS = "ours, 2 threads"

Job = Callable[[], object]


def write_inputs(folder: Path, region: str | None = None) -> dict[str, int]:
    """The embedded country, or one region of it, with FTE and demand by commune."""
    from benchmarks.scenarios import nation

    here = nation()
    codes = here.pairs.land.codes
    land = here.communes.select(["code_commune", "code_departement", "code_region", "population"])
    land = land.append_column("code_bvcv", here.communes.column("code_bvcv"))
    kept = np.ones(len(codes), dtype=bool)
    if region is not None:
        kept = pc.equal(here.communes.column("code_region"), region).to_numpy()
    i = np.repeat(np.arange(len(codes)), np.diff(here.pairs.start))
    j = here.pairs.destination
    both = kept[i] & kept[j]
    pairs = {
        "origine": codes.take(pa.array(i[both])),
        "destination": codes.take(pa.array(j[both])),
        "minutes": here.pairs.minutes[both],
    }
    some = pa.array(kept & (here.supply > 0))
    made = {
        "communes": land.filter(pa.array(kept)),
        "temps_de_parcours": pa.table(pairs),
        "offre": pa.table({"code_commune": codes, "etp": here.supply}).filter(some),
        "population_standardisee": pa.table(
            {"code_commune": codes, "population_standardisee": here.demand}
        ).filter(pa.array(kept)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in made.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return {name: table.num_rows for name, table in made.items()}


def ours(source: Path, out: Path, member: str) -> None:
    """Ours, with the checks of every table."""
    from apl import activity
    from apl_core import Catchment, Decay, Gaussian, Steps, Territory
    from apl_core.family import FAMILY
    from apl_core.tables import read_table
    from benchmarks.peers.family_jobs import SIGMA, WITHIN

    def read(name: str, known: Territory | None = None) -> pa.Table:
        return read_table(source / f"{name}.parquet", name, known=known)

    rings = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="right")
    one = Steps.of([WITHIN], ["1"], closed="right")
    decays: dict[str, Decay] = {"2SFCA": one, "KD2SFCA": Gaussian(SIGMA, limit=WITHIN)}
    communes = read("communes")
    land = Territory.from_table(communes)
    pairs = Catchment.build(read("temps_de_parcours", land), land, within=WITHIN)
    supply = activity.given_supply(read("offre", land), land)
    people = read("population_standardisee", land)
    demand = activity.given_demand(people, land, land.ordered(communes))
    values = FAMILY[member](pairs, supply, demand, decays.get(member, rings), threads=2)
    pq.write_table(pa.table({"code_commune": land.codes, "acces": values}), out)


def jobs(source: Path, out: Path, packages: Sequence[str]) -> dict[str, dict[str, Job]]:
    """By member of the family: each engine that has it."""
    from apl_core.family import FAMILY
    from benchmarks.peers.family_jobs import JOBS, MEMBERS

    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, Job]] = {}
    for member in FAMILY:
        mine: dict[str, Job] = {OURS: partial(ours, source, out / f"{member} {OURS}", member)}
        for name in packages:
            if member in MEMBERS[name]:
                mine[name] = partial(JOBS[name], source, out / f"{member} {name}", member)
        found[member] = mine
    return found


def compared(member: str, ways: Mapping[str, Job], out: Path) -> float:
    """Run each once; the largest relative difference from ours, exit 1 where it is too large."""
    largest, mine = 0.0, np.empty(0)
    for name, way in ways.items():
        way()
        table = pq.ParquetFile(out / f"{member} {name}").read().sort_by("code_commune")
        values = table.column("acces").to_numpy()
        if name == OURS:
            mine, codes = values, table.column("code_commune").to_pylist()
            continue
        if table.column("code_commune").to_pylist() != codes:
            sys.exit(f"{member}: {name} has other communes than ours")
        scale = np.maximum(np.abs(mine), np.abs(values))
        off = float(np.max(np.abs(mine - values) / np.where(scale > 0, scale, 1.0)))
        if not off <= TOLERANCE:
            sys.exit(f"{member}: {name} differs from ours by {off:.1e}, relative")
        largest = max(largest, off)
    return largest


def report(*, short: bool = False, rounds: int = 3) -> tables.Report:
    """Rows by member and engine, the country and (for dense packages) a region."""
    known = [name for name, package in PACKAGES.items() if find_spec(package)]
    lacking = [name for name in PACKAGES if name not in known]
    rows: list[tables.Row] = []
    furthest, against = 0.0, None
    with tempfile.TemporaryDirectory(prefix="apl-family-") as folder:
        areas = {"region": REGION} if short else {"country": None, "region": REGION}
        for area, region in areas.items():
            source, out = Path(folder, area), Path(folder, f"{area}-results")
            sizes = write_inputs(source, region)
            asked = [n for n in known if area == "region" or n not in DENSE]
            for member, ways in jobs(source, out, asked).items():
                furthest = max(furthest, compared(member, ways, out))
                seconds = tables.in_turn(ways, 1 if short else rounds)
                title = f"{member}, {area} ({sizes['temps_de_parcours']:,} pairs)"
                rows += [
                    tables.measured(title, name, values, ours=seconds[OURS])
                    for name, values in seconds.items()
                ]
                if (area, member) == ("country", "E2SFCA"):
                    against = next(
                        (r.ratio for r in rows[::-1] if r.engine == "pysal access"), None
                    )
    notes = [
        "Files to results, warm, one process; ours checks all tables, the packages none. Tuned by"
        " hand: codes as categories, pairs without supply taken out before.",
        f"Results equal within {furthest:.0e}, relative. M2SFCA of pysal access, BFCA and i2SFCA of"
        " all three: they have none.",
        "Rings close on the right here, as in the packages; the law's close on the left.",
    ]
    notes += [f"Not installed, so not measured: {', '.join(lacking)}."] if lacking else []
    goal = tables.at_least("E2SFCA, the country, against pysal access", GOAL, against)
    return tables.Report("The family against its packages", tuple(rows), (goal,), tuple(notes))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = tables.parser("The family of floating catchments, ours and packages.")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    if asked.rounds < 1:
        parser.error("--rounds is at least 1")
    tables.hand_over(report(short=asked.short, rounds=asked.rounds), asked)


if __name__ == "__main__":
    main()
