"""Which names hold secrets: of JSON members, of result columns, of settings."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache


class Held(Enum):
    """What a field of some name holds."""

    SECRET = auto()
    """The value itself: it is taken out whole."""
    CONNECTION = auto()
    """Connection parameters: those known to be harmless stay."""
    OPTIONS = auto()
    """A list of `name=value`: values of harmless names stay."""
    OTHER = auto()


_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_SECRET_WORDS = frozenset({
    "password", "passwd", "passwort", "passphrase", "pwd", "pass", "secret", "secrets", "credential", "credentials",
    "token", "cookie", "authorization", "apikey", "privatekey", "accesskey", "secretkey", "bearer", "otp",
})  # fmt: skip
_SECRET_TAILS = ("password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "credentials")
_SECRET_PAIRS = frozenset({
    ("api", "key"), ("access", "key"), ("account", "key"), ("private", "key"), ("secret", "key"), ("signing", "key"),
    ("encryption", "key"), ("client", "key"), ("auth", "key"), ("master", "key"), ("passphrase", "command"),
})  # fmt: skip
_TRAILING = frozenset({"key", "value", "hash", "text", "new", "old", "data", "b64", "base64", "plain"})
"""Words that may follow a word for a secret and leave it one: `password_hash`."""

_CONNECTION = frozenset({
    "conninfo", "primary_conninfo", "subconninfo", "dsn", "connection_string", "connstr", "conn_string", "database_url",
    "connection", "url", "uri",
})  # fmt: skip
_OPTIONS = frozenset({"umoptions", "srvoptions", "fdwoptions", "options", "useroptions"})

HARMLESS = frozenset({
    "host", "hostaddr", "port", "dbname", "database", "user", "username", "application_name", "connect_timeout",
    "fallback_application_name", "sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslrootcert",
    "sslcrl", "sslcrldir", "sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version", "gssencmode", "krbsrvname",
    "requirepeer", "channel_binding", "target_session_attrs", "load_balance_hosts", "require_auth", "replication",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "client_encoding",
    "passfile", "service", "servicefile", "schema", "schema_name", "table_name", "fetch_size", "use_remote_estimate",
    "updatable", "truncatable", "extensions", "password_required", "async_capable", "batch_size", "keep_connections",
})  # fmt: skip
"""Names of connection parameters and of options of foreign servers that hold no secret."""


@lru_cache(maxsize=4096)
def held_by(name: str) -> Held:
    """What a field, column or setting called `name` holds."""
    lower = name.lower()
    words = [word for word in _SPLIT.split(_CAMEL.sub("_", name).lower()) if word]
    if _is_secret(words):
        return Held.SECRET
    if lower in _CONNECTION or lower.endswith(("_conninfo", "_dsn")):
        return Held.CONNECTION
    return Held.OPTIONS if lower in _OPTIONS else Held.OTHER


def _is_secret(words: list[str]) -> bool:
    while len(words) > 1 and (words[-1] in _TRAILING or words[-1].isdigit()):
        if tuple(words[-2:]) in _SECRET_PAIRS:
            return True
        words = words[:-1]
    if not words:
        return False
    last = words[-1]
    return last in _SECRET_WORDS or last.endswith(_SECRET_TAILS) or tuple(words[-2:]) in _SECRET_PAIRS
