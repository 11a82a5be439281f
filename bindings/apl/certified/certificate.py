"""`certify`: every claim of the paper recomputed on a folder of published data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apl.certified import (
    ages,
    cases,
    ends,
    example,
    frames,
    implied,
    leads,
    paca,
    shares,
    units,
    workbooks,
)
from apl.certified.claims import TOMBE, VERDICTS, Claim, Subject, paper
from apl.certified.figures import Annex, Figures
from apl.certified.ground import Ground, fingerprint
from apl.provenance import versions
from apl_core import Fault, FileError, TableError
from apl_core.errors import listed

FOLDER = "APL_REAL_DATA"
RECOMPUTED: Mapping[str, Callable[[Ground], Figures]] = {
    "example": example.figures,
    "cases": cases.figures,
    "bvcv": units.figures,
    "paca": paca.figures,
    "table_vi": shares.figures,
    "leads": leads.figures,
    "frames": frames.figures,
    "standardised": workbooks.standardised,
    "ages": ages.figures,
    "tenths": workbooks.of_tenths,
    "conservation": workbooks.conserved,
    "isere": ends.isere,
    "france": ends.france,
    "five": ends.five,
    "implied": implied.figures,
}
SHORT = "left out of the short form"


@dataclass(frozen=True)
class Section:
    """A subject with its claims as they came out, and its tables."""

    subject: Subject
    claims: tuple[Claim, ...]
    annexes: tuple[Annex, ...]


@dataclass(frozen=True)
class Certificate:
    """Every claim, and what it was held against.

    Attributes
    ----------
    sections : tuple of Section
        In the order of the paper.
    inputs : list of {file, bytes, sha256}
        The files that were read.
    fingerprint : str
        The sha256 of their list.
    versions : mapping
        The software.
    short : bool
        Whether what takes a national matrix was left out.
    """

    sections: tuple[Section, ...]
    inputs: list[dict[str, Any]]
    fingerprint: str
    versions: Mapping[str, str]
    short: bool

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims."""
        return tuple(claim for section in self.sections for claim in section.claims)

    @property
    def counts(self) -> dict[str, int]:
        """How many claims have each verdict."""
        found = Counter(claim.verdict for claim in self.claims)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def faults(self) -> tuple[Fault, ...]:
        """The claims that fell, as one fault (``APL-H08``); none where none did."""
        fallen = [claim for claim in self.claims if claim.verdict == TOMBE]
        if not fallen:
            return ()
        rows = (f"{claim.identifier}: {claim.shown('ours')}, official {claim.shown('official')}"
                for claim in fallen)  # fmt: skip
        why = "what was recomputed is further from what is published than is known and explained"
        mend = "find what changed: the data (its fingerprint), a reading, or the code"
        return (Fault("APL-H08", "a claim that fell", why, mend, "claims", **listed(rows)),)


def certify(
    folder: str | Path, *, short: bool = False, say: Callable[[str], None] | None = None
) -> Certificate:
    """Recompute every claim that the folder has the data for.

    Parameters
    ----------
    folder : path
        Published data, laid out as its notes say; worked cases in ``cases/``, in it or beside it.
    short : bool
        Leave out what takes a national matrix.
    say : callable, optional
        Is told each subject as it begins.

    Raises
    ------
    FileError
        The folder has none of the files (``APL-H07``), or one of them is not what it should be.
    TableError
        A file does not hold what it should (``APL-H09``).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cases = Path(folder, "cases")
    ...     cases.mkdir()
    ...     _ = (cases / "index.json").write_text("[]")
    ...     found = certify(folder)
    >>> next(one for one in found.claims if one.identifier == "example.communes").verdict
    'tenu'
    """
    ground = Ground(Path(folder))
    known = {name for subject in paper().subjects for name in subject.needs}
    if not any(map(ground.has, known)):
        raise nothing_there(Path(folder))
    sections = []
    for subject in paper().subjects:
        missing = [name for name in subject.needs if not ground.has(name)]
        if missing or (short and subject.long):
            why = SHORT if short and subject.long else f"needs {', '.join(missing)}"
            sections.append(Section(subject, tuple(c.unseen(why) for c in subject.claims), ()))
            continue
        if say is not None:
            say(subject.title)
        found = _recomputed(subject, ground)
        held = tuple(
            claim.held(found.values[claim.name])
            if claim.name in found.values
            else claim.unseen("the data does not have it")
            for claim in subject.claims
        )
        sections.append(Section(subject, held, found.annexes))
    inputs = ground.inputs()
    return Certificate(tuple(sections), inputs, fingerprint(inputs), versions(), short)


def _recomputed(subject: Subject, ground: Ground) -> Figures:
    """The figures of a subject; what its files lack or garble is the reader's to mend."""
    try:
        return RECOMPUTED[subject.name](ground)
    except (ValueError, LookupError, ArithmeticError, StopIteration) as error:
        why = f"{subject.title}: {type(error).__name__}: {error}"
        mend = f"compare with the data folder's notes: {', '.join(subject.needs)}"
        fault = Fault("APL-H09", "published data that is not laid out as expected", why, mend)
        raise TableError([fault]) from error


def nothing_there(folder: Path | None) -> FileError:
    """No folder was named, or it has nothing to hold claims against."""
    why = (
        f"neither --data nor {FOLDER} names a folder"
        if folder is None
        else "it has none of the published files that claims are held against"
    )
    mend = f"name the folder of the published data: --data FOLDER, or {FOLDER}"
    title = "nothing to certify against"
    return FileError([Fault("APL-H07", title, why, mend, "" if folder is None else str(folder))])
