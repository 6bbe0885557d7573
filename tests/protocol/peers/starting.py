"""Start agents of other makers in processes of their own."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpdesk_tui.demo.embedded import free_port

HERE = Path(__file__).parent
OLD_SDK = "a2a-sdk[http-server]>=0.3,<0.4"
INSTALL_LIMIT_S = 90


@dataclass
class Peer:
    process: subprocess.Popen[str]
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(command: Sequence[str], environment: dict[str, str] | None = None) -> Iterator[Peer]:
    """The program, from the moment on when it says its port."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
        cwd=HERE.parents[2],
    )  # fmt: skip
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.strip(), f"{command[:3]} did not start"
        yield Peer(process, int(line))
    finally:
        process.kill()
        process.wait()


def card(version: str = "1.0", binding: str = "JSONRPC", **other: Any) -> dict[str, Any]:
    """A card as servers of that version write it."""
    common = {
        "name": "stranger", "description": "Someone else's agent", "version": "7.1", "skills": [],
        "capabilities": {"streaming": True}, "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
    }  # fmt: skip
    url = other.pop("url", "http://127.0.0.1:PORT/rpc")
    if version == "1.0":
        interface = {"url": url, "protocolBinding": binding, "protocolVersion": "1.0"}
        return {**common, "supportedInterfaces": [interface], **other}
    return {**common, "url": url, "preferredTransport": binding, "protocolVersion": version, **other}


@contextmanager
def stranger(**options: Any) -> Iterator[Peer]:
    """Another maker's agent, on a port that no one else is given while it is down between two starts."""
    options.setdefault("card", card())
    options.setdefault("port", free_port())
    with running([sys.executable, "-m", "tests.protocol.peers.stranger", json.dumps(options)]) as peer:
        yield peer


def old_python() -> str:
    """A Python with the SDK of version 0.3; made once, where the package index can be reached."""
    given = os.environ.get("HELPDESK_TEST_OLD_SDK_PYTHON", "")
    if given:
        return given
    home = Path(tempfile.gettempdir()) / f"helpdesk-test-a2a-0.3-{os.geteuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.geteuid():
        pytest.skip(f"{home} belongs to someone else")
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = home / "venv" / "bin" / "python"
        if not (home / "ready").exists():
            _install(home, python)
    return str(python)


def _install(home: Path, python: Path) -> None:
    if (home / "failed").exists():
        pytest.skip("the SDK of version 0.3 cannot be installed here")
    try:
        # Our own pip fills it, and compiles nothing: a tenth of it is ever imported.
        venv = [sys.executable, "-m", "venv", "--without-pip", str(home / "venv")]
        subprocess.run(venv, check=True, capture_output=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-compile", "--quiet"]
        subprocess.run(
            [*pip, OLD_SDK, "uvicorn"],
            check=True, capture_output=True, timeout=INSTALL_LIMIT_S,
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError):
        (home / "failed").touch()
        pytest.skip("the SDK of version 0.3 cannot be installed here")
    (home / "ready").touch()


@contextmanager
def old_stranger() -> Iterator[Peer]:
    with running([old_python(), str(HERE / "old_stranger.py")], {"PYTHONPATH": ""}) as peer:
        yield peer
