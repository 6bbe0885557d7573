"""Commands over the experts' knowledge: `helpdesk conditions` and `helpdesk grants`."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from agents.command_group import CommandGroup
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.database.condition import Condition
    from agents.kernel.tool import Tool

PURPOSES = {
    "monitor": "Each GRANT opens the conditions named above it; without it they are reported as not checked.",
    "action": "Each GRANT lets the remedies named above it run; keep this role apart from the one that monitors.",
}
WIDTH = 96
"""Columns of running text."""
NEWEST = 18
OLDEST = 14


@click.group(cls=CommandGroup)
def conditions() -> None:
    """What the database expert recognises, with thresholds and statements.

    \b
    Examples:
      helpdesk conditions list
      helpdesk conditions show lock.blocking_tree --sql
      helpdesk conditions list --json --server-version 16
    """


_SERVER_VERSION = click.option(
    "--server-version",
    type=click.IntRange(min=OLDEST),
    default=NEWEST,
    show_default=True,
    metavar="MAJOR",
    help="Show statements as this PostgreSQL version gets them.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@conditions.command("list")
@_JSON
@_SERVER_VERSION
def list_conditions(as_json: bool, server_version: int) -> None:
    """Every condition: id, worst severity, title."""
    from agents.database.catalogue import all_conditions

    catalogue = all_conditions()
    if as_json:
        tools = _change_tools()
        described = [describe(condition, server_version, tools) for condition in catalogue.values()]
        _print_json({"schema": "helpdesk.conditions/1", "conditions": described})
        return
    width = max(map(len, catalogue))
    for condition in catalogue.values():
        click.echo(f"{condition.id:<{width}}  {condition.severity:<8}  {condition.title}")


@conditions.command("show")
@click.argument("condition_id", metavar="ID")
@click.option("--sql", "with_sql", is_flag=True, help="Print the statements too.")
@_JSON
@_SERVER_VERSION
def show_condition(condition_id: str, with_sql: bool, as_json: bool, server_version: int) -> None:
    """One condition: what it means, thresholds, statements, causes, remedies, grants."""
    from agents.database.catalogue import all_conditions

    catalogue = all_conditions()
    if condition_id not in catalogue:
        near = difflib.get_close_matches(condition_id, catalogue, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "see: helpdesk conditions list"
        raise UserError(f"no condition {condition_id!r}; {hint}")
    described = describe(catalogue[condition_id], server_version, _change_tools())
    if as_json:
        _print_json(described)
        return
    click.echo("\n".join(_lines(described, with_sql)))


@click.command()
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["monitor", "action"]),
    default="monitor",
    show_default=True,
    help="monitor: to diagnose. action: to carry out remedies, as a role of its own.",
)
@click.option(
    "--role", default="", metavar="NAME", help="Name of the role (helpdesk_monitor, helpdesk_action)."
)
@_SERVER_VERSION
def grants(purpose: str, role: str, server_version: int) -> None:
    """Print the SQL that gives a role the least rights that are enough.

    \b
    Examples:
      helpdesk grants > monitor.sql
      helpdesk grants --for action --server-version 16
    """
    from agents.database.rights import action_rights, monitor_rights, script
    from agents.database.wording import quoted
    from inventory.masking import inert_line

    name = inert_line(role) or f"helpdesk_{purpose}"
    tools = {tool.name: tool.risk for tool in _change_tools().values()}
    rights = monitor_rights() if purpose == "monitor" else action_rights(tools)
    click.echo(f"-- Run as a superuser, in each database that is to be looked after. {PURPOSES[purpose]}")
    click.echo(f"CREATE ROLE {quoted(name)} LOGIN;  -- and give it a password or a line in pg_hba.conf")
    for line in script(rights, name, server_version):
        click.echo(line)


def describe(condition: Condition, server_version: int, tools: Mapping[str, Tool]) -> dict[str, Any]:
    """The condition as plain JSON, with its statements as a server of that major version gets them."""
    from agents.database.logs.tools import LOG_CLASSES
    from agents.database.reading import written_out
    from agents.database.statement import all_statements

    statements = all_statements()
    return {
        "id": condition.id,
        "title": condition.title,
        "severity": condition.severity,
        "meaning": condition.meaning,
        "thresholds": {
            name: {"value": threshold.value, "unit": threshold.unit, "source": threshold.source}
            for name, threshold in condition.thresholds.items()
        },
        "statements": [
            {
                "name": name,
                "needed": name not in condition.wants,
                "summary": statements[name].summary,
                "from_version": (variant := statements[name].variant_for(server_version * 10000)).major,
                "sql": written_out(variant.sql, {"row_limit": statements[name].row_limit}),
            }
            for name in condition.statements()
            if name in statements
        ],
        "sampled_twice": list(condition.rates),
        "on_request": condition.on_request,
        "reads_log": LOG_CLASSES in condition.statements(),
        "seen_when_connecting": condition.refused is not None,
        "causes": [cause.condition for cause in condition.causes],
        "remedies": [
            {"tool": name, "risk": tools[name].risk, "summary": tools[name].summary}
            for name in condition.remedies
        ],
        "grants": list(condition.grants),
        "extension": condition.extension,
    }


def _change_tools() -> Mapping[str, Tool]:
    from agents.database.reading import Reader
    from agents.database.tools import change_tools

    return change_tools(Reader())


def _lines(described: Mapping[str, Any], with_sql: bool) -> Iterator[str]:
    yield f"{described['id']} · {described['title']} ({described['severity']} at worst)"
    yield from textwrap.wrap(described["meaning"], WIDTH)
    if described["seen_when_connecting"]:
        yield "Seen when a connection fails, by the server's own answer."
    if described["reads_log"]:
        yield "Read from the server's log, through SQL or as a file on this host."
    if described["sampled_twice"]:
        yield "Counters are sampled twice, --interval apart."
    if described["on_request"]:
        yield "Runs only when asked for by its id (triage --only)."
    if described["thresholds"]:
        yield from ("", "Thresholds")
        for name, one in described["thresholds"].items():
            yield f"  {name} = {_figure(one['value'], one['unit'])}"
            yield from textwrap.wrap(
                one["source"], WIDTH, initial_indent="      ", subsequent_indent="      "
            )
    if described["statements"]:
        yield from ("", "Evidence")
        for one in described["statements"]:
            yield f"  {one['name']}{'' if one['needed'] else ' (sharpens it)'}: {one['summary']}"
    yield from _lists(described)
    if with_sql:
        for one in described["statements"]:
            yield from ("", f"-- {one['name']} (PostgreSQL {one['from_version']} and later)", one["sql"])


def _figure(value: float, unit: str) -> str:
    from agents.database.wording import size

    return size(value) if unit == "bytes" else f"{value:g} {unit}"


def _lists(described: Mapping[str, Any]) -> Iterator[str]:
    if described["causes"]:
        yield from ("", "May be caused by", *(f"  {cause}" for cause in described["causes"]))
    if described["remedies"]:
        yield from ("", "Remedies")
        for remedy in described["remedies"]:
            yield f"  {remedy['tool']} ({remedy['risk']}): {remedy['summary']}"
    if described["grants"]:
        yield from ("", "Needs", *(f"  {grant.format(role='ROLE')}" for grant in described["grants"]))


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))
