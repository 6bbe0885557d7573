"""What a tool is: a name, a risk, typed parameters, and what the executor may call on it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.kernel.records import Evidence, Risk


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool with exact arguments on one target."""

    tool: str
    arguments: Mapping[str, Any]
    target: str
    finding: str = ""
    """Id of the finding that asks for it, where there is one."""


@dataclass(frozen=True, slots=True)
class Victim:
    """Something an action would hit, as it is right now."""

    identity: Mapping[str, Any]
    """What binds the approval: for a session `pid`, `backend_start`, `xact_start`, `query_id`; for a slot its name and so on."""
    facts: Mapping[str, Any]
    """What the operator is shown: user, database, application, client, state, query, transaction and idle age,
    wrote, locks, waiters (list of pids)."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do, to whom, with what effect. Captured live, before anyone is asked."""

    action: str
    """A human sentence: `end session 3931 of app billing-worker on orders-prod`."""
    victims: tuple[Victim, ...]
    effect: tuple[str, ...]
    """Lines: sessions ended, waiters freed m of n and who stays behind, work lost, lock mode, restart needed."""
    reversible: str
    """How it is undone, or `not reversible: …`."""
    alternatives: tuple[str, ...]
    """Less destructive steps first, then what happens if nothing is done."""
    confirmation: str
    """What the operator must type: the pid for a session, the target's or object's name otherwise."""
    captured_at: str
    undo: Mapping[str, Any] | None = None
    """The call that undoes it, `tool` and `arguments`, captured before the act; None where no tool of ours does."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did, and what a re-read of the same evidence says of it."""

    ok: bool
    text: str
    """One or two sentences for the operator."""
    verified: bool | None
    """True: the evidence confirms the effect. False: it does not. None: it could not be read."""
    freed: tuple[int, ...] = ()
    """Pids that waited before and do not wait any more."""
    evidence: tuple[Evidence, ...] = ()


class Refused(Exception):
    """The executor or a tool will not do this; the text is one line for the operator."""


class InputRequired(Exception):
    """The expert or a tool asks the operator something in plain words; the task waits and goes on with the reply."""

    def __init__(self, text: str, choices: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.choices = tuple(choices)


ReadRun = Callable[[Mapping[str, Any], str], Awaitable[Evidence]]
"""arguments, target name → evidence."""
ChangePreview = Callable[[Mapping[str, Any], str], Awaitable[Preview]]
"""arguments, target name → preview; raises Refused where the action is never right (a walsender, our own pid …)."""
ChangeRun = Callable[[Mapping[str, Any], str, Preview], Awaitable[Outcome]]
"""arguments, target name, the preview read right before → outcome, verified."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A typed tool. `read` has `run`; `write` and `destructive` have `preview` and `change`."""

    name: str
    risk: Risk
    summary: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments: an object with `additionalProperties: false`."""
    target: str = ""
    """The one thing it works on, where that is no target of the inventory: every call of it goes there."""
    by_hand: bool = False
    """True: for people. No model is offered it unless a rule of the policy names it."""
    run: ReadRun | None = field(default=None, repr=False)
    preview: ChangePreview | None = field(default=None, repr=False)
    change: ChangeRun | None = field(default=None, repr=False)


class LateTools(Mapping[str, Tool]):
    """Tools of which some come from elsewhere, and are not there before they are asked for."""

    @abstractmethod
    async def prepare(self, *names: str) -> None:
        """Return once the tools of these names (without names: all) can be called, or surely cannot."""
