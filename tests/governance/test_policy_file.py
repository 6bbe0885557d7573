"""`policy.toml` is read whole, or refused with file, line and reason; the built-in policy is in force without one."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from agents.governance import Policy, Request
from agents.governance.policy_file import STARTER, load_policy, safely_loaded
from agents.governance.rule import RISKS
from inventory.errors import UserError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / f"{secrets.token_hex(3)}.toml"


def test_no_file_is_the_built_in_policy(file: Path) -> None:
    assert load_policy(file) == Policy()


def test_the_starter_judges_as_the_built_in_policy_does(file: Path) -> None:
    file.write_text(STARTER)
    for risk in (*RISKS, "odd"):
        for unlocked in (True, False):
            request = Request("any", risk, {"name": "orders"}, unlocked=unlocked)
            assert load_policy(file).judge(request).effect == Policy().judge(request).effect


RULE = '[[rules]]\nname = "a"\neffect = "approve"\n'


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("rules = 5\n", 1, "rules is no list"),
        ("\nnonsense = 1\n", 2, "'nonsense' is not known"),
        ("approval_minutes = 0\n", 1, "approval_minutes"),
        ("lock = 1\n", 1, "expected true or false"),
        ("[[rules]\n", 1, "expected TOML"),
        ('[[rules]]\nname = "a"\n', 1, "effect is None"),
        ('[[rules]]\nname = "a"\neffect = "permit"\n', 3, "expected one of allow, approve, deny"),
        (RULE + 'enviroment = ["production"]\n', 4, "did you mean environment?"),
        (RULE + 'environment = ["prod"]\n', 4, "expected one of production"),
        (RULE + 'risk = "dangerous"\n', 4, "expected one of read"),
        (RULE + "names = []\n", 4, "nothing fits"),
        (RULE + "names = [5]\n", 4, "list of texts"),
        (RULE + "max_victims = -1\n", 4, "whole number from 0"),
        (RULE + "approvers = true\n", 4, "whole number from 1"),
        (RULE + "four_eyes = 1\n", 4, "true or false"),
        (RULE + 'purpose = "fun"\n', 4, "expected one of diagnostic"),
        (RULE + 'schedule = { days = ["mon"], timezone = "Mars/Olympus" }\n', 4, "not known on this system"),
        (RULE + 'schedule = { days = ["monday"], timezone = "UTC" }\n', 4, "expected some of mon"),
        (RULE + 'schedule = { from = "25:00", timezone = "UTC" }\n', 4, "time of day"),
        (RULE + "schedule = { }\n", 4, "schedule is not understood"),
        (RULE + "\n" + RULE, 5, "is there already, at line 1"),
        ('[[rules]]\nname = "a"\neffect = "deny"\nmax_victims = 1\n', 4, "means nothing on a deny rule"),
        ('[[rules]]\nname = "a"\neffect = "allow"\napprovers = 2\n', 4, "means nothing on an allow rule"),
        (RULE + RULE.replace('"a"', '"b"') + "rsik = 1\n", 7, "did you mean risk?"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(
    file: Path, text: str, line: int, told: str
) -> None:
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load_policy(file)
    assert f"{file}:{line}: " in str(caught.value)
    assert told in str(caught.value)
    assert caught.value.exit_code == 2
    for risk, effect in (("read", "allow"), ("write", "deny"), ("destructive", "deny")):
        verdict = safely_loaded(file).judge(Request("any", risk, {"name": "orders"}, unlocked=True))
        assert verdict.effect == effect
        assert risk == "read" or f"{file}:{line}: " in verdict.text
