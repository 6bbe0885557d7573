"""Policies of aiHelpDesk taken over: no call is judged milder here than there, and what is odd is told."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.governance import Impact, Policy, Request
from agents.governance.aihelpdesk.atoms import OURS
from agents.governance.aihelpdesk.source import read_policies
from agents.governance.aihelpdesk.translation import translate
from agents.governance.aihelpdesk.users import read_users
from agents.governance.aihelpdesk.writing import policy_text
from agents.governance.policy_file import PURPOSES, parse_policy
from agents.governance.roles import parse_roles
from helpdesk_tui.cli import root
from helpdesk_tui.commands.policy import known_tools
from inventory.errors import UserError

STRICTNESS = {"allow": 0, "approve": 1, "deny": 2}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ROLES = {"alice": ["dba"], "bob": ["sre", "boss"], "eve": [], "bot": ["machine"]}
USERS = "users:\n" + "".join(
    f"  - {{id: {name}, roles: [{', '.join(roles)}]}}\n" for name, roles in ROLES.items() if name != "bot"
)
USERS += "service_accounts:\n  - {id: bot, roles: [machine], api_key_hash: x}\nrole_aliases: {boss: oncall}\n"


# What decides there, written down once more, from its behaviour.


def there(policies: list[dict[str, Any]], call: dict[str, Any]) -> tuple[str, int]:
    """The effect of a call in the source system, and how many approvers it names."""
    for policy in sorted(policies, key=lambda policy: -policy.get("priority", 0)):
        if policy.get("enabled") is False or not any(fits_who(who, call) for who in policy["principals"]):
            continue
        if not any(fits(resource, call) for resource in policy["resources"]):
            continue
        for rule in policy["rules"]:
            conditions = rule.get("conditions", {})
            if call["action"] in rule["action"] and active(conditions.get("schedule"), call["at"]):
                return decided(rule["effect"], conditions, call)
    return "deny", 0


def fits_who(who: dict[str, Any], call: dict[str, Any]) -> bool:
    roles = ["oncall" if role == "boss" else role for role in ROLES.get(call["who"], [])]
    name = who.get("service") if call["who"] == "bot" else who.get("user")
    return bool(who.get("any") or (name and name == call["who"]) or who.get("role") in roles)


def fits(resource: dict[str, Any], call: dict[str, Any]) -> bool:
    match = resource.get("match", {})
    return (
        resource["type"] == "database"
        and match.get("name", call["name"]) == call["name"]
        and fnmatchcase(call["name"], match.get("name_pattern", "*"))
        and not match.get("namespace")
        and set(match.get("tags", [])) <= call["tags"]
        and set(match.get("sensitivity", [])) <= call["sensitivity"]
        and match.get("tool", call["tool"]) == call["tool"]
        and fnmatchcase(call["tool"], match.get("tool_pattern", "*"))
    )


def active(schedule: dict[str, Any] | None, at: datetime) -> bool:
    if not schedule:
        return True
    local = at.astimezone(ZoneInfo(schedule.get("timezone", "UTC")))
    return (not schedule.get("days") or DAYS[local.weekday()] in schedule["days"]) and (
        not schedule.get("hours") or local.hour in schedule["hours"]
    )


def decided(effect: str, conditions: dict[str, Any], call: dict[str, Any]) -> tuple[str, int]:
    asks = effect == "require_approval" or (effect == "allow" and conditions.get("require_approval"))
    result = "approve" if asks else effect
    if conditions.get("allowed_purposes") and call["purpose"] not in conditions["allowed_purposes"]:
        result = "deny"
    if call["purpose"] and call["purpose"] in conditions.get("blocked_purposes", []):
        result = "deny"
    for limit, count in (("max_rows_affected", call["rows"]), ("max_xact_age_secs", call["age"])):
        if 0 < conditions.get(limit, 0) < (count or 0):
            result = "deny"
    return result, conditions.get("approval_quorum", 1) if conditions.get("require_approval") else 1


words = st.sampled_from
purposes = words([*PURPOSES, "fleet_rollout"])


def table(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the keys may be missing."""
    return st.fixed_dictionaries({}, optional=keys)


