"""What the workbench imports before its first paint must not load the SDK, HTTP or any driver."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "a2a",
    "httpx",
    "uvicorn",
    "starlette",
    "sqlalchemy",
    "google",
    "psycopg",
    "asyncpg",
    "keyring",
    "textual",
)


@pytest.mark.parametrize(
    "module",
    ["agents.protocol.client", "agents.protocol.host", "agents.protocol.experts", "agents.log", "agents.governance",
     "agents.kernel.executor", "agents.kernel.report", "agents.protocol.serving", "agents.protocol.known",
     "agents.protocol.registry", "agents.protocol.health", "agents.router"],
)  # fmt: skip
def test_nothing_heavy_is_loaded(module: str) -> None:
    script = f"import json, sys, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    loaded = json.loads(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    )
    assert not set(HEAVY) & set(loaded)
