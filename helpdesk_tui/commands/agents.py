"""`helpdesk agents`: the experts behind the A2A line, ours and others'."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.command_group import CommandGroup
from helpdesk_tui.commands.output import print_json, print_table, print_text
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.protocol.credential import ClientTls, Credential
    from agents.protocol.known import KnownAgent

SHOWN_SKILLS = 3
FILE = click.Path(path_type=Path)


@click.group(cls=CommandGroup)
def agents() -> None:
    """Experts behind the A2A line: list them, add others, serve ours."""


@agents.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the agent cards included.")
@click.pass_context
def list_agents(ctx: click.Context, as_json: bool) -> None:
    """What is known, asked just now; exit 1 where an agent is not up."""
    from agents.protocol.known import known_agents

    found = asyncio.run(known_agents())
    if as_json:
        print_json([agent.to_json() for agent in found])
    else:
        headings = ["AGENT", "STATE", "LATENCY", "VERSION", "TRANSPORT", "AUTH", "SKILLS", "WHERE"]
        print_table(headings, [_row(agent) for agent in found], empty="No agent is known.")
    for warning in _warnings():
        print_text(f"helpdesk: {warning}", err=True)
    ctx.exit(0 if all(agent.health.state == "up" for agent in found) else 1)


@agents.command()
@click.argument("url")
@click.option("--name", default=None, help="Name in the workbench; default: the one on its card.")
@click.option("--bearer", metavar="REF", help="Bearer token: env:VARIABLE, keyring:ENTRY or file:PATH.")
@click.option("--api-key", metavar="REF", help="API key, by reference as above.")
@click.option("--header", default=None, help="Header of the API key; default: X-API-Key.")
@click.option("--basic", metavar="REF", help="Password, by reference as above; with --user.")
@click.option("--user", default="", help="User name for --basic.")
@click.option("--ca", type=FILE, help="Authority that signed the agent's certificate (PEM).")
@click.option("--cert", type=FILE, help="Our certificate (PEM).")
@click.option("--key", type=FILE, help="Its key (PEM, 0600).")
@click.option("--unchecked", is_flag=True, help="Add it though it does not answer now; needs --name.")
def add(
    url: str, name: str | None, bearer: str | None, api_key: str | None, header: str | None, basic: str | None,
    user: str, ca: Path | None, cert: Path | None, key: Path | None, unchecked: bool,
) -> None:  # fmt: skip
    """Know the agent at URL (http, https or unix:/path) from now on. Secrets are given by reference, never as a value."""
    from agents.protocol import registry
    from agents.protocol.health import look

    registry.check_agent_url(url, "URL")
    credential = _credential({"bearer": bearer, "api_key": api_key, "basic": basic}, header, user)
    agent = registry.RemoteAgent(name or "", url.rstrip("/"), credential, _tls(url, ca, cert, key))
    known = registry.load()
    if not unchecked:
        health = asyncio.run(look(name or url, agent.reach()))
        if health.state == "down" or health.card is None:
            raise UserError(
                f"{url}: {health.text.removeprefix(f'{url}: ')}; give --unchecked and --name to add it all the same",
                3,
            )
        agent = registry.RemoteAgent(
            name or _named(str(health.card.get("name", ""))), agent.url, credential, agent.tls
        )
    elif name is None:
        raise UserError("--unchecked needs --name: nobody is asked for one")
    added = registry.add(known, agent)
    print_text(f"added {agent.name} ({agent.url}) to {added.path}")
    if not unchecked and health.state != "up":
        print_text(f"helpdesk: {agent.name} is {health.state}: {health.text}", err=True)


@agents.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget the agent NAME. Secrets in the keyring or in files stay where they are."""
    from agents.protocol import registry

    left = registry.remove(registry.load(), name)
    print_text(f"removed {name} from {left.path}")


@agents.command()
@click.argument("name")
def card(name: str) -> None:
    """The card of an agent, by NAME or URL, as JSON."""
    from agents.protocol.known import card_of

    print_json(asyncio.run(card_of(name)))


