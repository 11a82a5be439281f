"""The front pages are true: their library example runs, their commands exist, both say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_both_pages_give_the_same_figures() -> None:
    """Numbers of the French page, written its way, are those of the English one."""

    def figures(page: str) -> list[str]:
        text = (ROOT / page).read_text(encoding="utf-8")
        table = text[text.index("make published") :]
        plain = re.sub(r"(?<=\d)[ ,](?=\d{3}\b)", "", table)
        return sorted(re.findall(r"\d+(?:[.,]\d+)?", plain.replace(",", ".")))

    assert figures("README.md") == figures("LISEZMOI.md")
