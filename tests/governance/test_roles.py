"""`roles.toml`: every cell of role × action × group, and a file that is refused with its place."""

from __future__ import annotations

import hashlib
import secrets
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from agents.governance.roles import ACTIONS, Roles, load_roles, parse_roles, safely_loaded
from inventory.errors import UserError

# One column for each role: viewer, operator, approver, admin.
TABLE = {
    "read": "yyyy",
    "ask": "-y-y",
    "approve": "--yy",
    "deny": "-yyy",
    "edit": "--yy",
    "grant": "--yy",
    "revoke": "--yy",
    "unlock": "--yy",
    "lock": "-yyy",
    "purge": "---y",
}
ROLES = ("viewer", "operator", "approver", "admin")

GROUPS = """
[groups.production]
environment = ["production"]

[groups.eu-billing]
tags = ["eu", "billing"]

[groups.orders]
names = ["orders-*"]

[groups.private]
sensitivity = ["pii"]
"""
TARGETS: dict[str, dict[str, Any]] = {
    "production": {"name": "a", "environment": "production"},
    "eu-billing": {"name": "b", "tags": ["x", "billing", "eu"]},
    "orders": {"name": "orders-7"},
    "private": {"name": "c", "sensitivity": ["pii"]},
    "": {"name": "d", "environment": "staging", "tags": ["eu"], "sensitivity": []},
}


def test_the_table_has_every_action() -> None:
    assert set(TABLE) == set(ACTIONS)


@pytest.mark.parametrize(
    ("role", "group"), list(product(ROLES, ["production", "eu-billing", "orders", "private", "*"]))
)
def test_every_cell(role: str, group: str) -> None:
    groups = "" if group == "*" else f'groups = ["{group}"]\n'
    text = f'{GROUPS}\n[[members]]\nprincipals = ["operator:ann"]\nrole = "{role}"\n{groups}'
    roles = parse_roles(text, Path("roles.toml"))
    for action, (kind, target) in product(ACTIONS, TARGETS.items()):
        allowed = TABLE[action][ROLES.index(role)] == "y" and group in ("*", kind)
        refusal = roles.refusal("operator:ann", action, target)
        assert (refusal == "") == allowed, (role, action, group, kind)
        if refusal:
            assert f"operator:ann may not {action} on {target['name']}" in refusal
        assert roles.refusal("operator:anne", action, target)
        assert roles.refusal("", action, target)


def test_roles_add_up_over_groups_and_patterns() -> None:
    text = (
        GROUPS + '[[members]]\nprincipals = ["operator:*"]\nrole = "operator"\n'
        '[[members]]\nprincipals = ["operator:ann"]\nrole = "approver"\ngroups = ["orders", "private"]\n'
    )
    roles = parse_roles(text, Path("roles.toml"))
    assert roles.of("operator:ann", TARGETS["orders"]) == {"operator", "approver"}
    assert roles.of("operator:ann", TARGETS["production"]) == {"operator"}
    assert roles.of("agent:database", TARGETS["orders"]) == frozenset()


def test_without_a_file_whoever_got_in_may_do_everything(tmp_path: Path) -> None:
    roles = load_roles(tmp_path / "none.toml")
    assert all(not roles.refusal("operator:ann", action, {}) for action in ACTIONS)


def test_a_file_that_does_not_parse_lets_everyone_look_and_nobody_change(tmp_path: Path) -> None:
    file = tmp_path / "roles.toml"
    file.write_text('[[members]]\nprincipals = ["operator:ann"]\nrole = "root"\n')
    roles = safely_loaded(file)
    for action in ACTIONS:
        refusal = roles.refusal("operator:ann", action, {"name": "a"})
        assert (refusal == "") == (action == "read")
        assert action == "read" or f"{file}:3: " in refusal


def test_an_empty_file_gives_nobody_anything(tmp_path: Path) -> None:
    file = tmp_path / "roles.toml"
    file.touch()
    assert all(load_roles(file).refusal("operator:ann", action, {}) for action in ACTIONS)


def test_a_caller_is_known_by_token_alone() -> None:
    tokens = {name: secrets.token_urlsafe(32) for name in ("ann", "ben")}
    callers = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in tokens.items()}
    roles = Roles(callers=callers, open=False)
    for name, token in tokens.items():
        assert roles.caller(token) == name
        assert roles.caller(token[:-1]) == ""
    assert roles.caller("") == roles.caller(callers["ann"]) == ""


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("[member]\n", 1, "'member' is not known"),
        ("members = 1\n", 1, "no list"),
        ('[[members]]\nrole = "viewer"\n', 1, "principals are missing"),
        ('[[members]]\nprincipals = ["a"]\nrole = "boss"\n', 3, "expected one of viewer"),
        ('[[members]]\nprincipals = ["a"]\nrole = "admin"\ngroups = ["none"]\n', 4, "no group is defined"),
        (GROUPS + '[[members]]\nprincipals = ["a"]\nrole = "admin"\ngroups = ["prod"]\n', 16, "production"),
        ('[groups.a]\nenvironment = ["prod"]\n', 2, "expected one of production"),
        ("[groups.a]\nname = []\n", 2, "did you mean names"),
        ("groups = 1\n", 1, "not understood"),
        ("[callers.ann]\ntoken = 5\n", 1, "64 hex digits"),
        ('[callers.ann]\ntoken_sha256 = "abc"\n', 1, "64 hex digits"),
        ('[callers."an n"]\ntoken_sha256 = "abc"\n', 1, "is no name"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    file = tmp_path / "roles.toml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load_roles(file)
    assert f"{file}:{line}: " in str(caught.value)
    assert told in str(caught.value)
    assert "a-secret-of-ann" not in str(caught.value)
