"""Where each secret of this installation is, whether it is there, and why it is looked for there; never what it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.secrets import SecretRef
    from inventory.target import Target

State = Literal["there", "not needed yet", "missing", "in the file"]


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one secret."""

    of: str
    """`database NAME`, `agent NAME`, `model NAME` …"""
    where: str
    state: State
    why: str
    """Why it is looked for there, or what is wrong with it."""


def places() -> Iterator[Place]:
    """Every secret that is configured; a keyring is asked, a file read, a command only looked for.

    Raises UserError where one of the files cannot be read.
    """
    from agents.secret_places import references
    from inventory.registry import load

    for target in load().targets.values():
        yield from _of_target(target)
    for of, ref in references():
        yield _at(of, ref)


def _of_target(target: Target) -> Iterator[Place]:
    of = f"database {target.name}"
    yield from (_at(f"{of} {keyword}", ref) for keyword, ref in target.private)
    if target.secret is not None:
        yield _at(of, target.secret)
        return
    try:
        yield _by_libpq(of, target, target.parameters())
    except UserError as error:
        yield Place(of, "service file", "missing", str(error))


def _at(of: str, ref: SecretRef) -> Place:
    from inventory.secrets import read_secret

    if ref.kind == "memory":
        return Place(of, ref.name, "in the file", "move it out: helpdesk secrets migrate")
    where = {
        "env": f"environment variable {ref.name}",
        "keyring": f'keyring entry "{ref.name}"',
        "file": f"file {ref.name}",
        "command": f"command {ref.name}",
    }[ref.kind]
    if ref.kind == "command":
        if shutil.which(ref.name) is None:
            return Place(of, where, "missing", f"{ref.name} is not found in PATH")
        return Place(of, where, "not needed yet", "named by reference; runs when it is needed")
    try:
        read_secret(ref)
    except UserError as error:
        return Place(of, where, "missing", str(error))
    return Place(of, where, "there", "named by reference")


def _by_libpq(of: str, target: Target, parameters: Mapping[str, str]) -> Place:
    """As libpq would find it: a variable or the service's section, then the password file."""
    from inventory.passfile import passfile_path, passfile_trouble, password_from_file

    service = "service=" in target.conninfo or "PGSERVICE" in os.environ
    if "password" in parameters:
        where = "environment variable PGPASSWORD" if os.environ.get("PGPASSWORD") else "service file"
        return Place(of, where, "there", "libpq's own rules: nothing else is named")
    path = passfile_path(parameters)
    if trouble := passfile_trouble(path):
        return Place(of, f"password file {path}", "missing", f"it is passed over: it {trouble}")
    if any(password_from_file(parameters, endpoint) for endpoint in target.endpoints()):
        return Place(of, f"password file {path}", "there", "libpq's own rules: a line of it fits")
    how = "the service names none, and " if service else ""
    return Place(
        of,
        "nowhere",
        "not needed yet",
        f"{how}no line of {path} fits; peer, trust or a certificate need none",
    )
