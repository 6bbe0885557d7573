"""`helpdesk policy`: what is in force, why a call is judged as it is, and a file to begin with."""

from __future__ import annotations

import difflib
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from agents.command_group import CommandGroup
from agents.governance.explanation import Explanation, explain
from agents.governance.policy_file import PURPOSES, STARTER, load_policy, parse_policy, policy_path
from agents.governance.roles import load_roles, roles_path
from agents.governance.rule import Impact, Request
from agents.kernel.event import Event
from agents.log import EventLog
from helpdesk_tui.commands.moments import moment_in
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.commands.sessions import LAST, find_session
from helpdesk_tui.policy_check import check as look_at
from helpdesk_tui.policy_text import explained
from helpdesk_tui.session import operator
from inventory.errors import UserError
from inventory.toml_file import write_text


@click.group(cls=CommandGroup)
def policy() -> None:
    """What runs, what needs an approval, what is never done.

    \b
    Examples:
      helpdesk policy check
      helpdesk policy explain terminate_session orders-prod --as ann --purpose emergency
      helpdesk policy init
    """


@policy.command()
def init() -> None:
    """Write a commented policy.toml that does what is done without one."""
    path = policy_path()
    if path.exists():
        raise UserError(f"{path}: is there already; helpdesk policy check tells what it says")
    write_text(path, STARTER)
    print_text(f"{path}: written; edit it, then: helpdesk policy check")


@policy.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(file: Path | None, as_json: bool) -> None:
    """What is in force, or would be with FILE; exit 2 with file, line and reason where it does not parse."""
    if file is not None and not file.exists():
        raise UserError(f"{file}: is not there, expected a policy file; helpdesk policy init writes one")
    checked = look_at(file, known_tools())
    if as_json:
        print_json(checked.to_json())
        return
    print_text("\n".join(checked.lines()))
    print_table(
        ["RULE", "EFFECT", "PRIORITY", "WHAT IT SAYS"],
        [(rule.name, rule.effect, rule.priority, rule.comment or "-") for rule in checked.policy.rules],
        empty="No rule at all: everything is denied.",
    )
    for doubt in checked.doubts():
        print_text(doubt)
    if checked.difference:
        print_text(f"\nNot in force yet; it will be with the next call:\n{checked.difference}")


@policy.command("explain")
@click.argument("tool")
@click.argument("target")
@click.option("--as", "user", metavar="USER", help="For whom; default: you.")
@click.option(
    "--purpose",
    type=click.Choice(PURPOSES),
    metavar="PURPOSE",
    help="As if the session were for it: remediation …",
)
@click.option("--at", metavar="TIME", help="ISO 8601; without a zone it is UTC. Default: now.")
@click.option("--unlocked", is_flag=True, help="As if the target were unlocked in the session.")
@click.option("--victims", type=click.IntRange(0), metavar="NUMBER", help="As if it would hit so many.")
@click.option("--rows", type=click.IntRange(0), metavar="NUMBER", help="As if it would change so many rows.")
@click.option(
    "--xact-age",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="As if it would end such an old transaction.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain_call(
    tool: str,
    target: str,
    user: str | None,
    purpose: str | None,
    at: str | None,
    unlocked: bool,
    victims: int | None,
    rows: int | None,
    xact_age: float | None,
    as_json: bool,
) -> None:
    """Which rule decides on TOOL for TARGET, why, and what would have to change."""
    counted = (victims, rows, xact_age) != (None, None, None)
    described = _described(target)
    principal = _principal(user)
    roles = load_roles()
    request = Request(
        tool=tool,
        risk=_risk(tool),
        target=described,
        principal=principal,
        roles=roles.of(principal, described),
        purpose=purpose or "",
        at=moment_in(at, "--at") if at else datetime.now(UTC),
        unlocked=unlocked,
        impact=Impact(1 if victims is None else victims, rows, xact_age or 0.0) if counted else None,
    )
    told = explain(load_policy(), request)
    refusal = roles.refusal(principal, "read" if request.risk == "read" else "ask", described)
    if as_json:
        print_json(_explain_json(told, refusal))
        return
    print_text("\n".join(explained(told, request, refusal)))


