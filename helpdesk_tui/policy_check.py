"""What is in force: policy, roles, doubts about the rules, and what a file says that no call has met yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.governance.house import SEEN, difference
from agents.governance.lint import Note, lint
from agents.governance.policy import BUILTIN, Policy
from agents.governance.policy_file import load_policy, policy_path
from agents.governance.roles import Roles, load_roles, roles_path
from helpdesk_tui.paper import BLANK, Block, Span, block
from helpdesk_tui.words import count
from inventory.errors import UserError
from inventory.paths import state_dir


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy file and the roles, read and looked at."""

    policy: Policy
    roles: Roles
    notes: list[Note]
    difference: str
    """How the file differs from what was last in force; empty where it does not."""

    def lines(self) -> Iterator[str]:
        """What holds beside the rules."""
        policy, roles = self.policy, self.roles
        if policy.source == BUILTIN:
            yield f"no {policy_path()}: the built-in policy is in force"
        else:
            yield f"{policy.source}: parses, {count(len(policy.rules), 'rule')}"
        if policy.lock:
            yield "every target is read-only in a session until an operator unlocks it there"
        else:
            yield "lock = false: no target is read-only, a rule that allows a change lets it run at once"
        yield f"an approval waits {policy.approval_ttl_s / 60:.0f} minutes"
        if roles.open:
            yield f"no {roles_path()}: whoever can log in to this account may ask and approve"
        else:
            members, callers = count(len(roles.members), "membership"), count(len(roles.callers), "caller")
            yield f"{roles_path()}: {members}, {callers} with a token"

    def doubts(self) -> list[str]:
        return [f"{self.policy.source}:{note.line}: rule {note.rule}: {note.text}" for note in self.notes]

    def to_json(self) -> dict[str, Any]:
        rules = self.policy.rules
        return {
            "source": self.policy.source,
            "lock": self.policy.lock,
            "approval_ttl_s": self.policy.approval_ttl_s,
            "rules": [{"name": rule.name, "effect": rule.effect, "line": rule.line} for rule in rules],
            "notes": [{"rule": note.rule, "line": note.line, "text": note.text} for note in self.notes],
            "roles": "open" if self.roles.open else str(roles_path()),
            "diff": self.difference,
        }


def check(file: Path | None = None, tools: Mapping[str, str] | None = None) -> Checked:
    """The policy in `file`, or that of this host; `tools` are the known ones, with their risk. Raises UserError (exit 2) with file, line and reason."""
    found = load_policy(file)
    notes = lint(found, tools) if found.source != BUILTIN else []
    return Checked(found, load_roles(), notes, _unseen(file or policy_path()))


def about_policy() -> list[Block]:
    """The page of what is in force; of files that cannot be read, their fault."""
    try:
        checked = check()
    except UserError as error:
        return [block(Span("No change runs  ", "bad"), str(error))]
    blocks = [*(block(line) for line in checked.lines()), BLANK]
    for rule in checked.policy.rules:
        about = f"  priority {rule.priority}" if rule.priority else ""
        blocks.append(block(Span(f"{rule.effect}  ", "head"), Span(rule.name, "strong"), Span(about, "dim")))
        blocks += [block(rule.comment, first="  ")] if rule.comment else []
    for note in checked.notes:
        blocks.append(block(Span(f"line {note.line}, rule {note.rule}: {note.text}", "warn")))
    if checked.difference:
        blocks += [BLANK, block(Span("in force with the next call", "head")), block(checked.difference)]
    return blocks


def _unseen(path: Path) -> str:
    """How the file differs from what the agents last had in force; empty where it does not."""
    seen = state_dir() / SEEN / policy_path().name
    before = seen.read_text(encoding="utf-8") if seen.exists() else ""
    now = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    return difference(before, now, path.name) if before else ""
