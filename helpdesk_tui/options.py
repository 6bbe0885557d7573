"""How the workbench starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from helpdesk_tui.settings import Settings

if TYPE_CHECKING:
    from inventory.registry import Inventory
    from inventory.target import Target

LOCAL_FLUSH_S = 0.1
REMOTE_FLUSH_S = 0.2
"""A flush of a full screen is about 10 KB: over SSH five of them a second are enough."""


def slow_link(settings: Settings) -> bool:
    """True where the screen is far away: as the settings say, else where sshd says so."""
    return "SSH_CONNECTION" in os.environ if settings.slow_link is None else settings.slow_link


@dataclass
class Options:
    """What `run_workbench` is told beside session and target."""

    session: str | None = None
    target: Target | None = None
    inventory: Inventory | None = None
    """None: the inventory file is read."""
    fresh: bool = False
    """True: a new session, whatever the log holds."""
    log: Path | None = None
    experts: tuple[str, ...] | None = ()
    """Names of experts to start, or `module:factory`; empty: all. None: neither experts nor pulse (a replay)."""
    first_question: str = ""
    """Asked once the experts are up, if the session is a new one."""
    no_model: bool = False
    """True: rules alone answer, whatever the settings say."""
    token: str | None = field(default=None, repr=False)
    """Proves who sits here, where roles.toml knows it; else it is the user of this account."""
    principal: str = ""
    """Whose token it is; empty without one."""
    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    remote: bool = field(default_factory=lambda: slow_link(Settings()))
    """True: flush less often, and no animations."""

    @property
    def model(self) -> bool:
        """Whether questions in words may go to a model, where one is set up."""
        return self.settings.model and not self.no_model

    @property
    def flush_s(self) -> float:
        """Shortest time between two flushes to the screen, in seconds."""
        return REMOTE_FLUSH_S if self.remote else LOCAL_FLUSH_S
