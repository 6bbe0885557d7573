"""Requests for approval by other makers' agents: read from a message, and answered in the shape they came in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KAGENT_HITL = "https://kagent.dev/extensions/hitl/v1"
ADK_EXTENSION = "https://google.github.io/adk-docs/a2a/a2a-extension/"
_HOSTS = ("https://a2a-extensions.agentstack.beeai.dev", "https://a2a-extensions.adk.kagenti.dev")
APPROVAL_URIS = tuple(f"{host}/interactions/approval/v1" for host in _HOSTS)
TRAJECTORY_URIS = tuple(f"{host}/ui/trajectory/v1" for host in _HOSTS)
KNOWN_EXTENSIONS = frozenset({KAGENT_HITL, ADK_EXTENSION, *APPROVAL_URIS, *TRAJECTORY_URIS})

CONFIRMATION = "adk_request_confirmation"
PREFIXES = ("adk_", "kagent_")
"""Two makers use one set of markers, each with its own prefix."""


@dataclass(frozen=True, slots=True)
class DataPart:
    """A data part with what was marked on it."""

    data: Mapping[str, Any]
    marks: Mapping[str, Any]

    def mark(self, name: str) -> Any:
        """A marker under either prefix; None where there is none."""
        return next((self.marks[p + name] for p in PREFIXES if p + name in self.marks), None)

    @property
    def prefix(self) -> str:
        return next((p for p in PREFIXES if any(key.startswith(p) for key in self.marks)), PREFIXES[0])


@dataclass(frozen=True, slots=True)
class Told:
    """A message of an agent as plain data."""

    text: str
    parts: Sequence[DataPart]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskedCall:
    """One call that an agent wants approved."""

    id: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for approval; all its calls are decided together, for a reply must decide them all."""

    shape: str
    calls: tuple[AskedCall, ...]
    title: str = ""
    lines: tuple[str, ...] = ()
    """What else the agent says of it."""
    key: str = ""
    """What the reply must repeat: a marker's prefix, or the URI of the extension."""

    def to_json(self) -> dict[str, Any]:
        return {"shape": self.shape, "key": self.key, "ids": [call.id for call in self.calls]}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to an agent, before it becomes a message."""

    text: str
    parts: tuple[DataPart, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()


def asked_of(told: Told) -> Asked | None:
    """The request for approval in a message that waits for input; None where it is a plain question."""
    return _kagent(told) or _interaction(told) or _adk(told)


def reply_to(foreign: Mapping[str, Any], approve: bool, reason: str) -> Reply:
    """The decision on a request that `Asked.to_json` kept."""
    words = "approve" if approve else "reject"
    match foreign.get("shape"):
        case "kagent":
            approvals = [_kagent_decision(str(call), approve, reason) for call in foreign["ids"]]
            payload = {"type": "tool_approval_response", "approvals": approvals}
            return Reply(words, metadata={KAGENT_HITL: payload}, extensions=(KAGENT_HITL,))
        case "interaction":
            uri = str(foreign["key"])
            return Reply(words, metadata={uri: {"decision": words}}, extensions=(uri,))
        case "adk":
            marks = {f"{foreign['key']}type": "function_response"}
            parts = tuple(
                DataPart({"id": call, "name": CONFIRMATION, "response": {"confirmed": approve}}, marks)
                for call in foreign["ids"]
            )
            return Reply("", parts)
        case shape:
            raise ValueError(f"approvals of the shape {shape!r} are not known")


def answer_to(told: Told, text: str) -> Reply:
    """The operator's words to a plain question."""
    payload = told.metadata.get(KAGENT_HITL)
    if isinstance(payload, Mapping) and payload.get("type") == "ask_user_request":
        asked = payload.get("questions")
        count = max(len(asked) if isinstance(asked, Sequence) else 1, 1)
        answers = [{"answer": [text]} for _ in range(count)]
        answer = {"type": "ask_user_response", "id": payload.get("id", ""), "answers": answers}
        return Reply(text, metadata={KAGENT_HITL: answer}, extensions=(KAGENT_HITL,))
    return Reply(text)


def question_of(told: Told) -> tuple[str, tuple[str, ...]]:
    """The words of a plain question, and the answers that it offers where it is a single one."""
    payload = told.metadata.get(KAGENT_HITL)
    lines = [told.text] if told.text else []
    asked: list[Mapping[str, Any]] = []
    if isinstance(payload, Mapping) and payload.get("type") == "ask_user_request":
        asked = list(_mappings(payload.get("questions")))
    for item in asked:
        offered = f" ({', '.join(_choices(item))})" if len(asked) > 1 and _choices(item) else ""
        lines.append(f"{item.get('question', '')}{offered}")
    text = "\n".join(dict.fromkeys(line for line in lines if line))
    return text, _choices(asked[0]) if len(asked) == 1 else ()


def _choices(question: Mapping[str, Any]) -> tuple[str, ...]:
    given = question.get("choices") or question.get("options") or ()
    return tuple(map(str, given)) if isinstance(given, Sequence) and not isinstance(given, str) else ()


def _kagent(told: Told) -> Asked | None:
    payload = told.metadata.get(KAGENT_HITL)
    if not isinstance(payload, Mapping) or payload.get("type") != "tool_approval_request":
        return None
    nested = payload.get("nested")
    inner = nested.get("tools") if isinstance(nested, Mapping) else None
    calls = tuple(
        AskedCall(str(tool["id"]), str(tool.get("name") or "a tool"), _mapping(tool.get("args")))
        for tool in _mappings(inner or payload.get("tools"))
        if tool.get("id")
    )
    who = f"asked by {nested.get('subagent_name')}" if isinstance(nested, Mapping) else ""
    lines = tuple(line for line in (who, told.text) if line)
    return Asked("kagent", calls, str(payload.get("hint") or ""), lines, KAGENT_HITL) if calls else None


def _kagent_decision(call: str, approve: bool, reason: str) -> dict[str, Any]:
    decision: dict[str, Any] = {"id": call, "approved": approve}
    return decision if approve or not reason else {**decision, "rejection_reason": reason}


def _interaction(told: Told) -> Asked | None:
    for uri in APPROVAL_URIS:
        payload = told.metadata.get(uri)
        if not isinstance(payload, Mapping):
            continue
        title = str(payload.get("title") or "")
        tool = str(payload.get("name") or title or payload.get("action") or "an action")
        server = _mapping(payload.get("server"))
        where = f"on {server.get('title') or server.get('name')}" if server else ""
        lines = tuple(str(line) for line in (payload.get("description"), where, told.text) if line)
        return Asked("interaction", (AskedCall("", tool, _mapping(payload.get("input"))),), title, lines, uri)
    return None


def _adk(told: Told) -> Asked | None:
    calls: list[AskedCall] = []
    hints: list[str] = []
    prefix = PREFIXES[0]
    for part in told.parts:
        if part.mark("type") != "function_call" or part.data.get("name") != CONFIRMATION:
            continue
        prefix = part.prefix
        given = _mapping(part.data.get("args"))
        original = _mapping(given.get("originalFunctionCall"))
        hints.append(str(_mapping(given.get("toolConfirmation")).get("hint") or ""))
        name = str(original.get("name") or "a tool")
        calls.append(AskedCall(str(part.data.get("id") or ""), name, _mapping(original.get("args"))))
    lines = tuple(line for line in (*hints, told.text) if line)
    return Asked("adk", tuple(calls), next(filter(None, hints), ""), lines, prefix) if calls else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(values: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(values, Sequence) and not isinstance(values, str):
        yield from (value for value in values if isinstance(value, Mapping))
