"""No shell, and no statement put together from text: in the source, and as it runs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.test_architecture import ROOT, nodes

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "csh", "tcsh", "fish"})
STARTED_BY_US = frozenset({"postgres", "initdb", "pg_ctl", "uname"})
"""Besides Python: the demo's server, and what the standard library asks for the processor."""
PROCESSES = {
    "agents/protocol/host.py",  # the experts' process
    "agents/mcp/stdio.py",  # a server of mcp.toml
    "inventory/secret_command.py",  # a password manager that a file of ours names
    "helpdesk_tui/editor.py",  # the operator's own
    "helpdesk_tui/demo/keeper.py",
    "helpdesk_tui/demo/embedded.py",
}
"""Where processes are started, each from a list of arguments."""
STARTS = frozenset({"subprocess.run", "subprocess.Popen", "asyncio.create_subprocess_exec"})
THEIR_OWN = frozenset({"initdb", "pg_ctl", "postgres"})
"""PostgreSQL's programs start each other through a shell."""
FORBIDDEN = {
    "os": {
        "system",
        "popen",
        "execl",
        "execle",
        "execlp",
        "execv",
        "execve",
        "execvp",
        "execvpe",
        "posix_spawn",
    }
    | {"spawnl", "spawnle", "spawnlp", "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe"},
    "subprocess": {"getoutput", "getstatusoutput"},
    "asyncio": {"create_subprocess_shell"},
    "pty": {"spawn"},
}
RUNS_SQL = frozenset({"execute", "executemany", "stream", "fetch", "fetchrow", "fetchval", "copy", "act"})
QUOTED_BY_THE_SERVER = {"name", "old"}
MAY_COMPOSE: dict[str, set[str]] = {
    "agents/database/reading.py": {"limit_ms"},
    # EXPLAIN takes no parameters; the statement is one by the extended protocol, which it could not leave.
    "agents/database/plans.py": {"statement", "values"},
    # One of the words that the tool's pattern knows.
    "agents/database/tools/autovacuum.py": {*QUOTED_BY_THE_SERVER, "OPTION", "value"},
    "agents/database/tools/index_building.py": QUOTED_BY_THE_SERVER,
    "agents/database/tools/indexes.py": QUOTED_BY_THE_SERVER,
    "agents/database/tools/under_lock.py": {"relation", "words"},
    "agents/database/tools/vacuuming.py": QUOTED_BY_THE_SERVER,
    # The log's own SQLite: parts of our own, values as parameters.
    "agents/log/schema.py": {"APPLICATION_ID", "number + 1"},
    "agents/log/store.py": {"where"},
    "agents/log/verification.py": {"_COLUMNS", "where"},
    # On the demo's own server.
    "helpdesk_tui/demo/faults/host.py": {"relation"},
    "helpdesk_tui/demo/faults/tables.py": {"relation", "options", "rows"},
    "helpdesk_tui/demo/incident.py": {"DATABASE"},
}
"""File → what it may put into a statement as text."""
KEYWORD = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|ALTER|CREATE|DROP|EXPLAIN|SET|PREPARE|VACUUM|REINDEX|ANALYZE|TRUNCATE|LOCK"
    r"|GRANT|REVOKE|COPY|CALL|DO|RESET|WITH|PRAGMA|LISTEN|NOTIFY|COMMIT|ROLLBACK)\s"
)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of the whole house, with its file."""
    yield from ((path, node) for path, node, _ in nodes() if isinstance(node, ast.Call))


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_processes_are_started_in_few_places_and_without_a_shell() -> None:
    found = [
        f"{path}:{node.lineno}: {node.module}.{alias.name} by its bare name"
        for path, node, _ in nodes()
        if isinstance(node, ast.ImportFrom) and node.module in {*FORBIDDEN, "multiprocessing"}
        for alias in node.names
        if alias.name in FORBIDDEN.get(node.module, {alias.name}) or node.module == "subprocess"
    ]
    for path, call in calls():
        where, what = f"{path}:{call.lineno}", ast.unparse(call.func)
        module, _, name = what.rpartition(".")
        if any(word.arg == "shell" for word in call.keywords) or name in FORBIDDEN.get(module, ()):
            found.append(f"{where}: {what}")
        if what in STARTS and (
            path not in PROCESSES or isinstance(call.args[0], ast.Constant | ast.JoinedStr)
        ):
            found.append(f"{where}: {what}")
    assert not found


def test_statements_are_put_together_in_few_places_from_few_things() -> None:
    found = []
    for path, call in calls():
        for text in _statements(call):
            parts = {ast.unparse(part.value) for part in text.values if isinstance(part, ast.FormattedValue)}
            if beyond := parts - MAY_COMPOSE.get(path, set()):
                found.append(f"{path}:{call.lineno}: {', '.join(sorted(beyond))} in a statement")
    assert not found


def _statements(call: ast.Call) -> Iterator[ast.JoinedStr]:
    """Texts with parts put in that are run, or made the bytes of a statement."""
    func = call.func
    if not isinstance(func, ast.Attribute) and not (isinstance(func, ast.Name) and func.id in RUNS_SQL):
        return
    name = func.attr if isinstance(func, ast.Attribute) else func.id
    if name in RUNS_SQL:
        yield from (argument for argument in call.args[:2] if isinstance(argument, ast.JoinedStr))
    elif name == "encode" and isinstance(func, ast.Attribute) and isinstance(func.value, ast.JoinedStr):
        first = func.value.values[0]
        if isinstance(first, ast.Constant) and KEYWORD.match(str(first.value)):
            yield func.value


EXECUTED = re.compile(r'(\d+)\s+execve\("([^"]+)"(.*)')
RESUMED = re.compile(r"(\d+)\s+<\.\.\. execve resumed>.*= (-?\d+)")
FORKED = re.compile(r"(\d+)\s+(?:<\.\.\. )?(?:vfork|fork|clone3?)\b.*= (\d+)$")


def test_no_tool_starts_a_shell(database18: Database, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    _trace(["true"], trace)
    done = _trace([sys.executable, "-m", "tests.traced", database18.conninfo(), str(tmp_path)], trace)
    assert done.returncode == 0, done.stderr
    started = list(_started(trace.read_text(errors="replace").splitlines()))
    ours = {program for program, by in started if _is_python(by)}
    assert {program for program in ours if not _is_python(program)} <= STARTED_BY_US
    assert ours & THEIR_OWN, "the demo's server was not seen"
    shells = {(program, by) for program, by in started if program in SHELLS}
    assert {by for _, by in shells} <= THEIR_OWN | SHELLS
    assert not (ROOT / "made").exists() and not (tmp_path / "made").exists()


def _trace(command: list[str], trace: Path) -> subprocess.CompletedProcess[str]:
    """Run it under strace; the test is skipped where there is none, or it may not trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed; without it what is started as processes cannot be seen")
    what = "trace=execve,clone,clone3,fork,vfork"
    done = subprocess.run(
        [
            strace,
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            what,
            "-e",
            "signal=none",
            "-o",
            str(trace),
            "--",
            *command,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        check=False,
    )
    if command == ["true"] and done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:100]}")
    return done


def _started(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Every program that was started, and the program of the process that started it."""
    parents = {found[2]: found[1] for line in lines if (found := FORKED.match(line))}
    failed = {index for index in _unfinished(lines) if not _succeeded(lines, index)}
    program: dict[str, str] = {}
    for index, line in enumerate(lines):
        found = EXECUTED.match(line)
        if found is None or "= -1 " in found[3] or index in failed:
            continue
        pid, name = found[1], Path(found[2]).name
        starter = program.get(pid) or program.get(parents.get(pid, ""), "")
        program[pid] = name
        if starter:
            yield name, starter


def _unfinished(lines: list[str]) -> list[int]:
    return [index for index, line in enumerate(lines) if EXECUTED.match(line) and "<unfinished" in line]


def _succeeded(lines: list[str], index: int) -> bool:
    pid = lines[index].split()[0]
    ends = (RESUMED.match(line) for line in lines[index:] if line.startswith(f"{pid} "))
    return next((end[2] == "0" for end in ends if end), True)


def _is_python(program: str) -> bool:
    return program.startswith("python")
