"""Whose request it is: by client certificate, by the kernel's word on a Unix socket; never by what a message says."""

from __future__ import annotations

import asyncio
import grp
import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.governance import Approval, Policy, Rule
from agents.governance.house import House
from agents.governance.roles import parse_roles, roles_path
from agents.log import EventLog
from agents.protocol.access import socket_owner
from agents.protocol.certificates import ServerTls
from agents.protocol.client import AgentClient, AgentRefused, Reach
from agents.protocol.credential import ClientTls, Credential
from agents.protocol.errors import AgentLost
from agents.protocol.peer import certificate_names, user_name
from agents.protocol.server import AgentServer, tcp_door, unix_door
from agents.protocol.store import open_store
from inventory.errors import UserError
from inventory.secrets import in_memory
from tests.protocol.conftest import all_of, said, serving, tool
from tests.protocol.ledger import create
from tests.protocol.test_approvals import approval_in, yes
from tests.protocol.test_registry import certificates

__all__ = ["certificates"]

FOUR_EYES = Policy(
    rules=(Rule("r", "allow", risks=("read",)), Rule("w", "approve", risks=("write",), four_eyes=True)),
    lock=False,
)
ROLES = """
[[members]]
principals = ["operator:ann", "{me}"]
role = "operator"
[[members]]
principals = ["operator:ben", "{me}", "operator:nobody"]
role = "approver"
[callers.ann]
certificate = ["cn:client", "uri:spiffe://example/ann"]
[callers.ben]
token_sha256 = "{digest}"
"""


def house(token: str) -> House:
    digest = hashlib.sha256(token.encode()).hexdigest()
    text = ROLES.format(me=socket_owner(), digest=digest)
    return House(FOUR_EYES, parse_roles(text, Path("roles.toml")))


async def test_a_client_certificate_says_who_it_is(
    log: EventLog, certificates: Path, session: str, file: Path
) -> None:
    token = secrets.token_hex(16)
    tls = ServerTls(certificates / "server.pem", certificates / "server.key", certificates / "ca.pem")
    ours = ClientTls(certificates / "ca.pem", certificates / "client.pem", certificates / "client.key")
    other = replace(ours, certificate=certificates / "server.pem", key=certificates / "server.key")
    ben = Credential("bearer", in_memory(token))
    async with serving(log, tcp_door("127.0.0.1", 0, None, tls), house(token)) as reach:
        base = f"{reach.base}/ledger"
        clients = {
            "ann": Reach(base, alone=True, tls=ours),
            "ben": Reach(base, alone=True, tls=other, credential=ben),
            "unknown": Reach(base, alone=True, tls=other),
            "both": Reach(base, alone=True, tls=ours, credential=ben),
        }
        async with AgentClient(None, {"far": clients["ann"]}) as client:
            request = tool("append_line", path=str(file), text="x")
            approval = approval_in(await all_of(client.ask("far", "add", request, session, "here")))
            assert approval.asked_by == "operator:ann"
            told = said(await all_of(client.answer(approval, yes(approval))))
            assert "operator:ann may not approve" in told
        for stranger in ("unknown", "both"):
            async with AgentClient(None, {"far": clients[stranger]}) as client:
                with pytest.raises((AgentRefused, AgentLost)):
                    await all_of(client.answer(approval, yes(approval)))
        assert file.read_text() == "first\n"
        async with AgentClient(None, {"far": clients["ben"]}) as client:
            await all_of(client.answer(approval, yes(approval)))
        assert file.read_text() == "first\nx\n"
        decided = [item.event for item in log.events(session, kinds=("approval.decided",))]
        assert [event.principal for event in decided] == ["operator:ben"]


def test_names_on_a_certificate() -> None:
    shown: dict[str, Any] = {
        "subject": ((("commonName", "ann"),), (("organizationName", "x"),)),
        "subjectAltName": (
            ("DNS", "a.example"),
            ("URI", "spiffe://e/a"),
            ("email", "a@e"),
            ("IP Address", "1.2.3.4"),
        ),
    }
    assert certificate_names(shown) == {"cn:ann", "dns:a.example", "uri:spiffe://e/a", "email:a@e"}
    assert certificate_names({"subject": ((("commonName", "a"),), (("commonName", "b"),))}) == frozenset()
    roles = parse_roles(
        '[callers.a]\ncertificate = "cn:a"\n[callers.b]\ncertificate = ["cn:b", "dns:b"]\n',
        Path("roles.toml"),
    )
    assert [roles.certified(names) for names in ({"cn:a"}, {"dns:b", "cn:b"}, {"cn:a", "cn:b"}, set())] == [
        "a", "b", "", "",
    ]  # fmt: skip


def test_tcp_without_token_and_without_certificates_is_refused(certificates: Path) -> None:
    tls = ServerTls(certificates / "server.pem", certificates / "server.key")
    with pytest.raises(UserError, match="--token-file or --tls-clients"):
        tcp_door("127.0.0.1", 0, None, tls)


# The kernel's word.