schedules = table(
    days=st.lists(words(DAYS), min_size=1, unique=True),
    hours=st.lists(st.integers(0, 23), min_size=1, max_size=6, unique=True),
    timezone=words(["UTC", "America/New_York", "Asia/Kolkata"]),
)
conditions = table(
    require_approval=st.booleans(), approval_quorum=st.integers(0, 3),
    max_rows_affected=st.integers(0, 5), max_xact_age_secs=st.integers(0, 100),
    schedule=schedules,
    allowed_purposes=st.lists(purposes, max_size=3, unique=True),
    blocked_purposes=st.lists(purposes, max_size=2, unique=True),
)  # fmt: skip
matches = table(
    name=words(["orders", "stock"]), name_pattern=words(["or*", "sto?k", "*", "[o]rders"]),
    tags=st.lists(words(["eu", "prod"]), max_size=2, unique=True), namespace=st.just("kube"),
    sensitivity=st.lists(st.just("pii"), max_size=1), tool=words(sorted(set(OURS.values()))),
    tool_pattern=words(["terminate_*", "*", "get_*", "cancel_query", "session*"]),
)  # fmt: skip
rules = st.fixed_dictionaries(
    {
        "action": st.lists(words(["read", "write", "destructive"]), min_size=1, max_size=3, unique=True),
        "effect": words(["allow", "deny", "require_approval"]),
    },
    optional={"conditions": conditions, "message": st.text(max_size=8).filter(lambda text: "$" not in text)},
)
people = st.sampled_from(
    [
        {"any": True},
        {"role": "dba"},
        {"role": "oncall"},
        {"role": "nobody"},
        {"user": "alice"},
        {"service": "bot"},
    ]
)
resources = st.fixed_dictionaries({"type": words(["database", "kubernetes"])}, optional={"match": matches})
policies = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.uuids().map(str),
            "priority": st.integers(0, 3),
            "principals": st.lists(people, min_size=1, max_size=2),
            "resources": st.lists(resources, min_size=1, max_size=2),
            "rules": st.lists(rules, min_size=1, max_size=3),
        },
        optional={"enabled": st.booleans()},
    ),
    min_size=1, max_size=5, unique_by=lambda policy: policy["priority"],
)  # fmt: skip
calls = st.fixed_dictionaries({
    "who": words([*ROLES, "stranger"]), "action": words(["read", "write", "destructive"]),
    "name": words(["orders", "stock", "hr"]), "ours": words([*OURS, "drop_index_concurrently", "session_x"]),
    "tags": st.sets(words(["eu", "prod"])), "sensitivity": st.sets(st.just("pii")),
    "purpose": words(["", *PURPOSES]), "rows": st.none() | st.integers(0, 9), "age": st.integers(0, 200),
    "at": st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
})  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("import")
    (where / "users.yaml").write_text(USERS)
    return where


def imported(where: Path, found: list[dict[str, Any]] | str) -> Policy:
    """The policy as it is read back from the text that the import wrote. JSON is YAML, too."""
    file = where / f"{secrets.token_hex(4)}.yaml"
    file.write_text(found if isinstance(found, str) else json.dumps({"version": "1", "policies": found}))
    translated = translate(read_policies(file), read_users(where / "users.yaml"))
    return parse_policy(policy_text(translated, file.name), Path("policy.toml"))


def judged(policy: Policy, call: dict[str, Any]) -> Any:
    target = {"name": call["name"], "tags": sorted(call["tags"]), "sensitivity": sorted(call["sensitivity"])}
    impact = Impact(1, call["rows"], float(call["age"]))
    return policy.judge(
        Request(
            call["ours"], call["action"], target, f"operator:{call['who']}", purpose=call["purpose"],
            at=call["at"], unlocked=True, impact=impact,
        )
    )  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(policies, st.lists(calls, min_size=4, max_size=12))
def test_no_call_is_judged_milder_here(
    place: Path, found: list[dict[str, Any]], made: list[dict[str, Any]]
) -> None:
    policy = imported(place, found)
    for call in made:
        effect, approvers = there(found, {**call, "tool": OURS.get(call["ours"], call["ours"])})
        verdict = judged(policy, call)
        assert STRICTNESS[verdict.effect] >= STRICTNESS[effect], (effect, verdict, call, found)
        if verdict.effect == "approve" == effect:
            assert verdict.approvers >= approvers
            assert verdict.four_eyes


SHIPPED = """
policies:
  - name: everyone-writes
    priority: 95
    resources: [{type: database}]
    rules:
      - {action: [write, destructive], effect: allow, conditions: {blocked_purposes: [diagnostic]}}
  - name: production
    priority: 100
    resources: [{type: database, match: {tags: [prod]}}]
    rules:
      - {action: read, effect: allow}
      - {action: destructive, effect: deny, message: "call a DBA"}
  - name: leads
    priority: 210
    principals: [{role: dba}]
    resources: [{type: database}]
    rules: [{action: destructive, effect: allow, conditions: {require_approval: true, approval_quorum: 2}}]
  - name: no-terminate
    priority: 80
    resources: [{type: database, match: {tool_pattern: "terminate_*"}}]
    rules: [{action: destructive, effect: deny}]
  - name: rest
    priority: 1
    resources: [{type: database}]
    rules: [{action: [read, write, destructive], effect: deny}]
"""


