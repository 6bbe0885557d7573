"""An approval: what is asked, with the live facts, and what exactly a yes would bind; and the decision on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from agents.kernel.canonical import known_fields, sha256_of
from agents.kernel.records import Evidence, Risk
from agents.kernel.tool import Preview, ToolCall, Victim
from inventory.masking import inert_line

PRODUCTION = "production"
"""Targets of this environment are unlocked by typing their name."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One request for one execution of one exact call. Single use, expiring."""

    id: str
    call: ToolCall
    risk: Risk
    preview: Preview
    call_sha256: str
    """What a yes binds: see `binding`."""
    requester: str
    """Principal that asks: `agent:<name>`, `rule:<condition>`."""
    why: Mapping[str, Any]
    """`finding`, `title`, `evidence` (ids), `causes`; keys that are not known are left out."""
    policy: Mapping[str, str]
    """`rule` that asked for approval, its `text`, and its time `window` where it has one."""
    target: Mapping[str, Any]
    """`name`, `host`, `port`, `database`, `user`, `environment`, …; no secret."""
    role: str
    """`primary` or `standby`, empty where it is not known."""
    task: str
    agent: str
    session: str
    created_at: str
    expires_at: str
    """ISO 8601, UTC; from then on a yes is refused."""
    locked: bool = field(default=True)
    """True where the target is read-only in this session, so that a yes must also unlock it."""

    asked_by: str = ""
    """The authenticated principal for whom it is asked; empty where nobody knows."""
    edited_by: tuple[str, ...] = ()
    """Principals that changed its arguments, the first one first."""
    edited_from: str = ""
    """Id of the approval in whose place it stands, with other arguments."""
    undo_of: str = ""
    """Id of the approval whose action this one would undo."""
    purpose: str = ""
    approvers: int = 1
    """How many different principals must approve."""
    four_eyes: bool = False
    """True: none of `authors` may approve."""
    candidates: tuple[str, ...] = ()
    """Principals that may approve, as patterns of `roles.toml`; empty where whoever gets in may."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of the call's arguments, for whoever edits them; empty where it is not known."""
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a newer version, as they came. They may be conditions, so nobody acts on them who can't read them."""

    @property
    def intact(self) -> bool:
        """Whether it binds what it shows: more victims, arguments or anything else would be another hash."""
        return self.call_sha256 == binding(self.call, self.target, self.preview.victims)

    @property
    def authors(self) -> frozenset[str]:
        """Whose call it is: the one for whom it is asked, and those who changed it."""
        return frozenset({self.asked_by, *self.edited_by})

    def to_type(self, locked: bool) -> str:
        """What an approver must type; empty where nothing must be. `locked`: a yes also unlocks the target."""
        if self.risk != "write":
            return self.preview.confirmation
        unlocks = locked and self.target.get("environment") == PRODUCTION
        return str(self.target.get("name", "")) if unlocks else ""

    def refreshed(self, preview: Preview) -> Self:
        """The same approval with facts read just now; it binds what it bound before."""
        return replace(self, preview=preview)

    def expired(self, now: datetime | None = None) -> bool:
        return (now or datetime.now(UTC)) >= datetime.fromisoformat(self.expires_at)

    def to_json(self) -> dict[str, Any]:
        told = asdict(self)
        return {**told.pop("unknown"), **told}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """An approval of this version or a newer one; raises KeyError or TypeError for what is none.

        What is passed over within the call and its preview is bound by the hash, if it is bound at all.
        """
        fields = known_fields(cls, data)
        fields.pop("unknown", None)
        fields["unknown"] = {key: value for key, value in data.items() if key not in fields}
        fields["call"] = ToolCall(**known_fields(ToolCall, data["call"]))
        fields["preview"] = preview_from_json(data["preview"])
        fields["edited_by"] = tuple(data.get("edited_by", ()))
        fields["candidates"] = tuple(data.get("candidates", ()))
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Terms:
    """How far a grant reaches."""

    count: int
    """How many calls, after the one that is approved with it."""
    seconds: float
    """How long."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator decided on an approval."""

    approval: str
    decision: Literal["approve", "deny"]
    by: str = ""
    """Principal, set by the side that authenticated the caller; never taken from a message."""
    reason: str = ""
    confirmation: str = ""
    """What the operator typed; a destructive call needs `Preview.confirmation`."""
    unlock: bool = False
    """True: also unlock the target for changes in this session."""
    call_sha256: str = ""
    """The binding that the operator saw."""
    stands_on: str = ""
    """Id of the grant that this decision stands on; never taken from a message."""
    grant: Terms | None = None
    """With an approve: the next calls of this tool on this target in this session are approved too."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def address(target: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a target the same server and database, whatever it is tagged with."""
    return {key: target.get(key) for key in ("name", "host", "port", "database", "user")}


def binding(call: ToolCall, target: Mapping[str, Any], victims: tuple[Victim, ...]) -> str:
    """SHA-256 over the canonical JSON of tool, arguments, target and the victims' identities."""
    return sha256_of({
        "tool": call.tool,
        "arguments": call.arguments,
        "target": address(target),
        "victims": [victim.identity for victim in victims],
    })  # fmt: skip


def preview_from_json(data: Mapping[str, Any]) -> Preview:
    fields = known_fields(Preview, data)
    fields["victims"] = tuple(Victim(**known_fields(Victim, victim)) for victim in data["victims"])
    fields["evidence"] = tuple(Evidence.from_json(item) for item in data["evidence"])
    fields["effect"] = tuple(data["effect"])
    fields["alternatives"] = tuple(data["alternatives"])
    return Preview(**fields)


def confirms(typed: str, wanted: str) -> bool:
    """Whether what was typed is what is to be typed, as it is shown: some characters of a name nobody can type."""
    return inert_line(typed) == inert_line(wanted)
