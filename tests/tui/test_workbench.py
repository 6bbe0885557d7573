"""The workbench driven by keys, on a recorded session in a real log."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from agents.log import EventLog
from helpdesk_tui import messages
from helpdesk_tui.app import Workbench
from helpdesk_tui.panes.approvals import options
from helpdesk_tui.screens.evidence import EvidenceScreen
from helpdesk_tui.screens.help import HelpScreen
from inventory.paths import config_dir, ensure_private, state_dir
from tests.tui import story
from tests.tui.bench import NARROW, WIDE, append, replayed, screen_text, until, workbench
from tests.tui.story import NOW, Story, approval

HOSTILE = "[/x][bold] \x1b]0;pwned\x07\x1b[31m \u202egnp.exe " + "é" * 31


async def quiet(pilot: Pilot[Any]) -> None:
    """Let the grace period of a new card pass."""
    await asyncio.sleep(options.GRACE_S + 0.05)
    await pilot.pause()


class Decisions:
    """Collects the decisions that leave the approvals pane instead of carrying them to an expert."""

    def __init__(self, app: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[messages.Decided] = []

        async def decide(decided: messages.Decided) -> None:
            self.made.append(decided)

        monkeypatch.setattr(app.desk.governing, "decide", decide)


# panes and keys


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
async def test_each_pane_has_its_key_in_both_layouts(tmp_path: Path, size: tuple[int, int]) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=size) as pilot:
        app = await replayed(pilot)
        for key, name in (("f3", "trace"), ("f4", "inventory"), ("f5", "approvals"), ("f2", "chat")):
            await pilot.press(key)
            await pilot.pause()
            assert app.workspace.active == name
            assert app.workspace.panes[name].region.height > 0
            assert app.focused in app.workspace.panes[name].query("*")
        visible = [pane for pane in app.workspace.panes.values() if pane.region.height]
        assert len(visible) == (1 if size == NARROW else 4)


async def test_digits_go_to_panes_outside_inputs_and_into_the_prompt_inside(tmp_path: Path) -> None:
    async with workbench(Story().open(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "4")
        assert app.workspace.active == "approvals"
        await pilot.press("1", "2", "q")
        assert app.workspace.active == "chat"
        assert app.workspace.chat.prompt.text == "2q"


async def test_target_bar_key_bar_and_badge_stay_at_80_columns(tmp_path: Path) -> None:
    async with workbench(story.waiting(), tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        lines = screen_text(app).splitlines()
        assert "PRODUCTION" in lines[0] and "orders-prod" in lines[0] and "READ-ONLY" in lines[0]
        assert "F5 Approvals ◆1" in lines[1]
        assert "F1 Help" in lines[23] and "^q Quit" in lines[23]


async def test_a_terminal_too_small_says_so_and_comes_back(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=(50, 12)) as pilot:
        app = await replayed(pilot)
        assert "too small" in screen_text(app)
        await pilot.resize_terminal(*NARROW)
        await pilot.pause()
        assert "too small" not in screen_text(app) and "F2 Chat" in screen_text(app)


async def test_help_shows_the_keys_of_this_place_from_the_one_table(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        shown = screen_text(app)
        assert "fold or unfold the task" in shown and "go to pending approvals" in shown
        assert "ask for that remedy" not in shown
        await pilot.press("escape")
        await pilot.pause()
        assert app.workspace.active == "trace" and not isinstance(app.screen, HelpScreen)


async def test_help_opens_from_an_empty_prompt_only(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("h", "question_mark")
        assert app.workspace.chat.prompt.text == "h?"


async def test_the_palette_finds_a_command_and_a_remedy(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("ctrl+p", *"trace")
        await until(lambda: "Go to trace" in screen_text(app), pilot)
        await pilot.press("enter")
        await until(lambda: app.workspace.active == "trace", pilot)
        await pilot.press("ctrl+p", *"remedy")
        await until(lambda: "Ask for remedy 1" in screen_text(app), pilot)


async def test_a_zoomed_pane_fills_the_screen_and_escape_brings_the_others_back(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f4", "f8")
        await pilot.pause()
        assert app.workspace.inventory.region.width == WIDE[0]
        assert not app.workspace.chat.region.height
        await pilot.press("escape")
        await pilot.pause()
        assert app.workspace.chat.region.height


# chat


async def test_enter_sends_and_newlines_have_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    async with workbench(Story().open(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)

        async def ask(text: str) -> bool:
            asked.append(text)
            return True

        monkeypatch.setattr(app.desk, "ask", ask)
        assert app.views.target.name
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c", "alt+enter", "d", "enter")
        await until(lambda: asked, pilot)
        assert asked == ["a\nb\nc\nd"]
        assert app.workspace.chat.prompt.text == ""


async def test_up_and_down_recall_earlier_questions_and_the_draft(tmp_path: Path) -> None:
    told = Story().open()
    first, second = (f"question {secrets.token_hex(3)}" for _ in range(2))
    told.add("message", {"role": "operator", "text": first})
    told.add("message", {"role": "operator", "text": second})
    async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        prompt = app.workspace.chat.prompt
        await pilot.press("x", "up")
        assert prompt.text == second
        await pilot.press("up", "up")
        assert prompt.text == first
        await pilot.press("down", "down")
        assert prompt.text == "x"


async def test_a_number_on_the_empty_prompt_asks_for_that_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[int] = []
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)

        async def request(number: int) -> None:
            wanted.append(number)

        monkeypatch.setattr(app.desk, "request_remedy", request)
        await pilot.press("2")
        await until(lambda: wanted, pilot)
        assert wanted == [2]
        await pilot.press("9", "x", "1")
        assert app.workspace.chat.prompt.text == "9x1"


async def test_a_long_conclusion_is_shown_from_its_root_cause(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        await until(lambda: "root cause" in screen_text(app), pilot)
        await pilot.press("pagedown", "pagedown")
        await pilot.pause()
        assert "not checked" in screen_text(app)


async def test_streamed_text_shows_and_gives_way_to_the_message(tmp_path: Path) -> None:
    told = Story().open().ask()
    async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        word, secret = secrets.token_hex(6), f"Zq{secrets.token_hex(6)}"
        for piece in ("Looking at **", word, "** now, pass", f"word={secret[:5]}", f"{secret[5:]}, and on"):
            app.workspace.chat.stream("database", piece)
        await until(lambda: f"Looking at {word} now, password=*** and on" in screen_text(app), pilot)
        assert secret not in screen_text(app)
        since = len(told.events)
        told.add("message", {"role": "agent", "text": f"It is {word}."}, task=story.TASK, agent="database")
        told.add("task", {"state": "completed", "text": ""}, task=story.TASK, agent="database")
        append(app, told, since)
        await until(lambda: f"It is {word}." in screen_text(app), pilot)
        assert "Looking at" not in screen_text(app)


async def test_a_secret_in_a_file_of_ours_is_a_notice(tmp_path: Path) -> None:
    key = f"sk-{secrets.token_hex(12)}"
    (ensure_private(config_dir()) / "models.toml").write_text(f'[providers.anthropic]\nkey = "{key}"\n')
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        told: list[str] = []
        await until(
            lambda: (
                told.extend(text for _, text in app.notices)
                or any("helpdesk secrets migrate" in one for one in told)
            ),
            pilot,
        )
        assert key not in str(told)


async def test_two_hundred_answers_stay_within_four_hundred_widgets(tmp_path: Path) -> None:
    told = Story().open()
    for number in range(200):
        told.add("message", {"role": "operator", "text": f"question {number}"})
        told.add(
            "message", {"role": "agent", "text": f"answer {number}\n\n- **one**\n- two\n\n```\ncode\n```"}
        )
    async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await until(lambda: "answer 199" in screen_text(app), pilot)
        assert len(app.screen.query("*")) <= 400
        for number in range(200, 300):
            since = len(told.events)
            told.add("message", {"role": "agent", "text": f"answer {number}"})
            append(app, told, since)
            app.feed.wake()
            if number % 20 == 0:
                await until(lambda n=number: f"answer {n}" in screen_text(app), pilot)
        await until(lambda: "answer 299" in screen_text(app), pilot)
        assert len(app.screen.query("*")) <= 400
        for _ in range(60):
            await pilot.press("pageup")
        await pilot.pause()
        assert len(app.screen.query("*")) <= 400
        assert app.workspace.chat.transcript.held


# what others append


async def test_events_of_another_process_show_up_by_themselves(tmp_path: Path) -> None:
    told = story.triaged()
    async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        since = len(told.events)
        note = f"from elsewhere {secrets.token_hex(4)}"
        told.add("note", {"text": note})
        append(app, told, since)
        await until(lambda: note in screen_text(app), pilot)


async def test_a_second_start_shows_the_same_screen(tmp_path: Path) -> None:
    told = story.mended()
    screens = []
    for _ in range(2):
        async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
            app = await replayed(pilot)
            await until(lambda app=app: "waiters freed" in screen_text(app), pilot)
            screens.append(screen_text(app))
    assert screens[0] == screens[1]


# trace and evidence


async def test_enter_on_a_step_opens_its_statement_and_rows(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "g", "down", "down", "down", "down", "enter")
        await until(lambda: isinstance(app.screen, EvidenceScreen), pilot)
        shown = screen_text(app)
        assert "FROM pg_stat_activity" in shown and "billing-worker" in shown and "7 rows" in shown
        await pilot.press("slash", *"4713", "enter")
        await pilot.pause()
        assert "1 of 7 rows match" in screen_text(app)
        await pilot.press("space")
        await pilot.pause()
        assert "waits_for" in screen_text(app)
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert app.workspace.active == "trace"


async def test_a_filter_is_shown_and_escape_clears_it_before_it_cancels(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "slash", *"slots", "enter")
        await pilot.pause()
        assert len(app.workspace.trace.rows.rows) == 3
        assert "/ slots" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.workspace.trace.rows.rows) > 3


async def test_copying_writes_a_private_file_and_says_where(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE, notifications=True) as pilot:
        app = await replayed(pilot)
        await pilot.press("f6")
        await until(lambda: isinstance(app.screen, EvidenceScreen), pilot)
        await pilot.press("s")
        kept = state_dir() / "clipboard.txt"
        await until(kept.exists, pilot)
        assert kept.read_text().startswith("SELECT a.pid")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        await until(lambda: "clipboard.txt" in screen_text(app), pilot)
        assert app.clipboard.startswith("SELECT a.pid")


# approvals


async def test_the_choices_stay_in_sight_under_a_card_that_is_too_long(tmp_path: Path) -> None:
    told = story.waiting(query="SELECT " + "x, " * 4000)
    async with workbench(told, tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        for _ in range(8):
            lines = screen_text(app).splitlines()
            assert "● DESTRUCTIVE  end session 3931" in lines[3]
            assert "expires 14:48" in lines[19] and "type 3931" in lines[20]
            assert "[ Deny ]" in lines[21] and "Approve" in lines[21]
            await pilot.press("pagedown")
        assert app.workspace.approvals.query_one("#card-body").scroll_y > 0


async def test_a_new_card_takes_the_focus_but_ignores_keys_until_the_keyboard_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story.triaged()
    app = workbench(told, tmp_path)
    decisions = Decisions(app, monkeypatch)
    # Longer than any test takes: a busy machine must not arm the card between two keys.
    monkeypatch.setattr(options, "GRACE_S", 600.0)
    async with app.run_test(size=WIDE) as pilot:
        await replayed(pilot)
        since = len(told.events)
        told.add("approval.requested", {"approval": approval(risk="write")}, task="task-2", agent="database")
        append(app, told, since)
        await until(lambda: app.workspace.active == "approvals", pilot)
        await pilot.press(*"and a half sentence", "enter")
        assert app.workspace.approvals.options.choice == "deny"
        assert not decisions.made
        monkeypatch.setattr(options, "GRACE_S", 0.0)
        # A yes that unlocks production needs the name of the target, whatever its risk.
        await pilot.press("a", *"orders-prod", "enter")
        await until(lambda: decisions.made, pilot)
        assert decisions.made[0].decision == "approve" and decisions.made[0].unlock
        assert decisions.made[0].confirmation == "orders-prod"


async def test_a_new_card_does_not_take_the_focus_from_someone_who_types(tmp_path: Path) -> None:
    told = story.triaged()
    async with workbench(told, tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        await pilot.press("h", "i")
        since = len(told.events)
        told.add("approval.requested", {"approval": approval()}, task="task-2", agent="database")
        append(app, told, since)
        await until(lambda: "◆1" in screen_text(app), pilot)
        assert app.workspace.active == "chat"
        await pilot.press("!")
        assert app.workspace.chat.prompt.text == "hi!"


async def test_enter_denies_because_deny_is_chosen_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = workbench(story.waiting(), tmp_path)
    decisions = Decisions(app, monkeypatch)
    async with app.run_test(size=NARROW) as pilot:
        await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        await pilot.press("enter")
        await until(lambda: decisions.made, pilot)
    assert [(made.decision, made.unlock, made.confirmation) for made in decisions.made] == [
        ("deny", False, "")
    ]


async def test_a_destructive_action_needs_the_typed_pid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = workbench(story.waiting(), tmp_path)
    decisions = Decisions(app, monkeypatch)
    async with app.run_test(size=NARROW) as pilot:
        await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        await pilot.press("right", "right", "enter")
        await pilot.pause()
        assert not decisions.made and "type 3931 first" in screen_text(app)
        await pilot.press(*"3932", "enter")
        await pilot.pause()
        assert not decisions.made
        await pilot.press("backspace", "1", "enter", "enter")
        await until(lambda: decisions.made, pilot)
    assert len(decisions.made) == 1
    made = decisions.made[0]
    assert (made.decision, made.confirmation, made.unlock) == ("approve", "3931", True)
    assert made.call_sha256 == approval()["call_sha256"]


async def test_escape_leaves_the_typing_and_goes_back_to_deny(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = workbench(story.waiting(), tmp_path)
    decisions = Decisions(app, monkeypatch)
    async with app.run_test(size=NARROW) as pilot:
        await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        await pilot.press("a", *"39", "escape")
        await pilot.pause()
        assert app.workspace.approvals.options.choice == "deny"
        assert app.focused is app.workspace.approvals.options
        assert not decisions.made


async def test_a_denial_can_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = workbench(story.waiting(), tmp_path)
    decisions = Decisions(app, monkeypatch)
    async with app.run_test(size=WIDE) as pilot:
        await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        await pilot.press("n", *"later", "enter")
        await until(lambda: decisions.made, pilot)
    assert (decisions.made[0].decision, decisions.made[0].reason) == ("deny", "later")


async def test_the_next_card_is_deaf_again_after_a_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story.waiting(risk="write")
    told.add("approval.requested", {"approval": {**approval(risk="write"), "id": "b" * 26}}, task="task-3")
    app = workbench(told, tmp_path)
    decisions = Decisions(app, monkeypatch)
    async with app.run_test(size=WIDE) as pilot:
        await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        await pilot.press("a", *"orders-prod", "enter")
        await until(lambda: decisions.made, pilot)
        monkeypatch.setattr(options, "GRACE_S", 600.0)
        since = len(told.events)
        body = {
            "approval": approval()["id"],
            "decision": "approve",
            "by": "operator:ana",
            "reason": "",
            "confirmation": "",
        }
        told.add("approval.decided", body, task="task-2")
        append(app, told, since)
        await until(lambda: app.workspace.approvals.ask and app.workspace.approvals.ask.id == "b" * 26, pilot)
        await pilot.press("a", "enter")
        await pilot.pause()
        assert len(decisions.made) == 1


async def test_an_expired_card_cannot_be_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = workbench(story.waiting(), tmp_path, clock=lambda: NOW + timedelta(minutes=20))
    decisions = Decisions(app, monkeypatch)
    async with app.run_test(size=NARROW) as pilot:
        await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        assert "EXPIRED" in screen_text(app) and "[ Deny ]" not in screen_text(app)
        await pilot.press("a", "enter", "d", "enter")
        await pilot.pause()
    assert not decisions.made


async def test_the_evidence_of_a_card_opens_from_the_card(tmp_path: Path) -> None:
    async with workbench(story.waiting(), tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        await pilot.press("f5")
        await quiet(pilot)
        await pilot.press("e")
        await until(lambda: isinstance(app.screen, EvidenceScreen), pilot)
        assert "E3fa21c09d4" in screen_text(app)
        await pilot.press("escape", "right", "right", "right", "enter")
        await until(lambda: isinstance(app.screen, EvidenceScreen), pilot)


# hostile data


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
async def test_hostile_text_from_everywhere_is_only_text(tmp_path: Path, size: tuple[int, int]) -> None:
    told = Story(target={**story.TARGET, "name": "n" + HOSTILE, "host": HOSTILE}).open()
    told.ask(HOSTILE).tool(HOSTILE, story.lock_evidence()).tool("t", error=HOSTILE)
    found = [
        type(item)(
            **{
                **{k: getattr(item, k) for k in item.__dataclass_fields__},
                "title": HOSTILE,
                "summary": HOSTILE,
            }
        )
        for item in story.findings()
    ]
    told.find(*found).conclude(
        HOSTILE, *found, not_checked=[{"condition": HOSTILE, "reason": HOSTILE, "remedy": HOSTILE}]
    )
    asked = approval(query=HOSTILE * 200)
    asked["preview"]["action"] = asked["preview"]["effect"][0] = asked["why"]["title"] = HOSTILE
    told.add("approval.requested", {"approval": asked}, task="task-2", agent="database")
    told.add("message", {"role": "agent", "text": HOSTILE + "x" * 1_000_000})
    told.add("agent", {"state": "down", "text": HOSTILE})
    async with workbench(told, tmp_path).run_test(size=size, notifications=True) as pilot:
        app = await replayed(pilot)
        app.notify(HOSTILE, title=HOSTILE)
        for key in (
            "f2",
            "f3",
            "slash",
            "[",
            "/",
            "x",
            "]",
            "escape",
            "f4",
            "f5",
            "e",
            "escape",
            "f6",
            "escape",
            "ctrl+p",
        ):
            await pilot.press(key)
            await pilot.pause()
            shown = screen_text(app)
            assert not {"\x1b", "\x07", "\u202e"} & set(shown), key
        assert "[/x][bold]" in shown or app.is_running


async def test_a_crash_leaves_one_line_and_no_local_variables(tmp_path: Path) -> None:
    app = workbench(story.triaged(), tmp_path)
    secret = secrets.token_hex(16)

    def explode() -> None:
        hidden = secret
        raise RuntimeError(f"unforeseen{hidden[:0]}")

    with pytest.raises(RuntimeError):
        async with app.run_test(size=WIDE) as pilot:
            await replayed(pilot)
            app.call_later(explode)
            await pilot.pause(0.2)
    assert app.return_code == 3
    assert "unforeseen" in app.failure and "\n" not in app.failure
    kept = (state_dir() / "crash.log").read_text()
    assert "RuntimeError" in kept and secret not in kept


async def test_a_log_that_cannot_be_used_ends_with_one_line(tmp_path: Path) -> None:
    app = workbench(story.triaged(), tmp_path)
    log = app.options.log
    assert log is not None
    for path in log.parent.glob("log.sqlite*"):
        path.unlink()
    log.write_bytes(os.urandom(4096))
    async with app.run_test(size=NARROW) as pilot:
        await until(lambda: app.failure, pilot)
    assert app.return_code == 3
    assert "log.sqlite" in app.failure and "\n" not in app.failure


async def test_the_log_is_only_read_by_a_replay(tmp_path: Path) -> None:
    told = story.triaged()
    async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "f4", "f5", "f2")
        with EventLog.open(app.options.log) as log:
            assert [item.event.id for item in log.events(told.session)] == [event.id for event in told.events]


async def test_sql_is_typed_in_a_mode_of_its_own_and_its_rows_open(tmp_path: Path) -> None:
    word, told = secrets.token_hex(6), story.triaged()
    async with workbench(told, tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        await pilot.press("ctrl+p", *"only reads")
        await until(lambda: "Run SQL" in screen_text(app), pilot)
        await pilot.press("enter")
        await until(lambda: app.workspace.chat.prompt.text == "/sql ", pilot)
        shown = screen_text(app)
        assert "read-only, within limits" in shown and "not promised" in shown
        app.workspace.chat.prompt.insert(f"SELECT\n'\x1b]52;c;{word}\x07'")
        assert "\\x1b]52;" in app.workspace.chat.prompt.text
        await pilot.press("enter")
        await until(lambda: word in screen_text(app), pilot)
        with EventLog.open(app.options.log) as log:
            bodies = [item.event.body for item in log.events(told.session, kinds=("message",))]
        assert bodies[-1]["request"]["tool"] == "run_sql"
        assert bodies[-1]["request"]["arguments"] == {"statement": f"SELECT\n'\\x1b]52;c;{word}\\x07'"}
        since = len(told.events)
        told.tool("run_sql", replace(story.lock_evidence(), id="E0000000002", tool="run_sql"))
        append(app, told, since)
        await until(lambda: isinstance(app.screen, EvidenceScreen), pilot)
        assert "E0000000002" in screen_text(app)


async def test_what_a_paste_hides_is_shown_in_a_filter(tmp_path: Path) -> None:
    async with workbench(story.triaged(), tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "slash")
        app.screen.post_message(events.Paste("a\u202eb\x1b[2Jc"))
        await until(lambda: "a\\u202eb\\x1b[2Jc" in screen_text(app), pilot)
