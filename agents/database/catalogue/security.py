"""Who may come in, and how: pg_hba.conf, roles, passwords, TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, pids, plural
from agents.kernel.records import Severity

DAY_S = 86400
MOST = 20
HBA_GRANTS = (
    "GRANT SELECT ON pg_catalog.pg_hba_file_rules TO {role}",
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO {role}",
)
OWN_HOST = ("samehost", "localhost")


def hba_errors(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("hba_rules"):
        if row["error"]:
            # A line that was understood all the same is only told to be of no use, such as hostssl without ssl.
            yield _hba_error(row, broken=row["method"] is None)


def _hba_error(row: Row, *, broken: bool) -> Match:
    place = f"{row['file']}:{row['line']}"
    follows = (
        "Reloads ignore pg_hba.conf until the line is corrected: rules added since are not in force, and a restart "
        "fails. Correct it, look at pg_hba_file_rules again, then reload."
        if broken
        else "The other lines are in force; this one never matches."
    )
    return Match(
        severity="critical" if broken else "info",
        title=f"{place}: {row['error']}",
        summary=f"{row['error']}. {follows}",
        identity={"file": row["file"], "line": row["line"]},
        evidence=("hba_rules",),
    )


def open_rules(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    rules = [row for row in snapshot.rows("hba_rules") if not row["error"] and not _only_here(row)]
    for row in rules[:MOST]:
        method = row["method"]
        if method == "trust" or row["type"] != "hostssl":
            yield _open_rule(row, method)


def _open_rule(row: Row, method: str) -> Match:
    who = f"{_listed(row['user_name'])} on {_listed(row['database'])}"
    source = f"{row['address'] or 'any address'}{' mask ' + row['netmask'] if row['netmask'] else ''}"
    how = "without a password" if method == "trust" else "with a password in clear text"
    return Match(
        severity="warning",
        title=f"{row['file']}:{row['line']} lets {who} in {how} from {source}",
        summary=f"{row['type']} … {method}: whoever reaches the port from {source} comes in {how}. "
        "Use scram-sha-256 (for passwords: hostssl), then reload.",
        identity={"file": row["file"], "line": row["line"]},
        facts={"method": method, "type": row["type"], "address": row["address"]},
        evidence=("hba_rules",),
    )


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) if names else "all"


def _only_here(row: Row) -> bool:
    """True where a rule matches connections from this host's loopback only."""
    address = row["address"]
    if address in OWN_HOST:
        return True
    try:
        return ipaddress.ip_network(f"{address}/{_prefix(row['netmask'])}", strict=False).is_loopback
    except ValueError:
        return False


def _prefix(netmask: str | None) -> str:
    """The length of an IPv6 mask, which ipaddress doesn't take as an address; an IPv4 mask as it is."""
    if netmask is None or ":" not in netmask:
        return netmask or ""
    return str(bin(int(ipaddress.IPv6Address(netmask))).count("1"))


