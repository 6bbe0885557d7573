"""The operator's own editor for a question, and words found in the log of every session."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

from agents.log import EventLog
from helpdesk_tui.session import operator
from inventory.paths import state_dir
from tests.commands.test_command_line import helpdesk
from tests.terminal import Terminal
from tests.tui.story import Story
from tests.tui.test_terminal import command, told_log

EDITOR = """
import os, stat, sys
path = sys.argv[-1]
assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
with open(path, "a") as file:
    file.write("{word}\\n")
"""


def test_a_question_from_the_editor_and_a_search_over_all_sessions(isolated_home: Path) -> None:
    session, word = told_log(), f"x{secrets.token_hex(5)}"
    other = Story(session=secrets.token_hex(13))
    other.add("message", {"role": "operator", "text": f"Earlier: {'long ago ' * 20}{word} was here"})
    with EventLog.open() as log:
        log.append(*other.events)
    script = isolated_home / "editor.py"
    script.write_text(EDITOR.format(word=word))
    environment = {"VISUAL": "", "EDITOR": f"{sys.executable} {script}"}
    with Terminal(command(session), columns=80, lines=24, environment=environment) as terminal:
        terminal.wait_for("root cause")
        terminal.type("why ")
        terminal.wait_for("why")
        terminal.press("ctrl+g")
        terminal.wait_for(f"why {word}")
        assert not list(state_dir().glob("question-*"))
        terminal.press("ctrl+p")
        terminal.wait_for("Search")
        terminal.type("search every")
        terminal.wait_for("words in anything that was ever recorded")
        terminal.press("enter")
        terminal.wait_for("all of them; the last one may be a beginning")
        terminal.type(f"{word[:8]}\r")
        terminal.wait_for(f"1 found: {word[:8]}")
        terminal.press("enter")
        terminal.wait_for(f"helpdesk --session {other.session}")
        terminal.press("escape", "escape", "ctrl+q")
        assert terminal.wait_for_exit() == 0
    found = helpdesk("session", "search", word)
    assert found.returncode == 0 and f"… {word} was here" not in found.stderr
    assert other.session in found.stdout and word in found.stdout and "message" in found.stdout
    assert [event["principal"] for event in json.loads(helpdesk("session", "search", word, "--json").stdout)]
    assert "Nothing in any session" in helpdesk("session", "search", f"{operator()}{word}q").stdout
