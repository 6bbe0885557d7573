"""The files of a bundle before they are bytes: each knows how to fit a limit by keeping head and tail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bundles.canonical import canonical_json
from bundles.chain import sealed_hash
from bundles.limits import LINE_BYTES

_MARKER_BYTES = 512
"""Room for a marker and what stands around it."""


def marker(cut: int) -> str:
    """The words that stand where `cut` bytes were left out."""
    return f"TRUNCATED {cut} bytes"


def head_and_tail(text: str, limit: int) -> tuple[str, int, str]:
    """The first and last half of `limit` bytes of `text`, and how many bytes lie between; whole characters."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return text, 0, ""
    half = limit // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[len(data) - half :].decode("utf-8", "ignore")
    cut = len(data) - len(head.encode()) - len(tail.encode())
    return head, cut, tail


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file's bytes, and how many bytes of it were left out."""

    data: bytes
    cut: int = 0


class Document(Protocol):
    """A file to be."""

    @property
    def path(self) -> str: ...
    @property
    def mime(self) -> str: ...
    def render(self, limit: int) -> Rendered: ...


@dataclass(frozen=True, slots=True)
class TextDocument:
    path: str
    text: str
    mime: str = "text/markdown"

    def render(self, limit: int) -> Rendered:
        head, cut, tail = head_and_tail(self.text, limit - _MARKER_BYTES)
        text = f"{head}\n{marker(cut)}\n{tail}" if cut else head
        return Rendered(text.encode(), cut)


@dataclass(frozen=True, slots=True)
class JsonDocument:
    path: str
    value: Any
    mime: str = "application/json"

    def render(self, limit: int) -> Rendered:
        text, cut = fitted(self.value, limit)
        return Rendered(f"{text}\n".encode(), cut)


@dataclass(frozen=True, slots=True)
class RowsDocument:
    """JSON Lines: one object that describes the rows, then one array for each row."""

    path: str
    header: Mapping[str, Any]
    rows: Sequence[Any]
    mime: str = "application/jsonl"

    def render(self, limit: int) -> Rendered:
        top, top_cut = fitted(self.header, LINE_BYTES)
        fitting = [fitted(row, LINE_BYTES) for row in self.rows]
        head, gone, tail = ends([text for text, _ in fitting], limit - len(top.encode()) - 1)
        cut = sum(len(line.encode()) + 1 for line in gone)
        middle = [canonical_json({"marker": marker(cut), "rows": len(gone)})] if gone else []
        return Rendered(
            _lines([top, *head, *middle, *tail]), cut + top_cut + sum(part for _, part in fitting)
        )


@dataclass(frozen=True, slots=True)
class EventsDocument:
    """JSON Lines: the slice of the log, each line bound to the one before it by its sealed hash."""

    path: str
    entries: Sequence[Mapping[str, Any]]
    mime: str = "application/jsonl"

    def render(self, limit: int) -> Rendered:
        fitting = [_fitted_entry(entry) for entry in self.entries]
        head, gone, tail = ends([text for text, _ in fitting], limit, _SEAL_BYTES)
        cut = sum(len(line.encode()) + 1 for line in gone)
        middle = [canonical_json({"marker": marker(cut), "events": len(gone)})] if gone else []
        return Rendered(_lines(_sealed([*head, *middle, *tail])), cut + sum(part for _, part in fitting))


def fitted(value: Any, limit: int) -> tuple[str, int]:
    """Canonical JSON of `value`; where that is over `limit`, of an object with its marker, head and tail."""
    text = canonical_json(value)
    if len(text.encode()) < limit:
        return text, 0
    # Quoting can double the size of what is kept.
    head, cut, tail = head_and_tail(text, (limit - _MARKER_BYTES) // 2)
    return canonical_json({"marker": marker(cut), "head": head, "tail": tail}), cut


_SEAL_BYTES = len(',"sealed_hash":""') + 64


def _fitted_entry(entry: Mapping[str, Any]) -> tuple[str, int]:
    text = canonical_json(entry)
    if len(text.encode()) < LINE_BYTES - _SEAL_BYTES:
        return text, 0
    event = entry["event"]
    body, cut = fitted(event.get("body"), LINE_BYTES // 2)
    small = {key: value for key, value in event.items() if key != "body"} | {"body": json.loads(body)}
    return canonical_json({**entry, "event": small, "kept": "shortened"}), cut


def ends(lines: Sequence[str], limit: int, extra: int = 0) -> tuple[list[str], list[str], list[str]]:
    """Lines for the first and the last half of `limit` bytes, and those between; `extra` bytes go to each line."""
    sizes = [len(line.encode()) + 1 + extra for line in lines]
    if sum(sizes) <= limit:
        return list(lines), [], []
    half = (limit - _MARKER_BYTES) // 2
    first = _fitting(sizes, half)
    last = len(lines) - _fitting(sizes[first:][::-1], half)
    return list(lines[:first]), list(lines[first:last]), list(lines[last:])


def _fitting(sizes: Sequence[int], limit: int) -> int:
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if total > limit:
            return number
    return len(sizes)


def _sealed(lines: Sequence[str]) -> list[str]:
    """Each line with its sealed hash as the last member, over the line without it."""
    before, result = "", []
    for line in lines:
        before = sealed_hash(line, before)
        result.append(f'{line[:-1]},"sealed_hash":"{before}"}}')
    return result


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
