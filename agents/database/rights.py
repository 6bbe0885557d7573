"""The least rights that are enough: to see what the conditions judge, and to carry out what they offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents.database.catalogue import all_conditions
from agents.database.wording import quoted

OWNER = "the owner of the table or index, a superuser, or a member of pg_maintain (PostgreSQL 17 and later)"
MAINTAIN = "GRANT pg_maintain TO {role}"
SIGNAL = "GRANT pg_signal_backend TO {role}"
RELOAD = "GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO {role}"
MOST = 16
"""Conditions or tools that a line names."""
MAINTAIN_SINCE, PARAMETERS_SINCE = 17, 15


@dataclass(frozen=True, slots=True)
class Right:
    """What lets a role use some tools, or why no grant does."""

    statement: str
    """With `{role}`; empty where no grant is enough."""
    opens: tuple[str, ...]
    """Conditions or tools."""
    since: int = 0
    """First major version that knows it."""
    note: str = ""
    extension: str = ""
    """Must be installed before the statement can run."""


ACTIONS = (
    Right(SIGNAL, ("cancel_session", "terminate_session"), note="never for sessions of superusers"),
    Right(
        MAINTAIN,
        ("vacuum_table", "freeze_table", "analyze_table", "reindex_concurrently"),
        MAINTAIN_SINCE,
        f"before PostgreSQL 17: {OWNER}",
    ),
    Right(RELOAD, ("reload_configuration", "set_setting", "reset_setting")),
    Right(
        "GRANT ALTER SYSTEM ON PARAMETER {parameter} TO {role}",
        ("set_setting", "reset_setting"),
        PARAMETERS_SINCE,
        "one for each setting that may be changed",
    ),
    Right(
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_wal_replay_resume() TO {role}",
        ("resume_replay",),
    ),
    Right(
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_wal_replay_pause() TO {role}",
        ("pause_replay",),
        note="undoes resume_replay",
    ),
    Right("ALTER ROLE {role} REPLICATION", ("drop_inactive_slot",), note="it may then also stream all WAL"),
)
"""What the acts need beyond CONNECT."""
OWNED = (
    "needs the owner of the object, or a superuser: grant membership in the owning role where that is wanted"
)


def monitor_rights() -> Iterator[Right]:
    """What the conditions need, the one that opens most of them first."""
    opens: dict[tuple[str, str], list[str]] = {}
    for condition in all_conditions().values():
        for grant in condition.grants:
            extension = condition.extension if "FUNCTION" in grant else ""
            opens.setdefault((grant, extension), []).append(condition.id)
    for grant, extension in sorted(opens, key=lambda key: -len(opens[key])):
        yield Right(grant, tuple(opens[grant, extension]), extension=extension)


def action_rights(tools: Mapping[str, str]) -> Iterator[Right]:
    """What the acts in `tools` (name → risk) need; the last right names those that no grant opens."""
    granted = {name for right in ACTIONS for name in right.opens}
    yield from ACTIONS
    rest = tuple(name for name, risk in tools.items() if risk != "read" and name not in granted)
    if rest:
        yield Right("", rest, note=OWNED)


def script(rights: Iterator[Right], role: str, server_version: int) -> Iterator[str]:
    """Lines of SQL that a superuser runs to make `role` what `rights` say; each says what it opens."""
    before: tuple[str, ...] = ()
    for right in rights:
        told = ", ".join(right.opens[:MOST])
        told += f" and {len(right.opens) - MOST} more" if len(right.opens) > MOST else ""
        if right.opens != before:
            yield f"-- opens: {told}" + (f"; {right.note}" if right.note else "")
        before = right.opens
        if right.statement:
            yield _line(right, quoted(role), server_version)


def _line(right: Right, role: str, server_version: int) -> str:
    """The statement; as a comment where it can't run as it stands."""
    text = f"{right.statement.replace('{role}', role)};"
    if right.since > server_version:
        return f"-- PostgreSQL {right.since} and later: {text}"
    if right.extension:
        return f"-- where the extension {right.extension} is installed: {text}"
    return f"-- {text}" if "{parameter}" in text else text
