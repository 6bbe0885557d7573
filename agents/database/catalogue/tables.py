"""Which tables need VACUUM: one judgement, used by every condition that asks."""

from __future__ import annotations

from collections.abc import Mapping

from agents.database.condition import Threshold
from agents.database.snapshot import Row, Snapshot

NEEDY_THRESHOLDS: Mapping[str, Threshold] = {
    "dead_percent": Threshold(
        20, "percent", "pganalyze vacuum/insufficient_vacuum_frequency; fresha/pgdoctor 20 %"
    ),
    "bytes": Threshold(
        10 << 20, "bytes", "pganalyze 10 MB: smaller tables pass the trigger between two naptimes"
    ),
}


def past_trigger(row: Row, dead_percent: float, least_bytes: float) -> bool:
    """More dead rows than start an autovacuum, a large enough share of a large enough table."""
    return bool(
        row["dead_rows"] > row["trigger_rows"]
        and (row["dead_percent"] or 0) >= dead_percent
        and row["bytes"] >= least_bytes
    )


def needing_vacuum(snapshot: Snapshot) -> list[Row]:
    """Rows of `tables_to_vacuum` that need it by the default figures, the one with most dead rows first."""
    percent, least = (NEEDY_THRESHOLDS[name].value for name in ("dead_percent", "bytes"))
    return [row for row in snapshot.rows("tables_to_vacuum") if past_trigger(row, percent, least)]
