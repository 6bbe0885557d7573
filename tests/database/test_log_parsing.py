"""Logs as servers write them, in every format, prefix and language, become records; classes name what happened."""

from __future__ import annotations

import gettext
import json
import random
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.database.logs.classes import CLASSES, Classified, classify
from agents.database.logs.moment import clock
from agents.database.logs.prefix import compile_prefix
from agents.database.logs.record import LogRecord
from agents.database.logs.stderr import parse_stderr
from agents.database.logs.structured import parse_csv, parse_json
from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.servers import AVAILABLE, ServerFactory

UTC_CLOCK = clock("UTC")
PREFIXES = (
    "%m [%p] ",
    "%t [%p] %q%u@%d ",
    "%m [%p] %q[user=%u,db=%d,app=%a,client=%h] ",
    "%n:%e:%c:%l: ",
    "<%m> %% pid=%-8p|%u|%d|%a|%r|%b|%i|%e|%v|%x|%Q> ",
    "%t:%r:%u@%d:[%p]: ",
    "%m %p %s %P %q%a ",
)
TRANSLATIONS = sorted(Path("/usr/share/locale").glob("*/LC_MESSAGES/postgres-15.mo"))


def stderr(text: str, prefix: str) -> list[LogRecord]:
    return list(parse_stderr(text, compile_prefix(prefix), UTC_CLOCK))


