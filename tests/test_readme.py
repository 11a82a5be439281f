"""The front pages are true: their library example runs, their commands exist, both say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from shared import needs_jit

from apl.parameters import Parameters, read_parameters
from apl_core.schema import schema

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "LISEZMOI.md"]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


@pytest.mark.parametrize("page", PAGES)
def test_the_library_example_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(page, "python")
    assert len(code.splitlines()) <= 12
    exec(compile(code, page, "exec"), {})
    printed = capsys.readouterr().out
    values = [float(value) for value in printed.strip("[]\n").split(",")]
    # A: 20 FTE over 11,000 + 2/3 of 6,000; B reaches two thirds of it
    assert "[133.33…, 88.88…]" in (ROOT / page).read_text(encoding="utf-8")
    assert printed.startswith("[133.33")
    assert ", 88.88" in printed
    assert values == pytest.approx([20e5 / 15000, 20e5 / 15000 * 2 / 3], rel=1e-12)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_exists(page: str) -> None:
    shell = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    commands = re.findall(r"^(?:\.venv/bin/)?apl (\S+)(.*)$", shell, flags=re.M)
    assert {name for name, _ in commands} >= {"run", "check", "bvcv", "zone", "rules"}
    for name, rest in commands:
        done = subprocess.run(
            [sys.executable, "-m", "apl", name, "--help"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in done.stdout, f"{name} {option}"
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\S+)", shell, flags=re.M):
        assert re.search(rf"^{target}:", targets, flags=re.M), target


@needs_jit
def test_make_run_prints_what_the_pages_show(tmp_path: Path) -> None:
    """The head and the zones; then the pages say in words what follows."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (arguments,) = re.findall(r"^\t\$\(BIN\)/apl (run .*) --out out --overwrite$", makefile, re.M)
    done = subprocess.run(
        [sys.executable, "-m", "apl", *arguments.split(), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for page in PAGES:
        (shown,) = (block for block in blocks(page, "text") if block.startswith("SYNTHETIC"))
        lines = shown.splitlines()
        assert lines[-1].startswith("…")
        assert lines[-2].startswith("non_prioritaire")
        assert done.stdout.splitlines()[: len(lines) - 1] == lines[:-1], page


@pytest.mark.parametrize("page", PAGES)
def test_the_input_tables_have_the_columns_that_the_page_names(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:or |ou )?`(\w+)` \| (`.*) \|$", text, flags=re.M)
    assert len(rows) == 7
    for name, cells in rows:
        fields = schema(name).fields
        assert re.findall(r"`(\w+)`", cells) == [field.name for field in fields], name
        optional = [field.name for field in fields if field.optional]
        assert re.findall(r"`(\w+)`\?", cells) == optional, name


@pytest.mark.parametrize("page", PAGES)
def test_the_parameters_are_read(page: str, tmp_path: Path) -> None:
    """As they stand, and with every line that is commented out."""
    (sample,) = blocks(page, "toml")
    path = tmp_path / "parameters.toml"
    path.write_text(sample, encoding="utf-8")
    assert read_parameters(path) == Parameters(territories_without_apl={"06": 279471})
    path.write_text(re.sub(r"^# ", "", sample, flags=re.M), encoding="utf-8")
    assert read_parameters(path) == Parameters(
        3783.0, 6906.0, None, {"06": 279471}, {"zoning.astride": "include"}
    )


def test_both_pages_give_the_same_figures() -> None:
    """Numbers of the French page, written its way, are those of the English one."""

    def figures(page: str) -> list[str]:
        text = (ROOT / page).read_text(encoding="utf-8")
        table = text[text.index("make published") :]
        plain = re.sub(r"(?<=\d)[ ,](?=\d{3}\b)", "", table)
        return sorted(re.findall(r"\d+(?:[.,]\d+)?", plain.replace(",", ".")))

    assert figures("README.md") == figures("LISEZMOI.md")
