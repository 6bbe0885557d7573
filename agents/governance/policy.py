"""The policy: what runs, what needs an approval, what is never done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.kernel.records import Risk

Effect = Literal["allow", "approve", "deny"]

APPROVAL_TTL_S = 900.0
"""How long an approval waits: the facts on its card are hardly true for longer, an incident call takes that long."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says of one call, and which rule says it."""

    effect: Effect
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The built-in policy, in force where there is no file: it can only ask or refuse, never let a change pass."""

    approval_ttl_s: float = APPROVAL_TTL_S

    def judge(self, risk: Risk, target: Mapping[str, Any], unlocked: bool) -> Verdict:
        """Judge a call of this risk on this target, which is unlocked for the session or not."""
        match risk:
            case "read":
                return Verdict("allow", "builtin.read", "reads run without asking")
            case "write" | "destructive" if unlocked:
                return Verdict("approve", f"builtin.{risk}", f"every {risk} call needs an approval")
            case "write" | "destructive":
                return Verdict(
                    "approve",
                    f"builtin.{risk}.locked",
                    f"every {risk} call needs an approval, and {target.get('name') or 'this target'} is read-only"
                    " in this session until you unlock it",
                )
        return Verdict("deny", "builtin.unknown", f"calls of the unknown class {risk} are never run")
