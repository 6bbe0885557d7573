"""Calls to models in the trace: a line each, with what they took; the tools they asked for stand below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpdesk_tui import spent


def asked(body: Mapping[str, Any]) -> str:
    """The line while the model is at work."""
    return f"model, round {body.get('round', '')}: {body.get('models', '')}"


def answered(body: Mapping[str, Any], before: str) -> str:
    """The line once it has answered, or `before` where nobody did."""
    if not body.get("provider"):
        return before
    usage, usd = body.get("usage"), body.get("cost_usd")
    parts = [spent.tokens(sum(usage.values())) if usage else "tokens unknown"]
    parts.append(spent.money(usd) if usd is not None else "cost unknown")
    parts.append(f"{body['provider']}: {body.get('model', '')}")
    return f"model {' · '.join(parts)}"


def concluded(body: Mapping[str, Any]) -> str:
    """The line of what it concluded."""
    return f"model concludes: {body.get('root_cause') or body.get('answer') or 'nothing'}"
