"""The output folder of `apl run`, opened again.

It holds FTE and standardised inhabitants by commune, and the law, but not the travel times: the
inputs are given again and held against the sha256 that the manifest has of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from apl import density, whole
from apl.conversion import read_cog
from apl.counted import WOMEN, column_of, counted
from apl.inputs import embedded, input_files, required_of
from apl.law import Rules, rules
from apl.outputs import FINGERPRINT, MANIFEST, fingerprint, sha256
from apl.parameters import Parameters
from apl.provenance import versions
from apl.scenarios.situation import Outcome, Situation, outcome, situation
from apl_core import Fault, FileError, RuleError, UsageError, refuse_if
from apl_core.catchment import SELF_PAIR
from apl_core.errors import listed
from apl_core.tables import read_table
from apl_core.territory import column_values

BROUGHT_BY = {"mouvements": "--movements", "passage": "--passage"}
AGREE = 1e-12  # relative; the same software gives the same bits
Tables = Callable[[str], pa.Table | None]


@dataclass(frozen=True, eq=False)
class Opened:
    """A run as it was: the situation, its law, its manifest and the sha256 of that.

    ``tables`` gives an input table by its name, in the communes of the run; None: there is none.
    """

    place: Situation
    rules: Rules
    manifest: Mapping[str, Any]
    sha256: str
    tables: Tables

    @cached_property
    def outcome(self) -> Outcome:
        """What the situation comes to, computed once: who asks why of one code asks of another."""
        return outcome(self.place, self.rules)

    @property
    def parameters(self) -> Parameters:
        """What the run was given that the texts do not have."""
        return _parameters(self.manifest)

    def origin(self, *kept: str) -> dict[str, Any]:
        """What the manifest of results made from the run begins with: these entries of its own."""
        found = {name: self.manifest[name] for name in kept if name in self.manifest}
        return {"software": versions(), **found}

    @property
    def told(self) -> dict[str, Any]:
        """What every summary of a run begins with (`apl.lines.headed`)."""
        law = self.rules
        return {
            "synthetic": bool(self.manifest["synthetic"]),
            "profession": law.profession,
            "law": {"text": law.text, "nor": law.nor, "since": law.since.isoformat()},
            "supplied_by_the_caller_not_law": list(law.supplied),
            "unit": law.unit,
        }


def open_run(
    folder: str | Path,
    source: str | Path | None = None,
    *,
    movements: str | Path | None = None,
    passage: str | Path | None = None,
    spare: bool = False,
) -> Opened:
    """Open the output folder of a run.

    Parameters
    ----------
    folder : Path
        What ``apl run --out`` wrote.
    source : Path, optional
        The input folder of that run; none for one on the embedded country.
    movements, passage : Path, optional
        The files that a run in the communes of another year (``--cog``) was given.
    spare : bool
        They are for something else too: a run that was given none does not refuse them.

    Raises
    ------
    FileError
        No run there; results or inputs that are not those of its manifest, all of them together; a
        run on tables in memory.
    UsageError
        Inputs that lack, or that the run was not given: the embedded country needs none.
    RuleError
        The law page has changed since; the run is on a density, which has no two steps.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    law = law_of(manifest, folder)
    density.refuse_apl(law)
    given = {entry["table"] for entry in manifest["inputs"]}
    files = {"mouvements": movements, "passage": passage}
    told = {name: Path(path) for name, path in files.items() if path is not None}
    if not spare and not told.keys() <= given:
        options = (BROUGHT_BY[name] for name in told if name not in given)
        raise UsageError([_not_given(*options)])
    faults, tables = _tables(manifest, folder, None if source is None else Path(source), law, told)
    refuse_if([*other_results(manifest, folder), *faults], FileError)
    asked = manifest["options"]
    name = next(name for name in manifest["outputs"] if name.startswith("apl_communes."))
    stored = read_table(folder / name, "apl_communes")
    times = tables("temps_de_parcours")
    assert times is not None
    outside = asked["parameters"]["territories_without_apl"]
    place = situation(stored, times, law, self_pair=asked["self_pair"], outside=outside)
    if column_of(law) == WOMEN:
        communes = tables("communes")
        assert communes is not None
        women = counted(place.pairs.land.ordered(communes), law, ages=tables("population_par_age"))
        place = replace(place, communes=place.communes.append_column(WOMEN, women.column(WOMEN)))
    again = column_values(outcome(place, law).communes.column("apl"), np.float64)
    was = column_values(place.communes.column("apl"), np.float64, fill=np.nan)
    if not np.allclose(again, was, rtol=AGREE, atol=0):
        raise FileError([_another_apl(folder, again, was)])
    return Opened(place, law, manifest, sha256(folder / MANIFEST), tables)


