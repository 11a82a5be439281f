"""The house rules, held by reading the code: who imports whom, who opens files, who compiles."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

import apl
from apl.blocks import Unknown
from apl.law import Rules, available, law_page

ROOT = Path(__file__).resolve().parents[1]
CORE, UPPER, PAPER = ROOT / "apl_core", ROOT / "bindings" / "apl", ROOT / "data_schemas"
# A library that one subject alone needs is imported by its file alone, inside a function.
ONE_FILE = {
    "numba": set(CORE.glob("kernels*.py")),
    "python_calamine": {CORE / "workbooks.py"},
    "jsonschema": {UPPER / "law_schema.py"},
    "distributed": {UPPER / "scheduler.py"},
    "click": {UPPER / "__main__.py", *(UPPER / "commands").glob("*.py")},
    "scipy": {
        UPPER / "travel.py",
        UPPER / "country.py",
        UPPER / "country_people.py",
        UPPER / "scenarios" / "places.py",
        UPPER / "calibrated" / "fit.py",
    },
}
REPORT = UPPER / "report"
ONE_FILE["jinja2"] = {REPORT / "pages.py", REPORT / "document.py"}
ONE_FILE["scipy"] |= {REPORT / "cells.py"}
ONE_FILE["shapely"] = {REPORT / f"{name}.py"
                       for name in ("cells", "outlines", "paths", "pieces", "shapes")}  # fmt: skip
ONE_FILE["xlsxwriter"] = {REPORT / "workbook.py"}
ONE_FILE["docxtpl"] = ONE_FILE["docx"] = {REPORT / "document.py"}
ONE_FILE["resvg_py"] = {REPORT / "drawing.py"}
EAGER = {"numba", "click"}  # the kernels and the command line are what those files are


def modules(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"no module in {folder}"
    return found


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The top-level package of each import, and whether it stands outside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        else:
            continue
        for name in names:
            yield name.split(".")[0], id(node) not in inside


ALLOWED = [
    (PAPER, set()),
    (CORE, {"apl_core", "numpy", "pyarrow", "numba", "python_calamine"}),
    (
        UPPER,
        {
            "apl",
            "apl_core",
            "numpy",
            "pyarrow",
            "click",
            "jsonschema",
            "scipy",
            "distributed",
            "jinja2",
            "shapely",
            "xlsxwriter",
            "docxtpl",
            "docx",
            "resvg_py",
        },
    ),
]


@pytest.mark.parametrize(("folder", "allowed"), ALLOWED, ids=["paper", "core", "upper"])
def test_a_floor_imports_only_what_lies_below(folder: Path, allowed: set[str]) -> None:
    for path in modules(folder):
        for package, _ in imports(path):
            known = allowed | set(sys.stdlib_module_names) | {"__future__"}
            assert package in known, f"{path.name} imports {package}"


@pytest.mark.parametrize("library", ONE_FILE)
def test_a_library_that_one_subject_needs_is_imported_there_and_late(library: str) -> None:
    for path in [*modules(CORE), *modules(UPPER)]:
        for package, eager in imports(path):
            if package == library:
                assert path in ONE_FILE[library], f"{path.name} imports {library}"
                assert library in EAGER or not eager, f"{path.name} imports {library} eagerly"


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_files_are_opened_in_few_places() -> None:
    """Inputs in files.py (tables), schema.py, law.py, law_schema.py, benefits.py (paper),
    parameters.py (the caller's), country (facts), catalogue.py (of faults); outputs at the
    writing end, and whether a list of faults stands beside them."""
    openers = {
        "files.py",
        "schema.py",
        "law_schema.py",
        "parameters.py",
        "country.py",
        "outputs.py",
    }
    openers |= {"kernels.py"}  # their own text, which names the folder of what it compiles to
    openers |= {"limits.py"}  # how large an input says that it is
    openers |= {"stream_files.py", "stream_text.py"}  # travel times, in blocks
    openers |= {"lock.py", "whole.py"}  # who else writes; how outputs change as one
    openers |= {"benefits.py", "opened.py", "catalogue.py", "full_list.py"}
    openers |= {"claims.py", "ground.py"}  # what is claimed, and the published data it is held to
    openers |= {"pages.py"}  # the templates of the pages
    openers |= {"outlines.py", "document.py"}  # where communes are; the draft of an arrêté
    marks = ("open", ".open", ".read_text", ".read_bytes", ".write_text", ".write_bytes",
             "read_csv", "ParquetFile", "write_table", "write_csv", "input_stream")  # fmt: skip
    for path in [*modules(CORE), *modules(UPPER)]:
        opened = [call for call in calls(path) if call == "open" or call.endswith(marks[1:])]
        own = [call for call in opened if not call.startswith(("outputs.", "files."))]
        assert not own or path.name in openers, f"{path.name} opens files: {own}"


def test_nothing_prints_below_the_command_line() -> None:
    for path in [*modules(CORE), *modules(UPPER)]:
        assert "print" not in set(calls(path)), path.name


FROZEN = "frozen=True"


def test_nouns_are_frozen() -> None:
    """What was checked at the gate stays as it was; an error alone takes its traceback."""
    for path in [*modules(CORE), *modules(UPPER)]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                made = [ast.unparse(one) for one in node.decorator_list]
                thawed = [one for one in made if one.startswith("dataclass") and FROZEN not in one]
                assert not thawed or node.name == "AplError", f"{path.name}: {node.name}"


def test_no_kernel_is_fast_and_wrong() -> None:
    """fastmath deletes NaN checks; parallel kernels break fork; pickles are code."""
    for path in [*modules(CORE), *modules(UPPER)]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        options = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        assert not options & {"fastmath", "parallel"}, path.name
        assert "pickle" not in path.read_text(encoding="utf-8")
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not named & {"eval", "exec", "compile", "__import__"}, path.name


def test_kernels_do_not_divide_raise_or_allocate() -> None:
    files = [ast.parse(path.read_text(encoding="utf-8")) for path in CORE.glob("kernels*.py")]
    kernels = [
        node
        for tree in files
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d) == "_compiled" for d in node.decorator_list)
    ]
    assert len(kernels) >= 6
    for kernel in kernels:
        assert ast.get_docstring(kernel), kernel.name
        for node in ast.walk(kernel):
            assert not isinstance(node, (ast.Raise, ast.Div, ast.FloorDiv)), kernel.name
            if isinstance(node, ast.Call):
                made = ast.unparse(node.func)
                known = {"range", "np.int64", "np.int32", "np.uint64", "np.rint", "_compiled"}
                assert made in known, f"{kernel.name} calls {made}"


# Figures of the law: those of all its pages, and the year's acts, which pass through --parameters.
PAGES = [version for name in available() for version in law_page(name)]


def figures(version: Rules) -> Iterator[Fraction]:
    """Every number of a version's known blocks, a share also in percent; weights apart."""
    known = {n: b for n, b in version.blocks.items() if not isinstance(b, Unknown)}
    shares: list[Fraction] = []
    if "indicator" in known:
        yield Fraction(known["indicator"].per)
    if "territory" in known:
        yield Fraction(known["territory"].urban_unit_above)
    if "supply" in known:
        yield from map(Fraction, (known["supply"].oldest_age, known["supply"].least_fees))
    if "decay" in known:
        yield from (Fraction(band.until) for band in known["decay"].bands)
    if "zoning" in known:
        numbers = [number for _, number in known["zoning"].classes]
        by_share = known["zoning"].method == "shares"
        shares += [*numbers, *itertools.accumulate(numbers)] if by_share else []
        yield from () if by_share else numbers
        yield from known["zoning"].printed.values()
    for regime in known["adaptation"].regimes if "adaptation" in known else ():
        limits = [(regime.margin,), *((move.limit, move.within) for move in regime.moves)]
        shares += [limit for pair in limits for limit in pair if limit is not None]
    for row in known["shares"].regions.values() if "shares" in known else ():
        shares += row
    yield from (number for share in shares for number in (share, 100 * share))


ACTS = {Fraction(acts) for acts in (3783, 6906, 544)}
LAW = {number for version in PAGES for number in figures(version)} | ACTS
# whole numbers up to 30 also count, index and stand in INSEE's codes; 100 makes percents; 0.05 is a
# bound of plausibility, 0.3 one of likeness between two words
COMMON = {float(n) for n in range(31) if n != 15} | {100.0, 0.05, 0.3}
FIGURES = {float(number) for number in LAW} - COMMON
WEIGHTS = {band.weight for band in apl.rules(
    "masseur_kinesitherapeute", on=date(2025, 6, 6)).decay.bands} - {1}  # fmt: skip
# in messages: what is over 30, or no whole number over 2; 100,000 is the name of the unit there
WRITTEN = {
    text
    for n in LAW
    if n > 2 and (n > 30 or n.denominator > 1) and n not in (100, 100_000)
    for text in (f"{float(n):g}", f"{float(n):,g}", f"{float(n):,g}".replace(",", " "))
}
IN_TEXT = re.compile(rf"(?<![\w.,])({'|'.join(map(re.escape, sorted(WRITTEN)))})(?![\w.,]*\w)")
INVENTED = {"country.py", "country_people.py"}  # a made-up country may have any figures


def constants(path: Path) -> Iterator[float | Fraction | str]:
    """Every number (and quotient of two) and text of a module, docstrings and widths apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and isinstance(node.body[0], ast.Expr)
    }
    docs |= {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None
        for part in ast.walk(node.format_spec)
    }
    for node in ast.walk(tree):
        pair: list[ast.expr] = []
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
            if id(node) not in docs:
                yield node.value  # type: ignore[misc]  # mypy does not follow the line above
        elif isinstance(node, ast.Call):
            pair = node.args
        elif isinstance(node, ast.BinOp):
            pair = [node.left, node.right]
        numbers = [n.value for n in pair if isinstance(n, ast.Constant)]
        if len(pair) == 2 and [type(n) for n in numbers] == [int, int] and numbers[1]:
            yield Fraction(*numbers)  # type: ignore[arg-type]


def legal(value: float | Fraction | str) -> bool:
    if isinstance(value, str):
        return bool(IN_TEXT.search(value))
    return value in WEIGHTS if isinstance(value, Fraction) else float(value) in FIGURES


def test_the_law_has_no_figure_in_code() -> None:
    """Inhabitants, euros, ages, acts, bounds, weights and shares stand in the law page alone, and
    are in no message either."""
    assert {30_000, 10_000, 65, 15, 0.15, 0.4, 0.7, 100_000} <= FIGURES
    assert {2.5, 0.025, 17.5, 0.175, 43.8, 0.651, 22.9, 696.6, 0.101} <= FIGURES  # other pages
    assert sorted(WEIGHTS) == [Fraction(1, 3), Fraction(2, 3)]
    for said in (
        "544 in 2021",
        "below 10,000 €",
        "over 65.",
        "30 000",
        0.15,
        65,
        Fraction(2, 3),
        "at most 2.5 %",
    ):
        assert legal(said), said
    for path in modules(UPPER):
        if path.name not in INVENTED:
            found = [value for value in constants(path) if legal(value)]
            assert not found, f"{path.name}: {found}"


def test_the_oracle_imports_nothing_of_ours() -> None:
    packages = {package for package, _ in imports(ROOT / "tests" / "naive.py")}
    assert packages <= set(sys.stdlib_module_names) | {"__future__"}
    assert not packages & {"apl", "apl_core", "numpy", "scipy"}


def test_a_function_fits_a_screen_and_a_file_has_one_subject() -> None:
    for folder in (CORE, UPPER, PAPER, ROOT / "tests", ROOT / "benchmarks"):
        for path in modules(folder):
            text = path.read_text(encoding="utf-8")
            assert len(text.splitlines()) <= 470, path.name
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    assert length(node) <= 60, f"{path.name}: {node.name}"


def length(function: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    doc = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0
    return (function.end_lineno or 0) - function.lineno + 1 - doc
