"""What an operator writes and what a server sends: `mcp.toml`, names, schemas, answers."""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.kernel.schema import BadSchema, checker
from agents.mcp import config
from agents.mcp.elicitation import Elicitation
from agents.mcp.naming import LONGEST, server_of, tool_names
from agents.mcp.schemas import closed
from agents.mcp.stdio import MOST_ERRORS, process_streams
from inventory.errors import UserError
from inventory.secrets import SecretRef


def written(text: str) -> Path:
    path = config.default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_names_servers_of_each_transport() -> None:
    written("""
        [servers.files]
        command = ["npx", "-y", "files"]
        env = { MODE = "quiet", TOKEN = { keyring = "files" } }
        experts = ["database"]
        timeout_s = 5
        [servers.files.tools]
        "read file" = "read"
        wipe = "destructive"
        [servers.wiki]
        url = "https://wiki.example.com/mcp"
        bearer = { env = "WIKI" }
        [servers.old]
        url = "http://127.0.0.1:7/sse"
        transport = "sse"
        headers = { X-Team = { file = "team" } }
    """)
    known = config.load()
    files, wiki, old = known.servers.values()
    assert [one.transport for one in (files, wiki, old)] == ["stdio", "http", "sse"]
    assert files.env == {"MODE": "quiet", "TOKEN": SecretRef("keyring", "files")}
    assert (files.classes, files.timeout_s) == ({"read file": "read", "wipe": "destructive"}, 5.0)
    assert wiki.credentials[0].kind == "bearer" and old.credentials[0].header == "X-Team"
    assert old.credentials[0].secret.name == str(known.path.parent / "team")
    assert list(known.of("database")) == ["files", "wiki", "old"]
    assert list(known.of("host")) == ["wiki", "old"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[servers.a]\ncommand = [", 2, "TOML"),
        ("other = 1", 1, "other is not known"),
        ("[servers.A]\ncommand = ['x']", 1, "no name for a server"),
        ("[servers.a__b]\ncommand = ['x']", 1, "no name for a server"),
        ("[servers.a]\nexperts = []", 1, "needs either command"),
        ("[servers.a]\ncommand = ['x']\nurl = 'http://x'", 1, "needs either command"),
        ("[servers.a]\ncommand = 'npx x'", 2, "expected a list"),
        ("[servers.a]\ncommand = []", 2, "command is empty"),
        ("[servers.a]\ncommand = ['x', 'postgres://me:hunter22@db/shop']", 2, "looks like a secret"),
        ("[servers.a]\ncommand = ['x']\ncolour = 1", 3, "colour is not known"),
        ("[servers.a]\ncommand = ['x']\nbearer = { env = 'A' }", 3, "does not go with command"),
        ("[servers.a]\nurl = 'https://x'\ncwd = '/'", 3, "does not go with url"),
        ("[servers.a]\nurl = 'ftp://x'", 2, "no address"),
        ("[servers.a]\nurl = 'https://u:p@x'", 2, "secret by reference"),
        ("[servers.a]\nurl = 'https://x'\nbearer = 5", 3, "bearer is not understood"),
        ("[servers.a]\nurl = 'http://far.example'\nbearer = { env = 'A' }", 2, "open line"),
        ("[servers.a]\nurl = 'https://x'\ntransport = 'ws'", 3, "expected http or sse"),
        ("[servers.a]\ncommand = ['x']\nenv = { PASSWORD = 5 }", 3, "PASSWORD is not understood"),
        ("[servers.a]\ncommand = ['x']\nexperts = ['cook']", 3, "no expert 'cook'"),
        ("[servers.a]\ncommand = ['x']\ntimeout_s = 0", 3, "timeout_s"),
        ("[servers.a]\ncommand = ['x']\n[servers.a.tools]\ny = 'safe'", 4, "expected read, write"),
    ],
    ids=str,
)
def test_a_bad_file_is_one_line_with_its_place(text: str, line: int, what: str) -> None:
    path = written(text)
    with pytest.raises(UserError) as raised:
        config.load()
    told = str(raised.value)
    assert told.startswith(f"{path}:{line}: ") and what in told and "\n" not in told
    assert raised.value.exit_code == 2 and "hunter22" not in told


