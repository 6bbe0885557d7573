"""Classes of log entries: told by SQLSTATE where there is one, by the server's English words otherwise.

The codes are those of pganalyze's log insights, which operators know; classes without one have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from agents.database.logs.record import SEVERITIES, LogRecord

NO_ERROR = "00000"
_FROM_ERROR = frozenset(SEVERITIES[SEVERITIES.index("ERROR") :])


@dataclass(frozen=True, slots=True)
class LogClass:
    """One kind of entry."""

    name: str
    title: str
    sqlstates: tuple[str, ...] = ()
    """Codes that this class has; the first one is shown where the log doesn't hold it."""
    pattern: str = ""
    """How the message begins, as a regular expression. A group `about` is the pid it is about, `object` what it hit."""
    only_by_words: bool = False
    """True where others share the SQLSTATE and the words alone tell them apart."""
    code: str = ""


CLASSES = (
    # The server itself
    # A strange language still has the pid in brackets, the signal's number, and its name after a colon.
    LogClass("server.process_crashed", "Server process crashed", (),
             r"(?P<object>[^()]+) \(PID (?P<about>\d+)\)\D*\d+[^:\d]*: ", code="S1"),
    LogClass("server.process_failed", "Server process failed", (),
             r"(?P<object>[^()]+) \(PID (?P<about>\d+)\)[^:\d]*\d+\D?$"),
    LogClass("server.crash_recovery", "Recovery after a crash", (), r"database system was not properly shut down"),
    LogClass("server.interrupted", "Server was interrupted", (), r"database system was interrupted", code="S3"),
    LogClass("server.sessions_ended", "Sessions ended because another process crashed", ("57P02",),
             r"terminating connection because of crash of another server process"),
    LogClass("server.started", "Server ready", (), r"database system is ready to accept ", code="S2"),
    LogClass("server.shutdown", "Shutdown requested", (), r"received (?:smart|fast|immediate) shutdown request", code="S4"),
    LogClass("server.reloaded", "Configuration reloaded", (), r"received SIGHUP, reloading configuration files", code="S9"),
    LogClass("server.out_of_memory", "Out of memory", ("53200",), r"out of (?:shared )?memory", code="S5"),
    LogClass("server.corruption", "Corrupted data", ("XX001", "XX002"),
             r"(?:invalid page in block|page verification failed|could not read block .*read only)", code="S6"),
    LogClass("server.temp_file", "Temporary file written", (), r'temporary file: path "(?P<object>[^"]*)"', code="S7"),
    LogClass("server.disk_full", "No space left on device", ("53100",),
             r"could not .*: No space left on device"),
    LogClass("server.io_error", "Input/output error", ("58030",), r"could not \w+ .*: Input/output error"),
    LogClass("server.file_missing", "File missing", ("58P01",)),
    LogClass("server.config_line", "Line in a configuration file rejected", (),
             r'(?:syntax error in file "|unrecognized configuration parameter ".*?" in file "|invalid (?:line|entry|connection type|'
             r'authentication method|value)\b|parameter ".*?" (?:requires|cannot)|end-of-line before )'),
    LogClass("server.config_error", "Configuration error", ("F0000",),
             r'(?:configuration file "(?P<object>[^"]*)" contains errors|could not load (?P<object_hba>\S+))'),
    LogClass("server.internal_error", "Internal error", ("XX000",)),
    # Connections
    LogClass("connection.received", "Connection received", (), r"connection received: ", code="C20"),
    LogClass("connection.authorized", "Connection authorized", (), r"(?:connection|replication connection) auth\w+: ", code="C21"),
    LogClass("connection.disconnected", "Session ended", (), r"disconnection: session time", code="C24"),
    LogClass("connection.auth_failed", "Login refused", ("28P01", "28000"),
             r'(?:[\w-]+ authentication failed for user "(?P<object>[^"]*)"|no pg_hba\.conf entry for|pg_hba\.conf rejects|'
             r'role "(?P<object_role>[^"]*)" (?:does not exist|is not permitted to log in))', code="C22"),
    LogClass("connection.lost_in_transaction", "Connection lost with an open transaction", ("08006",),
             r"unexpected EOF on client connection with an open transaction", only_by_words=True, code="C26"),
    LogClass("connection.lost", "Connection lost", ("08006", "08003", "08000"),
             r"(?:could not (?:receive data from|send data to) client|connection to client lost|unexpected EOF )", code="C25"),
    LogClass("connection.protocol", "Protocol violation", ("08P01",), r"(?:invalid length of|unsupported frontend|incomplete )"),
    LogClass("connection.limit", "Connection limit of a role or database", ("53300",),
             r'too many connections for (?:role|database) "(?P<object>[^"]*)"', only_by_words=True, code="C29"),
    LogClass("connection.slots", "Too many connections", ("53300",),
             r"(?:sorry, too many clients already|remaining connection slots are reserved|number of requested standby)", code="C28"),
    LogClass("connection.not_accepting", "Server not accepting connections", ("57P03",),
             r"the database system is (?:starting up|shutting down|not yet accepting|not accepting|in recovery mode)"),
    LogClass("connection.no_database", "Database does not exist", ("3D000",), r'database "(?P<object>[^"]*)" does not exist'),
    LogClass("connection.terminated", "Session ended by an administrator", ("57P01",),
             r"terminating (?:connection|.* process) due to administrator command", code="C32"),
    LogClass("connection.idle_in_transaction", "Ended by idle_in_transaction_session_timeout", ("25P03",),
             r"terminating connection due to idle-in-transaction timeout"),
    LogClass("connection.idle", "Ended by idle_session_timeout", ("57P05",), r"terminating connection due to idle-session timeout"),
    LogClass("connection.transaction_timeout", "Ended by transaction_timeout", ("25P04",),
             r"terminating connection due to transaction timeout"),
    # WAL, checkpoints, archive, replication
    LogClass("wal.checkpoints_frequent", "Checkpoints too frequent", (), r"checkpoints are occurring too frequently", code="W42"),
    LogClass("wal.checkpoint", "Checkpoint", (), r"(?:checkpoint|restartpoint) (?:starting|complete)", code="W41"),
    LogClass("wal.archive_failed", "Archive command failed", (),
             r'(?:archive command (?:failed|was terminated)|archiving write-ahead log file "(?P<object>\w+)" failed)', code="W52"),
    LogClass("wal.segment_removed", "Requested WAL segment already removed", ("58P01",),
             r"requested WAL segment (?P<object>\w+) has already been removed", only_by_words=True),
    LogClass("replication.receive_failed", "Standby cannot receive WAL", (),
             r"could not (?:receive data from WAL stream|connect to the primary server)", code="B92"),
    LogClass("replication.conflict", "Query cancelled by a recovery conflict", ("40001",),
             r"(?:canceling statement|terminating connection) due to conflict with recovery", only_by_words=True, code="B95"),
    LogClass("replication.slot_invalidated", "Replication slot invalidated", (),
             r'invalidating (?:obsolete replication )?slot "(?P<object>[^"]*)"'),
    # Autovacuum
    LogClass("vacuum.cancelled", "Autovacuum cancelled by a lock request", ("57014",),
             r"canceling autovacuum task", only_by_words=True, code="A60"),
    LogClass("vacuum.wraparound_near", "Transaction IDs running out", (),
             r'(?:database (?:"(?P<object>[^"]*)"|with OID \d+) must be vacuumed within|oldest (?:xmin|multixact) is far in the past)', code="A61"),
    LogClass("vacuum.wraparound_stop", "No transaction IDs left", ("54000",),
             r"database is not accepting commands", only_by_words=True, code="A62"),
    LogClass("vacuum.skipped", "VACUUM or ANALYZE skipped, lock not available", (),
             r'skipping (?:vacuum|analyze) of "(?P<object>[^"]*)" --- lock not available', code="A67"),
    LogClass("vacuum.done", "Autovacuum ran", (), r'automatic (?:aggressive )?vacuum .*?of table "(?P<object>[^"]*)"', code="A64"),
    LogClass("vacuum.analyzed", "Autoanalyze ran", (), r'automatic analyze of table "(?P<object>[^"]*)"', code="A65"),
    # Locks and statements
    LogClass("lock.waiting", "Waiting for a lock", (), r"process (?P<about>\d+) (?:still waiting|avoided deadlock|could not obtain)", code="L71"),
    LogClass("lock.acquired", "Lock acquired after a wait", (), r"process (?P<about>\d+) acquired ", code="L70"),
    LogClass("lock.deadlock", "Deadlock", ("40P01",), r"deadlock detected|process (?P<about>\d+) detected deadlock", code="L73"),
    LogClass("lock.timeout", "Lock timeout or NOWAIT", ("55P03",),
             r"(?:canceling statement due to lock timeout|could not obtain lock on)", code="L72"),
    LogClass("statement.slow", "Slow statement", (), r"duration: ", code="T80"),
    LogClass("statement.timeout", "Cancelled by statement_timeout", ("57014",),
             r"canceling statement due to statement timeout", only_by_words=True, code="T81"),
    LogClass("statement.cancelled", "Statement cancelled", ("57014",), r"canceling statement due to user request", code="T82"),
    LogClass("statement.permission", "Permission denied", ("42501",),
             r"(?:permission denied|must be (?:owner|superuser|member))", code="U123"),
    LogClass("statement.out_of_range", "Number out of range", ("22003",),
             r"(?:(?:small|big)?int(?:eger)? out of range|nextval: reached maximum value|numeric field overflow)", code="U130"),
    LogClass("statement.serialization", "Serialization failure", ("40001",), r"could not serialize access", code="U138"),
    LogClass("statement.read_only", "Write in a read-only transaction", ("25006",), r"cannot execute .* in a read-only transaction"),
    LogClass("statement.aborted_transaction", "Transaction already aborted", ("25P02",), r"current transaction is aborted"),
    LogClass("statement.syntax", "Syntax error", ("42601",), r"syntax error at"),
    LogClass("statement.no_table", "Table does not exist", ("42P01",), r'relation "(?P<object>[^"]*)" does not exist'),
    LogClass("statement.no_column", "Column does not exist", ("42703",), r"column .* does not exist"),
    LogClass("statement.bad_input", "Value of the wrong form", ("22P02", "22007", "22008", "22021"), r"invalid input syntax"),
    LogClass("statement.too_long", "Value too long", ("22001",), r"value too long for type"),
    LogClass("constraint.unique", "Unique constraint violated", ("23505",),
             r'duplicate key value violates unique constraint "(?P<object>[^"]*)"', code="V100"),
    LogClass("constraint.foreign_key", "Foreign key violated", ("23503",), r".* violates foreign key constraint \"(?P<object>[^\"]*)\"", code="V101"),
    LogClass("constraint.not_null", "NOT NULL violated", ("23502",), r"null value in column", code="V102"),
    LogClass("constraint.check", "CHECK constraint violated", ("23514",), r".* violates check constraint \"(?P<object>[^\"]*)\"", code="V103"),
    LogClass("constraint.exclusion", "Exclusion constraint violated", ("23P01",), r"conflicting key value violates exclusion", code="V104"),
)  # fmt: skip

