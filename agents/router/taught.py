"""What the operator taught: sentences and the agents that they should have gone to."""

from __future__ import annotations

from pathlib import Path

from agents.router.words import terms
from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.toml_file import read_toml, write_toml

LIMIT = 500
"""Sentences kept; the oldest are forgotten."""
TABLE = "taught"


class Taught:
    """Sentences by their terms. What is taught last counts."""

    def __init__(self, sentences: dict[str, str] | None = None, path: Path | None = None) -> None:
        """`sentences`: text → agent. Without a path nothing is kept beyond this process."""
        self._path = path
        self._sentences = dict(sentences or {})

    @classmethod
    def load(cls, path: Path | None = None) -> Taught:
        """Those in the file (`routes.toml` in the configuration directory). Raises UserError (exit 2)."""
        path = path or config_dir() / "routes.toml"
        if not path.exists():
            return cls({}, path)
        rows = read_toml(path).get(TABLE, [])
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("text"), str) and isinstance(row.get("agent"), str)
            for row in rows
        ):
            raise UserError(f'{path}: expected [[{TABLE}]] with text = "…" and agent = "…"')
        return cls({row["text"]: row["agent"] for row in rows}, path)

    def teach(self, text: str, agent: str) -> None:
        """This text goes to this agent from now on. Raises UserError where that cannot be kept."""
        text = " ".join(text.split())
        wanted = sorted(terms(text))
        same = [
            known for known in self._sentences if known == text or (wanted and sorted(terms(known)) == wanted)
        ]
        for known in same:
            del self._sentences[known]
        self._sentences[text] = agent
        while len(self._sentences) > LIMIT:
            del self._sentences[next(iter(self._sentences))]
        if self._path is not None:
            rows = [{"text": known, "agent": to} for known, to in self._sentences.items()]
            write_toml(self._path, {TABLE: rows})

    @property
    def sentences(self) -> dict[str, str]:
        return dict(self._sentences)
