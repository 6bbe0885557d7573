"""The tests' own servers: nothing is left of them, however the tests end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.servers import ROOT

START = """
import sys
from pathlib import Path
from helpdesk_tui.demo.embedded import Binaries
from tests import servers
binaries, template = map(Path, sys.argv[1:])
server = servers.create(Binaries(18, binaries), template).start()
print(server.postmaster_pid(), server.base, servers._keeper().pid, flush=True)
input()
"""


def test_killed_tests_leave_no_server_behind(pg18: EmbeddedServer) -> None:
    command = [sys.executable, "-c", START, str(pg18.binaries.directory), str(pg18.template)]
    tests = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert tests.stdout is not None
    pid, base, keeper_pid = tests.stdout.readline().split()
    server, keeper = psutil.Process(int(pid)), psutil.Process(int(keeper_pid))
    assert server.is_running() and Path(base).exists()
    tests.kill()
    tests.communicate()
    psutil.wait_procs([server, keeper], timeout=60)
    assert not server.is_running() and not keeper.is_running()
    assert not Path(base).exists()
