"""Check the log slice of a bundle, line by line as it is read: its own chain, and the log's where it still can be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bundles.chain import log_hash, sealed_hash
from bundles.compression import Damaged
from bundles.content import PURGED
from bundles.limits import LINE_BYTES, READ_PROBLEMS

_SEALED = re.compile(r'(.+),"sealed_hash":"([0-9a-f]{64})"\}', re.DOTALL)


class SliceCheck:
    """Fed with pieces of `events.jsonl`; tells what does not hold, and sums up what does."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 0
        self._sealed = ""
        self._last: Mapping[str, Any] | None = None
        self._gap = False
        self._kept = {"whole": 0, "redacted": 0, "shortened": 0, PURGED: 0}
        self._left_out = 0
        self._problems: list[str] = []

    def feed(self, piece: bytes) -> None:
        """Raises Damaged for a line that is longer than any bundle has."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._check(line)
        if len(self._rest) > LINE_BYTES:
            raise Damaged(f"events.jsonl: line {self._line + 1} is over {LINE_BYTES} bytes")

    def finish(self) -> Iterator[str]:
        """What does not hold."""
        if self._rest:
            self._problems.append(f"line {self._line + 1} is cut off")
        yield from self._problems

    def summary(self) -> str:
        """How many events there are, and what of the log's chain could be computed again."""
        total = sum(self._kept.values())
        if not total:
            return "no events"
        changed = [f"{times} {kind}" for kind, times in self._kept.items() if kind != "whole" and times]
        if self._left_out:
            changed.append(f"{self._left_out} left out for size")
        state = "broken" if self._problems else "intact"
        return f"chain {state}: {total} events" + (f" ({', '.join(changed)})" if changed else "")

    def _check(self, line: bytes) -> None:
        self._line += 1
        try:
            problem = self._judge(line.decode())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            problem = "not a line of a log slice"
        if problem and len(self._problems) <= READ_PROBLEMS:
            self._problems.append(f"line {self._line}: {problem}")

    def _judge(self, line: str) -> str:
        found = _SEALED.fullmatch(line)
        if not found:
            return "has no sealed hash"
        bare, sealed = f"{found[1]}}}", found[2]
        holds = sealed_hash(bare, self._sealed) == sealed
        self._sealed = sealed
        entry = json.loads(bare)
        problem = self._marker(entry) if "marker" in entry else self._entry(entry)
        return problem if holds else "was changed after the bundle was sealed"

    def _marker(self, entry: Mapping[str, Any]) -> str:
        self._gap = True
        self._left_out += int(entry["events"])
        return ""

    def _entry(self, entry: Mapping[str, Any]) -> str:
        last, gap = self._last, self._gap
        self._last, self._gap = entry, False
        self._kept[entry["kept"]] += 1
        if last is not None and not gap:
            if entry["n"] != last["n"] + 1:
                return f"event {last['n'] + 1} of the session is gone"
            if entry["before_in_session"] != last["hash"]:
                return f"event {entry['n']} does not follow the one before it in the session"
        if last is None and entry["n"] == 1 and entry["before_in_session"]:
            return "the first event of the session follows another one"
        if entry["kept"] == PURGED and (entry["event"]["kind"] != PURGED or entry["event"]["body"]):
            return f"event {entry['n']} holds more than what a purge leaves"
        return self._own_hash(entry) if entry["kept"] == "whole" else ""

    @staticmethod
    def _own_hash(entry: Mapping[str, Any]) -> str:
        own = log_hash(
            entry["event"], entry["seq"], entry["n"], entry["before_in_session"], entry["before_in_log"]
        )
        return "" if own == entry["hash"] else f"event {entry['n']} is not what the log hashed"
