"""Our records as A2A messages and back: a short text for anyone, and data parts for those who know the extension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2a.types import Message, Part, Role, StreamResponse, Task, TaskState
from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]

from agents.governance.approval import Approval
from agents.kernel.event import Event, new_id
from agents.kernel.recorder import Delta, Item
from agents.protocol.extension import (
    APPROVAL_URI,
    EXTENSION_URI,
    decode_items,
    decode_question,
    encode_approval,
    encode_items,
    in_words,
)
from inventory.masking import inert_line

SHORT_TEXT = 200
"""Characters of one event in the text for those who see only text."""

ENDED = frozenset({
    TaskState.TASK_STATE_COMPLETED,
    TaskState.TASK_STATE_FAILED,
    TaskState.TASK_STATE_CANCELED,
    TaskState.TASK_STATE_REJECTED,
})  # fmt: skip
WAITING = frozenset({TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED})


_LINE_ENDS = str.maketrans("\x85\u2028\u2029", "\n\n\n")
"""Some clients take these for the end of an event."""


def text_part(text: str) -> Part:
    """Text for those who see only text; what is exact travels as JSON text in a data part."""
    return Part(text=text.translate(_LINE_ENDS).encode("utf-8", "replace").decode())


def data_part(data: Mapping[str, Any]) -> Part:
    part = Part()
    ParseDict(dict(data), part.data.struct_value)
    return part


def datas(message: Message) -> Iterator[Mapping[str, Any]]:
    """The data objects in a message's parts."""
    for part in message.parts:
        if part.WhichOneof("content") == "data" and part.data.WhichOneof("kind") == "struct_value":
            yield MessageToDict(part.data.struct_value)


def text_of(message: Message) -> str:
    """The text of a message's parts."""
    return "\n".join(part.text for part in message.parts if part.WhichOneof("content") == "text")


def status_message(task: str, session: str, items: Sequence[Item], text: str = "") -> Message:
    """A batch of what happened, as the message of a status update."""
    return _message(
        task, session, [text_part(text or short(items)), data_part(encode_items(items))], EXTENSION_URI
    )


def approval_message(approval: Approval) -> Message:
    """The request for approval: in words, as data, and under our extension's key."""
    data = encode_approval(approval)
    parts = [text_part(in_words(approval)), data_part(data)]
    message = _message(approval.task, approval.session, parts, APPROVAL_URI)
    message.metadata.update({APPROVAL_URI: {key: data[key] for key in data if key != "approval_json"}})
    return message


def question_message(task: str, session: str, text: str, choices: Sequence[str]) -> Message:
    """A plain question to the operator, with what may be answered."""
    offered = f"\n\nReply with one of: {', '.join(choices)}; or in your own words." if choices else ""
    return _message(task, session, [text_part(text + offered)], EXTENSION_URI)


def question_of(message: Message) -> tuple[str, Mapping[str, Any], str]:
    """Text, request and target name of an operator's question; the words alone, where it holds no more."""
    asked = next(filter(None, map(decode_question, datas(message))), None)
    return asked or (text_of(message), {}, "")


def operator_message(text: str, data: Mapping[str, Any], session: str, task: str = "") -> Message:
    """What the operator says, with both ids on every follow-up."""
    message = Message(
        role=Role.ROLE_USER, message_id=new_id(), context_id=session, parts=[text_part(text), data_part(data)]
    )
    message.extensions.append(APPROVAL_URI if task else EXTENSION_URI)
    if task:
        message.task_id = task
    return message


def items_of(message: Message) -> list[Item]:
    """The events and text in a message of an agent that knows our extension."""
    return [item for data in datas(message) for item in decode_items(data)]


def messages_of(response: StreamResponse | Task) -> Iterator[Message]:
    """All messages of an agent in what came over the line, oldest first."""
    if isinstance(response, Task):
        yield from (message for message in response.history if message.role == Role.ROLE_AGENT)
        if response.status.HasField("message"):
            yield response.status.message
        return
    match response.WhichOneof("payload"):
        case "task":
            yield from messages_of(response.task)
        case "message":
            yield response.message
        case "status_update" if response.status_update.status.HasField("message"):
            yield response.status_update.status.message


def short(items: Sequence[Item]) -> str:
    """A line for each item, for those who see only text."""
    return "\n".join(item.text if isinstance(item, Delta) else _line(item) for item in items)


def _line(event: Event) -> str:
    body = event.body
    match event.kind:
        case "message" | "conclusion" | "note" | "model.concluded" | "model.notice":
            text = str(body.get("text", ""))
        case "tool.called":
            text = f"{body['tool']} on {body['target']} …"
        case "tool.returned":
            text = body["error"] or f"{body['rows']} rows in {body['duration_ms']} ms"
        case "finding":
            text = f"{body['finding']['severity']}: {body['finding']['title']}"
        case "task":
            text = str(body["state"])
        case _:
            text = str(body.get("text") or body.get("reason") or "")
    return inert_line(f"[{event.kind}] {text}")[:SHORT_TEXT]


def _message(task: str, session: str, parts: Sequence[Part], uri: str) -> Message:
    return Message(
        role=Role.ROLE_AGENT,
        message_id=new_id(),
        task_id=task,
        context_id=session,
        parts=parts,
        extensions=[uri],
    )
