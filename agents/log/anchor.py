"""Anchors: the head of the log, written down elsewhere, so that a log cut short or written anew is seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from agents.log.records import Break
from inventory.errors import UserError

FORMAT = "helpdesk.anchor/1"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest event of a log at some time. Its hash binds every event before it."""

    seq: int
    hash: str
    id: str
    """Id of the event."""
    at: str
    """When the anchor was made; ISO 8601, UTC."""

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    def line(self) -> str:
        """One line of JSON, for a file that grows or a log of another machine."""
        return json.dumps(self.to_json(), sort_keys=True)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Raises ValueError where it is none."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f'expected a JSON object with "format": "{FORMAT}"')
        seq, texts = data.get("seq"), [data.get(key) for key in ("hash", "id", "at")]
        if not isinstance(seq, int) or seq < 1 or not all(isinstance(text, str) for text in texts):
            raise ValueError("expected seq, hash, id and at")
        return cls(seq, *(str(text) for text in texts))


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors in a file, one JSON object on each line. Raises UserError (exit 2) with file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8 text"
        raise UserError(f"{path}: cannot be read ({why}), expected a file of anchors") from error
    anchors = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                anchors.append(Anchor.from_json(json.loads(line)))
            except ValueError as error:
                why = "no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
                raise UserError(
                    f"{path}:{number}: no anchor: {why}; helpdesk audit anchor makes one"
                ) from error
    if not anchors:
        raise UserError(f"{path}: holds no anchor; helpdesk audit anchor -o {path} makes one")
    return anchors


def head(connection: sqlite3.Connection, now: str) -> Anchor | None:
    """The newest event of the log; None where it is empty."""
    row = connection.execute("SELECT seq, hash, id FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return Anchor(row[0], row[1], row[2], now) if row else None


def departed(connection: sqlite3.Connection, anchor: Anchor) -> Break | None:
    """How the log departs from what it was at the anchor; None where it holds it still."""
    row = connection.execute(
        "SELECT hash, n, session, id FROM events WHERE seq = ?", (anchor.seq,)
    ).fetchone()
    if row is None:
        last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        reason = f"events {last + 1} to {anchor.seq} are gone: the log held them at {anchor.at}"
        return Break(last + 1, 0, "", "", reason)
    if row[0] != anchor.hash:
        reason = f"it, or one before it, is not what the log held at {anchor.at}"
        return Break(anchor.seq, row[1], row[2], row[3], reason)
    return None
