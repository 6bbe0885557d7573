"""Settings that put data at risk."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match
from agents.database.snapshot import Row, Snapshot
from agents.kernel.records import Remedy, Severity

RISKS: dict[str, tuple[Severity, str]] = {
    "fsync": ("critical", "an operating system crash or power loss can corrupt the whole cluster"),
    "full_page_writes": (
        "critical",
        "a crash in the middle of a page write corrupts that page beyond recovery",
    ),
    "synchronous_commit": ("info", "a crash can lose the last committed transactions, without corruption"),
}


def durability_off(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for setting in snapshot.rows("settings"):
        if setting["name"] in RISKS and setting["setting"] == "off":
            yield _off(setting)


def _off(setting: Row) -> Match:
    name, source = setting["name"], setting["source"]
    severity, risk = RISKS[name]
    fixed = source == "command line"
    return Match(
        severity=severity,
        title=f"{name} is off",
        summary=f"{name} = off (from {source}): {risk}."
        + (" It was set on the server's command line: restart without it." if fixed else ""),
        identity={"setting": name},
        facts={"value": setting["setting"], "source": source},
        evidence=("settings",),
        remedies=() if fixed or source in ("user", "database", "database user") else (_switch_on(name),),
    )


def _switch_on(name: str) -> Remedy:
    return Remedy(
        "set_setting",
        {"name": name, "value": "on"},
        "write",
        f"ALTER SYSTEM SET {name} = on and reload; no restart.",
        "set it back to off",
    )


CONDITIONS = (
    Condition(
        id="config.durability_off",
        title="fsync / full_page_writes off",
        severity="critical",
        meaning="The server was told not to make sure that data reaches the disk. fsync and full_page_writes "
        "off risk corruption (pganalyze settings/fsync); synchronous_commit off risks the last commits only.",
        needs=("settings",),
        find=durability_off,
        remedies=("set_setting",),
    ),
)
