"""Mutation testing of the law and the gate: which small faults in them would no test see?

    python benchmarks/mutation.py [MODULE …] [--share 0.5]     (results: tests/MUTATION.md)

cosmic-ray makes the mutants, in a copy of this checkout under the temporary folder. Each runs its
module's tests in a fork of this process, where the libraries are already imported (nothing of ours
is: it may be what has the fault): 1 s instead of 4 for a mutant that dies at once.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cosmic_ray import mutating
from cosmic_ray.commands import init
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"apl": "bindings/apl", "apl_core": "apl_core", "apl_schemas": "data_schemas"}
# The tests that hold each module, those that fail soonest first.
PAGES = ("law", "overlays", "pages")
REGIONS = ("gauges", "adaptation", "adapt_command")
TESTS = {
    "zoning": ("levels", "zoning"),
    "regions/regimes": REGIONS,
    "regions/adaptation": REGIONS,
    "regions/gauges": REGIONS,
    "regions/zonage": ("zonage_mutants", *REGIONS),
    "law": PAGES,
    "blocks": PAGES,
    "law_schema": PAGES,
    "parameters": PAGES,
    "bvcv": ("bvcv_mutants", "bvcv"),
    "aggregation": ("bvcv_mutants", "aggregate"),
    "territory": ("territory", "chunks"),
    "tables": ("tables_mutants", "tables", "tables_roundtrip", "schemas"),
    "catchment": ("catchment_mutants", "catchment"),
}
LIBRARIES = ("hypothesis", "pyarrow.compute", "jsonschema", "click", "numba", "scipy.sparse")
CORE = ("territory", "tables", "catchment")  # the others stand above it
# One opposite for each arithmetic operator; identity is not tried where equality is meant.
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Mul_Add|Div_Mul|BitOr_BitAnd"
    r"|BitAnd_BitOr|BitXor_BitOr)$|ReplaceComparisonOperator_((?!\w*Is)|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_Delete|(?!ReplaceBinary|ReplaceComparison|ReplaceUnary))"
)
ORDERED = re.compile(r"(Eq|NotEq)_(Lt|Gt)")


def noise(tree: ast.Module) -> Iterator[tuple[ast.expr, re.Pattern[str]]]:
    """Where mutants of some operators say nothing: annotations, messages, options of dataclasses,
    the star before keyword-only arguments, the order of texts."""
    every = re.compile("")
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation, every
        elif isinstance(node, ast.FunctionDef):
            yield from ((part, every) for part in (node.returns, signature(node)) if part)
        elif isinstance(node, ast.JoinedStr):
            yield node, every
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dataclass":
            yield node, every  # tests/test_house.py holds that all are frozen
        elif isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            if any(isinstance(s, ast.Constant) and isinstance(s.value, str) for s in sides):
                yield node, ORDERED


def signature(node: ast.FunctionDef) -> ast.expr | None:
    """The arguments of a function that has keyword-only ones, as one place."""
    first, last = (node.args.args or node.args.kwonlyargs)[:1], node.args.kwonlyargs[-1:]
    if not last:
        return None
    start, end = first[0], last[0]
    return ast.Name("", lineno=start.lineno, col_offset=start.col_offset - 2,
                    end_lineno=end.end_lineno, end_col_offset=end.end_col_offset)  # fmt: skip


def is_noise(spec: MutationSpec, places: list[tuple[ast.expr, re.Pattern[str]]]) -> bool:
    """Whether a mutant stands in such a place."""
    return any(
        (node.lineno, node.col_offset) <= spec.start_pos
        and spec.end_pos <= (node.end_lineno or 0, node.end_col_offset or 0)
        and operators.search(spec.operator_name)
        for node, operators in places
    )


class ByHandFirst:
    """A pytest plugin: tests by hand, which take milliseconds, run before generated ones."""

    @staticmethod
    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: item.get_closest_marker("hypothesis") is not None)


def passes(tests: list[str], seconds: int) -> bool:
    """Whether tests pass, in a fork; a loop without end is a failure."""
    pid = os.fork()
    if not pid:
        signal.alarm(seconds)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        try:
            # Hypothesis is imported already: pytest cannot rewrite its assertions, and need not
            how = ["-x", "-q", "-p", "no:cacheprovider",
                   "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fmt: skip
            os._exit(pytest.main([*how, *tests], [ByHandFirst()]))
        finally:  # the child never runs what its parent is to run
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def outcomes(module: Path, tests: list[str], share: float) -> Counter[str]:
    """Run the mutants of a module that say something, or a share; how many of each outcome."""
    drawn = random.Random(0)
    places = list(noise(ast.parse(module.read_text(encoding="utf-8"))))
    start, sys.dont_write_bytecode = time.monotonic(), False
    assert passes(tests, 600), f"the tests of {module} fail without a mutant"
    sys.dont_write_bytecode = True  # a mutant of the same second and size would look compiled
    seconds = 30 + int(3 * (time.monotonic() - start))
    mutating.run_tests = lambda command, timeout: (
        TestOutcome.SURVIVED if passes(tests, timeout) else TestOutcome.KILLED, "")  # fmt: skip
    count: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, use_db(str(Path(folder, "db"))) as db:
        init([module], db, {})
        for item in sorted(db.pending_work_items, key=lambda item: str(item.mutations)):
            spec = item.mutations[0]
            if not OPERATORS.match(spec.operator_name):
                count["operator not tried"] += 1
            elif is_noise(spec, places):
                count["noise"] += 1
            elif drawn.random() >= share:
                count["not drawn"] += 1
            else:
                result = mutating.mutate_and_test(item.mutations, "", seconds)
                said = result.test_outcome or result.worker_outcome
                count[said.value] += 1
                print(f"\r{module.name} {sum(count.values())}", end="", file=sys.stderr)
                if said != TestOutcome.KILLED:
                    print(said.value, spec.operator_name, result.diff or result.output, flush=True)
    return count


def main(names: list[str], share: float) -> None:
    """Copy the checkout, import what no mutant touches, and run the modules."""
    with tempfile.TemporaryDirectory() as folder:
        copy, links = Path(folder, "apl"), Path(folder, "packages")
        kept = shutil.ignore_patterns(".*", "out", "build", "dist", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=kept)
        links.mkdir()
        for name, place in PACKAGES.items():
            (links / name).symlink_to(copy / place)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(links)
        sys.path.insert(0, str(links))
        for library in LIBRARIES:
            importlib.import_module(library)
        import hypothesis

        ours = importlib.util.find_spec("apl_core")
        assert ours is not None
        assert Path(str(ours.origin)).is_relative_to(links), "an installed package comes first"
        generate = [hypothesis.Phase.explicit, hypothesis.Phase.generate]  # no shrinking
        hypothesis.settings.register_profile("m", derandomize=True, phases=generate, database=None)
        hypothesis.settings.load_profile("m")
        for name in names or TESTS:
            start = time.monotonic()
            tests = [f"tests/test_{test}.py" for test in TESTS[name]]
            under = "apl_core" if name in CORE else "bindings/apl"
            found = outcomes(Path(under, f"{name}.py"), tests, share)
            print(f"{name}: {dict(found)} {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", nargs="*", metavar="MODULE")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by lot")
    asked = parser.parse_args()
    main(asked.module, asked.share)