def test_servers_are_added_and_removed_beside_what_the_operator_wrote() -> None:
    written("# mine\n[servers.first]\ncommand = ['x']  # as it is\n")
    reference = SecretRef("env", "TOKEN")
    new = config.McpServer(
        "new", "stdio", command=("y", "z"), env={"TOKEN": reference}, classes={"t": "read"}
    )
    known = config.add(config.load(), new)
    assert known.servers["new"] == new
    with pytest.raises(UserError, match="already"):
        config.add(known, new)
    left = config.remove(known, "new")
    assert (
        left.path.read_text().rstrip("\n") + "\n" == "# mine\n[servers.first]\ncommand = ['x']  # as it is\n"
    )
    with pytest.raises(UserError, match="no server"):
        config.remove(left, "new")


@settings(max_examples=30)
@given(st.lists(st.text(min_size=1), unique=True, max_size=20))
def test_names_fit_every_vendor_and_are_never_the_same(tools: list[str]) -> None:
    names = tool_names("peer", tools)
    assert len(set(names.values())) == len(tools)
    for name in names.values():
        assert len(name) <= LONGEST and name.isascii() and set(name) <= set(_TAKEN)
        assert server_of(name) == "peer"


_TAKEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def test_a_schema_is_closed_and_checked_in_full() -> None:
    sent = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "mode": {"enum": ["a", "b"], "default": "a", "description": "one\x1b[2J\ntwo"},
            "limit": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
            "filter": {"$ref": "#/$defs/Filter"},
            "name": {"type": "string", "pattern": "^[a-z]+$", "x-ui": 1},
        },
        "required": ["mode"],
        "$defs": {"Filter": {"type": "object", "properties": {"on": {"type": "boolean"}}}},
    }
    made = closed(sent, "tool")
    assert made["properties"]["mode"]["description"] == "one\\x1b[2J two"
    check = checker(made, "tool")
    assert check({"mode": "a", "limit": None, "filter": {"on": True}, "name": "x"}) == ""
    for wrong in (
        {},
        {"mode": "c"},
        {"mode": "a", "limit": 0},
        {"mode": "a", "filter": {"off": 1}},
        {"mode": "a", "x": 1},
    ):
        assert check(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "anyOf", "$ref", "enum", "pattern", "maxLength", "a", "x-y"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_server_sends_is_a_schema_or_a_reason(sent: Any) -> None:
    schema = {"type": "object", "properties": sent if isinstance(sent, dict) else {"a": sent}}
    try:
        made = closed(schema, "tool")
    except BadSchema as error:
        assert str(error) and "\n" not in str(error)
        return
    assert checker(made, "tool")({"not named": 1})


def test_an_answer_fits_what_was_asked() -> None:
    schema = closed(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 2},
                "rows": {"type": "integer"},
                "sure": {"type": "boolean"},
            },
            "required": ["name"],
        },
        "answer",
    )
    asked = Elicitation("peer", "Which?", schema)
    name = secrets.token_hex(4)
    assert asked.answer(f"name = {name}, rows: 4; sure=yes") == {"name": name, "rows": 4, "sure": True}
    assert asked.answer(f'{{"name": "{name}"}}') == {"name": name}
    for words in ("rows=4", "name=x", "name=xx, rows=many", "name=xx, more=1", "{", "[]"):
        with pytest.raises(ValueError, match="answer"):
            asked.answer(words)
    only = Elicitation(
        "peer", "Sure?", closed({"type": "object", "properties": {"sure": {"type": "boolean"}}}, "a")
    )
    assert only.choices() == ("yes", "no", "decline")
    assert (only.answer("Yes"), only.answer("no")) == ({"sure": True}, {"sure": False})
    assert only.id != asked.id


async def test_what_a_server_prints_on_stderr_is_kept_masked_and_within_a_limit(tmp_path: Path) -> None:
    secret, lost, errors = f"Zq{secrets.token_hex(8)}", asyncio.Event(), tmp_path / "errors"
    script = (
        f"import sys; e = sys.stderr; print('marker password={secret}', file=e)\n"
        f"for _ in range({MOST_ERRORS // 1000 + 500}): print('x' * 999, file=e)\n"
    )
    async with process_streams((sys.executable, "-c", script), {}, None, errors, lost), asyncio.timeout(60):
        await lost.wait()
    kept = errors.read_text()
    assert "marker password=***" in kept and secret not in kept
    assert len(kept) <= MOST_ERRORS and errors.stat().st_mode & 0o777 == 0o600