@pytest.fixture(scope="module")
def logged(server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    """A server that writes all three formats at once."""
    server = server_factory.fresh(
        AVAILABLE[-1],
        logging_collector="on",
        log_destination="stderr,csvlog,jsonlog",
        log_error_verbosity="verbose",
    )
    yield server
    server.destroy()


def log_of(server: EmbeddedServer, suffix: str, mark: str) -> str:
    """The log once it holds `mark` and the statement after it: the collector writes when it gets to it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.02)
        for file in (server.data_dir / "log").glob(f"*{suffix}"):
            text = file.read_text("utf-8", "backslashreplace")
            if text.count(mark) >= 2 and text.endswith("\n"):
                return text
    raise AssertionError(f"{mark} never came into the {suffix} log")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_real_server_with_any_prefix(logged: EmbeddedServer, prefix: str) -> None:
    mark = secrets.token_hex(8)
    logged.set(log_line_prefix=prefix)
    with psycopg.connect(logged.conninfo(), autocommit=True, application_name="the web shop") as session:
        # A session takes up what was reloaded with its next statement at the latest.
        while (session.execute("SHOW log_line_prefix").fetchone() or ("",))[0] != prefix:
            pass
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            session.execute(f"SELECT '{mark}\nsecond\tline'::int".encode())
        pid = session.info.backend_pid
    made = [
        *stderr(log_of(logged, ".log", mark), prefix),
        *parse_csv(log_of(logged, ".csv", mark), UTC_CLOCK),
        *parse_json(log_of(logged, ".json", mark), UTC_CLOCK),
    ]
    about = [record for record in made if mark in record.message]
    assert len(about) == 3
    for record in about:
        assert record.severity == "ERROR"
        assert f'"{mark}\nsecond\tline"' in record.message
        assert record.query == f"SELECT '{mark}\nsecond\tline'::int"
        assert record.pid == pid or ("%p" not in prefix and "%c" not in prefix)
        assert record.time is not None
        assert abs(record.time - datetime.now(UTC)) < timedelta(minutes=1)
        assert record.sqlstate in ("22P02", "")
        if record.application:
            assert record.application == "the web shop"
    assert {record.sqlstate for record in about[1:]} == {"22P02"}
    classified = [classify(record) for record in about]
    assert {one.kind.name for one in classified if one} == {"statement.bad_input"}
    assert {one.sqlstate for one in classified if one} == {"22P02"}


def test_details_hints_and_statements_belong_to_their_entry() -> None:
    text = (
        "rest of a line that was cut\n"
        "2026-11-20 10:00:01.500 UTC [77] app@shop ERROR:  deadlock detected\n"
        "2026-11-20 10:00:01.500 UTC [77] app@shop DETAIL:  Process 77 waits for ShareLock on transaction 740; "
        "blocked by process 78.\n"
        "\tProcess 78 waits for ShareLock on transaction 739; blocked by process 77.\n"
        "\tProcess 77: UPDATE a\n"
        "2026-11-20 10:00:01.500 UTC [77] app@shop HINT:  See server log for query details.\n"
        "2026-11-20 10:00:01.500 UTC [77] app@shop STATEMENT:  UPDATE a\n"
        "\t  SET x = 1\n"
        "sh: 1: archive: not found\n"
        "2026-11-20 10:00:02.000 UTC [70] LOG:  checkpoint starting: time\n"
    )
    first, second = stderr(text, "%m [%p] %q%u@%d ")
    assert (first.user, first.database, first.pid) == ("app", "shop", 77)
    assert first.detail.endswith("blocked by process 77.\nProcess 77: UPDATE a")
    assert first.query == "UPDATE a\n  SET x = 1"
    assert (second.user, second.message) == ("", "checkpoint starting: time")
    classified = classify(first)
    assert classified is not None
    assert (classified.kind.code, classified.sqlstate, classified.pids) == ("L73", "40P01", (77, 78))


@pytest.mark.skipif(not TRANSLATIONS, reason="no translations of the server's messages on this host")
@pytest.mark.parametrize("file", TRANSLATIONS, ids=lambda file: file.parts[4])
def test_every_language_of_the_server(file: Path) -> None:
    with file.open("rb") as binary:
        said = gettext.GNUTranslations(binary).gettext
    killed = said("%s (PID %d) was terminated by signal %d: %s").replace("%4$s", "Killed")
    killed = re.sub(r"%(?:\d\$)?[sd]", "{}", killed).format(said("server process"), 4711, 9, "Killed")
    entry = (
        ("00000", 60, said("LOG"), killed),
        ("57014", 61, said("ERROR"), said("canceling autovacuum task")),
        ("53100", 62, said("PANIC"), said('could not write to file "%s": %m') % "pg_wal/xlogtemp.62"
         if "%m" not in said('could not write to file "%s": %m') else 'x "pg_wal/xlogtemp.62": y'),
        ("40P01", 63, said("ERROR"), said("deadlock detected")),
    )  # fmt: skip
    context = '"shop.public.orders"'
    lines = []
    for state, pid, severity, message in entry:
        lines.append(f"2026-11-20 10:00:00.000 UTC [{pid}] {state} {severity}:  {message}")
        if state == "57014":
            lines.append(f"2026-11-20 10:00:00.000 UTC [{pid}] {state} {said('CONTEXT:  ')}{context}")
        else:
            lines.append(f"2026-11-20 10:00:00.000 UTC [{pid}] {state} {said('STATEMENT:  ')}SELECT 1")
    made = stderr("\n".join(lines), "%m [%p] %e ")
    found = [classify(record) for record in made]
    assert [one.kind.name for one in found if one] == [
        "server.process_crashed", "vacuum.cancelled", "server.disk_full", "lock.deadlock"
    ]  # fmt: skip
    assert [record.severity for record in made] == ["LOG", "ERROR", "PANIC", "ERROR"]
    assert found[0] and found[0].pids == (4711,)
    assert found[1] and found[1].object == "shop.public.orders"
    assert found[2] and found[2].object == "pg_wal/xlogtemp.62"


def test_a_language_that_nobody_listed() -> None:
    (record,) = stderr("2026-11-20 10:00:00.000 UTC [9] 53200 VIRHE:  muisti loppui\n", "%m [%p] %e ")
    classified = classify(record)
    assert record.severity == "VIRHE"
    assert classified is not None and classified.kind.name == "server.out_of_memory"


@pytest.mark.parametrize(
    ("severity", "state", "message", "name", "code", "about"),
    [
        ("LOG", "", "server process (PID 99) was terminated by signal 9: Killed", "server.process_crashed", "S1", (99,)),
        ("LOG", "", 'background worker "x" (PID 98) exited with exit code 1', "server.process_failed", "", (98,)),
        ("LOG", "", "database system was interrupted; last known up at 2026", "server.interrupted", "S3", (1,)),
        ("ERROR", "53200", "out of memory", "server.out_of_memory", "S5", (1,)),
        ("ERROR", "", "out of shared memory", "server.out_of_memory", "S5", (1,)),
        ("WARNING", "", "page verification failed, calculated checksum 1 but expected 2", "server.corruption", "S6", (1,)),
        ("ERROR", "XX001", "irgendetwas", "server.corruption", "S6", (1,)),
        ("LOG", "", 'temporary file: path "base/pgsql_tmp/pgsql_tmp1.0", size 140000', "server.temp_file", "S7", (1,)),
        ("FATAL", "28P01", "x", "connection.auth_failed", "C22", (1,)),
        ("FATAL", "", 'password authentication failed for user "app"', "connection.auth_failed", "C22", (1,)),
        ("FATAL", "", 'no pg_hba.conf entry for host "10.0.0.1"', "connection.auth_failed", "C22", (1,)),
        ("ERROR", "", 'role "app" does not exist', "other.error", "", (1,)),
        ("LOG", "08006", "could not receive data from client: Connection reset by peer", "connection.lost", "C25", (1,)),
        ("LOG", "08006", "unexpected EOF on client connection with an open transaction", "connection.lost_in_transaction", "C26", (1,)),
        ("FATAL", "53300", "sorry, too many clients already", "connection.slots", "C28", (1,)),
        ("FATAL", "", 'too many connections for role "app"', "connection.limit", "C29", (1,)),
        ("LOG", "", "checkpoints are occurring too frequently (2 seconds apart)", "wal.checkpoints_frequent", "W42", (1,)),
        ("LOG", "", "archive command failed with exit code 1", "wal.archive_failed", "W52", (1,)),
        ("WARNING", "", 'database "shop" must be vacuumed within 39 transactions', "vacuum.wraparound_near", "A61", (1,)),
        ("ERROR", "54000", 'database is not accepting commands to avoid wraparound data loss in database "x"', "vacuum.wraparound_stop", "A62", (1,)),
        ("LOG", "55P03", 'skipping vacuum of "t" --- lock not available', "vacuum.skipped", "A67", (1,)),
        ("LOG", "", "process 5 still waiting for ShareLock on transaction 7 after 1000.1 ms", "lock.waiting", "L71", (5,)),
        ("ERROR", "55P03", "canceling statement due to lock timeout", "lock.timeout", "L72", (1,)),
        ("LOG", "", "duration: 2000.1 ms  statement: SELECT pg_sleep(2)", "statement.slow", "T80", (1,)),
        ("ERROR", "57014", "canceling statement due to statement timeout", "statement.timeout", "T81", (1,)),
        ("ERROR", "57014", "canceling statement due to user request", "statement.cancelled", "T82", (1,)),
        ("FATAL", "", "could not receive data from WAL stream: server closed", "replication.receive_failed", "B92", (1,)),
        ("ERROR", "40001", "canceling statement due to conflict with recovery", "replication.conflict", "B95", (1,)),
        ("ERROR", "40001", "x", "statement.serialization", "U138", (1,)),
        ("ERROR", "42501", "permission denied for table t", "statement.permission", "U123", (1,)),
        ("ERROR", "22003", "integer out of range", "statement.out_of_range", "U130", (1,)),
        ("ERROR", "23505", 'duplicate key value violates unique constraint "t_pkey"', "constraint.unique", "V100", (1,)),
        ("FATAL", "F0000", 'configuration file "/x/postgresql.conf" contains errors', "server.config_error", "", (1,)),
        ("ERROR", "22012", "division by zero", "other.error", "", (1,)),
    ],
)  # fmt: skip
def test_the_classes(
    severity: str, state: str, message: str, name: str, code: str, about: tuple[int, ...]
) -> None:
    found = classify(LogRecord(severity, message, pid=1, sqlstate=state))
    assert isinstance(found, Classified)
    assert (found.kind.name, found.kind.code, found.pids) == (name, code, about)
    if found.kind.sqlstates and not state:
        assert found.sqlstate == found.kind.sqlstates[0]


def test_what_is_neither_an_event_nor_an_error_has_no_class() -> None:
    for severity, message in (
        ("LOG", "listening on port 5432"),
        ("WARNING", "there is already a transaction"),
    ):
        assert classify(LogRecord(severity, message)) is None


def test_every_class_is_told_by_words_or_by_a_state() -> None:
    names = [kind.name for kind in CLASSES]
    assert len(names) == len(set(names))
    for kind in CLASSES:
        assert kind.pattern or kind.sqlstates, kind.name
        re.compile(kind.pattern)


def test_times_in_a_zone_with_two_hours_of_the_same_name() -> None:
    berlin = clock("Europe/Berlin")
    summer, winter = berlin("2026-10-25 02:30:00.000 CEST"), berlin("2026-10-25 02:30:00.000 CET")
    assert summer and winter and winter - summer == timedelta(hours=1)
    assert clock("Asia/Kolkata")("2026-01-01 00:00:00.000 +0530") == clock("UTC")(
        "2025-12-31 18:30:00.000 UTC"
    )
    assert clock("nowhere")("2026-01-01 00:00:00.000 XYZ") is None


def test_a_tail_that_begins_in_the_middle_of_an_entry(logged: EmbeddedServer) -> None:
    marks = [f"x{secrets.token_hex(6)}" for _ in range(6)]
    with psycopg.connect(logged.conninfo(), autocommit=True) as session:
        for mark in marks:
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                session.execute(
                    f'SELECT \'{mark}\n2026-11-20 10:00:00.000 UTC,forged,""\n "x\'::int'.encode()
                )
    whole = {".csv": parse_csv, ".json": parse_json}
    for suffix, parse in whole.items():
        text = log_of(logged, suffix, marks[-1])
        for _ in range(20):
            start = random.randrange(len(text) // 2)
            later = [record.message for record in parse(text[start:], UTC_CLOCK)]
            sure = [mark for mark in marks if text.find(mark) > start + 3000]
            assert all(any(mark in message for message in later) for mark in sure)


@given(st.text(max_size=300), st.text(max_size=60))
def test_nothing_breaks_the_parsers(text: str, prefix: str) -> None:
    list(parse_stderr(text, compile_prefix(prefix), UTC_CLOCK))
    list(parse_csv(text, UTC_CLOCK))
    list(parse_json(text, UTC_CLOCK))
    list(parse_csv(f"2026-11-20 10:00:00.000 UTC,{text}\n{text}", UTC_CLOCK))
    list(parse_json(json.dumps({"message": text, "pid": text, "timestamp": text}), UTC_CLOCK))
    for record in parse_stderr(
        f"2026-11-20 10:00:00.000 UTC [1] ERROR:  {text}", compile_prefix("%m [%p] "), UTC_CLOCK
    ):
        classify(record)
