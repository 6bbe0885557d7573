"""How long a route takes: `python -m tests.benchmarks.routing`, with 50 agents, 1,000 names and 500 taught sentences."""

from __future__ import annotations

import statistics
from time import perf_counter_ns

from agents.router import Name, Profile, Router, Taught
from tests.router.sentences import SENTENCES
from tests.router.test_router import AGENTS

ROUNDS = 20


def main() -> None:
    teams = [
        Profile(
            f"team{i}-agent", f"Looks after service {i} of area {i % 7}", (f"area{i % 7}",), (f"Service {i}",)
        )
        for i in range(46)
    ]
    names = [Name(f"db-{i:04}.eu-{i % 9}") for i in range(1000)]
    taught = Taught({f"sentence {i} about thing {i * 7} and {i % 11}": "host" for i in range(500)})
    began = perf_counter_ns()
    router = Router([*AGENTS, *teams], names, taught)
    built = (perf_counter_ns() - began) / 1e6
    took = []
    for _ in range(ROUNDS):
        for number, (text, _agent) in enumerate(SENTENCES):
            asked = f"{text} on db-{number:04}.eu-{number % 9}"
            began = perf_counter_ns()
            router.route(asked)
            took.append((perf_counter_ns() - began) / 1e6)
    took.sort()
    print(f"built in {built:.0f} ms; {len(took)} routes: median {statistics.median(took):.3f} ms,"
          f" p95 {took[int(len(took) * 0.95)]:.3f} ms, p99 {took[int(len(took) * 0.99)]:.3f} ms, worst {took[-1]:.3f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
