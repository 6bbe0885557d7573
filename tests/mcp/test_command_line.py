"""`helpdesk mcp` and `helpdesk tool`, as they are typed."""

from __future__ import annotations

import secrets
import subprocess
import sys

import pytest

from helpdesk_tui.cli import main
from tests.mcp.conftest import ROOT, Peer

HEAVY = ("mcp", "mcp_types", "httpx", "httpx2", "pydantic", "starlette", "uvicorn", "a2a", "textual")


def run(*lines: tuple[str, ...]) -> list[str]:
    """What one process prints for these command lines, after each its exit code."""
    script = f"from helpdesk_tui.cli import main\nfor line in {lines!r}:\n    print('exit', main(line))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout.splitlines()


def test_servers_are_added_listed_checked_called_and_removed(
    http: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = http.entry["url"]
    for name, at in (("wiki", url), ("bad", url.replace("/mcp", "/hostile"))):
        assert main(["mcp", "add", name, "--url", at, "--bearer", "env:TEST_KEY", "--read", "look"]) == 0
    assert main(["mcp", "add", "more", "--url", at, "--bearer", http.key]) == 2
    told = capsys.readouterr()
    assert "by reference" in told.err and http.key not in told.err

    lines = run(("mcp", "list", "wiki"), ("mcp", "check"))
    assert lines[0].startswith(f"wiki up http {url} for all experts peer")
    words = [line.split() for line in lines]
    assert ["wiki__look", "read", "Read"] in [line[:3] for line in words]
    assert ["wiki__note", "write", "Keep"] in [line[:3] for line in words]
    assert "bad__remote is refused: arguments.a: $ref does not point into the schema itself" in lines
    assert "bad has no tool look, whose class mcp.toml sets" in lines
    assert lines[-2].startswith("2 servers, ") and lines[-1] == "exit 1"
    assert not any("\x1b" in line or http.key in line for line in lines)

    assert main(["mcp", "remove", "bad"]) == 0
    path = f"/{secrets.token_hex(4)}"
    lines = run(("tool", "wiki__look", f"path={path}", "lines=2"))
    assert f"text  2 lines of {path} from nowhere" in lines and lines[-1] == "exit 0"


def test_help_loads_no_library() -> None:
    script = (
        "import sys; from helpdesk_tui.cli import main; main(['mcp', '--help']); main(['mcp', 'list']);"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == ""
