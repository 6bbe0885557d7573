"""Servers of other makers that run on Node, brought by `make servers`."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

PACKAGES = Path(__file__).parent.parent / ".servers" / "node_modules"
NODE = shutil.which("node")
STARTS_S = 60.0
ENDS_WITH_US = "data:text/javascript,process.stdin.resume().on('end', () => process.exit())"
"""Whoever started it holds its stdin, and has ended once that has."""


def needs(package: str) -> pytest.MarkDecorator:
    """Skips where Node or the package is not there."""
    there = NODE is not None and (PACKAGES / package).is_dir()
    return pytest.mark.skipif(not there, reason=f"{package} is not here: needs Node 20 and make servers")


@contextmanager
def listening(*arguments: str, env: Mapping[str, str] | None = None, port: int = 0) -> Iterator[int]:
    """A Node program that listens on the port that PORT names; the one it got."""
    assert NODE is not None
    everything = {**os.environ, **(env or {}), "PORT": str(port)}
    command = [NODE, "--import", ENDS_WITH_US, *arguments]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=everything, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet
    ) as process:
        try:
            yield _port(process)
        finally:
            process.kill()


def _port(process: subprocess.Popen[bytes]) -> int:
    seen = psutil.Process(process.pid)
    until = time.monotonic() + STARTS_S
    while time.monotonic() < until:
        assert process.poll() is None, "it ended at once"
        for one in seen.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN:
                return int(one.laddr.port)
        time.sleep(0.01)
    raise AssertionError("it does not listen")