def lowest_cut(run: Opened) -> float:
    """The APL at which the lowest class of the run ends."""
    level = outcome(run.place, run.rules).ranking.cuts[0].apl
    if level is None:
        title, why = "no level to hold against", "the lowest class of the run is empty"
        raise UsageError([Fault("APL-U04", title, why, "--threshold: an APL", "--threshold")])
    return level


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    whole.settle(folder, MANIFEST)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError([_no_run(folder, f"there is no {MANIFEST}")]) from None
    except (OSError, ValueError) as error:
        raise FileError([_no_run(folder, f"{MANIFEST} cannot be read: {error}")]) from None
    known = isinstance(found, dict) and {"inputs", "rules", "options", "outputs"} <= set(found)
    if not known or not any(name.startswith("apl_communes.") for name in found["outputs"]):
        raise FileError([_no_run(folder, f"{MANIFEST} is that of another command")])
    if found.get(FINGERPRINT) != fingerprint(found):
        title, why = "another manifest than the run's", "its fingerprint is not that of its words"
        mend = "it was changed after the run: bring it back, or run again"
        raise FileError([Fault("APL-I12", title, why, mend, str(path))])
    if not _understood(found):
        title, why = "a run not written by this version", f"{MANIFEST} tells it in other words"
        mend = "open it with the version that it names (software), or run again"
        raise FileError([Fault("APL-I12", title, why, mend, str(path))])
    if found.get("simulation", {}).get("hold_cuts"):
        why = "its zones are by the cuts of the run before it"
        mend = "name that run, and add both changes to it"
        raise FileError([Fault("APL-I12", "a simulation with held cuts", why, mend, str(folder))])
    return dict(found)


