"""Who may do what: policy, approvals and the decisions on them."""

from __future__ import annotations

from agents.governance.approval import Approval, Decision
from agents.governance.policy import Policy, Verdict

__all__ = ["Approval", "Decision", "Policy", "Verdict"]
