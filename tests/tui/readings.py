"""Targets and their health, with fixed values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from inventory.pulse import Pulse
from tests.tui.story import NOW, TARGET, text

TARGETS: tuple[Mapping[str, Any], ...] = (
    TARGET,
    {**TARGET, "name": "orders-replica", "host": "10.20.0.6"},
    {**TARGET, "name": "billing-staging", "host": "10.30.0.5", "environment": "staging", "sensitivity": []},
    {**TARGET, "name": "ledger-dev", "host": "localhost", "environment": "development", "sensitivity": []},
    {**TARGET, "name": "reports-test", "host": "10.40.0.5", "environment": "test", "sensitivity": []},
)

READINGS: Mapping[str, Pulse] = {
    "orders-prod": Pulse(
        up=True, taken_at=text(NOW), version="18.0", role="primary", connections=87, max_connections=100,
        oldest_xact_s=1020.0, lag_s=0.0, lag_bytes=0, blocked=6,
    ),
    "orders-replica": Pulse(
        up=True, taken_at=text(NOW), version="18.0", role="standby", connections=12, max_connections=100,
        oldest_xact_s=0.2, lag_s=94.0, lag_bytes=41_000_000, blocked=0,
    ),
    "billing-staging": Pulse(up=False, taken_at=text(NOW), error="10.30.0.5:5432: connection refused"),
    "ledger-dev": Pulse(
        up=True, taken_at=text(NOW - timedelta(seconds=50)), version="16.14", role="primary", connections=3,
        max_connections=100, oldest_xact_s=None, blocked=0,
    ),
}  # fmt: skip
