"""VACUUM that is switched off or doesn't get ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.database.catalogue.horizon import holder, holder_facts, horizon_words, is_free, unseen
from agents.database.catalogue.tables import NEEDY_THRESHOLDS, past_trigger
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, size
from agents.kernel.records import Remedy, Severity

GLOBAL_SWITCHES = ("autovacuum", "track_counts")
GIB = 1 << 30
LARGEST = 20


def autovacuum_off(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for setting in snapshot.rows("settings"):
        if _is_off(setting):
            yield _switched_off_everywhere(setting)
    disabled = [row for row in snapshot.rows("tables_to_vacuum") if row["autovacuum_disabled"]]
    for row in disabled[:LARGEST]:
        yield _switched_off(snapshot, row, limits)


def _is_off(setting: Row) -> bool:
    return setting["name"] in GLOBAL_SWITCHES and setting["setting"] == "off"


def _switched_off_everywhere(setting: Row) -> Match:
    name = setting["name"]
    why = f"Sets {name} = on and reloads; autovacuum starts within autovacuum_naptime."
    remedy = Remedy("set_setting", {"name": name, "value": "on"}, "write", why, "set it back to off")
    fixed = setting["source"] == "command line"
    return Match(
        severity="critical",
        title=f"Autovacuum is off for the whole server ({name} = off)",
        summary=f"{name} is off (from {setting['source']}): no table is vacuumed or analyzed until wraparound "
        "forces it."
        + (" It was set on the command line of the server: restart without it." if fixed else ""),
        identity={"setting": name},
        facts={"value": "off", "source": setting["source"]},
        evidence=("settings",),
        remedies=() if fixed else (remedy,),
    )


def _switched_off(snapshot: Snapshot, row: Row, limits: Limits) -> Match:
    relation, horizon = row["relation"], horizon_words(snapshot)
    severity: Severity = "info"
    if past_trigger(row, limits["dead_percent"], limits["bytes"]) or row["bytes"] >= limits["large_bytes"]:
        severity = "warning"
    return Match(
        severity=severity,
        title=f"Autovacuum is switched off for {relation}",
        summary=f"{relation} ({size(row['bytes'])}) has {row['dead_rows']} dead rows ({row['dead_percent'] or 0} %); "
        f"autovacuum would start at {row['trigger_rows']}. {_last_vacuum(row)} {horizon}",
        identity={"relation": relation},
        facts={
            "dead_rows": row["dead_rows"],
            "dead_percent": row["dead_percent"],
            "bytes": row["bytes"],
            "reloptions": row["reloptions"],
        },
        evidence=("tables_to_vacuum", *(("horizon",) if snapshot.has("horizon") else ())),
        remedies=(_enable(relation), *(() if unseen(snapshot) else (_vacuum(relation, horizon),))),
    )


def _enable(relation: str) -> Remedy:
    return Remedy(
        "enable_autovacuum",
        {"relation": relation},
        "write",
        "Resets the table's autovacuum_enabled; autovacuum takes it up within autovacuum_naptime.",
        "switch it off again, in the words that stood there; what was vacuumed stays so",
    )


def _vacuum(relation: str, horizon: str) -> Remedy:
    return Remedy(
        "vacuum_table",
        {"relation": relation},
        "write",
        f"Removes the dead rows now; readers and writers go on, the file doesn't shrink. {horizon}",
        "nothing to undo: VACUUM changes no data",
    )


def _last_vacuum(row: Row) -> str:
    if row["since_vacuum_s"] is None:
        return "It was never vacuumed."
    return f"It was last vacuumed {duration(row['since_vacuum_s'])} ago."


def starving_tables(snapshot: Snapshot, limits: Limits) -> Iterable[Match]:
    rows = snapshot.rows("tables_to_vacuum")
    needy = [row for row in rows if past_trigger(row, limits["dead_percent"], limits["bytes"])]
    return [_starving(snapshot, row, limits) for row in needy[:LARGEST] if not row["being_vacuumed"]]


def _starving(snapshot: Snapshot, row: Row, limits: Limits) -> Match:
    relation, held = row["relation"], holder(snapshot, limits["held"])
    gigantic = row["dead_percent"] >= limits["critical_percent"] and row["bytes"] >= limits["critical_bytes"]
    switched_off = row["autovacuum_disabled"] or any(_is_off(one) for one in snapshot.rows("settings"))
    proven = switched_off or held is not None or _overdue(snapshot, row, limits)
    severity: Severity = "warning" if proven else "info"
    return Match(
        severity="critical" if gigantic and proven else severity,
        title=f"{relation} is not vacuumed enough: {row['dead_percent']} % dead rows",
        summary=f"{row['dead_rows']} dead rows of {relation} ({size(row['bytes'])}) against a trigger of "
        f"{row['trigger_rows']}. {_last_vacuum(row)} {horizon_words(snapshot, limits['held'])}",
        identity={"relation": relation},
        facts={
            "dead_rows": row["dead_rows"],
            "dead_percent": row["dead_percent"],
            "bytes": row["bytes"],
            **holder_facts(snapshot, limits["held"]),
        },
        evidence=("tables_to_vacuum", *(("horizon",) if snapshot.has("horizon") else ())),
        remedies=(_vacuum(relation, horizon_words(snapshot, limits["held"])),)
        if is_free(snapshot, limits["held"])
        else (),
    )


def _overdue(snapshot: Snapshot, row: Row, limits: Limits) -> bool:
    """So far past the trigger, for so many naptimes, that no healthy launcher would have left it."""
    server, naptime = snapshot.row("server"), _naptime(snapshot)
    patience = limits["naptimes"] * naptime
    rested = row["since_vacuum_s"] is None or row["since_vacuum_s"] > patience
    up = server is not None and server["uptime_s"] > patience
    return bool(up and rested and row["dead_rows"] >= limits["over_trigger"] * row["trigger_rows"])


def _naptime(snapshot: Snapshot) -> float:
    values = (row["setting"] for row in snapshot.rows("settings") if row["name"] == "autovacuum_naptime")
    return float(next(values, 60))


def same_table(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "setting" in other or mine["relation"] == other["relation"]


def held_by_session(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(mine["held_by_pid"] == other["pid"])


def held_by_slot(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(mine["held_by_slot"] == other["slot"])


def held_by_standby(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The standby's query holds it: seen as the walsender's snapshot, as its slot's, or here on the standby."""
    named = other.get("standby") is not None and mine["held_by_standby"] == other.get("standby")
    return bool(named or (other.get("pid") is not None and mine["held_by_pid"] == other.get("pid")))


