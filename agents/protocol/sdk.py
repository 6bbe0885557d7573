"""The protocol's SDK, imported without what it takes along on the chance that someone uses it."""

from __future__ import annotations

import importlib
import sys
import threading

LEFT_OUT = ("sqlalchemy", "opentelemetry", "httpx._main")
"""A database toolkit, tracing, a command line with rich text: the SDK and its HTTP client do without where they are
missing. They are half of what its import costs; who needs one imports it later, as ever."""

_lock = threading.Lock()


def import_lean(*modules: str) -> None:
    """Import modules that stand on the SDK. Takes up to half a second: call it on a thread where a screen is drawn."""
    with _lock:
        absent = [name for name in LEFT_OUT if name not in sys.modules]
        # The import system takes None for a module that is not installed.
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
        try:
            for module in modules:
                importlib.import_module(module)
        finally:
            for name in absent:
                del sys.modules[name]
