"""The policy engine, by properties and by example: deny overrides, order means nothing, limits prevent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.governance import Impact, Policy, Request, Rule
from agents.governance.explanation import explain
from agents.governance.lint import lint
from agents.governance.policy import STRICTNESS
from agents.governance.policy_file import PURPOSES
from agents.governance.rule import RISKS
from agents.governance.schedule import DAYS, Schedule

words = st.sampled_from(["orders", "orders-eu", "stock", "hr"])
patterns = st.sampled_from(["*", "orders*", "orders", "stock", "h?"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
times = st.times().map(lambda value: value.replace(second=0, microsecond=0))
schedules = st.builds(
    Schedule, st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple), times, times, zones
)


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, max_size=2, unique=True).map(tuple)


numbers = st.none() | st.integers(0, 3)
rules_of = st.builds(
    Rule,
    name=st.text("abcdef", min_size=1, max_size=6),
    effect=st.sampled_from(["allow", "approve", "deny"]),
    priority=st.integers(-2, 2),
    principals=some(st.sampled_from(["operator:ann", "operator:*", "role:approver"])),
    names=some(patterns),
    environments=some(st.sampled_from(["production", "test"])),
    tags=some(st.sampled_from(["eu", "billing"])),
    sensitivity=some(st.just("pii")),
    tools=some(st.sampled_from(["end", "e*", "vacuum"])),
    risks=some(st.sampled_from(RISKS)),
    purposes=some(st.sampled_from(PURPOSES)),
    not_purposes=some(st.sampled_from(PURPOSES)),
    schedule=st.none() | schedules,
    max_victims=numbers,
    max_rows=numbers,
    max_xact_age_s=st.none() | st.floats(0, 100),
    approvers=st.integers(1, 3),
    four_eyes=st.booleans(),
)
policies = st.lists(rules_of, max_size=6, unique_by=lambda rule: rule.name).map(
    lambda rules: Policy(rules=tuple(rules), source="file")
)
requests = st.builds(
    Request,
    tool=st.sampled_from(["end", "vacuum", "look"]),
    risk=st.sampled_from([*RISKS, "odd"]),
    target=st.fixed_dictionaries({
        "name": words,
        "environment": st.sampled_from(["production", "test", ""]),
        "tags": st.lists(st.sampled_from(["eu", "billing"]), unique=True),
        "sensitivity": st.lists(st.just("pii"), max_size=1),
    }),
    principal=st.sampled_from(["operator:ann", "operator:bob", ""]),
    roles=st.frozensets(st.sampled_from(["approver", "viewer"])),
    purpose=st.sampled_from([*PURPOSES, ""]),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    unlocked=st.booleans(),
    impact=st.none()
    | st.builds(Impact, st.integers(0, 5), st.none() | st.integers(0, 5), st.floats(0, 200)),
)  # fmt: skip


def with_rule(policy: Policy, rule: Rule) -> Policy:
    return replace(policy, rules=(*policy.rules, rule))


def fitted(rule: Rule, request: Request) -> Rule:
    """The rule without the fields that keep it from being about the request."""
    scope = ("principals", "names", "environments", "tags", "sensitivity", "tools", "risks", "purposes")
    for key in (*scope, "not_purposes"):
        if Rule("one", "deny", **{key: getattr(rule, key)}).misses(request):
            rule = replace(rule, **{key: ()})
    closed = rule.schedule is not None and not rule.schedule.holds(request.at)
    return replace(rule, schedule=None) if closed else rule


@given(policies, requests, rules_of)
def test_deny_overrides(policy: Policy, request: Request, rule: Rule) -> None:
    deny = replace(fitted(rule, request), effect="deny", name="the-deny")
    assert with_rule(policy, deny).judge(request).effect == "deny"


@given(policies, requests, rules_of, rules_of)
def test_an_allow_never_escalates_past_a_deny(
    policy: Policy, request: Request, deny: Rule, allow: Rule
) -> None:
    denying = with_rule(policy, replace(fitted(deny, request), effect="deny", name="the-deny"))
    allow = replace(fitted(allow, request), effect="allow", name="the-allow", priority=99)
    assert with_rule(denying, allow).judge(request).effect == "deny"
    before = policy.judge(request)
    if before.effect == "deny" and before.rule != "builtin.unknown":
        assert with_rule(policy, allow).judge(request).effect == "deny"


@given(policies, requests, rules_of)
def test_an_added_allow_changes_nothing_that_it_is_not_for(
    policy: Policy, request: Request, allow: Rule
) -> None:
    allow = replace(allow, effect="allow", name="the-allow", priority=99)
    assume(allow.misses(request))
    added, before = with_rule(policy, allow).judge(request), policy.judge(request)
    # Of a class that no rule was for the words may change, not the answer.
    assert added.effect == before.effect and added.rule == before.rule


@given(policies, requests, rules_of, st.integers(-3, 3))
def test_an_added_allow_never_passes_an_approval_of_its_priority(
    policy: Policy, request: Request, allow: Rule, priority: int
) -> None:
    asking = replace(fitted(allow, request), effect="approve", name="the-approve", priority=priority)
    allow = replace(fitted(allow, request), effect="allow", name="the-allow", priority=priority)
    base = replace(
        policy,
        rules=(
            *(rule for rule in policy.rules if rule.priority <= priority or rule.effect != "allow"),
            asking,
        ),
    )
    assert base.judge(request).effect != "allow"
    assert with_rule(base, allow).judge(request).effect != "allow"


@given(policies, requests, st.randoms())
def test_the_order_of_rules_means_nothing(policy: Policy, request: Request, random: Any) -> None:
    shuffled = list(policy.rules)
    random.shuffle(shuffled)
    assert replace(policy, rules=tuple(shuffled)).judge(request) == policy.judge(request)
    # And where they all are for it, which random ones seldom are.
    fits = {rule.name: fitted(rule, request) for rule in policy.rules}
    ordered, mixed = (tuple(fits[rule.name] for rule in rules) for rules in (policy.rules, shuffled))
    assert replace(policy, rules=mixed).judge(request) == replace(policy, rules=ordered).judge(request)


@given(policies, requests)
def test_what_no_rule_is_for_is_denied(policy: Policy, request: Request) -> None:
    none = replace(policy, rules=tuple(rule for rule in policy.rules if rule.misses(request)))
    assert none.judge(request).effect == "deny"
    assert Policy(rules=()).judge(request).effect == "deny"


@given(policies, requests, st.integers(0, 9))
def test_more_victims_are_never_judged_milder(policy: Policy, request: Request, more: int) -> None:
    assume(request.impact is not None)
    assert request.impact is not None
    worse = replace(request.impact, victims=request.impact.victims + more)
    milder = STRICTNESS[policy.judge(request).effect]
    assert STRICTNESS[policy.judge(replace(request, impact=worse)).effect] >= milder


@given(policies, requests)
def test_a_change_on_a_locked_target_never_just_runs(policy: Policy, request: Request) -> None:
    assume(request.risk != "read")
    assert policy.judge(replace(request, unlocked=False)).effect != "allow"


@given(policies, requests)
def test_a_policy_that_cannot_be_read_stops_every_change(policy: Policy, request: Request) -> None:
    assume(request.risk != "read")
    verdict = replace(policy, fault="policy.toml:3: boom").judge(request)
    assert verdict.effect == "deny"
    assert "policy.toml:3: boom" in verdict.text


@given(policies, requests)
def test_an_explanation_says_what_the_judge_says(policy: Policy, request: Request) -> None:
    told = explain(policy, request)
    assert told.verdict == policy.judge(request)
    assert [item.rule for item in told.rules] == list(policy.rules)
    for item in told.rules:
        if item.decides:
            assert not item.misses and item.rule.name in told.verdict.rule
    assert bool(told.changes) == (told.verdict.effect != "allow")


@given(policies, requests)
def test_what_an_explanation_would_have_changed_makes_it_milder(policy: Policy, request: Request) -> None:
    """With what is in the way gone, and the target unlocked, each rule it names makes the verdict milder."""
    told = explain(policy, replace(request, impact=None))
    in_the_way = {rule.name for rule in policy.rules if rule.effect == "deny" and not rule.misses(request)}
    free = tuple(rule for rule in policy.rules if rule.name not in in_the_way)
    asked = replace(request, impact=None, unlocked=True)
    now = replace(policy, rules=free).judge(asked).effect
    for rule in free:
        if any(line.startswith(f"rule {rule.name} would ") for line in told.changes):
            fits = tuple(
                Rule(one.name, one.effect, priority=one.priority) if one is rule else one for one in free
            )
            assert STRICTNESS[replace(policy, rules=fits).judge(asked).effect] < STRICTNESS[now]


@given(policies, requests)
def test_a_rule_that_lint_calls_shadowed_changes_nothing(policy: Policy, request: Request) -> None:
    shadowed = {note.rule for note in lint(policy) if "shadowed" in note.text}
    never = {note.rule for note in lint(policy) if "never match" in note.text}
    for name in shadowed | never:
        without = replace(policy, rules=tuple(rule for rule in policy.rules if rule.name != name))
        assert without.judge(request).effect == policy.judge(request).effect


@given(schedules, st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)))
def test_a_schedule_is_kept_by_the_clocks_of_its_zone(schedule: Schedule, moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    local = at.astimezone(ZoneInfo(schedule.zone))
    today, yesterday = DAYS[local.weekday()], DAYS[(local - timedelta(days=1)).weekday()]
    now = local.time()
    if schedule.start < schedule.end:
        expected = today in schedule.days and schedule.start <= now < schedule.end
    elif schedule.start == schedule.end:
        expected = today in schedule.days
    else:
        late, early = now >= schedule.start, now < schedule.end
        expected = (late and today in schedule.days) or (early and yesterday in schedule.days)
    assert schedule.holds(at) == expected


ASK = Rule("ask", "approve")
FREEZE = Schedule(("mon", "tue", "wed", "thu", "fri"), time(9), time(17), "Europe/Berlin")
PRODUCTION = {"name": "orders", "environment": "production", "tags": ["eu"], "sensitivity": ["pii"]}


def judged(*rules: Rule, **request: Any) -> Any:
    values = {"tool": "end", "risk": "destructive", "target": PRODUCTION, "unlocked": True, **request}
    return Policy(rules=rules, source="file").judge(Request(**values))


def test_priority_and_strictness() -> None:
    allow = Rule("go", "allow")
    assert judged(ASK, allow).effect == "approve"
    assert judged(ASK, replace(allow, priority=1)).effect == "allow"
    assert judged(Rule("no", "deny", priority=-5), replace(allow, priority=1)).effect == "deny"
    two = judged(ASK, Rule("two", "approve", approvers=2), Rule("eyes", "approve", four_eyes=True))
    assert (two.effect, two.approvers, two.four_eyes, two.rule) == ("approve", 2, True, "ask, eyes, two")


@pytest.mark.parametrize(
    ("rule", "impact", "told"),
    [
        (replace(ASK, max_victims=1), Impact(2), "would hit 2"),
        (replace(ASK, max_rows=10), Impact(1, 11), "would change 11 rows"),
        (replace(ASK, max_rows=10), Impact(1), "an unknown number of rows"),
        (replace(ASK, max_xact_age_s=60.0), Impact(1, None, 61.0), "is 61 s old"),
    ],
)
def test_beyond_a_limit_is_denied(rule: Rule, impact: Impact, told: str) -> None:
    verdict = judged(rule, Rule("also", "allow", priority=9), impact=impact)
    assert verdict.effect == "deny"
    assert told in verdict.text
    assert judged(rule, impact=Impact(1, 5, 1.0)).effect == "approve"
    assert judged(rule).effect == "approve"


def test_a_freeze_by_the_clock_of_another_zone_and_its_exception() -> None:
    freeze = Rule("freeze", "deny", schedule=FREEZE, not_purposes=("emergency",))
    monday = datetime(2026, 7, 6, 7, 30, tzinfo=UTC)  # 09:30 in Berlin
    assert judged(freeze, ASK, at=monday).effect == "deny"
    assert judged(freeze, ASK, at=monday, purpose="emergency").effect == "approve"
    assert judged(freeze, ASK, at=monday - timedelta(hours=1)).effect == "approve"


def test_an_explanation_names_what_would_have_to_change() -> None:
    policy = Policy(
        rules=(
            Rule("night", "approve", environments=("test",), purposes=("remediation",)),
            Rule("few", "approve", max_victims=1),
            Rule("go", "allow", priority=1, purposes=("emergency",)),
            Rule("weak", "allow", priority=-1, purposes=("emergency",)),
        )
    )
    ended = Request("end", "destructive", PRODUCTION, unlocked=True)
    told = explain(policy, replace(ended, impact=Impact(3)))
    assert told.verdict.effect == "deny"
    assert "stay within rule few: it would hit 3, and the most is 1" in told.changes
    told = explain(policy, replace(ended, unlocked=False))
    assert told.verdict.effect == "approve"
    assert told.changes == (
        "unlock the target in this session, as an approval can: it then still needs an approval each time",
        "rule go would allow it: purpose is not said, needs emergency",
    )
    told = explain(replace(policy, rules=policy.rules[:1]), ended)
    assert told.changes == (
        "rule night would approve it: environment is production, needs test; purpose is not said, needs remediation",
    )


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        # Berlin's clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
        (datetime(2026, 3, 27, 7, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 27, 8, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 6, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 30, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 10, 23, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 10, 26, 7, 30, tzinfo=UTC), False),
        (datetime(2026, 10, 26, 15, 59, tzinfo=UTC), True),
        (datetime(2026, 10, 26, 16, 0, tzinfo=UTC), False),
    ],
    ids=str,
)
def test_a_freeze_keeps_to_the_clocks_before_and_after_they_change(at: datetime, inside: bool) -> None:
    freeze = Rule("freeze", "deny", schedule=FREEZE)
    assert (judged(freeze, ASK, at=at).effect == "deny") == inside


def test_a_window_over_the_night_of_the_change_is_an_hour_shorter_or_longer() -> None:
    night = Schedule(("sat",), time(22), time(4), "Europe/Berlin")

    def minutes(day: datetime) -> int:
        return sum(night.holds(day + timedelta(minutes=passed)) for passed in range(24 * 60))

    assert minutes(datetime(2026, 3, 21, 12, tzinfo=UTC)) == 6 * 60
    assert minutes(datetime(2026, 3, 28, 12, tzinfo=UTC)) == 5 * 60
    assert minutes(datetime(2026, 10, 24, 12, tzinfo=UTC)) == 7 * 60


def test_a_time_that_does_not_fit_is_told_by_the_clock_of_the_rule() -> None:
    at = datetime(2026, 7, 6, 2, 30, tzinfo=ZoneInfo("Asia/Kolkata"))  # Sunday 23:00 in Berlin
    told = Rule("freeze", "deny", schedule=FREEZE).misses(Request("end", "write", PRODUCTION, at=at))
    assert told == ["time there is Sun 23:00, needs mon, tue, wed, thu, fri 09:00–17:00 Europe/Berlin"]


@pytest.mark.parametrize(
    ("rules", "name", "told"),
    [
        ((Rule("a", "deny"), Rule("b", "allow", risks=("read",))), "b", "shadowed: a denies"),
        ((Rule("a", "approve", priority=5), Rule("b", "allow", names=("x-*",))), "b", "higher priority"),
        ((ASK, Rule("b", "allow", risks=("write",))), "b", "at equal priority ask asks"),
        ((Rule("b", "deny", purposes=("testing",), not_purposes=("testing",)),), "b", "never match"),
        ((Rule("b", "allow", tools=("nosuch*",)),), "b", "no known tool"),
        ((Rule("b", "deny", tools=("end",), risks=("read",)),), "b", "end is destructive, not read"),
        ((Rule("b", "approve", "destructive calls on production"),), "b", "says production"),
        ((Rule("b", "deny", "business hours freeze"),), "b", "has no schedule"),
        ((Rule("b", "approve", risks=("read",)),), "b", "one asked for by hand waits"),
    ],
)
def test_lint(rules: tuple[Rule, ...], name: str, told: str) -> None:
    notes = lint(Policy(rules=rules), {"end": "destructive", "look": "read"})
    assert [note for note in notes if note.rule == name and told in note.text], notes


def test_sound_rules_raise_no_doubt() -> None:
    from pathlib import Path

    from agents.governance.policy_file import STARTER, parse_policy

    assert lint(parse_policy(STARTER, Path("policy.toml"))) == []
    whole = "\n".join(
        line.removeprefix("# ") if line.startswith(("# [[", "# ")) and ("=" in line or "[[" in line) else line
        for line in STARTER.splitlines()
        if not line.startswith(("# A ", "# Any", "# What", "# Also", "# tags"))
    )
    policy = parse_policy(whole, Path("policy.toml"))
    assert [rule.name for rule in policy.rules] == ["reads", "changes", "production-two", "freeze"]
    assert lint(policy) == []