CONDITIONS = (
    Condition(
        id="vacuum.disabled_table",
        title="Autovacuum disabled (table or global)",
        severity="critical",
        meaning="Somebody switched autovacuum off, often for a bulk load, and it stayed off: dead rows pile up "
        "and statistics go stale until wraparound forces a vacuum.",
        needs=("tables_to_vacuum", "settings"),
        wants=("horizon",),
        thresholds={
            "dead_percent": NEEDY_THRESHOLDS["dead_percent"],
            "bytes": Threshold(
                1 << 20, "bytes", "own choice: below 1 MiB dead rows cost nothing; it stays an info"
            ),
            "large_bytes": Threshold(
                100 << 20, "bytes", "pgFirstAid's least size for bloat: from here a warning even while clean"
            ),
        },
        find=autovacuum_off,
        absent="autovacuum is on",
        remedies=("enable_autovacuum", "vacuum_table", "set_setting"),
    ),
    Condition(
        id="vacuum.starvation",
        title="Dead tuples past the autovacuum trigger and not vacuumed",
        severity="critical",
        meaning="A table has far more dead rows than start an autovacuum, and it doesn't come or can't remove "
        "them. First look at who holds the horizon: while somebody does, VACUUM frees nothing.",
        needs=("tables_to_vacuum",),
        wants=("server", "settings", "horizon"),
        thresholds={
            **NEEDY_THRESHOLDS,
            "held": Threshold(
                60, "s", "own choice: the default autovacuum_naptime; shorter snapshots are normal"
            ),
            "naptimes": Threshold(
                2, "count", "condition guard measured under pgbench: two autovacuum_naptime"
            ),
            "over_trigger": Threshold(
                10,
                "ratio",
                "own choice: as if the whole table was updated twice and nobody came; less is an info",
            ),
            "critical_percent": Threshold(50, "percent", "practice: more than half dead on a large table"),
            "critical_bytes": Threshold(GIB, "bytes", "practice: a large table is 1 GiB and more"),
        },
        find=starving_tables,
        causes=(
            Cause("vacuum.disabled_table", same_table),
            Cause("vacuum.xmin_backend", held_by_session),
            Cause("session.idle_in_transaction", held_by_session),
            Cause("session.long_query", held_by_session),
            Cause("vacuum.xmin_prepared", lambda mine, other: mine["held_by_gid"] == other["gid"]),
            Cause("vacuum.xmin_slot", held_by_slot),
            Cause("wal.slot_retention", held_by_slot),
            Cause("vacuum.xmin_standby", held_by_standby),
            Cause("vacuum.workers_saturated", lambda mine, _: mine["held_by"] is None),
        ),
        absent="no table is short of VACUUM",
        remedies=("vacuum_table",),
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