def _understood(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest says, in the form of this version, all that is read of it."""
    told, asked, outputs = (manifest[name] for name in ("rules", "options", "outputs"))
    inputs, changed = manifest["inputs"], manifest.get("simulation", {})
    if not all(isinstance(one, dict) for one in (told, asked, outputs, changed, *inputs)):
        return False
    given = asked.get("parameters")
    return (
        isinstance(given, dict)
        and {"territories_without_apl"} <= set(given) <= {one.name for one in fields(Parameters)}
        and "time" in asked
        and asked.get("self_pair") in SELF_PAIR
        and _day(asked.get("cog") or told.get("selected_from"))
        and _day(told.get("selected_from"))
        and isinstance(told.get("profession"), str)
        and isinstance(manifest.get("synthetic"), bool)
        and all(isinstance(one.get("table"), str) for one in inputs)
        and all(isinstance(one.get("sha256", ""), str) for one in inputs)
        and all(isinstance(one, dict) and "sha256" in one for one in outputs.values())
    )


def _day(value: Any) -> bool:
    """Whether it is a date as a manifest has it."""
    try:
        return bool(date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def _parameters(manifest: Mapping[str, Any]) -> Parameters:
    return Parameters(**manifest["options"]["parameters"])


def law_of(manifest: Mapping[str, Any], folder: Path) -> Rules:
    """The rules of the manifest, which the law page must still give."""
    told = manifest["rules"]
    page = rules(told["profession"], on=date.fromisoformat(told["selected_from"]))
    law = _parameters(manifest).applied(page)
    if json.loads(json.dumps(law.as_dict())) != told:
        title, why = "another law than the run's", "the law page at hand differs from the manifest"
        mend = "run again with this version, or simulate with that of the run"
        raise RuleError([Fault("APL-I12", title, why, mend, str(folder / MANIFEST))])
    return law


def other_results(manifest: Mapping[str, Any], folder: Path) -> Iterator[Fault]:
    """The outputs of the run that have changed since, or are gone."""
    changed = (
        name for name, entry in manifest["outputs"].items()
        if not (folder / name).is_file() or sha256(folder / name) != entry["sha256"]
    )  # fmt: skip
    yield from changed_files(list(changed), "results", str(folder))


def _tables(
    manifest: Mapping[str, Any],
    folder: Path,
    source: Path | None,
    law: Rules,
    told: Mapping[str, Path],
) -> tuple[Iterator[Fault], Tables]:
    """Inputs that are not the run's, and what gives an input table by its name (None: none).

    ``told`` are the files that say what became of communes.
    """
    listed = {entry["table"]: entry for entry in manifest["inputs"]}
    hashed = {name: entry["sha256"] for name, entry in listed.items() if "sha256" in entry}
    time = manifest["options"]["time"]
    if manifest["synthetic"] and not hashed:
        if source is not None:
            raise UsageError([_input("not needed", "the embedded country is at hand", "leave it")])
        country = embedded(law)
        return iter(()), country.get
    if not hashed:
        why = "its inputs were tables in memory, which no file can be held against"
        mend = "apl.situation() and apl.simulate() in Python"
        raise FileError([Fault("APL-I12", "a run without input files", why, mend, str(folder))])
    if source is None:
        why = f"the run does not hold the travel times ({listed['temps_de_parcours']['file']})"
        raise UsageError([_input("missing", why, "--input: the input folder of the run")])
    lacking = [name for name in BROUGHT_BY if name in listed and name not in told]
    if lacking:
        why = f"the run brought its tables to other communes, by {', '.join(lacking)}"
        mend = " and ".join(f"{BROUGHT_BY[name]}: the file of the run" for name in lacking)
        raise UsageError([_input("not enough", why, mend)])
    files = {**input_files(source, required_of(law)), **told}
    changed = [
        entry["file"] for name, entry in listed.items()
        if name not in files or sha256(files[name]) != hashed[name]
    ]  # fmt: skip
    brought = manifest["options"].get("cog")
    cog = None if brought is None else read_cog(date.fromisoformat(brought), told)

    def read(name: str) -> pa.Table | None:
        if name not in files:
            return None
        choose = {"minutes": time} if time and name == "temps_de_parcours" else None
        table = read_table(files[name], name, choose=choose)
        if cog is None:
            return table
        return cog.bring(table, name, None if name == "communes" else read("communes"))

    return changed_files(changed, "inputs", str(source)), read


def changed_files(names: list[str], what: str, where: str) -> Iterator[Fault]:
    if names:
        yield Fault(
            "APL-I12",
            f"other {what} than the run's",
            f"the sha256 is not that of {MANIFEST}, or the file is not there",
            "name the folder as the run had it, or run again",
            where,
            **listed(names),
        )


def _input(title: str, why: str, mend: str) -> Fault:
    return Fault("APL-U05", f"the input folder is {title}", why, mend, "--input")


def _not_given(*options: str) -> Fault:
    title, why = "a file that the run was not given", "it stayed in the communes of its tables"
    return Fault("APL-U05", title, why, f"leave {' and '.join(options)}", options[0])


def _no_run(folder: Path, why: str) -> Fault:
    mend = "name the folder that apl run wrote"
    return Fault("APL-A01", "not the folder of a run", why, mend, str(folder))


def _another_apl(folder: Path, again: Any, was: Any) -> Fault:
    away = float(np.nanmax(np.abs(again - was)))
    return Fault(
        "APL-I12",
        "another APL than the run's",
        f"recomputed from its inputs, an APL differs by {away:.3g}: other versions of the software",
        "run again with this version",
        str(folder),
    )
