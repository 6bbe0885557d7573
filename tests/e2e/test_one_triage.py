"""The main job in a real terminal: diagnose, approve by keys, see it verified, take a bundle away, come back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.terminal import Terminal

HELPDESK = [sys.executable, "-m", "helpdesk_tui"]
START_S = 60.0


def helpdesk(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HELPDESK, *arguments], capture_output=True, text=True, check=False)


def server_on_screen(screen: str) -> psutil.Process:
    """The postmaster behind the address in the target bar."""
    port = re.search(r"127\.0\.0\.1:(\d+)/shop", screen)
    assert port
    listening = [
        c.pid for c in psutil.net_connections("tcp4") if c.status == "LISTEN" and c.laddr.port == int(port[1])
    ]
    return psutil.Process(listening[0])


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (160, 48)])
def test_from_demo_to_bundle_and_back(columns: int, lines: int, tmp_path: Path) -> None:
    with Terminal([*HELPDESK, "demo"], columns=columns, lines=lines) as terminal:
        server = server_on_screen(terminal.wait_for("root cause", START_S))

        terminal.press("1")
        card = terminal.wait_for(lambda screen: "to approve, type" in screen and "Deny" in screen)
        pid = re.search(r"to approve, type (\d+)", card)
        assert pid
        terminal.settle(0.8)  # the card ignores keys for its first half second
        # Who, what is freed and lost, what is called, how long it may wait and how to go on: all without scrolling.
        for fact in (
            f"end session {pid[1]} of billing-worker on shop-demo", "127.0.0.1:", "unblocks 6 of 6: 1 at once",
            "work lost: yes", "not reversible", "idle in transaction", "app billing-worker", "UPDATE shop.orders",
            "6 sessions wait on it", f"terminate_session  pid {pid[1]} ·", "backend_start 20", "facts ", "waits ",
            "expires 1", "read-only: a yes unlocks it", "[ Deny ]", "a Approve", "e Evidence", "Enter",
        ):  # fmt: skip
            assert fact in terminal.text, (fact, terminal.text)
        terminal.press("a")
        terminal.wait_for("[ Approve ]")
        terminal.type(pid[1])
        terminal.wait_for(lambda screen: "to approve, type" not in screen)
        terminal.press("enter")
        done = terminal.wait_for(lambda screen: "verified" in screen and "freed" in screen)
        assert f"Ended session {pid[1]}" in done

        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0
    server.wait(timeout=60)

    sessions = json.loads(helpdesk("session", "list", "--json").stdout)
    assert len(sessions) == 1
    session = sessions[0]["id"]
    freed = freed_waiters(session)
    assert len(freed) >= 4

    bundle = tmp_path / "case.tar.gz"
    assert helpdesk("bundle", "create", "--session", session, "-o", str(bundle)).returncode == 0
    assert bundle.stat().st_mode & 0o777 == 0o600
    assert helpdesk("bundle", "verify", str(bundle)).returncode == 0
    assert helpdesk("audit", "verify").returncode == 0

    with Terminal([*HELPDESK, "--session", session], columns=columns, lines=lines) as again:
        again.wait_for(f"Ended session {pid[1]}", START_S)
        again.press("ctrl+q")
        assert again.wait_for_exit() == 0


def freed_waiters(session: str) -> list[int]:
    events = json.loads(helpdesk("session", "show", session, "--json").stdout)
    finished = [event["body"] for event in events if event["kind"] == "action.finished"]
    assert [body["verified"] for body in finished] == [True]
    freed: list[int] = finished[0]["freed"]
    return freed


def test_demo_without_a_terminal_prints_the_triage() -> None:
    shown = subprocess.run([*HELPDESK, "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert shown.returncode == 0
    for condition in ("lock.blocking_tree", "wal.slot_retention", "vacuum.disabled_table"):
        assert condition in shown.stdout


def test_killing_the_demo_leaves_no_server() -> None:
    with Terminal([*HELPDESK, "demo"]) as terminal:
        server = server_on_screen(terminal.wait_for("root cause", START_S))
        psutil.Process(terminal.child.pid).kill()
        server.wait(timeout=60)
