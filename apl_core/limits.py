"""What a file may ask of this machine, looked at before it is opened.

A workbook of 200 kB can come to 600 MB of memory, two cells of one to 17 billion, a Parquet file of
a few kB to a billion rows. Sizes that files declare are added up first, since that costs nothing;
what is packed is then unpacked and counted, since they may lie. The memory that tables will take is
estimated low: a refusal must be right.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pyarrow as pa

from apl_core.errors import Fault, ResourceError, UsageError

UNPACKED = 1 << 30  # bytes that a workbook may come to
RATIO = 100  # times its size that a packed file may come to; those of people come to 3 to 30 times
SMALL = 1 << 24  # bytes that it may come to at any ratio
CELLS = 1 << 26  # of the rectangle around the cells of a sheet: it is held whole
FOOT = 1 << 26  # bytes of the metadata of a Parquet file: those of 100,000 row groups
TEXT, ENTRIES = 1 << 24, 1 << 20  # bytes of one text in them, entries of one list
ROWS = (1 << 31) - 1  # of a table that is held whole: positions among them are of 32 bits
PIECE = 1 << 16  # bytes that are unpacked at a time
A_CELL = 4  # bytes of a cell of a Parquet table in memory, at least
LETTERS = 4  # of a text that come to a byte in memory, at most: columns may be set aside
A_PAIR = 16  # bytes of a pair that is kept of travel times in blocks, until all are put together
UNFOLDED = 3  # bytes in memory of one of a workbook, at least
URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # a Path has made one slash of two
NAMED = re.compile(r"([A-Za-z]*)([0-9]+)")
ODD = tuple(  # each begins with a text, which is looked for fast, and ends within OVERLAP bytes
    map(
        re.compile,
        (
            rb"""<c(?: r="(?:[A-Za-z]{2,}[0-9]|[A-Za-z]{30}|[A-Za-z][0-9]{7})"""
            rb"""|(?! r="| r?=?\Z)[\s/>])""",
            rb"""<row(?: r="[0-9]{7}|(?! r="| r?=?\Z)[\s/>])""",
            rb":(?:c|row)[\s/>]",
            rb"<!DOCTYPE",
        ),
    )
)
OVERLAP = 64
DIGITS = 12  # of a name that are looked at: more would be no sheet's
SHEET = b"sheetData"
GROUPS = {  # of processes, by version: their folder, what they may take, what they take
    "": ("", "memory.max", "memory.current", ""),
    "memory": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
}


def refuse_url(place: str | Path) -> None:
    """Refuse the address of something on a network: nothing is fetched.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> refuse_url("C:/tables"), refuse_url("a:b/communes.csv")
    (None, None)
    >>> refuse_url("https://example.org/communes.csv")
    Traceback (most recent call last):
    ...
    apl_core.errors.UsageError: APL-K09 a URL in place of a path
      table : https://example.org/communes.csv
      why   : nothing is fetched over a network: what is read would depend on the day
      mend  : download it, hold it against its publisher's sha256, then name the file
    """
    if URL.match(str(place)) and not Path(place).exists():
        why = "nothing is fetched over a network: what is read would depend on the day"
        mend = "download it, hold it against its publisher's sha256, then name the file"
        where = re.sub(":/(?!/)", "://", str(place), count=1)
        raise UsageError([Fault("APL-K09", "a URL in place of a path", why, mend, where)])


# --- what is packed ----------------------------------------------------------------------------


