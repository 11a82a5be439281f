"""What a person does on the page of a region, and reads of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LOWEST = "tres_sous_dotee"


def choose(page: Any, code: str) -> None:
    page.click(f"#l-{code} .nom button")


def decide(page: Any, code: str, motive: str = "accès difficile") -> None:
    choose(page, code)
    page.check(f"#decider input[value={LOWEST}]")
    page.fill("#motif", motive)
    page.click("#decider button[type=submit]")


def refusals(page: Any) -> list[str]:
    return [str(text) for text in page.locator("#refus li").all_inner_texts()]


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def limit(page: Any) -> tuple[str, str, str]:
    """The first gauge: persons used, allowed, left."""
    item = page.locator("[data-jauge='0']")
    used, allowed, left = (
        digits(item.locator(f"[data-quoi={what}]").inner_text())
        for what in ("utilise", "permis", "reste")
    )
    return used, allowed, left


def save(page: Any, path: Path) -> Path:
    with page.expect_download() as waiting:
        page.click("#enregistrer")
    assert waiting.value.suggested_filename == "decisions.csv"
    waiting.value.save_as(path)
    return path
