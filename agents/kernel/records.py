"""Evidence, finding, remedy and the triage report: the records that cross the A2A line as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from agents.kernel.canonical import known_fields, sha256_of
from inventory.masking import HIDDEN
from inventory.secret_patterns import names_secret

Severity = Literal["info", "warning", "critical"]
Risk = Literal["read", "write", "destructive"]

SEVERITY_ORDER: Mapping[str, int] = {"info": 0, "warning": 1, "critical": 2}
REPORT_SCHEMA = "helpdesk.triage/1"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The rows that one read tool returned, with the statement that fetched them."""

    id: str
    """Content-addressed: `E` and ten hex digits over everything below."""
    tool: str
    statement: str
    target: str
    """Inventory name of the target; never a DSN with a secret."""
    captured_at: str
    """ISO 8601, UTC."""
    duration_ms: float
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """JSON-able values, in the order of `columns`."""
    truncated: bool = False
    """True where the tool's row limit cut the result."""

    @classmethod
    def capture(
        cls,
        *,
        tool: str,
        statement: str,
        target: str,
        captured_at: str,
        duration_ms: float,
        columns: tuple[str, ...],
        rows: tuple[tuple[Any, ...], ...],
        truncated: bool = False,
    ) -> Self:
        """Build evidence and give it the id that its content has; of a column that is called a secret, no text is kept."""
        rows = _without_secrets(columns, rows)
        content = {
            "tool": tool,
            "statement": statement,
            "target": target,
            "captured_at": captured_at,
            "columns": columns,
            "rows": rows,
        }
        return cls(
            id=f"E{sha256_of(content)[:10]}",
            tool=tool,
            statement=statement,
            target=target,
            captured_at=captured_at,
            duration_ms=duration_ms,
            columns=columns,
            rows=rows,
            truncated=truncated,
        )

    def dicts(self) -> list[dict[str, Any]]:
        """The rows, each as column → value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_json(self) -> dict[str, Any]:
        # Not asdict: it would copy every cell, and rows are never changed.
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        fields = known_fields(cls, data)
        fields["columns"] = tuple(data["columns"])
        fields["rows"] = tuple(tuple(row) for row in data["rows"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Remedy:
    """A tool with exact arguments that would mend a finding."""

    tool: str
    arguments: Mapping[str, Any]
    risk: Risk
    why: str
    """One sentence for the operator: what it does and what follows."""
    undo: str
    """How it is undone, or `not reversible: …`."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds on a target, the evidence for it, and what causes it."""

    id: str
    """`F` and ten hex digits over condition and subject: the same fault keeps its id between sweeps."""
    condition: str
    severity: Severity
    title: str
    summary: str
    subject: Mapping[str, Any]
    evidence: tuple[str, ...]
    caused_by: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    ruled_out: tuple[Mapping[str, Any], ...] = ()
    """Competing explanations that were checked and don't hold: `condition`, `why`, `evidence` (ids)."""

    @staticmethod
    def id_for(condition: str, subject: Mapping[str, Any]) -> str:
        return f"F{sha256_of([condition, subject])[:10]}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        fields = known_fields(cls, data)
        fields["evidence"] = tuple(data["evidence"])
        fields["caused_by"] = tuple(data["caused_by"])
        fields["remedies"] = tuple(Remedy(**known_fields(Remedy, item)) for item in data["remedies"])
        fields["ruled_out"] = tuple(dict(item) for item in data.get("ruled_out", ()))
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A condition that could not be judged, why, and what would open it."""

    condition: str
    reason: str
    remedy: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Report:
    """What one sweep of a target found: the object that `helpdesk triage --json` prints."""

    target: Mapping[str, Any]
    """`name`, `host`, `port`, `database`, `user`, `environment`; no secret."""
    server: Mapping[str, Any]
    """`version`, `version_num`, `role` (`primary` or `standby`), or empty where the server was not reached."""
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    not_checked: tuple[NotChecked, ...]
    timing: Mapping[str, float | None]
    """`total_ms` and `first_finding_ms` (null where nothing was found)."""
    schema: str = field(default=REPORT_SCHEMA)

    def worst(self) -> Severity | None:
        """The highest severity among the findings; None where there is none."""
        severities = sorted((f.severity for f in self.findings), key=SEVERITY_ORDER.__getitem__)
        return severities[-1] if severities else None

    def roots(self) -> tuple[Finding, ...]:
        """Findings that no other finding causes: the ones to mend."""
        return tuple(finding for finding in self.findings if not finding.caused_by)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "target": dict(self.target),
            "server": dict(self.server),
            "findings": [finding.to_json() for finding in self.findings],
            "evidence": [evidence.to_json() for evidence in self.evidence],
            "not_checked": [item.to_json() for item in self.not_checked],
            "timing": dict(self.timing),
        }


def _without_secrets(
    columns: tuple[str, ...], rows: tuple[tuple[Any, ...], ...]
) -> tuple[tuple[Any, ...], ...]:
    places = {place for place, name in enumerate(columns) if names_secret(name)}
    if not places:
        return rows
    return tuple(
        tuple(
            HIDDEN if place in places and isinstance(cell, str) and cell else cell
            for place, cell in enumerate(row)
        )
        for row in rows
    )
