"""The rules of the house: the policy and the roles in force, read again when their files change."""

from __future__ import annotations

import difflib
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from agents.governance import policy_file, roles
from agents.governance.policy import Policy
from agents.governance.roles import Roles
from inventory.masking import mask
from inventory.paths import ensure_private, state_dir
from inventory.toml_file import write_text

T = TypeVar("T")
SEEN = "seen"
"""Directory below the state directory: the files as they were when they were last in force."""


@dataclass(slots=True)
class _Watched(Generic[T]):
    """A file and what was read from it; a copy of the text that was last in force is kept beside the log."""

    path: Path
    load: Callable[[Path], T]
    fault_of: Callable[[T], str]
    seen: Path
    value: T
    stamp: tuple[int, int, int] | None = None
    text: str | None = None
    """What is in force in this process; None before it was first read here."""

    def current(self, changes: list[dict[str, Any]]) -> T:
        """What the file says now; a change is added to `changes` before it is in force."""
        stamp = _stamp(self.path)
        if self.text is None or stamp != self.stamp:
            seen, now = _text(self.seen), _text(self.path)
            before = seen if self.text is None else self.text
            self.value = self.load(self.path)
            self.stamp, self.text = stamp, now
            if before != now:
                changes.append(_change(self.path, before, now, self.fault_of(self.value)))
            if seen != now:
                ensure_private(self.seen.parent)
                write_text(self.seen, now)
        return self.value


class House:
    """Gives the policy and the roles for each call, and tells each session of files that changed under it."""

    def __init__(self, policy: Policy | None = None, roles_: Roles | None = None) -> None:
        """Fixed rules, without a file."""
        self._fixed = (policy or Policy(), roles_ or Roles())
        self._files: tuple[_Watched[Policy], _Watched[Roles]] | None = None
        self._changes: list[dict[str, Any]] = []
        self._told: dict[str, int] = {}
        """How many changes each session was told of."""
        self._lock = threading.Lock()

    @classmethod
    def of_files(cls) -> House:
        """The rules in `policy.toml` and `roles.toml`; without them the built-in policy, and open roles."""
        house = cls()
        seen = state_dir() / SEEN
        policy, who = policy_file.policy_path(), roles.roles_path()
        house._files = (
            _Watched(policy, policy_file.safely_loaded, lambda it: it.fault, seen / policy.name, Policy()),
            _Watched(who, roles.safely_loaded, lambda it: it.fault, seen / who.name, Roles()),
        )
        return house

    def current(self) -> tuple[Policy, Roles]:
        """The policy and the roles that are in force now."""
        if self._files is None:
            return self._fixed
        with self._lock:
            return self._files[0].current(self._changes), self._files[1].current(self._changes)

    def news(self, session: str) -> list[dict[str, Any]]:
        """Bodies of `policy.changed` events that this session has to be told; a new one those that no other was."""
        self.current()
        with self._lock:
            since = self._told.get(session, max(self._told.values(), default=0))
            self._told[session] = len(self._changes)
            return self._changes[since:]


def difference(before: str, now: str, name: str) -> str:
    """What changed in a file, as a unified diff; empty where nothing did."""
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), f"{name} (before)", name, lineterm="")
    return "\n".join(lines)


def _change(path: Path, before: str, now: str, fault: str) -> dict[str, Any]:
    return {
        "path": str(path),
        "sha256": hashlib.sha256(now.encode()).hexdigest(),
        "before_sha256": hashlib.sha256(before.encode()).hexdigest(),
        "diff": mask(difference(before, now, path.name)),
        "fault": fault,
    }


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
