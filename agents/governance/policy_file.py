"""`policy.toml`: read with errors that name file and line; nothing in it is passed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from agents.governance.policy import APPROVAL_TTL_S, Policy
from agents.governance.rule import KINDS, RISKS, Effect, Rule
from agents.governance.schedule import parse_schedule
from agents.governance.toml_rows import Row, rows_of
from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.target import ENVIRONMENTS
from inventory.toml_file import line_of, parse_toml, read_text

EFFECTS = ("allow", "approve", "deny")
PURPOSES = ("diagnostic", "remediation", "maintenance", "emergency", "compliance", "testing")
"""Why somebody works on a target; a session says it, rules may ask for it."""
_TOP = ("rules", "approval_minutes", "lock")
_SCOPE = ("principals", "kind", "names", "environment", "tags", "sensitivity", "tools", "risk")
_WHEN = ("purpose", "not_purpose", "schedule")
_LIMITS = ("max_victims", "max_rows", "max_xact_age_s")
_ASKING = ("approvers", "four_eyes")
_KEYS = ("name", "effect", "comment", "priority", *_SCOPE, *_WHEN, *_LIMITS, *_ASKING)

STARTER = """\
# What runs, what needs an approval, what is never done. Checked by `helpdesk policy check`.
#
# A rule holds where everything it names fits; what it leaves out fits anything.
# Any deny that holds wins. Else the highest priority decides, and at equal priority an approve before an allow.
# What no rule is for is denied. The order of the rules means nothing.

approval_minutes = 15   # how long an approval waits
lock = true             # a target is read-only in a session until you unlock it

[[rules]]
name = "reads"
comment = "reads run without asking"
effect = "allow"        # allow | approve | deny
risk = ["read"]         # read | write | destructive

[[rules]]
name = "changes"
comment = "every change needs an approval"
effect = "approve"
risk = ["write", "destructive"]

# [[rules]]
# name = "production-two"
# comment = "destructive calls on production need two people"
# effect = "approve"
# priority = 10
# environment = ["production"]
# risk = ["destructive"]
# approvers = 2           # this many different people
# four_eyes = true        # and none of them the one who asked
# max_victims = 5         # beyond a limit is denied, before anything is done
# max_xact_age_s = 3600   # never end a transaction older than this

# [[rules]]
# name = "freeze"
# comment = "no change during business hours, except in an emergency"
# effect = "deny"
# risk = ["write", "destructive"]
# not_purpose = ["emergency"]
# schedule = { days = ["mon", "tue", "wed", "thu", "fri"], from = "09:00", to = "17:00", timezone = "UTC" }

# Also: principals = ["operator:ann", "role:approver"], kind = ["database"], names = ["orders-*"],
# tags = ["eu"], sensitivity = ["pii"], tools = ["cancel_*"], purpose = ["remediation"], max_rows = 1000
"""


def policy_path() -> Path:
    """Where the policy is: `policy.toml` in the configuration directory."""
    return config_dir() / "policy.toml"


def load_policy(path: Path | None = None) -> Policy:
    """The policy in the file at `path`, or the built-in one where there is no file. Raises UserError (exit 2)."""
    path = path or policy_path()
    return parse_policy(read_text(path), path) if path.exists() else Policy()


def parse_policy(text: str, path: Path) -> Policy:
    """The policy in `text`, which came from `path`. Raises UserError (exit 2) with file, line and reason."""
    data = parse_toml(text, path)
    for key in data:
        if key not in _TOP:
            raise UserError(f"{path}:{line_of(text, key)}: {key!r} is not known, expected {', '.join(_TOP)}")
    minutes = data.get("approval_minutes", APPROVAL_TTL_S / 60)
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= 1440:
        raise UserError(
            f"{path}:{line_of(text, 'approval_minutes')}: approval_minutes is {minutes!r}, expected 1 to 1440"
        )
    lock = data.get("lock", True)
    if not isinstance(lock, bool):
        raise UserError(f"{path}:{line_of(text, 'lock')}: lock is {lock!r}, expected true or false")
    rules = [_rule(row) for row in rows_of(data, "rules", path, text)]
    _check_names(rules, path)
    return Policy(minutes * 60.0, tuple(rules), lock, str(path))


def safely_loaded(path: Path) -> Policy:
    """The policy in force: one whose file cannot be read lets reads pass, and stops every change."""
    try:
        return load_policy(path)
    except UserError as error:
        return replace(Policy(), source=str(path), fault=str(error))


def _rule(row: Row) -> Rule:
    row.only(_KEYS)
    effect = row.text("effect")
    if effect not in EFFECTS:
        raise row.error(f"effect is {effect!r}, expected one of {', '.join(EFFECTS)}", "effect")
    _check_fits(row, effect)
    priority = row.whole("priority", 0, least=-1_000_000)
    approvers = row.whole("approvers", 1, least=1)
    assert priority is not None and approvers is not None
    return Rule(
        name=row.text("name"),
        effect=cast("Effect", effect),
        comment=row.text("comment", ""),
        priority=priority,
        **_scope(row),
        purposes=row.texts("purpose", PURPOSES),
        not_purposes=row.texts("not_purpose", PURPOSES),
        schedule=row.parsed("schedule", parse_schedule),
        max_victims=row.whole("max_victims", None),
        max_rows=row.whole("max_rows", None),
        max_xact_age_s=row.whole("max_xact_age_s", None),
        approvers=approvers,
        four_eyes=row.flag("four_eyes"),
        line=row.line,
    )


def _scope(row: Row) -> dict[str, Any]:
    return {
        "principals": row.texts("principals"),
        "kinds": row.texts("kind", KINDS),
        "names": row.texts("names"),
        "environments": row.texts("environment", tuple(filter(None, ENVIRONMENTS))),
        "tags": row.texts("tags"),
        "sensitivity": row.texts("sensitivity"),
        "tools": row.texts("tools"),
        "risks": row.texts("risk", RISKS),
    }


def _check_fits(row: Row, effect: str) -> None:
    """Raise UserError where a key says nothing with this effect: it would seem to protect and does not."""
    for key in (*_LIMITS, *_ASKING):
        if key in row.values and effect == "deny":
            raise row.error(
                f"{key} means nothing on a deny rule; a limit stands on an allow or approve rule", key
            )
    for key in _ASKING:
        if key in row.values and effect == "allow":
            raise row.error(f'{key} means nothing on an allow rule; expected effect = "approve"', key)


def _check_names(rules: Sequence[Rule], path: Path) -> None:
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.name in seen:
            raise UserError(
                f"{path}:{rule.line}: rule {rule.name!r} is there already, at line {seen[rule.name].line}"
            )
        seen[rule.name] = rule
