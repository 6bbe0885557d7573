"""Figures and names as a DBA reads them."""

from __future__ import annotations

from collections.abc import Iterable

from agents.database.snapshot import Row
from inventory.masking import inert_line

_SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 2 h`; `an unknown time` for None."""
    if seconds is None:
        return "an unknown time"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{value} {unit}" for value, unit in parts if value]
    return " ".join(shown[:2])


def size(count: float | None) -> str:
    """`512 bytes`, `64.0 MiB`, `2.5 GiB`; `an unknown size` for None."""
    if count is None:
        return "an unknown size"
    for unit, factor in _SIZES:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{int(count)} bytes"


def plural(count: int, noun: str) -> str:
    """`1 session`, `4 sessions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def pids(numbers: Iterable[int], limit: int = 8) -> str:
    """`4012, 4013`; those beyond `limit` are counted only."""
    listed = list(numbers)
    shown = ", ".join(map(str, listed[:limit]))
    return shown if len(listed) <= limit else f"{shown} and {len(listed) - limit} more"


def sentence(text: str) -> str:
    """`text` with a capital at its start, the rest untouched."""
    return text[:1].upper() + text[1:]


def briefly(session: Row) -> str:
    """`session 4711 of billing-worker`: who is meant, where the rest of it stands beside."""
    name = session["application"] or session["user"]
    return f"session {session['pid']}" + (f" of {inert_line(name)}" if name else "")


def who(session: Row | None, pid: int) -> str:
    """`session 4711 (billing-worker, user app, database shop)`, as far as the login may see it."""
    if session is None:
        return f"session {pid}"
    named = [session["application"] or ""]
    named += [
        f"{word} {session[key]}" for word, key in (("user", "user"), ("database", "database")) if session[key]
    ]
    if session["type"] not in (None, "client backend"):
        named.insert(0, session["type"])
    inside = ", ".join(inert_line(part) for part in named if part)
    return f"session {pid} ({inside})" if inside else f"session {pid}"


def granted(grant: str, role: str) -> str:
    """A GRANT with the role's name in it, quoted so that any name is safe to paste."""
    return grant.format(role=quoted(role))


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
