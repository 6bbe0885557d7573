"""Events: everything that happens, in the order it happened. Every pane is a view of them.

Bodies by kind (all values JSON; `evidence`, `finding` and `report` are the records' own JSON):

| kind | body |
|---|---|
| `session.opened` | `operator`, `host`, `version`, `target` (`{name,host,port,database,user,environment,…}` or null) |
| `target.selected` | `target` as above, `server` (`version`, `role`) once known |
| `target.unlocked` / `target.locked` | `target` (name), `by` |
| `message` | `role` (`operator` or `agent`), `text`; the operator's may have `request`, where a key asked and not words,
  and `answers` (id of the task whose plain question they answer) |
| `route` | `agent` (empty where the router abstains), `why`, `question` (id of the operator's message), `asked` (the words that
  are sent, without an @agent in them), `candidates` (agents to choose from, where it abstains) |
| `question` | `state`: `kept` (its agent was lost), `resumed` (its task is listened to again) or `dropped` (the operator let go of it);
  `question` (id of the operator's message), `why`, `offered` (with kept: true where it is asked again at a key alone) |
| `task` | `state` (A2A's: submitted, working, input-required, auth-required, completed, failed, rejected, canceled), `text`,
  `process` and `by` (with working: mark of the process that works, and the authenticated caller), `choices` (with
  input-required, where it is a plain question and no approval: answers to offer, perhaps none) |
| `tool.called` | `call` (id), `tool`, `risk`, `target`, `arguments`, `parent` (call id or ""),
  `policy` (`effect` and `rule` that let it run), `by` (the authenticated caller for whom it is called) |
| `tool.refused` | `tool`, `risk` ("" where nobody knows the tool), `target`, `arguments`, `reason`, `policy` (as above, or null where it did not come so far), `by` |
| `tool.returned` | `call`, `ok`, `duration_ms`, `rows`, `evidence` (id or ""), `error` ("" or one line) |
| `tool.progress` | `call` (id of the call, or of the approval whose action runs), `text` |
| `tool.asked` | `question` (id), `server`, `message`, `schema`: what an MCP server wants to know of the operator |
| `tool.answered` | `question` (id), `values`: the answer that fits it, which goes to that server |
| `evidence` | `evidence` |
| `output.kept` | `evidence` (id), `sha256` (of the file beside the log), `characters`, `bytes`, `cut`: the whole output |
| `finding` | `finding` |
| `conclusion` | `text` (Markdown), `report` (the report without its evidence rows: `findings` ids, `not_checked`, `server`, `timing`) |
| `model.called` | `call` (id), `round`, `models` (who is asked, in order), `sent`: what is new against the call before
  in this task (`kept` turns of it stand; `turns`, `system`, `tools`, `max_output_tokens`); see `agents.kernel.sent` |
| `model.returned` | `call`, `provider`, `model`, `usage` (`input`, `output`, `cache_read`, `cache_write`, or null),
  `cost_usd` (null: unknown), `stop`, `ms`, `error`, `said` (what came back, or null), `spent` (`turn`, `session`, `day`:
  `usd`, `tokens`, `unpriced` calls) |
| `model.notice` | `call`, `kind` (`waiting`, `retrying`, `switched`, `cut`), `text` |
| `model.concluded` | `call`, `by` (provider and model), `question`, `text` (Markdown), `answer`, `root_cause`, `finding`, `confidence`, `evidence` (ids),
  `ruled_out` (`what`, `why`, `evidence`), `next_step`, `marks` (`field`, `start`, `end`, `text`, `mark`: `unsupported` or
  `not executed`), `rules` (`agrees`: true, false or null; `roots`), `fault`, `spent` |
| `approval.requested` | `approval` (see `agents.governance.approval.Approval.to_json`) |
| `approval.refreshed` | `approval` |
| `approval.given` | `approval` (id), `by`, `reason`, `call_sha256`: one of several yeses that are needed |
| `approval.withdrawn` | `approval` (id), `by`, `reason`: one of several yeses is taken back |
| `approval.edited` | `approval` (id), `new` (id of the one in its place), `by`, `before`, `after` (arguments) |
| `approval.decided` | `approval` (id), `decision` (`approve` or `deny`), `by`, `reason`, `confirmation`, `unlock`,
  `given` (all who approved), `grant` (id, where a grant stands for the decision) |
| `grant.given` | `grant` (id), `approval` (id), `tool`, `target` (address), `count`, `until`, `by` |
| `grant.used` | `grant` (id), `approval` (id), `use` (number of this use) |
| `grant.revoked` | `grant` (id), `by`, `reason` |
| `policy.changed` | `path`, `sha256`, `before_sha256`, `diff`, `fault`: in force from here on |
| `session.purpose` | `purpose`, `note`, `by`: on every event of the session from here on |
| `action.started` | `approval` (id), `tool`, `arguments`, `call_sha256`, `by`, `process` (mark of the one that acts),
  `policy` |
| `action.finished` | `approval` (id), `ok`, `text`, `verified` (true, false or null), `evidence` (ids), `freed` (pids), `undo` |
| `action.refused` | `approval` (id), `reason`: the approval is void, nothing was done |
| `action.in_doubt` | `approval` (id), `reason`: it was started and its end is unknown; never repeated |
| `baseline.kept` | `evidence` (id, in this session), `address` (of the target), `by` |
| `agent` | `state` (`starting`, `up`, `degraded`, `down`, `restarted`), `text`, `where` (address of a remote agent; without it: the local ones) |
| `bundle.created` | `path`, `sha256`, `bytes` |
| `purged` | nothing: what is left of an event whose content was purged |
| `log.purged` | `by`, `reason`, `events` (how many), `first_at`, `last_at`, `sha256` (over what is left of them), `key`, `signature` |
| `note` | `text`; `approval`, `question` (task) or `asked` (message), where it is about one |
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from agents.kernel.canonical import utc_now

DURABLE_KINDS = frozenset({
    "approval.requested", "approval.given", "approval.withdrawn", "approval.decided", "approval.edited",
    "grant.given", "grant.used", "grant.revoked", "action.started", "action.finished",
})  # fmt: skip
"""Kinds that must be on disk before anything else happens."""


def new_id() -> str:
    """26 sortable hex characters: 48 bits of milliseconds, then 56 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(7).hex()}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. The log gives it its place and its hash."""

    kind: str
    session: str
    """Session id; the same string is the A2A context id of every task in it."""
    body: Mapping[str, Any]
    principal: str
    """Who did it: `operator:<os user>`, `agent:<name>`, `rule:<condition>`, `helpdesk`."""
    task: str = ""
    """A2A task id, where there is one."""
    agent: str = ""
    target: str = ""
    """Inventory name of the target, where there is one."""
    id: str = field(default_factory=new_id)
    at: str = field(default_factory=utc_now)
    purpose: str = ""
    """Why the session works on the target, where it says so; see `session.purpose`. The log fills it in."""
    purpose_note: str = ""
    """What was said with the purpose, such as a ticket."""

    def to_json(self) -> dict[str, Any]:
        # Not asdict: it would copy every cell of the evidence.
        told = {name: getattr(self, name) for name in self.__slots__}
        if not self.purpose_note:
            # Events of before there were notes keep their text, and with it their hash.
            del told["purpose_note"]
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)