OTHER = LogClass("other.error", "Other error")
"""Every error that has no class of its own."""

_TASK = re.compile(r'"(?P<object>[^".]+\.[^"]+\.[^"]+)"')
"""A table as autovacuum names it in its context, in every language: database, schema, relation."""
_QUOTED = re.compile(r'"([^"]+)"')
_NUMBER = re.compile(r"\d+")
_LINE = (
    re.compile(r'"(?P<file>[^"]+)",? line (?P<line>\d+)'),
    re.compile(r'line (?P<line>\d+) of configuration file "(?P<file>[^"]+)"'),
)
"""Where a configuration file is wrong, in the two ways the server says it."""


@dataclass(frozen=True, slots=True)
class Classified:
    """A record, its class, and what it is about."""

    record: LogRecord
    kind: LogClass
    object: str
    """Table, file, slot, role or constraint; empty where the class has none."""
    pids: tuple[int, ...]
    """The processes it is about, the one that matters first."""

    @property
    def sqlstate(self) -> str:
        state = self.record.sqlstate
        if state and (state != NO_ERROR or not self.kind.sqlstates):
            return state
        return next(iter(self.kind.sqlstates), state)


def classify(record: LogRecord) -> Classified | None:
    """The class of a record; None for entries that tell of no event that we know, and no error."""
    words = _words().match(record.message)
    by_words = _by_place(words.lastgroup or "") if words else None
    kind = _by_state(record, by_words) if _has_state(record) else by_words
    if kind is not None and kind.name == "connection.auth_failed" and record.severity == "ERROR":
        kind = None  # a statement about a role, not a login
    if kind is None and record.severity in _FROM_ERROR:
        kind = OTHER
    if kind is None:
        return None
    return Classified(record, kind, _object(record, kind), _pids(record, kind))


