"""The built-in policy: reads run, every change asks, what is unknown is denied; and what an approval binds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.governance import Policy, Request
from agents.governance.approval import binding
from agents.kernel.tool import ToolCall, Victim


@pytest.mark.parametrize("unlocked", [True, False])
@pytest.mark.parametrize(
    ("risk", "effect"), [("read", "allow"), ("write", "approve"), ("destructive", "approve"), ("odd", "deny")]
)
def test_the_built_in_policy(risk: str, effect: str, unlocked: bool) -> None:
    verdict = Policy().judge(Request("any", risk, {"name": "orders"}, unlocked=unlocked))
    assert verdict.effect == effect
    assert verdict.rule.startswith("builtin.")
    assert ("until you unlock it" in verdict.text) == (effect == "approve" and not unlocked)


def test_a_yes_binds_tool_arguments_target_and_victims() -> None:
    call = ToolCall("stop", {"pid": 5, "started": "then"}, "orders")
    target = {"name": "orders", "host": "a"}
    victim = Victim({"pid": 5}, {"user": "app"})
    bound = binding(call, target, (victim,))
    assert bound == binding(
        replace(call, arguments={"started": "then", "pid": 5}, finding="F1"), target, (victim,)
    )
    assert bound == binding(call, target, (replace(victim, facts={}),))
    others = [
        binding(replace(call, tool="other"), target, (victim,)),
        binding(replace(call, arguments={"pid": 6, "started": "then"}), target, (victim,)),
        binding(call, {**target, "host": "b"}, (victim,)),
        binding(call, target, (Victim({"pid": 6}, {}),)),
        binding(call, target, (victim, victim)),
    ]
    assert len({bound, *others}) == 6
