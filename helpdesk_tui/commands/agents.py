"""`helpdesk agents`: the experts behind the A2A line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from helpdesk_tui.commands.output import print_json, print_table
from inventory.errors import UserError


@click.group()
def agents() -> None:
    """Experts behind the A2A line: list them, serve one."""


@agents.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the agent cards included.")
@click.pass_context
def list_agents(ctx: click.Context, as_json: bool) -> None:
    """What is known, asked just now; exit 1 where an agent is down."""
    from agents.protocol.serving import known_agents

    found = asyncio.run(known_agents())
    if as_json:
        print_json([{"name": a.name, "state": a.state, "text": a.text, "card": a.card} for a in found])
    else:
        rows = [(a.name, a.state, (a.card or {}).get("version", "-"), _skills(a.card), a.text) for a in found]
        print_table(["AGENT", "STATE", "VERSION", "SKILLS", "WHERE"], rows, empty="No agent is known.")
    ctx.exit(0 if all(a.state == "up" for a in found) else 1)


@agents.command()
@click.argument("name")
@click.option("--host", default=None, help="Address to listen on; default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; 0 picks a free one.")
@click.option("--uds", type=click.Path(path_type=Path), help="Listen on this Unix socket instead.")
@click.option("--token-file", type=click.Path(path_type=Path), help="0600 file with the bearer token (TCP).")
def serve(name: str, host: str | None, port: int | None, uds: Path | None, token_file: Path | None) -> None:
    """Serve the expert NAME (or `all`) to other A2A clients until Ctrl+C.

    On TCP a token is always needed. A Unix socket belongs to whoever can reach its directory.
    """
    from agents.protocol.experts import EXPERTS
    from agents.protocol.serving import serve_agents

    if uds is not None and (host is not None or port is not None or token_file is not None):
        raise UserError("--uds stands alone: leave out --host, --port and --token-file")
    names = list(EXPERTS) if name == "all" else [name]
    asyncio.run(
        serve_agents(
            names,
            uds=uds,
            host=host or "127.0.0.1",
            port=port or 0,
            token_file=token_file,
            on_ready=lambda place: click.echo(
                f"serving {', '.join(names)} on {place}; Ctrl+C ends", err=True
            ),
        )
    )


def _skills(card: dict[str, object] | None) -> str:
    skills = (card or {}).get("skills") or []
    assert isinstance(skills, list)
    return ", ".join(str(skill.get("name", "")) for skill in skills) or "-"