def _has_state(record: LogRecord) -> bool:
    return record.sqlstate not in ("", NO_ERROR)


def _by_state(record: LogRecord, by_words: LogClass | None) -> LogClass | None:
    state = record.sqlstate
    if by_words is not None and (state in by_words.sqlstates or not by_words.sqlstates):
        return by_words
    if state == "57014" and _is_autovacuum(record):
        return _named()["vacuum.cancelled"]
    return _states().get(state)


def _is_autovacuum(record: LogRecord) -> bool:
    """In every language: the process's kind where the log holds it, else a task's table and no login."""
    if record.backend_type:
        return record.backend_type == "autovacuum worker"
    return not record.user and not record.query and bool(_TASK.search(record.context))


def _object(record: LogRecord, kind: LogClass) -> str:
    if kind.name == "vacuum.cancelled":
        task = _TASK.search(record.context)
        return task["object"] if task else ""
    if kind.name == "server.config_line":
        return _place(record)
    found = _alone(kind.name).match(record.message) if kind.pattern else None
    groups = found.groupdict() if found else {}
    known = next((text for name, text in groups.items() if name.startswith("object") and text), "")
    if not known and kind.name in ("server.disk_full", "server.io_error", "server.file_missing"):
        quoted = _QUOTED.search(record.message)
        return quoted[1] if quoted else ""
    return known


