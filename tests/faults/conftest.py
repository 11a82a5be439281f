"""The scene that each test of a fault spoils."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults.faulty import SOUND, Scene


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scene:
    found = Scene(tmp_path, monkeypatch, capsys)
    found.source.mkdir()
    for name, text in SOUND.items():
        found.table(name).write_text(text, encoding="utf-8")
    return found
