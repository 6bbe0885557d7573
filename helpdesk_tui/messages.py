"""Messages that panes and screens send to the app: what the operator wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from agents.governance.approval import Terms


@dataclass
class CopyWanted(Message):
    """Put this text on the clipboard."""

    text: str
    what: str
    """What it is, for the notice: `the last answer`."""


@dataclass
class EvidenceWanted(Message):
    """Open these pieces of evidence."""

    ids: list[str]


@dataclass
class PolicyWanted(Message):
    """Show the policy that is in force."""


@dataclass
class TargetPolicyWanted(Message):
    """Show what the policy says of calls on this target."""

    target: str


@dataclass
class CallPolicyWanted(Message):
    """Show what the policy says of a call, or of what an approval asks."""

    call: Mapping[str, Any]
    target: str
    approval: str = ""


@dataclass
class PulseWanted(Message):
    """Read the health of every target now."""


@dataclass
class AgentAddressed(Message):
    """Begin a question to this agent."""

    agent: str


class Wish(Message):
    """Something that the desk does; all kinds arrive in the app's one `on_wish`."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.handler_name = "on_wish"


@dataclass
class QuestionAsked(Wish):
    """Ask this."""

    text: str
    refused: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Gets the text back where it cannot be asked now."""


@dataclass
class StatementTyped(Wish):
    """Run this statement, which stands behind `/sql`."""

    text: str
    refused: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Gets the text back where it cannot be run now."""


@dataclass
class AgentChosen(Wish):
    """Send the question that waits for an agent to this one."""

    agent: str


@dataclass
class RouteTaught(Wish):
    """The last question should have gone to this agent: it goes there now, and such questions from now on."""

    agent: str


@dataclass
class ReplyGiven(Wish):
    """Answer the plain question of a task."""

    task: str
    text: str


@dataclass
class AskedAgain(Wish):
    """Ask a kept question again, by the id of its message; or look again at a task that waits for something elsewhere."""

    id: str


@dataclass
class OfferDropped(Wish):
    """Let go of a question that waits for an agent, or was kept for one."""


@dataclass
class AgentsWanted(Wish):
    """Read the registry again, and look at every agent now."""


@dataclass
class RemedyChosen(Wish):
    """Ask for this remedy of the last conclusion, counted from 1."""

    number: int


@dataclass
class TargetWanted(Wish):
    """Work on this target from now on."""

    name: str


@dataclass
class Decided(Wish):
    """The operator decided on an approval."""

    approval: str
    decision: str
    """`approve` or `deny`."""
    reason: str = ""
    confirmation: str = ""
    unlock: bool = False
    call_sha256: str = ""
    """The binding of the card that was on the screen."""
    grant: Terms | None = None
    """With a yes: so many further calls, for so long."""
    failed: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Told the approval's id where the decision did not arrive."""


@dataclass
class RefreshWanted(Wish):
    """Read the victims of an approval again."""

    approval: str
