"""`helpdesk mcp`: servers whose tools the experts get, and our own reads for other clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from agents.command_group import CommandGroup
from inventory.errors import UserError
from inventory.masking import inert_line, mask

if TYPE_CHECKING:
    from agents.mcp.config import McpServer
    from agents.mcp.toolbox import Toolbox
    from inventory.secrets import SecretRef

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=CommandGroup)
def mcp() -> None:
    """Tools of MCP servers for the experts, and our reads for other MCP clients.

    \b
    Examples:
      helpdesk mcp add files -- npx -y @modelcontextprotocol/server-filesystem /srv/runbooks
      helpdesk mcp add wiki --url https://wiki.example.com/mcp --bearer env:WIKI_TOKEN --read search
      helpdesk mcp list wiki
      helpdesk tool wiki__search query=failover
      helpdesk mcp serve --target orders-prod
    """


@mcp.command("list")
@click.argument("name", required=False)
@_JSON
def list_servers(name: str | None, as_json: bool) -> None:
    """The servers as they answer just now, and their tools with the class that each has here."""
    told = _look(_chosen(name))
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=True))
        return
    if not told:
        click.echo("No MCP server is known; see: helpdesk mcp add --help")
    for server in told:
        _print_server(server)


@mcp.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Read mcp.toml and ask every server; exit 1 where something is not as it should be."""
    servers = _chosen(None)
    told = _look(servers)
    problems = [line for server in told for line in _problems(server, servers)]
    for line in problems:
        click.echo(inert_line(line))
    tools = sum(len(server["tools"]) for server in told)
    click.echo(f"{len(told)} servers, {tools} tools, {len(problems)} problems")
    ctx.exit(1 if problems else 0)


@mcp.command()
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", default="", help="A server elsewhere, in place of COMMAND.")
@click.option("--sse", is_flag=True, help="It speaks the old HTTP+SSE.")
@click.option("--bearer", metavar="REF", help="Bearer token: env:VARIABLE, keyring:ENTRY or file:PATH.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=REF", help="A header, by reference as above."
)
@click.option(
    "--env", "variables", multiple=True, metavar="NAME=REF", help="A variable, by reference as above."
)
@click.option("--set", "settings", multiple=True, metavar="NAME=TEXT", help="A variable that is no secret.")
@click.option("--expert", "experts", multiple=True, help="Give its tools to this expert alone.")
@click.option(
    "--read", "reads", multiple=True, metavar="TOOL", help="This tool of it only reads; you say so."
)
def add(
    name: str, command: tuple[str, ...], url: str, sse: bool, bearer: str | None, headers: tuple[str, ...],
    variables: tuple[str, ...], settings: tuple[str, ...], experts: tuple[str, ...], reads: tuple[str, ...],
) -> None:  # fmt: skip
    """Know the server NAME from now on: COMMAND with its arguments (after --), or --url.

    Each call of its tools is a write, which needs an approval, unless --read says otherwise.
    """
    from agents.mcp import config
    from agents.protocol.credential import Credential
    from inventory.secrets import named_secret

    if bool(command) == bool(url):
        raise UserError("give either a command (after --) or --url")
    credentials = [Credential("bearer", named_secret(bearer))] if bearer else []
    credentials += [
        Credential("api_key", named_secret(ref), header) for header, ref in _pairs(headers, "--header")
    ]
    env: dict[str, str | SecretRef] = {name: named_secret(ref) for name, ref in _pairs(variables, "--env")}
    server = config.McpServer(
        name=name,
        transport="stdio" if command else "sse" if sse else "http",
        command=command,
        env={**env, **dict(_pairs(settings, "--set"))},
        url=url,
        credentials=tuple(credentials),
        experts=experts,
        classes=dict.fromkeys(reads, "read"),
    )
    added = config.add(config.load(), server)
    click.echo(f"added {name} to {added.path}; a workbench that runs gets it when it is started again")


@mcp.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget the server NAME. Secrets in the keyring or in files stay where they are."""
    from agents.mcp import config

    left = config.remove(config.load(), name)
    click.echo(f"removed {name} from {left.path}")


@mcp.command()
@click.option(
    "--target", default="", metavar="NAME", help="The one target to read; default: any of the inventory."
)
def serve(target: str) -> None:
    """Serve the database expert's reads, triage and conditions to an MCP client on stdin and stdout.

    Nothing that changes anything is offered. Each client gets a session in the log.
    """
    from agents.mcp.serving import serve_reads

    asyncio.run(serve_reads(target))


def _chosen(name: str | None) -> dict[str, McpServer]:
    from agents.mcp import config

    known = config.load()
    if name is None:
        return dict(known.servers)
    if name not in known.servers:
        raise UserError(f"there is no MCP server {name!r} in {known.path}")
    return {name: known.servers[name]}


def _look(servers: dict[str, McpServer]) -> list[dict[str, Any]]:
    from agents.mcp.toolbox import Toolbox
    from agents.protocol.logs import log_to_file

    log_to_file("mcp", streams=False)

    async def looking() -> list[dict[str, Any]]:
        box = Toolbox(servers)
        try:
            await box.prepare(list(servers))
            return [_told(box, server) for server in servers.values()]
        finally:
            await box.close()

    return asyncio.run(looking())


def _told(box: Toolbox, server: McpServer) -> dict[str, Any]:
    connection = box.connections[server.name]
    offers = box.offers.get(server.name, {}).values()
    return {
        "server": server.name, "state": connection.state, "text": connection.text,
        "transport": server.transport, "at": mask(server.address), "experts": list(server.experts),
        "tools": [offer.to_json() for offer in offers],
    }  # fmt: skip


def _print_server(server: dict[str, Any]) -> None:
    for_whom = ", ".join(server["experts"]) or "all experts"
    head = f"{server['server']}  {server['state']}  {server['transport']}  {server['at']}  for {for_whom}"
    click.echo(inert_line(f"{head}  {server['text']}"))
    width = max((len(tool["tool"]) for tool in server["tools"]), default=0)
    for tool in server["tools"]:
        claims = f" (claims: {', '.join(tool['claims'])})" if tool["claims"] else ""
        what = f"refused: {tool['refused']}" if tool["refused"] else tool["summary"] + claims
        risk = "-" if tool["refused"] else tool["class"]
        click.echo(_cut(f"{tool['tool']:<{width}}  {risk:<11}  {inert_line(what)}"))


def _cut(line: str) -> str:
    import shutil

    room = shutil.get_terminal_size((100, 24)).columns - 2
    return f"  {line}" if len(line) <= room else f"  {line[: room - 1]}…"


def _problems(told: dict[str, Any], servers: dict[str, McpServer]) -> Iterable[str]:
    name = told["server"]
    if told["state"] != "up":
        yield inert_line(f"{name} is {told['state']}: {told['text'] or 'it does not answer in time'}")
        return
    for tool in told["tools"]:
        if tool["refused"]:
            yield inert_line(f"{tool['tool']} is refused: {tool['refused']}")
    offered = {tool["own"] for tool in told["tools"]}
    for own in servers[name].classes.keys() - offered:
        yield inert_line(f"{name} has no tool {own}, whose class mcp.toml sets")


def _pairs(given: Sequence[str], option: str) -> Iterable[tuple[str, str]]:
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"{option} is not understood, expected NAME=VALUE")
        yield name, value
