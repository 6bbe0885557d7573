"""What stands beside the name of a secret: the secret, or words that tell something and must stay."""

from __future__ import annotations

import re

_NOTHING = re.compile(
    r"[\s\"'\\(]*(?:none|null|nil|true|false|(?:[a-z_]{1,20}\()?\$\d+|%s|%\(\w+\)s|\?|<[\w -]{0,40}>|\{ ?(?:env|keyring|file|command)"
    r"|[^\w\s]{0,3})[\"'\\)\]},;.&]*",
    re.IGNORECASE,
)
"""Masked before, absent, a parameter, a placeholder, a mark alone, or saying where the secret is."""
_PATH = re.compile(
    r"[\"']?(?:~[\w-]*/[\w.@/+-]*|/(?:app|certs?|data|etc|home|mnt|opt|private|root|run|secrets|srv|tmp|usr|Users|var)/[\w.@/+-]*"
    r"|/[\w.@/+-]{1,256}\.(?:cnf|conf|crt|ini|json|key|log|pem|pgpass|sqlite|toml|ya?ml))"
    r"(?::\d+)?[\"']?[)\]},;:.]*",
)
_STATUS = frozenset({
    "absent", "allowed", "boolean", "bytea", "denied", "empty", "expired", "expires", "given", "hidden", "integer",
    "invalid", "locked", "missing", "needed", "no", "off", "ok", "on", "optional", "required", "set", "string", "text",
    "there", "unknown", "unset", "used", "uuid", "varchar", "verified", "wrong", "yes",
})  # fmt: skip
"""What is said of a secret, or the type of its column; whoever has such a password has none."""
_PROSE = re.compile(r"(?:[A-Za-z][a-z]*(?:['’-][a-z]+)*|[A-Z]+|\d{1,5}%?)[.,;:?!)]?")
"""A word as people write it, or a number."""
_GOES_ON = re.compile(r"[ \t]+(?!\S*[:=](?!//))[\w(\"'/~<]")
"""Another word on the same line, which begins no further field."""
_COMPARED = re.compile(r"\b(?:and|having|on|or|when|where)\s+\(?[\w.\"]*\Z", re.IGNORECASE)
_COLUMN = re.compile(r"[a-z_]\w*\.[a-z_]\w*[,;)]*", re.IGNORECASE)
_LINE_START = re.compile(r"[\s>*#-]*(?:export\s+)?[\"']?\w*\Z")
_WORD = re.compile(r"[\w./~:@+-]*\Z")


def tells_nothing(value: str) -> bool:
    """True for a value that hides nothing."""
    return _NOTHING.fullmatch(value) is not None


def is_prose(found: re.Match[str]) -> bool:
    """True where the match `name: value` (groups 1 and 2) is a sentence, a place or a state, and no secret."""
    lead, value = found[1], found[2]
    if tells_nothing(value) or _PATH.fullmatch(value):
        return True
    if lead.lower().startswith(("pwd", "_pwd")) and value.startswith("/"):
        return True
    before = found.string[max(0, found.start() - 80) : found.start()].rpartition("\n")[2]
    if _COLUMN.fullmatch(value) and _COMPARED.search(before):
        return True
    if not lead.rstrip(" \t").endswith(":") or lead.endswith(":"):
        return False
    word = value.strip("\"'.,;:?!()")
    if word.lower() in _STATUS:
        return True
    name = _WORD.search(before)
    if name and "/" in name[0] and "://" not in name[0]:
        return True
    if _PROSE.fullmatch(value) is None or _GOES_ON.match(found.string, found.end()) is None:
        return False
    # A password of several words stands alone in its line, with nothing but its name before it.
    return "pass" not in lead.lower() or _LINE_START.fullmatch(before) is None