@agents.command()
@click.argument("name")
@click.option("--host", default=None, help="Address to listen on; default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; 0 picks a free one.")
@click.option("--uds", type=FILE, help="Listen on this Unix socket instead.")
@click.option(
    "--uds-group", default="", metavar="GROUP", help="Its members may use the socket too; needs roles.toml."
)
@click.option("--token-file", type=FILE, help="0600 file with the bearer token (TCP).")
@click.option("--tls-cert", type=FILE, help="Certificate to show (PEM).")
@click.option("--tls-key", type=FILE, help="Its key (PEM, 0600).")
@click.option("--tls-clients", type=FILE, help="Authority whose client certificates are wanted (PEM).")
@click.option("--task-store", default="", metavar="TARGET", help="PostgreSQL that several servers share.")
def serve(
    name: str, host: str | None, port: int | None, uds: Path | None, uds_group: str, token_file: Path | None,
    tls_cert: Path | None, tls_key: Path | None, tls_clients: Path | None, task_store: str,
) -> None:  # fmt: skip
    """Serve the expert NAME (or `all`) to other A2A clients until Ctrl+C.

    On TCP a token is needed, or with --tls-clients a certificate that roles.toml knows. A Unix socket is for
    its owner, and with --uds-group for others of this host, each under their own name.
    `conformance` is an agent for the protocol's own test kit; it needs no token on loopback.
    """
    from agents.protocol.experts import EXPERTS
    from agents.protocol.serving import Serving, serve_agents

    tcp = (host, port, token_file, tls_cert, tls_key, tls_clients)
    if uds is not None and any(option is not None for option in tcp):
        raise UserError("--uds stands alone: leave out --host, --port, --token-file and --tls-…")
    if uds_group and uds is None:
        raise UserError("--uds-group belongs to --uds")
    names = list(EXPERTS) if name == "all" else [name]
    serving = Serving(
        uds, uds_group, host or "127.0.0.1", port or 0, token_file, tls_cert, tls_key, tls_clients, task_store
    )
    asyncio.run(
        serve_agents(
            names,
            serving,
            lambda place: print_text(f"serving {', '.join(names)} on {place}; Ctrl+C ends", err=True),
        )
    )


def _row(agent: KnownAgent) -> tuple[str, ...]:
    found = agent.health
    latency = f"{found.latency_ms:.0f} ms" if found.latency_ms is not None else "-"
    spoken = f"{found.transport} {found.protocol}".strip() or "-"
    more = f" +{len(found.skills) - SHOWN_SKILLS}" if len(found.skills) > SHOWN_SKILLS else ""
    skills = ", ".join(found.skills[:SHOWN_SKILLS]) + more
    where = f"{agent.where}: {found.text}" if found.text else agent.where
    return (
        found.name, found.state, latency, found.version or "-", spoken, agent.auth or "-", skills or "-", where
    )  # fmt: skip


def _warnings() -> tuple[str, ...]:
    from agents.protocol import registry

    return registry.load().warnings


def _credential(given: dict[str, str | None], header: str | None, user: str) -> Credential | None:
    from agents.protocol.credential import API_KEY_HEADER, Credential
    from inventory.secrets import named_secret

    named = {kind: ref for kind, ref in given.items() if ref}
    if len(named) > 1:
        raise UserError(f"{' and '.join(sorted(named))} together, expected one of them")
    if bool(user) != bool(given["basic"]):
        raise UserError("--basic and --user belong together, and one is missing")
    for kind, ref in named.items():
        return Credential(kind, named_secret(ref), header or API_KEY_HEADER, user)  # type: ignore[arg-type]
    return None


def _tls(url: str, ca: Path | None, cert: Path | None, key: Path | None) -> ClientTls | None:
    from agents.protocol.credential import ClientTls

    if bool(cert) != bool(key):
        raise UserError("--cert and --key belong together, and one is missing")
    if not (ca or cert):
        return None
    if not url.startswith("https:"):
        raise UserError("certificates need an https URL")
    return ClientTls(*(path.absolute() if path else None for path in (ca, cert, key)))


def _named(name: str) -> str:
    """A name for the registry from the one on a card, which may be anything."""
    import re

    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32]
    if not words or not words[0].isalpha():
        raise UserError("its card has no name that will do here; give one with --name")
    return words
