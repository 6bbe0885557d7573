"""The command palette: everything a key does, every target and every remedy, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from helpdesk_tui.keys import first_shown, of
from helpdesk_tui.messages import (
    CallPolicyWanted,
    PolicyWanted,
    RemedyChosen,
    RouteTaught,
    TargetPolicyWanted,
    TargetWanted,
)  # fmt: skip
from helpdesk_tui.screens import governing
from helpdesk_tui.screens.finding import ask_for_words
from helpdesk_tui.settings import THEMES
from inventory.masking import inert_line

if TYPE_CHECKING:
    from helpdesk_tui.bench import Bench

Command = tuple[str, str, Callable[[], object]]


class WorkbenchCommands(Provider):
    """What the palette offers."""

    @property
    def bench(self) -> Bench:
        return cast("Bench", self.app)

    def commands(self) -> Iterator[Command]:
        """Name, help and what to run."""
        for key in of("everywhere"):
            if key.id not in {"palette", "cancel"}:
                name = key.help[0].upper() + key.help[1:]
                yield (
                    name,
                    f"key {first_shown(key)}",
                    partial(self.bench.run_action, key.action.removeprefix("app.")),
                )
        yield "Run SQL that only reads", "type it behind /sql", self.bench.type_sql
        yield "Cancel the running task", "key Esc", partial(self.bench.run_action, "cancel_task")
        yield "Write the question in $EDITOR", "key ^g", partial(self.bench.run_action, "write_question")
        yield (
            "Search every session",
            "words in anything that was ever recorded",
            partial(ask_for_words, self.bench),
        )
        yield from self.governance()
        for number, remedy in enumerate(self.bench.views.chat.remedies, 1):
            yield (
                f"Ask for remedy {number}: {remedy.why}",
                remedy.risk,
                partial(self.bench.post_message, RemedyChosen(number)),
            )
        for name in self.bench.views.inventory.targets:
            yield (
                f"Target: {name}",
                "work on this database",
                partial(self.bench.post_message, TargetWanted(name)),
            )
        agents = self.bench.views.agents.agents
        for name in agents if len(agents) > 1 else ():
            yield (
                f"Ask {name}",
                f"begin a question to @{name}",
                partial(self.bench.workspace.address, name),
            )
            yield (
                f"The last question should have gone to {name}",
                "it goes there now, and such questions from now on",
                partial(self.bench.post_message, RouteTaught(name)),
            )
        for theme in THEMES:
            yield f"Theme: {theme}", "colours", partial(self.bench.choose_theme, theme)

    def governance(self) -> Iterator[Command]:
        """Purpose, policy, approvals and locks."""
        bench, target = self.bench, self.bench.views.target.name
        yield (
            "Purpose and note of this session",
            "what it is for, such as a ticket",
            partial(governing.say_purpose, bench),
        )
        yield (
            "All approvals and grants of this session",
            "also those that are over",
            partial(governing.show_decisions, bench),
        )
        yield (
            "Policy: what is in force",
            "its rules, and doubts about them",
            partial(bench.post_message, PolicyWanted()),
        )
        if not target:
            return
        yield (
            f"Policy: what calls on {target} need",
            "which rules, and what would have to change",
            partial(bench.post_message, TargetPolicyWanted(target)),
        )
        unlocked = target in bench.views.target.unlocked
        verb, about = ("Lock", "read-only again") if unlocked else ("Unlock", "changes can then be approved")
        yield f"{verb} {target}", about, partial(governing.lock_or_unlock, bench)
        for remedy in bench.views.chat.remedies:
            call = {"tool": remedy.tool, "risk": remedy.risk}
            yield (
                f"Policy: may {remedy.tool} run on {target}?",
                "which rule decides, and what would have to change",
                partial(bench.post_message, CallPolicyWanted(call, target)),
            )

    async def discover(self) -> Hits:
        for name, about, run in self.commands():
            yield DiscoveryHit(
                Content(inert_line(name)), run, text=inert_line(name), help=escape(inert_line(about))
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about, run in self.commands():
            shown = inert_line(name)
            if (score := matcher.match(shown)) > 0:
                yield Hit(score, Content(shown), run, text=shown, help=escape(inert_line(about)))
