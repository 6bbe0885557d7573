"""`helpdesk bundle`: seal a session for vendor support, and check a sealed one."""

from __future__ import annotations

from pathlib import Path

import click

from agents.command_group import CommandGroup
from agents.kernel.event import Event
from agents.log import EventLog
from helpdesk_tui.commands.output import print_json, print_text
from helpdesk_tui.commands.sessions import LAST, find_session
from helpdesk_tui.session import operator


@click.group(cls=CommandGroup)
def bundle() -> None:
    """A redacted, sealed archive for vendor support."""


@bundle.command()
@click.option(
    "--session", "session_id", default=LAST, metavar="ID", help="The session; default: the last one."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="FILE",
    help="File (.tar.gz, .tar.zst) or directory; default: the bundle's own name here.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(session_id: str, output: Path, overwrite: bool, as_json: bool) -> None:
    """Seal one session: evidence, log slice, findings, approvals. Secrets are masked; mode 0600."""
    from bundles import pack
    from helpdesk_tui.bundle_content import content_of

    with EventLog.open() as log:
        session = find_session(log, session_id).id
        sealed = pack.create(content_of(log, session), output, overwrite=overwrite)
        body = {"path": str(sealed.path), "sha256": sealed.sha256, "bytes": sealed.bytes}
        log.append(Event("bundle.created", session, body, operator()))
    if as_json:
        print_json({"session": session, **body, "files": list(sealed.files), "redacted": sealed.redacted})
        return
    print_text(
        f"{sealed.path}: {len(sealed.files)} files, {sealed.bytes} bytes, {sealed.redacted} secrets masked"
    )
    print_text(f"sha256 {sealed.sha256}")


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Check every byte of a bundle; exit 1 where something was changed, is missing or is extra."""
    from bundles.verify import verify as verify_bundle

    verdict = verify_bundle(file)
    if as_json:
        print_json(
            {
                "ok": verdict.ok,
                "problems": list(verdict.problems),
                "sha256": verdict.sha256,
                "bytes": verdict.bytes,
                "chain": verdict.chain,
            }
        )
    elif verdict.ok:
        print_text(f"{file}: as it was sealed; {verdict.chain or 'no log slice'}")
        print_text(f"sha256 {verdict.sha256}")
    else:
        for problem in verdict.problems:
            print_text(f"{file}: {problem}")
    ctx.exit(0 if verdict.ok else 1)
