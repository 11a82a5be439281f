"""Table schemas and legal parameters, as files that people and code both read."""

from pathlib import Path

ROOT = Path(__file__).parent
