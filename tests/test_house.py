"""The house rules, held by reading the code: who imports whom, who opens files, who compiles."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE, UPPER, PAPER = ROOT / "apl_core", ROOT / "bindings" / "apl", ROOT / "data_schemas"
# A library that one subject alone needs is imported by its file alone, inside a function.
ONE_FILE = {
    "numba": {CORE / "kernels.py"},
    "python_calamine": {CORE / "files.py"},
    "jsonschema": {UPPER / "law.py"},
    "click": {UPPER / "__main__.py"},
    "scipy": {UPPER / "travel.py", UPPER / "country.py", UPPER / "country_people.py"},
}
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
    (UPPER, {"apl", "apl_core", "numpy", "pyarrow", "click", "jsonschema", "scipy"}),
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
    """Inputs in files.py (tables), schema.py and law.py (paper), country (facts); outputs at the
    writing end."""
    openers = {"files.py", "schema.py", "law.py", "country.py", "outputs.py"}
    marks = ("open", ".open", ".read_text", ".read_bytes", ".write_text", ".write_bytes",
             "read_csv", "ParquetFile", "write_table", "write_csv", "input_stream")  # fmt: skip
    for path in [*modules(CORE), *modules(UPPER)]:
        opened = [call for call in calls(path) if call == "open" or call.endswith(marks[1:])]
        own = [call for call in opened if not call.startswith(("outputs.", "files."))]
        assert not own or path.name in openers, f"{path.name} opens files: {own}"


def test_nothing_prints_below_the_command_line() -> None:
    for path in [*modules(CORE), *modules(UPPER)]:
        assert "print" not in set(calls(path)), path.name


def test_no_kernel_is_fast_and_wrong() -> None:
    """fastmath deletes NaN checks; parallel kernels break fork; pickles are code."""
    for path in [*modules(CORE), *modules(UPPER)]:
        text = path.read_text(encoding="utf-8")
        assert "fastmath=" not in text
        assert "parallel=True" not in text or path.name in {"weighted.py"}
        assert "pickle" not in text


def test_kernels_do_not_divide_raise_or_allocate() -> None:
    tree = ast.parse((CORE / "kernels.py").read_text(encoding="utf-8"))
    kernels = [
        node
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
                known = {"range", "np.int64", "np.int32", "np.rint", "_compiled"}
                assert made in known, f"{kernel.name} calls {made}"


def test_the_law_has_no_figure_in_code() -> None:
    """30,000 inhabitants, 10,000 €, 65 years and the year's acts stand in the law page alone."""
    figures = {30000, 10000, 65, 3783, 6906, 544}
    for name in ("activity.py", "bvcv.py", "zoning.py", "indicator.py", "pipeline.py"):
        tree = ast.parse((UPPER / name).read_text(encoding="utf-8"))
        found = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        assert not {v for v in found if isinstance(v, int)} & figures, name
