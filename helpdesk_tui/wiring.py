"""What each part of the desk works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from helpdesk_tui.experts import Experts
from helpdesk_tui.intake import Intake
from helpdesk_tui.session import Feed
from helpdesk_tui.views import Views


@dataclass(frozen=True, slots=True)
class Wiring:
    """One session: its feed into the log, the views of it, the agents, and what comes of exchanges with them."""

    feed: Feed
    views: Views
    experts: Experts
    intake: Intake
    on_trouble: Callable[[str], None]
    """Gets a line for the operator."""
