"""A target of the inventory, and a setting of its server that tests change."""

from __future__ import annotations

import secrets
from typing import Any

import psycopg
import pytest

from inventory.registry import default_path
from tests.conftest import Database

SETTING = "log_lock_waits"


def shows(database: Database, setting: str) -> str:
    """What the server says of a setting now."""
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        return str(admin.execute(f"SHOW {setting}").fetchone()[0])  # type: ignore[index]


@pytest.fixture
def target(database18: Database) -> str:
    """A target of the inventory, in a session of its own."""
    name = f"db-{secrets.token_hex(3)}"
    path = default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[databases.{name}]\ndsn = "{database18.conninfo()}"\nenvironment = "test"\ntags = ["eu"]\n'
    )
    return name


@pytest.fixture
def setting(database18: Database) -> Any:
    """What the server says of the setting now; put back at the end."""

    yield lambda: shows(database18, SETTING)
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM RESET {SETTING}")
        admin.execute("SELECT pg_reload_conf()")
