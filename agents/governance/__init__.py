"""Who may do what: policy, approvals and the decisions on them."""

from __future__ import annotations

from agents.governance.approval import Approval, Decision
from agents.governance.policy import Policy, Verdict
from agents.governance.rule import Impact, Request, Rule

__all__ = ["Approval", "Decision", "Impact", "Policy", "Request", "Rule", "Verdict"]