def test_its_known_weaknesses_are_told_and_mended(place: Path) -> None:
    file = place / "shipped.yaml"
    file.write_text(SHIPPED)
    done = CliRunner(catch_exceptions=False).invoke(
        root,
        [
            "policy",
            "import",
            str(file),
            "--users",
            str(place / "users.yaml"),
            "-o",
            str(place / "policy.toml"),
        ],
    )
    assert done.exit_code == 0, done.output
    told = done.stderr
    for line in (
        f"{file}:13: production, rule 2: where leads (priority 210) fits too, this deny is not looked at there",
        "no-terminate, rule 1: never reached there: everyone-writes, rule 1 decides before it; here the deny wins",
        "no-terminate, rule 1: the tool terminate_* there is terminate_session here",
        "everyone-writes, rule 1: it lets everyone write and destructive without asking",
        "leads, rule 1: the quorum of 2 is not kept there",
        "rest, rule 1: nothing comes after this deny there",
    ):
        assert line in told
    policy = parse_policy((place / "policy.toml").read_text(), place / "policy.toml")
    base = {
        "who": "alice",
        "action": "destructive",
        "name": "orders",
        "ours": "drop_inactive_slot",
        "rows": 0,
    }
    call = {**base, "tags": set(), "sensitivity": set(), "purpose": "", "age": 0, "at": datetime.now(UTC)}
    asked = judged(policy, call)
    assert (asked.effect, asked.approvers, asked.four_eyes) == ("approve", 2, True)
    assert judged(policy, {**call, "tags": {"prod"}}).text == "call a DBA"
    assert judged(policy, {**call, "ours": "terminate_session"}).effect == "deny"
    assert judged(policy, {**call, "who": "eve"}).effect == "allow"
    assert judged(policy, {**call, "who": "eve", "action": "read"}).rule == "builtin.unknown"
    roles = parse_roles((place / "roles.toml").read_text(), place / "roles.toml")
    assert roles.of("operator:alice", {}) == {"approver", "operator"}
    assert roles.of("operator:eve", {}) == roles.of("operator:bot", {}) == {"operator"}
    assert roles.of("operator:stranger", {}) == frozenset()
    again = CliRunner().invoke(root, ["policy", "import", str(file), "-o", str(place / "policy.toml")])
    assert again.exit_code != 0, "a file is never overwritten, and a role needs --users"


def test_the_tools_that_are_named_are_ours() -> None:
    assert set(OURS) <= set(known_tools())


def one(rule: str = "", match: str = "", more: str = "") -> str:
    return (
        f"policies:\n  - name: p{more}\n    resources:\n      - type: database\n        match: {{{match}}}\n"
        f"    rules:\n      - {{action: read, effect: allow{rule}}}\n"
    )


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 0, "is empty"),
        ("policies: []", 1, "policies are missing"),
        (one(rule=", condition: {require_approval: true}"), 7, "'condition' is not known here"),
        (one(match="tag: [prod]"), 5, "'tag' is not known here"),
        (one(match='name: "$DB"'), 5, "replaced from the environment"),
        (one(match="tags: prod"), 5, "no list"),
        (one(more="\n    name: q"), 3, "'name' is there twice"),
        (one(more="\n    principals: [{role: dba}]").replace("dba", "x y"), 2, "give --users"),
        (one(rule=", conditions: {require_approval: maybe}"), 7, "neither true nor false"),
        (one(rule=", conditions: {max_rows_affected: 0x10}"), 7, "no whole number"),
        (one(more="\n    enabled: &a no"), 3, "anchors and aliases are not read"),
        ("policies: !!python/object/apply:os.system [id]", 1, "the tag"),
        ("policies: " + "[" * 5000 + "]" * 5000, 1, "nested too deeply"),
        ("policies: [}", 1, "no YAML"),
        ("# " + "x" * 300_000, 0, "larger than 256 KB"),
    ],
    ids=lambda value: str(value)[:24].strip() if isinstance(value, str) else None,
)  # fmt: skip
def test_what_cannot_be_trusted_is_refused_in_one_line(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        translate(read_policies(file), None)
    assert told in str(error.value)
    assert str(error.value).startswith(f"{file}:{line}:" if line else f"{file}:")
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
