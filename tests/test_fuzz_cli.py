"""The command line on generated tables, sound and broken: an exit code of the page, no traceback,
nothing written but by a run that ends well."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from faults.faulty import (
    AGES,
    BY_AGE,
    COMMUNES,
    FEES,
    LAW,
    OFFRE,
    PEOPLE,
    SOUND,
    STANDARD,
    TIMES,
    digest,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apl.__main__ import main
from apl.verify import verify

Rows = list[list[str]]
CODES = {0, 2, 3, 4, 5, 7, 8}  # of the page but for 1, a defect, and 130, an interrupt
LISTED = {3, 8}  # which leave the full list of faults
FOLDERS = ((COMMUNES, TIMES, STANDARD, OFFRE), (COMMUNES, TIMES, AGES, FEES, PEOPLE))
WAYS = ("cell", "cell", "cell", "drop", "double", "column", "order", "short")
WORDS = (
    "", " ", "0", "-1", "-0.0", "1.5", "12,5", "1 000", "1e3", "1e308", "1e999", "nan", "inf", "nd",
    "s", "-99", "999", "9" * 20, "01001", "1001", "01999", "2A004", "2a004", "97411", "0405_", "84",
    "06", "974", "oui", "true", "2", "p1", "é", "\0", "=1+1", "'01001", "a,b", 'a"b', "a\nb",
    "Total", "Source : INSEE", "\u00a0", "\ufeff", "100000000000", "0.0000001", "x" * 300,
)  # fmt: skip
words = st.sampled_from(WORDS) | st.text(max_size=4).filter(lambda text: text.isprintable())


def rows_of(text: str) -> Rows:
    return [line.split(",") for line in text.splitlines()]


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Rows]:
    """The tables of a folder after some changes, none perhaps."""
    texts = {**SOUND, **BY_AGE}
    found = {name: rows_of(texts[name]) for name in draw(st.sampled_from(FOLDERS))}
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(found)))
        found[name] = spoilt(draw, found[name])
    return found


def spoilt(draw: st.DrawFn, rows: Rows) -> Rows:
    """A table with another cell, header, row or column."""
    at = draw(st.integers(0, max(0, len(rows) - 1)))
    column = draw(st.integers(0, 9))
    rows = [list(row) for row in rows]
    how = draw(st.sampled_from(WAYS))
    if not rows or not rows[at]:
        return rows
    if how == "cell":
        rows[at][column % len(rows[at])] = draw(words)
    elif how == "drop":
        del rows[at]
    elif how == "double":
        rows.append(rows[at])
    elif how == "column":
        rows = [row[: column % len(row)] + row[column % len(row) + 1 :] for row in rows]
    elif how == "order":
        rows = [rows[0], *draw(st.permutations(rows[1:]))]
    else:
        rows[at] = rows[at][:-1]
    return rows


def as_csv(rows: Rows) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode("utf-8", "surrogatepass")


def as_semicolons(rows: Rows) -> bytes:
    """As a spreadsheet of ours writes it."""
    return "".join(";".join(row) + "\r\n" for row in rows).replace(".", ",").encode("utf-8-sig")


def as_utf16(rows: Rows) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode("utf-16")


def as_gzip(rows: Rows) -> bytes:
    return gzip.compress(as_csv(rows), mtime=0)


def as_parquet(rows: Rows) -> bytes:
    """All of it text; what is uneven is filled."""
    header = dict.fromkeys(rows[0] if rows else [])
    cells = [dict(zip(header, row, strict=False)) for row in rows[1:]]
    out = io.BytesIO()
    pq.write_table(
        pa.table({n: pa.array([c.get(n) for c in cells], pa.string()) for n in header}), out
    )
    return out.getvalue()


KINDS: dict[str, tuple[str, Callable[[Rows], bytes]]] = {
    "csv": ("csv", as_csv),
    "semicolons": ("csv", as_semicolons),
    "utf16": ("csv", as_utf16),
    "gzip": ("csv.gz", as_gzip),
    "parquet": ("parquet", as_parquet),
}


def left(arguments: Sequence[object]) -> tuple[int, str, str]:
    """How the program leaves, in this process."""
    out, err = io.StringIO(), io.StringIO()
    asked = ["apl", *map(str, arguments)]
    with (
        patch.object(sys, "argv", asked),
        patch.object(sys, "meta_path", [*sys.meta_path]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()


def holds(place: Path, arguments: Sequence[object], *, writes: bool = True) -> None:
    """The exit code is one of the page, the answer is whole, and nothing is half done."""
    before = digest(place)
    code, out, err = left([*arguments, "--json"])
    assert code in CODES, (code, err)
    assert "Traceback" not in err
    told = json.loads(out) if out else {}
    if code:
        assert f"exit {code}: " in err or code == 2, err
        assert code == 2 or told["faults"], out
        if told.get("list"):
            assert code in LISTED
            Path(told["list"]).unlink()
        assert digest(place) == before
        assert not (place / "out").exists()
    elif writes:
        assert not verify(place / "out").faults
        inputs = {name: sha for name, sha in digest(place).items() if not name.startswith("out")}
        assert inputs == before
    else:
        assert digest(place) == before


quickly = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


@quickly
@given(tables(), st.sampled_from(sorted(KINDS)), st.sampled_from(["error", "0", "none"]),
       st.sampled_from(["parquet", "csv"]), st.booleans())  # fmt: skip
def test_a_run_ends_well_or_leaves_nothing(
    given_tables: dict[str, Rows], kind: str, self_pair: str, file_format: str, strict: bool
) -> None:
    suffix, made = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "input").mkdir()
        for name, rows in given_tables.items():
            (place / "input" / f"{name}.{suffix}").write_bytes(made(rows))
        asked = ["--self-pair", self_pair, "--format", file_format, *["--strict"][: int(strict)]]
        holds(place, ["run", place / "input", *LAW, "--out", place / "out", *asked])


@quickly
@given(tables(), st.sampled_from(sorted(KINDS)))
def test_check_writes_nothing(given_tables: dict[str, Rows], kind: str) -> None:
    suffix, made = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, rows in given_tables.items():
            (place / f"{name}.{suffix}").write_bytes(made(rows))
        holds(place, ["check", place], writes=False)


ZONES = (
    "code_bvcv,code_region,population,population_standardisee,apl,rang,part_cumulee,zone\n"
    "01001,84,1000,1000,10,1,0.1,tres_sous_dotee\n"
    "01004,84,4000,4000,20,2,0.5,intermediaire\n"
    "01005,84,5000,5000,30,3,1,non_prioritaire\n"
)
DECISIONS = "code_bvcv,zone,motif\n01004,sous_dotee,projet\n"
SCORES = "code_commune,apl,population_standardisee\n01001,10,400\n01002,20,900\n01004,30,700\n"


@st.composite
def pairs_of(draw: st.DrawFn, first: str, second: str) -> list[Rows]:
    found = [rows_of(first), rows_of(second)]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, 1))
        found[at] = spoilt(draw, found[at])
    return found


@quickly
@given(pairs_of(ZONES, DECISIONS), st.sampled_from(["84", "93", "00", ""]))
def test_adapt_ends_well_or_leaves_nothing(given_tables: list[Rows], region: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, rows in zip(("bvcv.csv", "d.csv"), given_tables, strict=True):
            (place / name).write_bytes(as_csv(rows))
        holds(place, ["adapt", place / "bvcv.csv", place / "d.csv", "--region", region, *LAW,
                      "--out", place / "out"])  # fmt: skip


@quickly
@given(pairs_of(SCORES, SOUND[COMMUNES]))
def test_zone_ends_well_or_leaves_nothing(given_tables: list[Rows]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, rows in zip(("apl.csv", "communes.csv"), given_tables, strict=True):
            (place / name).write_bytes(as_csv(rows))
        holds(place, ["zone", place / "apl.csv", place / "communes.csv", *LAW,
                      "--out", place / "out"])  # fmt: skip
