"""Everything that speaks HTTP by itself, once, and which connections were made: run by `test_ways_out.py`."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from agents.log import EventLog
from agents.log.anchoring import Anchoring
from agents.log.settings import load_audit
from helpdesk_tui.cli import main

COMMANDS = (
    ("models", "--check"),
    ("mcp", "check"),
    ("agents", "card", "far"),
    ("approvals", "list"),
)


def watch() -> list[tuple[str, int]]:
    """Address and port of each connection or datagram from now on, but those to Unix sockets."""
    found: list[tuple[str, int]] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto") and arguments[0].family != socket.AF_UNIX:
            found.append(arguments[1][:2])

    sys.addaudithook(hook)
    return found


if __name__ == "__main__":
    made = watch()
    for command in COMMANDS:
        main(list(command))
    with EventLog.open() as log:
        Anchoring(log, load_audit().anchors).send()
    print(json.dumps(made))
