"""Connection strings as libpq reads them, with errors that never repeat a secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from inventory.errors import UserError
from inventory.masking import mask

SECRET_KEYWORDS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""Connection parameters whose value is a secret."""
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_SHAPE = "expected host=… dbname=… (values with spaces in '…') or postgresql://user@host:5432/database"
_REASONS = (
    ('missing "=" after', 'a word has no "=" after it'),
    ("invalid connection option", "it holds an option that libpq does not know{token}"),
    ("invalid URI query parameter", "its query holds a parameter that libpq does not know{token}"),
    ("missing key/value separator", 'a query parameter has no "="'),
    ("extra key/value separator", 'a query parameter has more than one "="; write it as %3D'),
    ("unterminated quoted string", "a quote ' is not closed"),
    ("end of string reached", "the [ of an IPv6 address is not closed"),
    ("invalid percent-encoded token", "a % is not followed by two hexadecimal digits; write % itself as %25"),
    ("forbidden value %00", "it holds %00"),
    ("unexpected spaces", "it holds a space; write it as %20"),
)


def looks_like_dsn(text: str) -> bool:
    """True for a keyword string or a URI, False for what can only be a name."""
    return "=" in text or "://" in text


def parse_dsn(text: str, where: str) -> dict[str, str]:
    """The parameters that the connection string `text` sets itself, secrets among them.

    `where` says where the text came from, for the error: `UserError` (exit 2), which repeats no part of
    the text that could belong to a secret.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    _check_uri(text, where)
    if "\0" in text:
        raise _malformed(where, "it holds a character 0")
    try:
        parameters = {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
    except (ProgrammingError, ValueError) as error:
        raise _malformed(where, _reason(str(error), text)) from None
    check_parameters(parameters, where)
    return parameters


def check_parameters(parameters: Mapping[str, str], where: str) -> None:
    """Raise `UserError` (exit 2) for a value that libpq would refuse only when it connects."""
    if "replication" in parameters:
        raise _malformed(where, "replication= asks for a replication connection, which cannot run SQL")
    mode = parameters.get("sslmode", "")
    if mode and mode not in SSL_MODES:
        raise _malformed(where, f"sslmode is {_shown(mode)}", f"expected one of {', '.join(SSL_MODES)}")
    _check_addresses(parameters, where)


def split_list(value: str) -> list[str]:
    """The items of a comma-separated parameter (`host`, `hostaddr`, `port`); none for an empty one."""
    return [item.strip() for item in value.split(",")] if value else []


def to_conninfo(parameters: Mapping[str, str]) -> str:
    """`parameters` as a libpq keyword string."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in parameters.items())


def _check_uri(text: str, where: str) -> None:
    scheme = re.match(r"\s*([A-Za-z][\w.+:-]*)://", text)
    if scheme is None:
        return
    if scheme[1] not in ("postgresql", "postgres"):
        raise _malformed(where, f"a URI of PostgreSQL does not start with {_shown(scheme[1] + '://')}")
    if (
        text.partition("?")[0].count("@") > 1
        or "@" in text.partition("://")[2].partition("?")[0].partition("/")[2]
    ):
        raise _malformed(where, 'its user or password holds "@", "/" or ":"; write them as %40, %2F and %3A')


def _check_addresses(parameters: Mapping[str, str], where: str) -> None:
    ports = split_list(parameters.get("port", ""))
    for port in ports:
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise _malformed(where, f"port is {_shown(port)}", "expected a number from 1 to 65535")
    hosts, addresses = (split_list(parameters.get(key, "")) for key in ("host", "hostaddr"))
    if hosts and addresses and len(hosts) != len(addresses):
        raise _malformed(where, f"it names {len(hosts)} host but {len(addresses)} hostaddr")
    count = max(len(hosts), len(addresses), 1)
    if len(ports) > 1 and len(ports) != count:
        raise _malformed(
            where, f"it names {len(ports)} ports for {count} hosts", "expected one port, or one each"
        )
    for address in filter(None, addresses):
        try:
            ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            raise _malformed(where, f"hostaddr is {_shown(address)}", "expected an IP address") from None


def _reason(libpq_says: str, text: str) -> str:
    """libpq's complaint in words that hold no part of `text`, save an option's name where no secret is about."""
    for start, words in _REASONS:
        if libpq_says.startswith(start):
            token = re.search(r'"([a-z_]{1,40})"', libpq_says)
            safe = (
                token is not None
                and "pass" not in text.lower()
                and "@" not in text
                and "key" not in text.lower()
            )
            return words.format(token=f" ({token[1]})" if token and safe else "")
    return "libpq cannot read it"


def _shown(value: str) -> str:
    return f'"{mask(value)[:40]}"'


def _malformed(where: str, reason: str, expected: str = _SHAPE) -> UserError:
    return UserError(f"{where}: the connection string is malformed: {reason}; {expected}")


def _quoted(value: str) -> str:
    if value and not re.search(r"[\s'\\]", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
