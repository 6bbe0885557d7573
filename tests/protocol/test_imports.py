"""What the workbench imports before its first paint must not load the SDK, HTTP or any driver."""

from __future__ import annotations

import subprocess
import sys
import textwrap

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
LIGHT = (
    "agents.protocol.client", "agents.protocol.host", "agents.protocol.experts", "agents.log", "agents.governance",
    "agents.kernel.executor", "agents.kernel.report", "agents.protocol.serving", "agents.protocol.known",
    "agents.protocol.registry", "agents.protocol.health", "agents.router",
)  # fmt: skip


def loaded_by(script: str) -> str:
    shown = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=True, text=True
    )
    return shown.stdout


def test_nothing_heavy_is_loaded() -> None:
    told = loaded_by(f"""
        import importlib, sys
        for module in {LIGHT}:
            importlib.import_module(module)
            for name in set({HEAVY}) & set(sys.modules):
                print(f"{{module}} has loaded {{name}}")
    """)
    assert not told


def test_the_sdk_is_loaded_without_what_nobody_uses_which_is_still_there_for_others() -> None:
    told = loaded_by("""
        import sys
        from agents.protocol.sdk import LEFT_OUT, import_lean
        import_lean("agents.protocol.server", "agents.protocol.conversation")
        print(*(name for name in (*LEFT_OUT, "rich") if name in sys.modules))
        import opentelemetry.trace
        import agents.protocol.shared
        print(agents.protocol.shared.DatabaseTaskStore.__mro__[1].__name__)
    """)
    assert told.split() == ["TaskStore"]
