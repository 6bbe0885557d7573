"""One task of another maker's agent, read as our own events: messages, tool calls, evidence, approvals and its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from a2a.types import Artifact, Message, Part, Role, StreamResponse, Task, TaskState, TaskStatus
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from agents.kernel.canonical import sha256_of
from agents.kernel.event import Event
from agents.kernel.recorder import Delta
from agents.log.outputs import KEPT, Whole
from agents.protocol.foreign.approval import approval_for
from agents.protocol.foreign.calls import Called, Returned, evidence_of, steps_of, usage_of
from agents.protocol.foreign.shapes import DataPart, Told, asked_of, question_of
from agents.protocol.reading import Heard
from agents.protocol.wire import ENDED, WAITING
from inventory.masking import mask

UNKNOWN_RISK = "unknown"
"""The class of a call by someone else's tool: nobody here knows what it does."""


@dataclass
class _Output:
    """An artifact as far as it has come."""

    text: str = ""
    partial: str = ""
    """Pieces marked as such; the whole follows, or they are all there is."""


@dataclass
class ForeignReader:
    """Reads every answer about one task, each thing once, in a stream, a snapshot or both."""

    agent: str
    session: str
    target: str
    task: str = ""
    _seen: set[str] = field(default_factory=set)
    _outputs: dict[str, _Output] = field(default_factory=dict)
    _said: list[str] = field(default_factory=list)
    _began: dict[str, float] = field(default_factory=dict)
    _arguments: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _tools: set[str] = field(default_factory=set)
    _turn: str = ""

    def items(self, response: StreamResponse | Task) -> Iterator[Heard]:
        if isinstance(response, Task):
            yield from self._snapshot(response)
            return
        match response.WhichOneof("payload"):
            case "task":
                yield from self._snapshot(response.task)
            case "message":
                yield from self._reply(response.message)
            case "artifact_update":
                update = response.artifact_update
                self.task = self.task or update.task_id
                yield from self._working()
                yield from self._artifact(update.artifact, append=update.append)
                yield from self._usage(MessageToDict(update.metadata))
            case "status_update":
                update_ = response.status_update
                self.task = self.task or update_.task_id
                yield from self._usage(MessageToDict(update_.metadata))
                yield from self._status(update_.status)

    def answered(self, message_id: str) -> None:
        """The operator spoke: what comes from now on is a new turn of the same task."""
        self._turn = message_id
        self._said.clear()
        self._outputs.clear()

    def _snapshot(self, task: Task) -> Iterator[Heard]:
        self.task = task.id
        asked = [message for message in task.history if message.role == Role.ROLE_USER]
        if not self._seen and len(asked) > 1:
            # Picked up again later: the turn is that of the operator's last words.
            self._turn = asked[-1].message_id
        yield from self._working()
        for message in task.history:
            if message.role == Role.ROLE_AGENT:
                yield from self._progress(message)
        for artifact in task.artifacts:
            yield from self._artifact(artifact, append=False)
        yield from self._status(task.status)

    def _status(self, status: TaskStatus) -> Iterator[Heard]:
        if status.state in WAITING:
            yield from self._waits(status)
            return
        if status.state not in ENDED:
            yield from self._working()
        if status.HasField("message"):
            yield from self._progress(status.message)
        if status.state in ENDED:
            yield from self._end(status)

    def _progress(self, message: Message) -> Iterator[Heard]:
        """What the agent says on the way: its steps become the trace, its words stream by."""
        if not self._new(message.message_id or sha256_of(MessageToDict(message))):
            return
        told = told_of(message)
        yield from self._steps(told)
        if told.text:
            self._said.append(told.text)
            yield Delta(told.text)

    def _artifact(self, artifact: Artifact, *, append: bool) -> Iterator[Heard]:
        told = _told(artifact.parts, MessageToDict(artifact.metadata))
        yield from self._steps(told)
        output = self._outputs.setdefault(artifact.artifact_id, _Output())
        if told.metadata.get("adk_partial"):
            output.partial += told.text
            yield Delta(told.text)
        elif append:
            output.text += told.text
            yield Delta(told.text)
        elif told.text != output.text:
            # A snapshot repeats what has streamed already.
            shown = output.text or output.partial
            output.text = told.text
            if not shown.startswith(told.text):
                yield Delta(told.text.removeprefix(shown))

    def _steps(self, told: Told) -> Iterator[Heard]:
        for step in steps_of(told):
            if isinstance(step, Called):
                yield from self._called(step)
            else:
                yield from self._returned(step)
        for part in told.parts:
            yield from self._usage(part.marks)
        yield from self._usage(told.metadata)

    def _called(self, step: Called) -> Iterator[Heard]:
        if not self._new(f"called {step.id}") or (step.late and step.tool in self._tools):
            return
        self._tools.add(step.tool)
        self._began[step.id], self._arguments[step.id] = monotonic(), step.arguments
        body = {
            "call": step.id, "tool": step.tool, "risk": UNKNOWN_RISK, "target": self.target or self.agent,
            "arguments": step.arguments, "parent": "",
        }  # fmt: skip
        yield self._event("tool.called", body, step.id)

    def _returned(self, step: Returned) -> Iterator[Heard]:
        if not self._new(f"returned {step.id}") or (step.result is None and step.id not in self._began):
            return
        yield from self._called(Called(step.id, step.tool, {}))
        evidence, whole = evidence_of(step, self._arguments[step.id], self.target or self.agent)
        if step.result is not None:
            yield self._event("evidence", {"evidence": evidence.to_json()}, f"{step.id} {evidence.rows}")
        if whole:
            yield Whole(self._event(KEPT, {"evidence": evidence.id}, step.id), whole)
        waited = (monotonic() - self._began[step.id]) * 1000
        body = {
            "call": step.id, "ok": not step.error, "rows": 0 if step.result is None else len(evidence.rows), "evidence": evidence.id if step.result is not None else "",
            "duration_ms": round(step.duration_ms if step.duration_ms is not None else waited, 1),
            "error": " ".join(step.error.split()),
        }  # fmt: skip
        yield self._event("tool.returned", body, step.id)

    def _usage(self, marks: Mapping[str, Any]) -> Iterator[Heard]:
        used = usage_of(marks)
        if used and self._new(f"usage {sha256_of(used)}"):
            words = ", ".join(f"{name.removesuffix('TokenCount')} {count}" for name, count in used.items())
            yield self._event("note", {"text": f"{self.agent} used tokens: {words}", "usage": used}, words)

    def _waits(self, status: TaskStatus) -> Iterator[Heard]:
        message = status.message
        key = message.message_id or sha256_of(MessageToDict(message))
        if not self._new(f"waits {key}"):
            return
        told = told_of(message)
        asked = asked_of(told)
        if asked is None:
            yield from self._steps(told)
        yield from self._outcome()
        if asked is not None:
            approval = approval_for(asked, key, self.agent, self.session, self.task, self.target)
            yield self._event("approval.requested", {"approval": approval.to_json()}, key)
            yield self._task("input-required", approval.preview.action)
            return
        text, choices = question_of(told)
        if status.state == TaskState.TASK_STATE_AUTH_REQUIRED:
            yield self._task(
                "auth-required", text or "it needs credentials, which it gets outside of this line"
            )
            return
        body = {"text": text or "the agent waits for your words", "choices": list(choices)}
        yield self._event("task", {"state": "input-required", **body}, key)

    def _reply(self, message: Message) -> Iterator[Heard]:
        """An answer without a task."""
        told = told_of(message)
        yield from self._steps(told)
        yield self._event("message", {"role": "agent", "text": told.text}, message.message_id)

    def _end(self, status: TaskStatus) -> Iterator[Heard]:
        if not self._new(f"end {self._turn}"):
            return
        state = TaskState.Name(status.state).removeprefix("TASK_STATE_").lower()
        text = told_of(status.message).text if state != "completed" else ""
        yield from self._outcome(without=text)
        yield self._task(state, mask(" ".join(text.split())))

    def _outcome(self, without: str = "") -> Iterator[Heard]:
        """What the agent has said, as one message: its results, or where there are none its words on the way."""
        results = [output.text or output.partial for output in self._outputs.values()]
        said = [text for text in self._said if text != without]
        text = "\n\n".join(filter(None, results)) or "\n\n".join(dict.fromkeys(said))
        self._said.clear()
        self._outputs.clear()
        if text:
            yield self._event("message", {"role": "agent", "text": text}, text)

    def _working(self) -> Iterator[Heard]:
        if self._new(f"working {self._turn}"):
            yield self._task("working", "")

    def _task(self, state: str, text: str) -> Event:
        return self._event("task", {"state": state, "text": text}, state)

    def _new(self, key: str) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _event(self, kind: str, body: Mapping[str, Any], key: str) -> Event:
        """An event whose id follows from what it tells, so that reading it again adds nothing to the log."""
        mark = sha256_of([self.agent, self.session, self.task, self._turn, kind, key])[:26]
        return Event(
            kind, self.session, body, f"agent:{self.agent}", self.task, self.agent, self.target, id=mark
        )


def told_of(message: Message) -> Told:
    """A message as plain data."""
    return _told(message.parts, MessageToDict(message.metadata))


def _told(parts: Any, metadata: Mapping[str, Any]) -> Told:
    words: list[str] = []
    datas: list[DataPart] = []
    for part in parts:
        marks = MessageToDict(part.metadata)
        match part.WhichOneof("content"):
            case "text" if not (marks.get("adk_thought") or marks.get("kagent_thought")):
                words.append(part.text)
            case "data" if part.data.WhichOneof("kind") == "struct_value":
                datas.append(DataPart(MessageToDict(part.data.struct_value), marks))
            case "url" | "raw":
                words.append(_file(part))
    return Told("\n".join(filter(None, words)), datas, metadata)


def _file(part: Part) -> str:
    where = part.url or f"{len(part.raw):,} bytes"
    return f"[file {part.filename or part.media_type or 'without a name'}: {where}]"
