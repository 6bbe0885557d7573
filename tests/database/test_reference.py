"""The page of conditions in docs/ says what the catalogue says."""

from __future__ import annotations

import re
from pathlib import Path

from agents.database.catalogue import all_conditions
from agents.database.reference import COLUMNS, reference

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: make docs"


def test_every_condition_has_one_whole_row() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"^\| `([\w.]+)`", line)[0] for line in rows) == sorted(all_conditions())
    for row in rows:
        assert len(re.split(r"(?<!\\)\|", row)) == len(COLUMNS) + 2, row