def refuse_bomb(path: Path) -> None:
    """Refuse a workbook that comes to more than one holds.

    Raises
    ------
    ResourceError
        APL-K02: bytes once unpacked, declared or true, or cells.
    zipfile.BadZipFile, OSError, …
        No such archive.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _hold(path, sum(entry.file_size for entry in entries), UNPACKED)
        if sum(entry.compress_size for entry in entries) > path.stat().st_size:
            raise _bomb(path, "its entries lie one in another", "they share bytes of the file")
        total = 0
        for entry in entries:
            entry.file_size = UNPACKED + PIECE  # what is there is counted, not what is declared
            tail, odd = b"", False
            for piece in _pieces(archive, entry):
                total += len(piece)
                _hold(path, total, UNPACKED)
                odd = odd or any(form.search(tail + piece) for form in ODD)
                tail = piece[-OVERLAP:]
            rows, columns = _around(_pieces(archive, entry)) if odd else (0, 0)
            if rows * columns > CELLS:
                why = f"all between them are held, and no more than {CELLS:,} are"
                raise _bomb(path, f"{rows:,} rows of {columns:,} cells", why)


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as file:
        while piece := file.read(PIECE):
            yield piece


def _around(pieces: Iterable[bytes]) -> tuple[int, int]:
    """Rows and columns around the cells of a sheet."""
    around = Around()
    for piece in pieces:
        around.feed(piece)
    return around.cells()


class Around:
    """The rectangle around the cells of a sheet, as a workbook's reader will fill it.

    A parser of XML takes twice the reader's time: it is asked where a sheet has anything `ODD`,
    cells beyond Z999999 or without a name. (A regular expression for the names alone can be led
    astray, by space in a tag, a prefix, a row that alone says where it is.)
    """

    def __init__(self) -> None:
        self.rows = self.columns = self._at = 0
        self._error: Exception | None = None
        self._sheet = False
        self._tail = b""
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, piece: bytes) -> None:
        """The next bytes of an entry, which may be anything."""
        self._sheet = self._sheet or SHEET in self._tail + piece
        self._tail = piece[-len(SHEET) :]
        if self._error is None:
            try:
                self._parser.Parse(piece)
            except (expat.ExpatError, ValueError) as error:
                self._error = error

    def cells(self) -> tuple[int, int]:
        """Rows and columns.

        Raises
        ------
        Exception
            A sheet that is not well formed, or declares entities.
        """
        if self._error is not None and self._sheet:
            raise self._error
        return self.rows, self.columns

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "row":
            self._at = 0
        elif kind == "c":
            self._at += 1  # where it has no name, it follows the one before
        else:
            return
        found = NAMED.match(attributes.get("r", ""))
        if found is not None:
            letters, row = found.groups()
            self.rows = max(self.rows, int(row[:DIGITS]))
            self._at = _column(letters[:DIGITS].upper()) if letters else self._at
        self.columns = max(self.columns, self._at)

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type, which no sheet has")


def _column(letters: str) -> int:
    """The number of a column, from 1: A, …, Z, AA, …"""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def refuse_packed(path: Path) -> None:
    """Refuse a packed text that comes to more than one holds, or than the memory.

    It is unpacked twice. Rejected: to count while it is read, for Arrow reads ahead on threads of
    its own, where Python must not be called at exit.

    Raises
    ------
    ResourceError
        APL-K02, APL-J01.
    OSError
        It is damaged.
    """
    total = 0
    with pa.input_stream(str(path), compression="gzip") as stream:
        while piece := stream.read(16 * PIECE):
            total += len(piece)
            _hold(path, total)
    refuse_scarce({str(path): total // LETTERS})


def _hold(path: Path, size: int, most: int | None = None) -> None:
    """Hold bytes once unpacked against what such a file may come to."""
    packed = path.stat().st_size
    if most is not None and size > most:
        raise _bomb(path, f"{size:,} bytes once unpacked", f"no more than {most:,} are read")
    if size > max(SMALL, RATIO * packed):
        why = f"{size // packed:,} times its size; those of people come to 30 at most"
        raise _bomb(path, f"{size:,} bytes once unpacked, or more", why)


def _bomb(path: Path, title: str, why: str) -> ResourceError:
    mend = "save it as CSV, or get it again from who published it"
    return ResourceError([Fault("APL-K02", title, why, mend, str(path))])


# --- Parquet -----------------------------------------------------------------------------------


def parquet(path: str | Path, **how: Any) -> Any:
    """A ``pyarrow.parquet.ParquetFile``, whose metadata are held to what such a file has.

    Raises
    ------
    ResourceError
        APL-K10.
    pyarrow.ArrowException, OSError
        It is damaged.
    """
    import pyarrow.parquet as pq

    foot = _foot(path)
    if foot > FOOT:
        raise _huge(path, f"{foot:,} bytes of metadata")
    try:
        return pq.ParquetFile(
            path, thrift_string_size_limit=TEXT, thrift_container_size_limit=ENTRIES, **how
        )
    except UnicodeDecodeError as error:  # the name of a column
        raise pa.ArrowInvalid(str(error)) from None
    except OSError as error:
        if "size limit" not in str(error):
            raise
        raise _huge(path, "a huge text or list in its metadata") from None


def _foot(path: str | Path) -> int:
    """The bytes of metadata that a Parquet file declares; 0 where they would not be in it."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        declared = int.from_bytes(file.read(4), "little")
    return declared if declared <= size else 0