@policy.command()
@click.argument("purpose", type=click.Choice(PURPOSES), metavar="PURPOSE")
@click.option("--note", default="", help="Such as a ticket; kept with it.")
@click.option("--session", "session_id", default=LAST, metavar="SESSION", help="Default: the last one.")
def purpose(purpose: str, note: str, session_id: str) -> None:
    """Say what a session is for: on each of its events from now on, and rules may ask for it.

    PURPOSE: diagnostic, remediation, maintenance, emergency, compliance or testing.
    """
    with EventLog.open() as log:
        session = find_session(log, session_id)
        body = {"purpose": purpose, "note": note, "by": operator()}
        log.append(Event("session.purpose", session.id, body, operator(), target=session.target))
    print_text(f"session {session.id}: {purpose}{f' ({note})' if note else ''}")


@policy.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--users", type=click.Path(dir_okay=False, path_type=Path), help="users.yaml: who is in which role."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the rules there, and with --users roles.toml beside it, instead of printing them.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print rules, roles and notes as JSON.")
def import_policies(file: Path, users: Path | None, output: Path | None, as_json: bool) -> None:
    """aiHelpDesk's policies in FILE as a policy.toml: nothing is allowed here that is not allowed there.

    Each rule that says something else there than it seems to is told on standard error.
    """
    from agents.governance.aihelpdesk.source import read_policies
    from agents.governance.aihelpdesk.translation import translate
    from agents.governance.aihelpdesk.users import read_users, roles_text, users_notes
    from agents.governance.aihelpdesk.writing import policy_text

    people = read_users(users) if users else None
    translated = translate(read_policies(file), people)
    text = policy_text(translated, file.name)
    parse_policy(text, output or policy_path())
    who = roles_text(people, file) if people else ""
    notes = [(file, note) for note in translated.notes]
    notes += [(people.path, note) for note in users_notes(people)] if people else []
    if as_json:
        told = [{"file": str(path), "line": n.line, "where": n.where, "text": n.text} for path, n in notes]
        print_json({"policy": text, "roles": who, "notes": told})
        return
    for path, n in notes:
        print_text(f"{path}:{n.line}: {n.where}: {n.text}", err=True)
    if output is None:
        print_text(f"{text}\n# roles.toml\n{who}" if who else text)
        return
    for path, content in ((output, text), (output.parent / roles_path().name, who)):
        if content:
            _write_new(path, content)


@policy.command()
@click.argument("name")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where the token goes (0600); its owner gives it with --token-file.",
)  # fmt: skip
def token(name: str, output: Path) -> None:
    """Make a token for a person or program, so that they are told apart; prints what goes into roles.toml."""
    if not re.fullmatch(r"[A-Za-z0-9_.@-]+", name):
        raise UserError(
            f"{name!r}: expected a name of letters, digits, _ . @ and -, such as ann or ci-runner"
        )
    if output.exists():
        raise UserError(f"{output}: is there already; give another file")
    value = secrets.token_urlsafe(32)
    write_text(output, value + "\n")
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
    print_text(f"# {roles_path()}\n[callers.{key}]")
    print_text(f'token_sha256 = "{hashlib.sha256(value.encode()).hexdigest()}"')


def _write_new(path: Path, text: str) -> None:
    if path.exists():
        raise UserError(f"{path}: is there already; give another file with -o")
    write_text(path, text)
    print_text(f"{path}: written; helpdesk policy check tells what it says")


def known_tools() -> dict[str, str]:
    """Tools of the local experts, with their risk."""
    from agents.loading import load
    from agents.protocol.experts import EXPERTS

    return {name: tool.risk for expert in load(EXPERTS) for name, tool in expert.tools.items()}


def _risk(tool: str) -> str:
    tools = known_tools()
    if tool not in tools:
        near = difflib.get_close_matches(tool, tools, n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "a name such as terminate_session was expected"
        )
        raise UserError(f"no local expert has a tool {tool!r}; {hint}")
    return tools[tool]


def _described(target: str) -> Mapping[str, Any]:
    from inventory.registry import load, resolve

    return resolve(target, load()).describe()


def _principal(user: str | None) -> str:
    if user is None:
        return operator()
    if not user.strip():
        raise UserError("--as: expected a user, such as ann, or a principal, such as agent:database")
    return user if ":" in user else f"operator:{user}"


def _explain_json(told: Explanation, refusal: str) -> dict[str, Any]:
    return {
        "effect": "deny" if refusal else told.verdict.effect,
        "rule": "roles" if refusal else told.verdict.rule,
        "text": refusal or told.verdict.text,
        "approvers": told.verdict.approvers,
        "four_eyes": told.verdict.four_eyes,
        "rules": [
            {
                "name": item.rule.name,
                "effect": item.rule.effect,
                "decides": item.decides,
                "misses": list(item.misses),
                "limit": item.limit,
            }
            for item in told.rules
        ],
        "changes": list(told.changes),
    }
