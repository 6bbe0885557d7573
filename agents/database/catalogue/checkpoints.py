"""Checkpoints, the background writer and the volume of WAL: who writes, how often, how much."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.rates import RowChange
from agents.database.snapshot import Snapshot
from agents.database.wording import duration, plural, size
from agents.kernel.records import Remedy

MIB = 1 << 20
COMPLETION = 1.9
"""A checkpoint by volume starts after max_wal_size / (1 + checkpoint_completion_target 0.9)."""
LARGEST_MAX_WAL = 64 << 30
MOST_PAGES = 1000


def frequent_checkpoints(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("wal_writing")
    for row in change.rows if change else ():
        requested, written = row.delta("requested"), row.delta("wal_bytes")
        if row["in_recovery"] or not change:
            continue
        rate = written / change.seconds
        gap_s = row["max_wal_bytes"] / COMPLETION / rate if rate else float("inf")
        if requested >= 1 and gap_s <= limits["gap_warning"]:
            yield _frequent(row, requested, rate, gap_s)
        elif _mostly_requested(row, limits):
            yield _often_requested(row)


def _frequent(row: RowChange, requested: float, rate: float, gap_s: float) -> Match:
    wanted = _wanted_max_wal(row, rate)
    return Match(
        severity="warning",
        title=f"WAL forces a checkpoint about every {duration(gap_s)}",
        summary=f"{plural(int(requested), 'requested checkpoint')} between the two samples while "
        f"{size(rate)} of WAL were written per second; max_wal_size is {size(row['max_wal_bytes'])}. Each checkpoint "
        "makes the next change of every page write the whole page into WAL again.",
        identity={"setting": "max_wal_size"},
        facts={"gap_s": round(gap_s, 1), "wal_bytes_s": round(rate), "max_wal_bytes": row["max_wal_bytes"]},
        evidence=("wal_writing",),
        remedies=(_raise_max_wal(row, wanted),) if wanted > row["max_wal_bytes"] else (),
    )


def _mostly_requested(row: RowChange, limits: Limits) -> bool:
    total = row["timed"] + row["requested"]
    return bool(total >= limits["checkpoints"] and 100 * row["requested"] > limits["requested_info"] * total)


def _often_requested(row: RowChange) -> Match:
    total = row["timed"] + row["requested"]
    return Match(
        severity="info",
        title=f"{row['requested']} of {total} checkpoints were requested, not timed",
        summary=f"Counted since {row['counted_since']}: requests come from WAL volume (max_wal_size is "
        f"{size(row['max_wal_bytes'])}), base backups, CREATE and DROP DATABASE, or CHECKPOINT by hand. "
        "None was forced by volume between the two samples.",
        identity={"setting": "max_wal_size"},
        facts={"requested": row["requested"], "timed": row["timed"]},
        evidence=("wal_writing",),
    )


def _wanted_max_wal(row: RowChange, rate: float) -> int:
    """Bytes for which a checkpoint starts by time, at this rate, rounded up to 1 GiB steps."""
    wanted = min(rate * row["timeout_s"] * COMPLETION, LARGEST_MAX_WAL)
    return max(1, -(-int(wanted) // (1 << 30))) << 30


def _raise_max_wal(row: RowChange, wanted: int) -> Remedy:
    return Remedy(
        "set_setting",
        {"name": "max_wal_size", "value": f"{wanted >> 20}MB"},
        "write",
        f"Lets WAL grow to {size(wanted)} between checkpoints; pg_wal needs that much disk, and recovery after "
        "a crash takes longer. No restart.",
        f"set it back to {size(row['max_wal_bytes'])}",
    )


def starved_writer(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("wal_writing")
    for row in change.rows if change else ():
        own, stops = row.delta("backend_writes"), row.delta("maxwritten_clean")
        fsyncs = row.delta("backend_fsyncs")
        total = own + row.delta("buffers_clean") + row.delta("buffers_checkpoint")
        share = 100 * own / total if total else 0.0
        crowded = total >= limits["writes"] and share > limits["backend_share"] and stops >= limits["stops"]
        if crowded or fsyncs >= limits["fsyncs"]:
            yield _starved(row, own, share, stops, fsyncs)


def _starved(row: RowChange, own: float, share: float, stops: float, fsyncs: float) -> Match:
    pages = min(max(row["lru_maxpages"] * 4, 400), MOST_PAGES)
    extends = " (on this version that counts growing files too)" if row["counts_extends"] else ""
    remedy = Remedy(
        "set_setting",
        {"name": "bgwriter_lru_maxpages", "value": str(pages)},
        "write",
        "Lets the background writer clean more pages in each round, so that sessions need not. No restart.",
        f"set it back to {row['lru_maxpages']}",
    )
    return Match(
        severity="warning",
        title=f"Sessions write {share:.0f} % of the dirty pages themselves",
        summary=f"Between the two samples sessions wrote {plural(int(own), 'page')}{extends}, the background writer "
        f"stopped early {plural(int(stops), 'time')} at bgwriter_lru_maxpages = {row['lru_maxpages']}"
        + (f", and sessions had to fsync {plural(int(fsyncs), 'time')}" if fsyncs else "")
        + ". A statement that writes pages for others waits for the storage.",
        identity={"setting": "bgwriter_lru_maxpages"},
        facts={"backend_writes": own, "share_percent": round(share, 1), "stops": stops, "fsyncs": fsyncs},
        evidence=("wal_writing",),
        remedies=(remedy,) if stops and pages > row["lru_maxpages"] else (),
    )


def heavy_wal(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("wal_writing")
    for row in change.rows if change else ():
        written, full = row.delta("wal_bytes"), row.delta("wal_buffers_full")
        images = min(100 * row.delta("wal_fpi") * row["block_bytes"] / written, 100) if written else 0.0
        crowded = change is not None and full / change.seconds >= limits["buffers_full"]
        if crowded or (written >= limits["volume"] and images > limits["images"]):
            yield Match(
                severity="warning" if crowded else "info",
                title="WAL buffers are full: sessions write WAL for others"
                if crowded
                else f"Up to {images:.0f} % of the WAL are full-page images",
                summary=f"{size(written)} of WAL between the two samples, up to {images:.0f} % of it full-page images, "
                f"wal_buffers full {plural(int(full), 'time')}. Many images: checkpoints are too close (checkpoint_timeout, "
                "max_wal_size) or wal_compression is off. Full buffers: raise wal_buffers, which takes a restart.",
                identity={"setting": "wal_buffers" if crowded else "max_wal_size"},
                facts={"wal_bytes": written, "images_percent": round(images, 1), "buffers_full": full},
                evidence=("wal_writing",),
            )


CONDITIONS = (
    Condition(
        id="checkpoint.too_frequent",
        title="Checkpoints too frequent (requested by WAL volume)",
        severity="warning",
        meaning="WAL fills max_wal_size so fast that checkpoints run back to back: more full-page images, more "
        "writes, slower statements. Two samples show whether it happens now; the history alone is information.",
        rates=("wal_writing",),
        thresholds={
            "gap_warning": Threshold(
                30, "s", "PostgreSQL's checkpoint_warning: closer than 30 s is too frequent"
            ),
            "requested_info": Threshold(
                50, "percent", "docs checkpoint_warning; pganalyze log W42: 20 to 50 %"
            ),
            "checkpoints": Threshold(20, "count", "own choice: fewer say nothing about the share"),
        },
        find=frequent_checkpoints,
        absent="WAL forces no checkpoint before its time",
        remedies=("set_setting",),
    ),
    Condition(
        id="bgwriter.starved",
        title="Background writer stops early / backends write their own buffers",
        severity="warning",
        meaning="The background writer gives up in each round and sessions must write dirty pages before they can "
        "read others.",
        rates=("wal_writing",),
        thresholds={
            "backend_share": Threshold(
                50, "percent", "pg_stat_bgwriter: sessions should write the smaller part"
            ),
            "stops": Threshold(1, "count", "pg_stat_bgwriter.maxwritten_clean growing"),
            "writes": Threshold(
                500, "count", "own choice: pages written between the samples, to mean anything"
            ),
            "fsyncs": Threshold(1, "count", "pg_stat_bgwriter: a session must never have to fsync"),
        },
        find=starved_writer,
        rivals=("checkpoint.too_frequent",),
        absent="sessions don't write dirty pages for others",
        remedies=("set_setting",),
    ),
    Condition(
        id="wal.volume",
        title="WAL volume / full-page images / wal_buffers full",
        severity="warning",
        meaning="Much of the WAL is whole pages, or sessions find the WAL buffers full and must write them out.",
        rates=("wal_writing",),
        thresholds={
            "images": Threshold(50, "percent", "pg_stat_wal: more than half means checkpoints too close"),
            "volume": Threshold(64 * MIB, "bytes", "own choice: WAL between the samples, to mean anything"),
            "buffers_full": Threshold(
                200, "count", "own choice: per second; a few during a bulk load are normal"
            ),
        },
        find=heavy_wal,
        causes=(Cause("checkpoint.too_frequent", lambda _, cause: "gap_s" in cause),),
    ),
)
