"""The process that outlives killed tests: it takes away the servers and directories that they left behind.

Started by `tests.servers`. It is told of each directory on stdin, as `MAJOR PATH` a line, and acts when that ends:
what is gone by then was taken away by the tests themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path

from helpdesk_tui.demo.embedded import EmbeddedServer, runnable
from tests.servers import binaries


def main() -> None:
    told = [line.rstrip("\n").partition(" ") for line in sys.stdin]
    for major, _, path in reversed(told):
        if Path(path).exists():
            base = Path(path)
            EmbeddedServer(runnable(binaries(int(major)), base), base).destroy()


if __name__ == "__main__":
    main()