def _huge(path: str | Path, title: str) -> ResourceError:
    why = f"no more than {FOOT:,} bytes are read, {TEXT:,} of one text, {ENTRIES:,} entries"
    return ResourceError([Fault("APL-K10", title, why, "write the file again", str(path))])


# --- memory ------------------------------------------------------------------------------------


def rows_of(path: Path) -> int:
    """The rows of a Parquet file; 0 where it cannot be read: who reads it says why.

    Raises
    ------
    ResourceError
        APL-K10.
    """
    try:
        with parquet(path) as file:
            return int(file.metadata.num_rows)
    except (pa.ArrowException, OSError):
        return 0


def memory_of(path: Path, columns: int) -> int:
    """The bytes that a table of so many columns takes in memory, at least.

    Raises
    ------
    ResourceError
        APL-J03: more rows than can be held whole.
    """
    if not path.is_file():
        return 0
    if path.suffix.lower() != ".parquet":
        size = path.stat().st_size
        return size * UNFOLDED if path.suffix.lower() == ".xlsx" else size // LETTERS
    rows = rows_of(path)
    refuse_countless(path, rows)
    return rows * columns * A_CELL


def refuse_pairs(path: str | Path, kept: int) -> None:
    """Refuse pairs that are kept of travel times in blocks, where they cannot be put together.

    Raises
    ------
    ResourceError
        APL-J03, APL-J01.
    """
    refuse_countless(Path(path), kept)
    refuse_scarce({str(path): kept * A_PAIR})


def refuse_countless(path: Path, rows: int) -> None:
    """Refuse more rows than positions of 32 bits count.

    Raises
    ------
    ResourceError
    """
    if rows > ROWS:
        why = f"a table that is held whole has {ROWS:,} at most"
        mend = "travel times: --scheduler threads adds them up in blocks; else leave rows out"
        raise ResourceError([Fault("APL-J03", f"{rows:,} rows", why, mend, str(path))])


def refuse_scarce(needed: Mapping[str, int]) -> None:
    """Refuse what takes more memory than there is, by what takes it.

    Raises
    ------
    ResourceError
        APL-J01.
    """
    there, total = available(), sum(needed.values())
    if there is None or total <= there:
        return
    largest = max(needed, key=lambda name: needed[name])
    why = f"{_said(total)} are needed at least, and {_said(there)} are available"
    mend = ("close other programs, take a larger machine, or give travel times as Parquet and "
            "--scheduler threads, which holds no pairs")  # fmt: skip
    raise ResourceError([Fault("APL-J01", "not enough memory", why, mend, largest)])


def available() -> int | None:
    """The bytes of memory that this process may still take: of the machine, of its groups, of its
    own limit; None where the system does not say."""
    return min((*_machine(), *_groups(), *_own()), default=None)


def _machine() -> Iterator[int]:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) << 10


def _groups(
    own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[int]:
    """What the groups of this process leave it, the outer ones too; pages of files count as free,
    since the system takes them back."""
    for line in _lines(own):
        kind, name = line.split(":", 2)[1:]
        if kind not in GROUPS:
            continue
        place, most, used, prefix = GROUPS[kind]
        base = root / place
        inner = base / name.lstrip("/")
        for folder in (inner, *inner.parents):
            if not folder.is_relative_to(base):
                break
            numbers = [int(text) for file in (most, used) for text in _lines(folder / file)
                       if text.isdigit()]  # fmt: skip
            if len(numbers) == 2:
                pages = dict(line.split() for line in _lines(folder / "memory.stat"))
                back = sum(int(pages.get(f"{prefix}{k}_file", 0)) for k in ("active", "inactive"))
                yield max(numbers[0] - numbers[1] + back, 0)


def _own() -> Iterator[int]:
    """What the limit on addresses leaves (``ulimit -v``)."""
    try:
        import resource
    except ImportError:  # another system
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    for line in _lines(Path("/proc/self/statm")) if limit != resource.RLIM_INFINITY else ():
        yield max(limit - int(line.split()[0]) * resource.getpagesize(), 0)


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # another system, or none of its files
        return ()


def _said(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