def superusers(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("login_roles"):
        if (row["superuser"] or row["bypasses_rls"]) and not row["bootstrap"]:
            what = "is a superuser" if row["superuser"] else "bypasses row level security"
            option = "NOSUPERUSER" if row["superuser"] else "NOBYPASSRLS"
            yield _role_match(
                row,
                "info",
                f"Login role {row['role']} {what}",
                f"Whoever gets its password owns {'the server' if row['superuser'] else 'every row'}. An application "
                f"needs neither: ALTER ROLE {_quoted(row['role'])} {option}.",
            )


def expired(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("login_roles"):
        left = row["valid_for_s"]
        if left is None or left > limits["left_warning"]:
            continue
        longer = f"ALTER ROLE {_quoted(row['role'])} VALID UNTIL '…'"
        if left > 0:
            text = f"Its password is refused in {duration(left)}; {plural(row['sessions'], 'session')} use it now. {longer}."
            yield _role_match(
                row, "warning", f"The password of {row['role']} expires in {duration(left)}", text
            )
        else:
            urgent = row["sessions"] > 0 or -left <= limits["past_warning"]
            text = f"Logins with it are refused since then; {plural(row['sessions'], 'session')} are still in. {longer}."
            title = f"The password of {row['role']} expired {duration(-left)} ago"
            yield _role_match(row, "warning" if urgent else "info", title, text)


def _role_match(row: Row, severity: Severity, title: str, text: str) -> Match:
    return Match(
        severity=severity,
        title=title,
        summary=text,
        identity={"role": row["role"]},
        facts={"sessions": row["sessions"], "valid_for_s": row["valid_for_s"]},
        evidence=("login_roles",),
    )


def md5_passwords(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    roles = [row["role"] for row in snapshot.rows("password_hashes")]
    if roles:
        encryption = snapshot.rows("password_hashes")[0]["encryption"]
        shown = ", ".join(roles[:MOST]) + (f" and {len(roles) - MOST} more" if len(roles) > MOST else "")
        yield Match(
            severity="info",
            title=f"{plural(len(roles), 'role')} with an MD5 password: {shown}",
            summary=f"MD5 hashes can be replayed and are deprecated from 18 on. password_encryption is {encryption}: with "
            "scram-sha-256, set each password again.",
            identity={"roles": sorted(roles)},
            facts={"encryption": encryption},
            evidence=("password_hashes",),
        )


def public_create(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("public_schema"):
        yield Match(
            severity="info",
            title=f"Everybody may create objects in schema {row['schema']}",
            summary="Any login can put a function or table where others' unqualified names find it (CVE-2018-1058); the "
            "default until 14. REVOKE CREATE ON SCHEMA public FROM PUBLIC.",
            identity={"schema": row["schema"]},
            evidence=("public_schema",),
        )


def plain_sessions(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("plain_sessions")[:MOST]:
        offered = (
            "hostssl rules in pg_hba.conf enforce it"
            if row["offered"]
            else "ssl is off: it takes ssl = on first"
        )
        yield Match(
            severity="info",
            title=f"{plural(row['sessions'], 'session')} of {row['user']} from {row['client']} without TLS",
            summary=f"Statements and data of {pids(row['pids'])} cross the network readable; {offered}.",
            identity={"user": row["user"], "client": row["client"]},
            facts={"sessions": row["sessions"], "pids": row["pids"]},
            evidence=("plain_sessions",),
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


CONDITIONS = (
    Condition(
        id="auth.hba_error",
        title="pg_hba.conf has an invalid line",
        severity="critical",
        meaning="A wrong line makes the server ignore the whole file on reload, and refuse to start.",
        needs=("hba_rules",),
        find=hba_errors,
        grants=HBA_GRANTS,
    ),
    Condition(
        id="auth.hba_trust",
        title="trust / clear-text password rules reachable from the network",
        severity="warning",
        meaning="A rule lets other hosts in without a password, or with one that anybody on the way can read.",
        needs=("hba_rules",),
        find=open_rules,
        grants=HBA_GRANTS,
    ),
    Condition(
        id="role.superusers",
        title="Login superusers",
        severity="info",
        meaning="Roles beside the first superuser that log in and bypass every check (CIS PostgreSQL benchmark).",
        needs=("login_roles",),
        find=superusers,
    ),
    Condition(
        id="role.md5_password",
        title="MD5 password hashes",
        severity="info",
        meaning="Passwords kept as MD5, deprecated from 18 on. Only the kind of a hash is read, never the hash.",
        needs=("password_hashes",),
        find=md5_passwords,
        grants=("GRANT SELECT (rolname, rolcanlogin, rolpassword) ON pg_catalog.pg_authid TO {role}",),
    ),
    Condition(
        id="role.expired",
        title="Role password expired / expiring",
        severity="warning",
        meaning="A role's VALID UNTIL is near or over: logins with its password are refused from then on.",
        needs=("login_roles",),
        thresholds={
            "left_warning": Threshold(7 * DAY_S, "s", "published: less than 7 days"),
            "past_warning": Threshold(7 * DAY_S, "s", "own choice: what expired long ago was meant to"),
        },
        find=expired,
    ),
    Condition(
        id="schema.public_create",
        title="CREATE on schema public granted to PUBLIC",
        severity="info",
        meaning="Everybody may create objects in public (CVE-2018-1058; no longer the default from 15 on).",
        needs=("public_schema",),
        find=public_create,
    ),
    Condition(
        id="ssl.plaintext",
        title="Remote sessions without TLS",
        severity="info",
        meaning="Sessions from other hosts whose traffic can be read on the way (pg_stat_ssl).",
        needs=("plain_sessions",),
        find=plain_sessions,
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
