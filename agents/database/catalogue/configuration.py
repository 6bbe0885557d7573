"""Settings that don't fit the host, wait for a restart, can't be applied, or hold for some only."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import size
from agents.kernel.records import Remedy, Severity

AUTO_FILE = "postgresql.auto.conf"
KIB, MIB = 1 << 10, 1 << 20
UNITS = {"B": 1, "8kB": 8 * KIB, "kB": KIB, "MB": MIB}
NOT_APPLIED = "setting could not be applied"
DANGEROUS = {
    ("zero_damaged_pages", "on"): "damaged pages are emptied instead of reported",
    ("ignore_checksum_failure", "on"): "pages that fail their checksum are used",
    ("session_replication_role", "replica"): "foreign keys and triggers aren't enforced",
}
SURPRISING = {
    ("synchronous_commit", "off"): "its last commits can be lost in a crash",
    ("default_transaction_read_only", "on"): "it can't write",
    ("statement_timeout", "0"): "its statements may run without end",
    ("lock_timeout", "0"): "it may wait for locks without end",
    ("idle_in_transaction_session_timeout", "0"): "it may sit in a transaction without end",
}
FACTORS = {"kb": KIB, "mb": MIB, "gb": 1 << 30, "tb": 1 << 40}


def memory(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    settings = {row["name"]: row for row in snapshot.rows("settings")}
    ram = next((row["total_bytes"] for row in snapshot.rows("host") if row["kind"] == "memory"), None)
    if not {"shared_buffers", "work_mem", "max_connections"} <= settings.keys():
        return
    shared, work = in_bytes(settings["shared_buffers"]), in_bytes(settings["work_mem"])
    worst = shared + work * int(settings["max_connections"]["setting"])
    if ram is not None and worst > limits["total_warning"] / 100 * ram:
        yield _memory(
            "warning", "work_mem × max_connections can exceed the host's memory", shared, work, worst, ram
        )
    elif ram is not None and 100 * shared > limits["shared_high"] * ram:
        yield _memory(
            "info", f"shared_buffers is {100 * shared / ram:.0f} % of the memory", shared, work, worst, ram
        )
    elif ram is not None and 100 * shared < limits["shared_low"] * ram:
        yield _memory(
            "info",
            f"shared_buffers is only {100 * shared / ram:.2g} % of the memory",
            shared,
            work,
            worst,
            ram,
        )
    elif ram is None and settings["shared_buffers"]["setting"] == settings["shared_buffers"]["default_value"]:
        yield _memory("info", "shared_buffers was never set", shared, work, worst, ram)


def _memory(severity: Severity, title: str, shared: int, work: int, worst: int, ram: int | None) -> Match:
    seen = ("settings", "host") if ram is not None else ("settings",)
    return Match(
        severity=severity,
        title=title,
        summary=f"shared_buffers {size(shared)}; with one work_mem ({size(work)}) in each possible session "
        f"{size(worst)}"
        + (f"; the host has {size(ram)}" if ram is not None else "")
        + ". A usual start is a quarter of the memory for shared_buffers (restart), and a work_mem that all sessions "
        "together can afford; a pooler keeps max_connections low.",
        identity={"setting": "work_mem" if severity == "warning" else "shared_buffers"},
        facts={"shared_bytes": shared, "work_bytes": work, "worst_bytes": worst, "memory_bytes": ram},
        evidence=seen,
    )


def in_bytes(setting: Row) -> int:
    """A memory setting of pg_settings in bytes, by its unit."""
    return int(setting["setting"]) * UNITS.get(setting["unit"] or "", 1)


def memory_unknown(snapshot: Snapshot) -> str:
    failure = snapshot.failures.get("host")
    return f"how the settings fit the memory: {failure.reason}" if failure else ""


def pending_restart(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for setting in snapshot.rows("settings"):
        if setting["pending_restart"]:
            yield _pending(setting)


def _pending(setting: Row) -> Match:
    name = setting["name"]
    by_command = (setting["source_file"] or "").endswith(AUTO_FILE)
    withdraw = Remedy(
        "reset_setting",
        {"name": name},
        "write",
        "ALTER SYSTEM RESET and reload: where ALTER SYSTEM made the change, it is withdrawn; the running value stays.",
        "by hand: set it again with ALTER SYSTEM",
    )
    return Match(
        severity="warning",
        title=f"{name} was changed and waits for a restart",
        summary=f"The server runs with {name} = {setting['setting']}; the configuration files say something else, which "
        "takes effect at the next restart, planned or not. Plan the restart, or take the change back "
        f"({'ALTER SYSTEM RESET' if by_command else 'in the configuration file, or ALTER SYSTEM RESET'}).",
        identity={"setting": name},
        facts={"value": setting["setting"], "source": setting["source"]},
        evidence=("settings",),
        remedies=(withdraw,),
    )


def file_errors(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("file_errors"):
        waits = row["error"] == NOT_APPLIED and row["needs_restart"]
        if not (waits and row["pending_restart"]):
            yield _file_error(row, unsure=waits)


def _file_error(row: Row, *, unsure: bool) -> Match:
    place = f"{row['file']}:{row['line']}"
    what = f"{row['name']} = {row['setting']}" if row["name"] else "the line"
    follows = (
        "It takes a restart; the server checks the value only when it reloads."
        if unsure
        else "A reload ignores the files until it is corrected, and a restart fails. Correct the line, look again, "
        "then reload."
    )
    return Match(
        severity="info" if unsure else "critical",
        title=f"{place}: {row['error']}",
        summary=f"{what}: {row['error']}. {follows}",
        identity={"file": row["file"], "line": row["line"]},
        facts={"setting": row["name"], "value": row["setting"]},
        evidence=("file_errors",),
    )


def overrides(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("role_settings"):
        name, value = row["name"].lower(), row["value"].lower()
        danger = DANGEROUS.get((name, value), "")
        surprise = SURPRISING.get((name, value), "") or _surprise(name, value, limits)
        if danger or surprise:
            yield _override(row, "warning" if danger else "info", danger or surprise)


def _surprise(name: str, value: str, limits: Limits) -> str:
    if name.startswith("enable_") and value == "off":
        return "the planner may not use that kind of plan"
    if name in ("work_mem", "maintenance_work_mem") and _memory_value(value) > limits[name]:
        return "each sort or hash may take that much memory"
    return ""


def _memory_value(value: str) -> int:
    """`256MB` or a bare number of kilobytes in bytes; 0 where it is neither."""
    number, unit = value.rstrip("kmgtb "), value.lstrip("0123456789. ")
    try:
        return int(float(number) * FACTORS.get(unit, KIB))
    except ValueError:
        return 0


def _override(row: Row, severity: Severity, why: str) -> Match:
    role, database, name = row["role"], row["database"], row["name"]
    who = f"role {role}" if role else "every role"
    whose = f"{who} in database {database}" if database else who
    return Match(
        severity=severity,
        title=f"{name} = {row['value']} holds for {whose} only",
        summary=f"Not what the configuration files say: {why}. Take it back: {_reset(role, database, name)}",
        identity={"role": role, "database": database, "setting": name},
        facts={"value": row["value"]},
        evidence=("role_settings",),
    )


def _reset(role: str | None, database: str | None, name: str) -> str:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    if role is None:
        return f"ALTER DATABASE {quoted(database or '')} RESET {name}"
    inside = f" IN DATABASE {quoted(database)}" if database else ""
    return f"ALTER ROLE {quoted(role)}{inside} RESET {name}"


CONDITIONS = (
    Condition(
        id="config.file_error",
        title="Configuration file error (next restart/reload fails)",
        severity="critical",
        meaning="A line of the configuration files can't be applied: reloads do nothing and the next start fails.",
        needs=("file_errors",),
        find=file_errors,
        absent="the configuration files have no error",
        grants=(
            "GRANT SELECT ON pg_catalog.pg_file_settings TO {role}",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO {role}",
        ),
    ),
    Condition(
        id="config.pending_restart",
        title="Settings pending restart",
        severity="warning",
        meaning="A setting was changed in the files and the server still runs with the old value.",
        needs=("settings",),
        find=pending_restart,
        causes=(Cause("config.file_error", lambda own, error: own["setting"] == error["setting"]),),
        remedies=("reset_setting",),
    ),
    Condition(
        id="config.memory",
        title="shared_buffers or work_mem × max_connections don't fit the memory",
        severity="warning",
        meaning="Memory settings that the host can't pay, or that leave it unused. The host's memory is known only "
        "where helpdesk runs on it.",
        needs=("settings",),
        wants=("host",),
        thresholds={
            "total_warning": Threshold(100, "percent", "pganalyze settings/work_mem: of the host's memory"),
            "shared_high": Threshold(
                40, "percent", "docs shared_buffers: more than 40 % is unlikely to help"
            ),
            "shared_low": Threshold(
                15, "percent", "docs shared_buffers 25 %; pganalyze settings/shared_buffers 15 %"
            ),
        },
        find=memory,
        blind=memory_unknown,
    ),
    Condition(
        id="config.role_override",
        title="Per-role / per-database overrides that surprise",
        severity="warning",
        meaning="ALTER ROLE or ALTER DATABASE gave some sessions other settings than the files say.",
        needs=("role_settings",),
        thresholds={
            "work_mem": Threshold(256 * MIB, "bytes", "pgdoctor session-settings: work_mem over 256 MB"),
            "maintenance_work_mem": Threshold(4096 * MIB, "bytes", "own choice: over 4 GiB"),
        },
        find=overrides,
    ),
)
