"""Marks: every state is a glyph and a word, and only then a colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from helpdesk_tui.paper import Span


@dataclass(frozen=True, slots=True)
class Mark:
    """A state as it is shown: `glyph word` in a tone."""

    glyph: str
    word: str
    tone: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"

    def span(self) -> Span:
        return Span(str(self), self.tone)


SEVERITY: Mapping[str, Mark] = {
    "critical": Mark("■", "critical", "bad"),
    "warning": Mark("▲", "warning", "warn"),
    "info": Mark("●", "info", "accent"),
}

RISK: Mapping[str, Mark] = {
    "read": Mark("○", "read", "dim"),
    "write": Mark("◐", "write", "warn"),
    "destructive": Mark("●", "destructive", "bad"),
}

TASK: Mapping[str, Mark] = {
    "submitted": Mark("›", "submitted", "accent"),
    "working": Mark("›", "working", "accent"),
    "input-required": Mark("◆", "waits for you", "warn"),
    "auth-required": Mark("◆", "waits for credentials", "warn"),
    "undecided": Mark("?", "which agent", "warn"),
    "kept": Mark("◆", "kept", "warn"),
    "completed": Mark("✓", "done", "good"),
    "failed": Mark("✗", "failed", "bad"),
    "rejected": Mark("✗", "rejected", "bad"),
    "canceled": Mark("–", "cancelled", "dim"),
}

APPROVAL: Mapping[str, Mark] = {
    "pending": Mark("◆", "waits", "warn"),
    "approved": Mark("✓", "approved", "good"),
    "denied": Mark("–", "denied", "dim"),
    "replaced": Mark("–", "replaced", "dim"),
    "expired": Mark("–", "expired", "dim"),
    "started": Mark("›", "running", "accent"),
    "done": Mark("✓", "done", "good"),
    "failed": Mark("✗", "failed", "bad"),
    "refused": Mark("✗", "refused", "bad"),
    "in doubt": Mark("?", "in doubt", "warn"),
}

ENVIRONMENT_TONE: Mapping[str, str] = {
    "production": "chip-bad",
    "staging": "chip-warn",
    "test": "chip-accent",
    "development": "chip-good",
}

UNKNOWN = Mark("?", "unknown", "dim")


def severity(name: str) -> Mark:
    return SEVERITY.get(name, UNKNOWN)


def risk(name: str) -> Mark:
    """The mark of a risk class; one nobody knows counts as destructive, in its own words."""
    return RISK.get(name) or Mark("●", name or "unknown risk", "bad")
