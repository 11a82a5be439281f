"""What a run noticed and went on with: nothing is silent, nothing is lost without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl import cities, conversion
from apl.counted import WOMEN, column_of
from apl.indicator import Indicator
from apl.law import Rules
from apl.lines import REGIONS
from apl.matrix import oddities
from apl.parameters import KEYS, Parameters
from apl.plausible import ENOUGH, lonely
from apl.travel import estimate_of
from apl.vintages import remarks
from apl.zoning import Ranking
from apl_core import Catchment
from apl_core.blockwise import Pairs
from apl_core.tables import notes_of
from apl_core.territory import column_values

# What the gate notes of a table, by its words: which fault of the catalogue it is.
NOTED = {
    "the last line has no end": "APL-A06",
    "decimal commas": "APL-B02",
    "spaces in numbers": "APL-B10",
    "hold units or notes": "APL-B12",
    "columns ignored": "APL-B14",
    "took their mark": "APL-C13",
    "float32": "APL-D09",
}
GAP = 1e-3  # Σ standardised against Σ population, beyond which it is said


@dataclass(frozen=True)
class Notice:
    """One remark: the identifier of the catalogue, and a sentence."""

    fault: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """The same as plain data, for ``--json``."""
        return {"fault": self.fault, "text": self.text}


def notices(
    tables: Mapping[str, pa.Table],
    of_pairs: Iterable[Notice] | None,
    found: Indicator,
    communes: pa.Table,
    ranking: Ranking,
    rules: Rules,
) -> Iterator[Notice]:
    """All that is to be said of a run, in the order of the corridor.

    ``communes`` is in the order of positions and has whom the cuts count; ``of_pairs`` is what
    `pair_notices` says, None for a density.
    """
    persons, counts = (
        column_values(communes.column(name), np.int64) for name in ("population", column_of(rules))
    )
    yield from of_tables(tables, rules)
    if of_pairs is None:
        text = "the indicator is a density by BVCV: no travel times, no value by commune"
        yield Notice("APL-S04", text)
    else:
        if estimate_of(tables["temps_de_parcours"]):
            yield Notice("APL-S02", "travel times are an estimate, not a measure")
        yield from of_pairs
    empty = int(np.count_nonzero(persons == 0))
    if empty:
        yield Notice("APL-C10", f"{empty:,} communes without inhabitants have no weight")
    if found.unreached.size:
        etp = float(found.supply[found.unreached].sum())
        where = f"{found.unreached.size:,} communes"
        yield Notice("APL-E10", f"{etp:,.2f} FTE in {where} that nobody can reach")
    total, standard = int(counts.sum()), float(found.demand.sum())
    if abs(standard - total) > GAP * total:
        text = f"Σ standardised population is {standard:,.0f}, Σ population {total:,}"
        yield Notice("APL-D06", text)
    yield from whom(communes, rules)
    if found.arithmetic != "exact":
        yield Notice("APL-N01", "quantities span too wide a range for whole numbers: float64 sums")
    yield from zone_notices(ranking)


def of_tables(tables: Mapping[str, pa.Table], rules: Rules, **years: int) -> Iterator[Notice]:
    """What the gate noted of each table, and the years that they declare."""
    for name, table in tables.items():
        yield from of_table(name, table)
    yield from vintages(tables, rules, **years)


def of_table(name: str, table: pa.Table) -> Iterator[Notice]:
    """What the gate noted of a table."""
    for note in notes_of(table):
        named = (fault for words, fault in NOTED.items() if words in note)
        yield Notice(next(named, "APL-A09"), f"{name}: {note}")


def vintages(tables: Mapping[str, pa.Table], rules: Rules, **years: int) -> Iterator[Notice]:
    """What was brought to another year, and inputs that declare other years than the text names."""
    for name, table in tables.items():
        yield from (Notice(fault, text) for fault, text in conversion.remarks(name, table))
    if "communes" in tables:
        yield from (Notice("APL-C07", text) for text in cities.remarks(tables["communes"]))
    for text in remarks(tables, rules, **years):
        yield Notice("APL-F07", text)


def whom(communes: pa.Table, rules: Rules) -> Iterator[Notice]:
    """What ``population`` and units mean in the results, where they are not those of 2024."""
    if column_of(rules) == WOMEN:
        women, everyone = (pc.sum(communes.column(name)).as_py() for name in (WOMEN, "population"))
        yield Notice(
            "APL-S03",
            f"population counts women in bvcv and parts_regionales ({women:,} of {everyone:,} "
            "inhabitants); so do the territories without APL",
        )
    if rules.entry["territory"].get("unit") == "tvs":
        yield Notice("APL-S06", "the units of this text are TVS: code_bvcv has to hold their codes")
    if rules.attribution == "own_inhabitants":
        yield Notice(
            "APL-S05",
            "parts_regionales counts each region's own inhabitants; a unit has one class, and "
            "code_region in bvcv decides nothing",
        )


def field(communes: pa.Table, outside: Mapping[str, int]) -> Iterator[Notice]:
    """Regions that are not there: the shares of the texts are of the whole country."""
    there = set(pc.unique(communes.column("code_region")).to_pylist())
    missing = sorted(set(REGIONS) - there - set(outside))
    if missing and communes.num_rows >= ENOUGH:
        some = ", ".join(f"{code} {REGIONS[code]}" for code in missing)
        yield Notice(
            "APL-C09",
            f"cuts are at shares of the inhabitants given, not of France: nobody of region {some} "
            "(territories_without_apl in the file of --parameters counts those without APL)",
        )


def without_apl(apl: pa.Table, communes: pa.Table) -> Iterator[Notice]:
    """Communes that a published APL leaves empty, or leaves out."""
    yield from of_table("apl", apl)
    named = apl.column("code_commune").cast(pa.string())
    scored = named.filter(pc.is_valid(apl.column("apl")))
    codes = communes.column("code_commune").cast(pa.string())
    aliens = named.filter(pc.invert(pc.is_in(named, codes.combine_chunks()))).to_pylist()
    if aliens:
        text = f"{len(aliens):,} communes without APL that the table of communes does not have"
        some = ", ".join(aliens[:10]) + ", …" * (len(aliens) > 10)
        yield Notice("APL-C14", f"{text}: {some}")
    missing = communes.filter(pc.invert(pc.is_in(codes, scored.combine_chunks())))
    if missing.num_rows:
        persons = pc.sum(missing.column("population")).as_py()
        some = ", ".join(missing.column("code_commune").slice(0, 10).to_pylist())
        some += ", …" * (missing.num_rows > 10)
        text = f"{missing.num_rows:,} communes ({persons:,} inhabitants) have no published APL"
        yield Notice("APL-C18", f"{text}: {some}")


def unused_parameters(parameters: Parameters, *, computed: bool) -> Iterator[Notice]:
    """Parameters that had no effect, since the FTE were given and not computed."""
    names = KEYS["supply"].items()  # as the caller's file has them
    given = [f"supply.{key}" for key, name in names if getattr(parameters, name) is not None]
    if given and not computed:
        text = f"parameters of supply given and not used: {', '.join(given)}"
        yield Notice("APL-F08", text)


def zone_notices(ranking: Ranking) -> Iterator[Notice]:
    """What is to be said of a ranking."""
    for cut in ranking.cuts:
        if cut.tied:
            text = f"equal APL on both sides of the cut above {cut.zone}: {', '.join(cut.tied)}"
            yield Notice("APL-G01", text)
    if ranking.without_apl:
        some = ", ".join(ranking.without_apl[:5]) + ", …" * (len(ranking.without_apl) > 5)
        text = "BVCV or territories with inhabitants and no APL"
        yield Notice("APL-C18", f"{text}: {len(ranking.without_apl):,} ({some})")


def pair_notices(pairs: Catchment | Pairs, communes: pa.Table, rules: Rules) -> Iterator[Notice]:
    """What is to be said of the pairs of a run; ``communes`` as `notices`."""
    persons = column_values(communes.column("population"), np.int64)
    limits = [band.until for band in rules.decay.bands]
    on = [pairs.count_at(limit) for limit in limits]
    if any(on):
        counts = ", ".join(f"{n:,} on {m:g}" for n, m in zip(on, limits, strict=True))
        share = 100 * sum(on) / max(pairs.size, 1)
        yield Notice("APL-E05", f"pairs exactly on a bound: {counts} min ({share:.1f} %)")
    yield from (Notice(*said) for said in oddities(pairs, limits))
    if pairs.self_added:
        yield Notice("APL-E02", f"self pairs added at 0 minutes: {pairs.self_added:,}")
    alone = lonely(pairs)
    if alone.size:
        some = ", ".join(pairs.land.codes[int(k)].as_py() for k in alone[:10])
        some += ", …" * (alone.size > 10)
        text = f"{alone.size:,} communes with {int(persons[alone].sum()):,} inhabitants"
        yield Notice("APL-E08", f"{text} reach no other commune: {some}")
    if len(pairs.land) >= ENOUGH and pairs.longest < 0.95 * limits[-1]:
        text = f"no time is over {pairs.longest:g} minutes: is the matrix cut short?"
        yield Notice("APL-E07", text)
