"""The catalogue as a page of documentation. `python -m agents.database.reference docs/conditions.md` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from agents.database.catalogue import all_conditions
from agents.database.condition import Condition, Threshold
from agents.database.logs.tools import LOG_CLASSES
from agents.database.statement import all_statements
from agents.database.wording import size

ROLE = "ROLE"
HEAD = """\
# Conditions

What the database expert recognises, from the catalogue itself (`make docs` writes this page;
`helpdesk conditions show ID --sql` shows one with its statements). Every threshold can be set in
`settings.toml` or by `helpdesk triage --thresholds FILE`.

*Two samples* means that counters are read twice, `--interval` apart; *on request* that the condition is judged
only where it is asked for (`helpdesk triage --only ID`). Where no grant is named, every login may.
"""
COLUMNS = (
    "condition",
    "at worst",
    "threshold (source)",
    "read from",
    "needs",
    "may be caused by",
    "remedies",
)


def reference() -> str:
    """The page as Markdown: a table for each group of conditions."""
    groups: dict[str, list[Condition]] = {}
    for condition in all_conditions().values():
        groups.setdefault(condition.id.partition(".")[0], []).append(condition)
    return "\n".join([HEAD, *(line for group in sorted(groups) for line in _group(group, groups[group]))])


def _group(name: str, conditions: list[Condition]) -> Iterator[str]:
    yield f"## {name}\n"
    yield _line(COLUMNS)
    yield _line(("---",) * len(COLUMNS))
    for condition in sorted(conditions, key=lambda one: one.id):
        yield _line(_cells(condition))
    yield ""


def _cells(condition: Condition) -> tuple[str, ...]:
    return (
        f"`{condition.id}`<br>{_escaped(condition.title)}",
        condition.severity,
        "<br>".join(_threshold(name, one) for name, one in condition.thresholds.items()) or "any",
        _read_from(condition),
        "<br>".join(_needs(condition)),
        _names(cause.condition for cause in condition.causes),
        _names(condition.remedies),
    )


def _threshold(name: str, threshold: Threshold) -> str:
    figure = size(threshold.value) if threshold.unit == "bytes" else f"{threshold.value:g} {threshold.unit}"
    return f"`{name}` {figure} ({_escaped(threshold.source)})"


def _read_from(condition: Condition) -> str:
    reads = [
        "the server's log" if name == LOG_CLASSES else f"`{name}`"
        for name in (*condition.rates, *condition.needs, *condition.wants)
    ]
    if condition.refused is not None:
        reads.append("the answer to a connection attempt")
    how = [*(["two samples"] if condition.rates else []), *(["on request"] if condition.on_request else [])]
    return ", ".join(dict.fromkeys(reads)) + (f" (*{', '.join(how)}*)" if how else "")


def _needs(condition: Condition) -> Iterator[str]:
    """Extension and grants, the condition's own and those of the statements without which it can't be judged."""
    statements = all_statements()
    needed = [statements[name] for name in (*condition.rates, *condition.needs) if name in statements]
    extensions = (condition.extension, *(one.extension for one in needed))
    yield from dict.fromkeys(f"extension {name}" for name in extensions if name)
    scripts = (*condition.grants, *(one.grant for one in needed))
    grants = (grant.strip() for script in scripts for grant in script.split(";"))
    yield from dict.fromkeys(f"`{grant.format(role=ROLE)}`" for grant in grants if grant)


def _names(names: Iterator[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def _escaped(text: str) -> str:
    marks: Mapping[str, str] = {"|": "\\|", "<": "&lt;", "*": "\\*", "\n": " "}
    return "".join(marks.get(character, character) for character in text)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Write the page to the file that the command line names."""
    if len(sys.argv) != 2:
        print("usage: python -m agents.database.reference FILE", file=sys.stderr)
        return 2
    Path(sys.argv[1]).write_text(reference(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