RELAY = """
import os, socket, sys, threading

entry, target, uid, gid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
listener = socket.socket(socket.AF_UNIX)
listener.bind(entry)
listener.listen()
os.setgroups([])
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
print("ready", flush=True)

def pump(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)

while True:
    near, _ = listener.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(target)
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""
"""Another user's process that passes on what it gets; the interpreter itself may be out of that user's reach."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory below which other users of this host may look."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@asynccontextmanager
async def as_nobody(target: Path, place: Path) -> AsyncIterator[AgentClient]:
    """A client whose connections are those of another user of this host."""
    nobody = pwd.getpwnam("nobody")
    entry = place / f"{secrets.token_hex(3)}.sock"
    arguments = [str(entry), str(target), str(nobody.pw_uid), str(nobody.pw_gid)]
    relay = subprocess.Popen([sys.executable, "-c", RELAY, *arguments], stdout=subprocess.PIPE)
    try:
        assert relay.stdout is not None
        assert await asyncio.to_thread(relay.stdout.readline) == b"ready\n"
        async with AgentClient(Reach(uds=entry)) as client:
            yield client
    finally:
        relay.kill()
        relay.communicate()


async def parked_on(reach: Reach, session: str, file: Path) -> Approval:
    async with AgentClient(reach) as client:
        request = tool("append_line", path=str(file), text="x")
        return approval_in(await all_of(client.ask("ledger", "add", request, session, "here")))


@as_root
async def test_a_private_socket_turns_other_users_away(
    log: EventLog, open_place: Path, session: str, file: Path
) -> None:
    private = open_place / "private"
    door = unix_door(private / "s.sock")
    # As if the directory had been opened by mistake: the kernel still tells who it is.
    private.chmod(0o755)
    (private / "s.sock").chmod(0o666)
    async with serving(log, door, house("x" * 20)) as reach:
        approval = await parked_on(reach, session, file)
        assert approval.asked_by == socket_owner()
        async with as_nobody(private / "s.sock", open_place) as other:
            with pytest.raises(AgentRefused, match="403"):
                await all_of(other.answer(approval, yes(approval)))
    assert file.read_text() == "first\n"


@as_root
async def test_four_eyes_between_two_users_of_one_host(
    log: EventLog, open_place: Path, session: str, file: Path
) -> None:
    group = grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
    path = open_place / "shared" / "s.sock"
    async with serving(log, unix_door(path, group), house("x" * 20)) as reach:
        approval = await parked_on(reach, session, file)
        async with AgentClient(reach) as client:
            assert "four eyes" in said(await all_of(client.answer(approval, yes(approval))))
        assert file.read_text() == "first\n"
        async with as_nobody(path, open_place) as other:
            told = said(await all_of(other.answer(approval, yes(approval, by=socket_owner()))))
    assert file.read_text() == "first\nx\n", told
    decided = [item.event for item in log.events(session, kinds=("approval.decided",))]
    assert [event.body["by"] for event in decided] == ["operator:nobody"]


async def test_what_waits_at_a_socket_is_found_and_decided_on_the_command_line(
    log: EventLog, open_place: Path, session: str, file: Path, tmp_path: Path
) -> None:
    """The other person's own state and configuration, and nothing but the socket between the two."""
    group = grp.getgrgid(os.getegid()).gr_name
    path = open_place / "shared" / "s.sock"
    policy = Policy(
        rules=(Rule("w", "approve", risks=("write",)), Rule("r", "allow", risks=("read",))), lock=False
    )
    theirs = {
        **os.environ,
        "HELPDESK_STATE_DIR": str(tmp_path / "s"),
        "HELPDESK_CONFIG_DIR": str(tmp_path / "c"),
    }

    async def helpdesk(*arguments: str) -> str:
        command = [sys.executable, "-m", "helpdesk_tui", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, env=theirs, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    rules = House(
        policy, parse_roles(f'[[members]]\nprincipals = ["{socket_owner()}"]\nrole = "admin"', path)
    )
    async with serving(log, unix_door(path, group), rules) as reach:
        approval = await parked_on(reach, session, file)
        await helpdesk("agents", "add", f"unix:{path}", "--name", "neighbour")
        told = await helpdesk("approvals", "fetch", "neighbour")
        assert f"{approval.id}@neighbour" in told
        assert socket_owner() in told
        read_again = await helpdesk("approvals", "show", approval.id, "--refresh", "--json")
        assert json.loads(read_again)["approval"]["preview"]["captured_at"] > approval.preview.captured_at
        await helpdesk("approvals", "approve", f"{approval.id}@neighbour")
    assert file.read_text() == "first\nx\n"


def test_a_shared_socket_needs_roles_and_a_directory_of_ours(log: EventLog, open_place: Path) -> None:
    group = grp.getgrgid(os.getegid()).gr_name
    door = unix_door(open_place / "mine" / "s.sock", group)
    assert (open_place / "mine").stat().st_mode & 0o777 == 0o750
    assert door.path is not None
    assert door.path.stat().st_mode & 0o777 == 0o660
    with pytest.raises(UserError, match=str(roles_path())):
        AgentServer([create()], log, open_store(None), door)
    door.socket.close()
    (open_place / "mine").chmod(0o770)
    with pytest.raises(UserError, match="could put a socket of their own there"):
        unix_door(open_place / "mine" / "t.sock", group)
    with pytest.raises(UserError, match="there is no group"):
        unix_door(open_place / "mine" / "t.sock", f"g{secrets.token_hex(6)}")


def test_a_user_without_a_name_has_a_number() -> None:
    assert user_name(4_000_000_000) == "operator:uid4000000000"
    assert user_name(os.geteuid()) == socket_owner()
