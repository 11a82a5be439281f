"""Small sound files of every kind, what may become of them when bytes change, and forks to try it.

A damaged file is refused (an `AplError`), or it is read as it was; a text file with another digit
is another file, and is then read as any reader of CSV does. Whatever else comes (another number, a
traceback, a crash, a hang) is a finding. Each case is read in a fork, so that these can be told.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import resource
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

import apl
from apl.parameters import read_parameters
from apl.regions import adaptation
from apl.scenarios.opened import open_run
from apl.verify import verify
from apl_core import AplError, Catchment, FileError, Territory, files, refuse_if, stream_files
from apl_core.stream import read_pairs
from apl_core.tables import read_table

SECONDS = 20  # that a small file may take before it hangs
MEMORY = 4 << 30  # bytes that it may take
ALWAYS, NEVER = 0, 1 << 60  # rows from which `apl_core.chunks` is tried
REFUSED = "refused"
LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
CODES = ["01001", "01002", "01004", "2A004", "97411"]
LAND = Territory.from_codes(CODES)
Read = Callable[[Path], Any]
Wrap = Callable[[bytes], bytes]
Tell = Callable[[Any], None]


def _same(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Golden:
    """A sound file, and who reads it.

    Attributes
    ----------
    name : str
        Of the file.
    data : bytes
        What changes; ``wrap`` makes the file of it (packs it, where the file is packed).
    readers : tuple of callables, path → anything with a repr
        They agree on every file: the same, or all refuse it.
    sealed : bool
        Checksums cover it: what is read is what was written.
    plain : callable, optional
        What stands in a text, by a reader that has no gate.
    beside : mapping of name → bytes
        Files that stand with it.
    """

    name: str
    data: bytes
    readers: tuple[Read, ...]
    sealed: bool = True
    plain: Callable[[bytes], Any] | None = None
    wrap: Wrap = _same
    beside: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def packed(self) -> bool:
        return self.wrap is not _same

    @property
    def file(self) -> bytes:
        return self.wrap(self.data)


@dataclass(frozen=True)
class Finding:
    """A file, and what became of it that must not."""

    golden: str
    wrong: str
    data: bytes

    @property
    def kind(self) -> str:
        """The same for findings that are alike."""
        return f"{self.golden} {re.sub('[0-9]+', '0', self.wrong)[:160]}"


# --- what is read ------------------------------------------------------------------------------


def _rows(table: pa.Table) -> dict[str, list[Any]]:
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _table(name: str, pages: int = NEVER, **how: Any) -> Read:
    def read(path: Path) -> Any:
        with patch.object(files, "WORTH_PAGES", pages):
            return _rows(read_table(path, name, **how))

    return read


def _indexed(pairs: Catchment) -> Any:
    return pairs.start.tolist(), pairs.destination.tolist(), pairs.minutes.tolist(), pairs.longest


def _streamed(path: Path) -> Any:
    stream_files._metadata.cache_clear()  # files change here within a tick of the disk's clock
    return _indexed(read_pairs(path, LAND, self_pair="0"))


def _whole(pages: int = NEVER, **how: Any) -> Read:
    def read(path: Path) -> Any:
        with patch.object(files, "WORTH_PAGES", pages):
            table = read_table(path, "temps_de_parcours", **how)
        return _indexed(Catchment.build(table, LAND, self_pair="0"))

    return read


def _parameters(path: Path) -> Any:
    return read_parameters(path).applied(LAW).as_dict()


def _verified(path: Path) -> Any:
    found = verify(path.parent)
    refuse_if(found.faults, FileError)
    return found.fingerprint, found.files


def _opened(path: Path) -> Any:
    found = open_run(path.parent, path.parent / "input")
    return _rows(found.place.communes)


def _decided(path: Path) -> Any:
    given = read_table(path, "decisions")
    return adaptation.adapted(_zones(), given, LAW, region="84").zonage.to_pylist()


def plain_table(data: bytes) -> dict[str, list[Any]] | None:
    """Codes and numbers of the table `offre`, as they stand in a text of two columns."""
    text = data.decode("utf-16" if data[:2] in files.UTF16 else "utf-8-sig")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, None), delimiter=separator) if row]
    except csv.Error:
        return None  # no text that Python's own reader takes
    if "etp" not in first.lower() or any(len(row) != 2 for row in rows):
        return None  # lines above the header, or other columns too
    header = max(at for at, (_, etp) in enumerate(rows) if at == 0 or etp.strip().lower() == "etp")
    above = [row for row in rows[1:header] if row[0].strip() and row[1].strip()]
    if any(letter.isdigit() for code, _ in above for letter in code):
        raise ValueError(f"data above a second header: {above}")
    return {
        "code_commune": [code for code, _ in rows[header + 1 :]],
        "etp": [float("".join(etp.split()).replace(",", ".")) for _, etp in rows[header + 1 :]],
    }


# --- the files ---------------------------------------------------------------------------------


def _parquet(table: pa.Table, **how: Any) -> bytes:
    out = io.BytesIO()
    settled = {"write_statistics": False, "store_schema": False, "write_page_checksum": True}
    pq.write_table(table, out, **{**settled, **how})
    return out.getvalue()


def _text(*rows: str) -> bytes:
    return "\n".join([*rows, ""]).encode()


def _communes() -> pa.Table:
    return pa.table(
        {
            "code_commune": CODES,
            "code_departement": ["01", "01", "01", "2A", "974"],
            "code_region": ["84", "84", "84", "94", "04"],
            "population": [400, 900, 700, 60, 150_000],
            "code_bvcv": ["01001", "01001", "01004", "2A004", "97411"],
        }
    )


def _times(nullable: bool = True) -> pa.Table:
    pairs = [(a, b) for a in CODES for b in CODES]
    kinds = {"origine": pa.string(), "destination": pa.string(), "minutes": pa.float64()}
    shape = pa.schema([pa.field(name, kind, nullable) for name, kind in kinds.items()])
    origin, destination = zip(*pairs, strict=True)
    minutes = [2.5 * (k % 9) for k in range(len(pairs))]
    return pa.table([list(origin), list(destination), minutes], schema=shape)


OFFRE = _text("code_commune,etp", "01001,1.25", "01004,12", "2A004,0", "97411,103.5")
TIMES = _text("origine,destination,minutes", "01001,01002,12.5", "01002,01001,9", "01004,01001,14")
SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>code_commune</t></is></c>'
    b'<c r="B1" t="inlineStr"><is><t>etp</t></is></c></row>'
    b'<row r="2"><c r="A2" t="inlineStr"><is><t>01001</t></is></c><c r="B2"><v>1.25</v></c></row>'
    b'<row r="3"><c r="A3" t="inlineStr"><is><t>01004</t></is></c><c r="B3"><v>12</v></c></row>'
    b"</sheetData></worksheet>"
)
BOOK = {
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/'
    '2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/worksheet" Target="worksheets/s.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
}
PARAMETERS = _text(
    "[supply]",
    "mediane_actes = 4000",
    "neuvieme_decile_actes = 7e3",
    "[territories_without_apl]",
    '"06" = 279471',
)


def _workbook(sheet: bytes) -> bytes:
    parts: dict[str, str | bytes] = {**BOOK, "xl/worksheets/s.xml": sheet}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0)), part)
    return out.getvalue()


@cache
def _zones() -> pa.Table:
    """Classes of a region: five living areas, the first the worst served."""
    codes = [f"0100{k}" for k in range(1, 6)]
    return apl.classify(
        pa.table(
            {
                "code_bvcv": codes,
                "code_region": ["84"] * 5,
                "population": [1000, 2000, 3000, 2000, 1000],
                "population_standardisee": [1000.0, 2000.0, 3000.0, 2000.0, 1000.0],
                "apl": [10.0, 20.0, 30.0, 40.0, 50.0],
            }
        ),
        LAW,
    )


def _run() -> dict[str, bytes]:
    """A run on a few communes: its results, and its inputs under ``input/``."""
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place, "input"), Path(place, "out")
        source.mkdir()
        for name, table in {
            "communes": _communes(),
            "temps_de_parcours": _times(),
            "offre": pa.table({"code_commune": CODES, "etp": [1.0, 0.0, 2.0, 3.0, 4.0]}),
            "population_standardisee": pa.table(
                {
                    "code_commune": CODES,
                    "population_standardisee": [500.0, 900.0, 600.0, 60.0, 1.5e5],
                }
            ),
        }.items():
            (source / f"{name}.parquet").write_bytes(_parquet(table))
        apl.run(source, LAW, out=out, self_pair="0")
        found = {path.name: path.read_bytes() for path in out.iterdir()}
        return found | {f"input/{path.name}": path.read_bytes() for path in source.iterdir()}


@cache
def goldens() -> dict[str, Golden]:
    """A sound file of every kind, by a short name."""
    ends: dict[str, Any] = {"known": LAND, "encoded": True}
    pages = _whole(ALWAYS, **ends)
    times = (_streamed, _whole(), pages)
    communes = (_table("communes"), _table("communes", ALWAYS, encoded=True))
    offre = (_table("offre"),)
    utf16 = OFFRE.decode().replace(",", "\t").encode("utf-16")
    run = _run()
    manifest = run.pop("manifeste.json")
    return {
        "parquet": Golden("communes.parquet", _parquet(_communes()), communes),
        "parquet-times": Golden("t.parquet", _parquet(_times(), row_group_size=13), times),
        "parquet-open": Golden(
            "t.parquet",
            _parquet(_times(), write_page_checksum=False, compression="none"),
            times,
            sealed=False,
        ),
        "parquet-snappy": Golden(
            "t.parquet", _parquet(_times(False), write_page_checksum=False), times, sealed=False
        ),
        "csv": Golden("offre.csv", OFFRE, offre, False, plain_table),
        "csv-utf16": Golden("offre.csv", utf16, offre, False, plain_table),
        "csv-times": Golden("t.csv", TIMES, times[:2], sealed=False),
        "csv-gz": Golden("offre.csv.gz", OFFRE, offre, True, None, partial(gzip.compress, mtime=0)),
        "xlsx": Golden("offre.xlsx", SHEET, offre, True, None, _workbook),
        "parameters": Golden("p.toml", PARAMETERS, (_parameters,), sealed=False),
        "decisions": Golden(
            "d.csv",
            _text(
                "code_bvcv,zone,motif", "01002,intermediaire,projet", "01003,intermediaire,accès"
            ),
            (_decided,),
            sealed=False,
        ),
        "manifest": Golden("manifeste.json", manifest, (_verified,), beside=run),
        "run": Golden("manifeste.json", manifest, (_opened,), beside=run),
    }


# --- the trial ---------------------------------------------------------------------------------


def outcome(read: Read, path: Path) -> str:
    """What is read of a file; or that it is refused. Anything else that is raised is a defect."""
    try:
        return repr(read(path))
    except AplError as error:
        if all(f.title and f.why and f.mend and str(f) for f in error.faults) and error.faults:
            return REFUSED
        raise ValueError(f"refused without a reason: {error}") from None
    except MemoryError:  # the command line says so
        return REFUSED


def sound_outcome(golden: Golden, path: Path) -> str:
    """What is read of the golden file."""
    path.write_bytes(golden.file)
    found = {outcome(read, path) for read in golden.readers}
    assert len(found) == 1
    assert REFUSED not in found
    return found.pop()


def judged(golden: Golden, path: Path, data: bytes, sound: str, *, sealed: bool) -> str | None:
    """What is wrong with how a changed file is read; ``sound`` is how the golden one is."""
    path.write_bytes(data)
    try:
        found = [outcome(read, path) for read in golden.readers]
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(last.filename).name} {last.name}: {error}"
    # Arrow refuses a damaged byte of a page that is not looked at here: what is read is the same
    lenient = golden.name.endswith(".parquet")
    read = {one for one in found if one != REFUSED or not lenient} or {REFUSED}
    if len(read) > 1:
        return f"readers differ: {' | '.join(one[:80] for one in found)}"
    result = read.pop()
    if result == REFUSED:
        return None
    if sealed and result != sound:
        return f"another result: {result[:200]}"
    if golden.plain is not None:
        try:
            plain = golden.plain(data)
        except ValueError as error:
            return f"read, where nothing can be: {error}"
        if plain is not None and repr(plain) != result:
            return f"another result: {result[:200]} for {plain}"
    return None


def apart(job: Callable[[Tell], None]) -> tuple[list[Any], str]:
    """Do a job in a fork: what it told, and the signal that ended it, if one did."""
    read, write = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that this process has threads
        child = os.fork()
    if not child:
        code = 1
        try:
            os.close(read)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            with open(write, "w", encoding="utf-8") as pipe:
                job(lambda said: print(json.dumps(said), file=pipe, flush=True))
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        told = [json.loads(line) for line in pipe]
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the trial itself failed"
        return told, ""
    ended = signal.Signals(os.WTERMSIG(status))
    return told, "it hangs" if ended == signal.SIGALRM else f"killed by {ended.name}"


def placed(golden: Golden, folder: Path) -> Path:
    """Where a golden file stands, with what stands beside it."""
    for name, data in golden.beside.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    path = folder / golden.name
    path.write_bytes(golden.file)
    return path


def findings(name: str, cases: Sequence[bytes], *, sealed: bool | None = None) -> list[Finding]:
    """Try files in place of a golden one: those that are not read as they must be."""
    golden, found, first = goldens()[name], [], 0
    held = golden.sealed if sealed is None else sealed
    with tempfile.TemporaryDirectory() as folder:
        path = placed(golden, Path(folder))

        def job(tell: Tell) -> None:
            sound = sound_outcome(golden, path)
            for number in range(first, len(cases)):
                signal.alarm(SECONDS)
                tell([number, judged(golden, path, cases[number], sound, sealed=held)])

        while first < len(cases):
            told, ended = apart(job)
            found += [Finding(name, wrong, cases[at]) for at, wrong in told if wrong]
            first = told[-1][0] + 1 if told else first
            if ended:
                found.append(Finding(name, ended, cases[first]))
                first += 1
    return found
