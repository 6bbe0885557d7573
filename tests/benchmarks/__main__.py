"""`python -m tests.benchmarks [sweep] [start] [log]`: measures, prints ratios with their goals, asserts nothing."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.benchmarks.appends import appends
from tests.benchmarks.ratio import Ratio, table
from tests.benchmarks.starts import starts
from tests.benchmarks.sweeps import sweeps
from tests.servers import AVAILABLE

SETTINGS = {"max_connections": "450", "shared_buffers": "256MB", "max_locks_per_transaction": "256"}


def _sweeps() -> Iterator[Ratio]:
    with EmbeddedServer.create(AVAILABLE[-1], SETTINGS) as server:
        yield from sweeps(server)


MEASURES: Mapping[str, Callable[[], Iterator[Ratio]]] = {"start": starts, "log": appends, "sweep": _sweeps}


def main(asked: list[str]) -> int:
    unknown = [name for name in asked if name not in MEASURES]
    if unknown:
        print(f"no measure {unknown[0]!r}, expected some of {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    ratios: list[Ratio] = []
    with tempfile.TemporaryDirectory(prefix="hd-") as home:
        for name in ("CONFIG", "STATE", "RUNTIME"):
            os.environ[f"HELPDESK_{name}_DIR"] = f"{home}/{name.lower()}"
        for name, measure in MEASURES.items():
            for one in measure() if not asked or name in asked else ():
                print(f"{one.name}: {one.value:.2f}×", file=sys.stderr, flush=True)
                ratios.append(one)
    print(table(ratios))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
