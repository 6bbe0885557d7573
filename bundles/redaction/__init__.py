"""Redaction: the last step before a bundle is written. Secrets are always taken out; there is no switch.

Fields that hold secrets go by their names, text goes through rules, and a value that was taken out anywhere is
taken out everywhere, bare or wrapped. `bundles.redaction.residual` then looks at the finished files by other means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from bundles.canonical import plain
from bundles.content import BundleContent, Clock, Collector
from bundles.naming import EVENTS, MANIFEST, distinct
from bundles.redaction.structure import StructureRedactor, map_texts
from bundles.redaction.text import KnownValues, Tally, TextRedactor
from inventory.masking import inert

REDACTION_SCHEMA = "helpdesk.redaction/1"
LEVEL = "secrets"
_Record = TypeVar("_Record", Clock, Collector)

__all__ = ["LEVEL", "REDACTION_SCHEMA", "Redacted", "evidence_paths", "redact"]


@dataclass(frozen=True, slots=True)
class Redacted:
    """Content without secrets, and what had to be done for that."""

    content: BundleContent
    """Plain JSON values, dictionaries and lists alone."""
    changed_events: frozenset[int]
    """Places in `content.events` whose event is not what was logged any more."""
    counts: Mapping[str, Mapping[str, int]]
    """Rule → file → how often."""
    secrets: frozenset[str]
    """Values that were taken out and are no ordinary words; never written anywhere."""

    def report(self) -> dict[str, Any]:
        """What `redaction.json` says: rules, files and numbers, never a value."""
        return {
            "schema": REDACTION_SCHEMA,
            "level": LEVEL,
            "rules": {rule: dict(files) for rule, files in self.counts.items()},
            "events_changed": len(self.changed_events),
        }

    def totals(self) -> dict[str, int]:
        """Rule → how often in all files."""
        return {rule: sum(files.values()) for rule, files in self.counts.items()}


def evidence_paths(content: BundleContent) -> list[str]:
    """The file of each piece of evidence, in order."""
    names = distinct(str(item.get("id", "evidence")) for item in content.evidence)
    return [f"evidence/{name}.jsonl" for name in names]


def redact(content: BundleContent) -> Redacted:
    """`content` without secrets. Redacting what came out of this changes nothing more."""
    tally = Tally()
    rules = TextRedactor(tally)
    walker = StructureRedactor(rules)
    first = _mapped(content, tally, walker.value, rules.text)
    known = KnownValues(rules.taken, tally)

    def again(value: Any) -> Any:
        return map_texts(value, known.text)

    second = _mapped(first, tally, again, known.text)
    second = replace(second, transcript=inert(second.transcript), summary=inert(second.summary))
    changed = (
        place
        for place, (old, new) in enumerate(zip(content.events, second.events, strict=True))
        if plain(old.event) != new.event
    )
    return Redacted(second, frozenset(changed), _ordered(tally, second), known.values)


def _mapped(content: BundleContent, tally: Tally, record: Any, text: Any) -> BundleContent:
    """`content` with each record and each text put through; the tally is told which file that is."""

    def of(file: str, value: Any, change: Any = record) -> Any:
        tally.file = file
        return change(value)

    def each(file: str, values: Any) -> tuple[Any, ...]:
        return tuple(of(file, value) for value in values)

    return BundleContent(
        session=of(MANIFEST, content.session, text),
        created_at=content.created_at,
        target=of(MANIFEST, content.target),
        servers=of(MANIFEST, content.servers),
        tool_version=of(MANIFEST, content.tool_version, text),
        clock=_record(content.clock, lambda members: of(MANIFEST, members)),
        events=tuple(replace(entry, event=of(EVENTS, entry.event)) for entry in content.events),
        evidence=tuple(of(_label(place), item) for place, item in enumerate(content.evidence)),
        findings=each("findings.json", content.findings),
        approvals=each("approvals.json", content.approvals),
        report=of("report.json", content.report),
        transcript=of("transcript.md", content.transcript, text),
        summary=of("REPORT.md", content.summary, text),
        collectors=tuple(_record(item, lambda members: of(MANIFEST, members)) for item in content.collectors),
        python=of(MANIFEST, content.python, text),
        platform=of(MANIFEST, content.platform, text),
    )


def _record(record: _Record, change: Callable[[dict[str, Any]], dict[str, Any]]) -> _Record:
    """The record with each value changed; the names are ours, and stay even where a secret reads like one."""
    names = [item.name for item in fields(record)]
    changed = change({name: getattr(record, name) for name in names})
    return replace(record, **dict(zip(names, changed.values(), strict=True)))


def _label(place: int) -> str:
    """Stands for the file of a piece of evidence until its id, which names the file, is redacted too."""
    return f"evidence {place}"


def _ordered(tally: Tally, content: BundleContent) -> dict[str, dict[str, int]]:
    named = {_label(place): path for place, path in enumerate(evidence_paths(content))}
    return {
        rule: dict(sorted((named.get(file, file), times) for file, times in files.items()))
        for rule, files in sorted(tally.counts.items())
    }