def _place(record: LogRecord) -> str:
    """`file:line`, or the first thing that is quoted."""
    for text in (record.message, record.context):
        for pattern in _LINE:
            if found := pattern.search(text):
                return f"{found['file']}:{found['line']}"
    quoted = _QUOTED.search(record.message)
    return quoted[1] if quoted else ""


def _pids(record: LogRecord, kind: LogClass) -> tuple[int, ...]:
    found = _alone(kind.name).match(record.message) if "about" in kind.pattern else None
    about = [int(found["about"])] if found and found["about"] else []
    own = [record.pid] if record.pid is not None and not about else []
    others: list[int] = []
    if kind.name in ("lock.deadlock", "lock.waiting"):
        others = [int(number) for line in record.detail.split("\n") for number in _in_detail(line)]
    return tuple(dict.fromkeys((*about, *own, *others)))


_DEADLOCK_LINE = re.compile(r"\D*(\d+)\D.*\D(\d+)\.?\s*$")
_HOLDERS = re.compile(r":\s*((?:\d+(?:, )?)+)")


def _in_detail(line: str) -> Iterator[str]:
    """Pids that a line of a DETAIL names: `Process 1 waits for …; blocked by process 2.` or lists of holders and waiters."""
    lists = _HOLDERS.findall(line)
    if found := _DEADLOCK_LINE.match(line) if " on " in line or ";" in line else None:
        yield from found.groups()
    else:
        for numbers in lists:
            yield from _NUMBER.findall(numbers)


@cache
def _words() -> re.Pattern[str]:
    """One expression for all patterns; the last group that closes is the class's own."""
    numbered = (
        (place, re.sub(r"\(\?P<\w+>", "(?:", kind.pattern))
        for place, kind in enumerate(CLASSES)
        if kind.pattern
    )
    return re.compile("|".join(f"(?P<c{place}>{pattern})" for place, pattern in numbered))


def _by_place(group: str) -> LogClass:
    return CLASSES[int(group[1:])]


@cache
def _alone(name: str) -> re.Pattern[str]:
    return re.compile(_named()[name].pattern)


@cache
def _named() -> Mapping[str, LogClass]:
    return {kind.name: kind for kind in (*CLASSES, OTHER)}


@cache
def _states() -> Mapping[str, LogClass]:
    """SQLSTATE → the class that has it when words don't help."""
    pairs = ((state, kind) for kind in CLASSES if not kind.only_by_words for state in kind.sqlstates)
    return dict(reversed(list(pairs)))
