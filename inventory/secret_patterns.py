"""What a secret looks like in text: connection strings, settings, SQL, headers, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

HIDDEN = "***"
"""What stands where a secret stood."""

_NAMES = (
    r"(?:(?:password|passwd|passphrase|secret|credentials?)(?:[_-]?(?:access[_-]?)?key)?"
    r"|(?:api|access|auth|secret|private|client|server)[_-]?key|token|\bpwd)"
)
"""How names end that hold secrets. What comes before stays where it is: to look for it costs, and tells nothing."""
_WORDS = ("passw", "passphrase", "secret", "credential", "key", "token", "pwd")
"""One of these is in every name that `_NAMES` matches."""
_KEY_SIGN = rf"{_NAMES}[\"']?\s*(?:[:=]|=>)\s*"
_SINGLE = r"'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)"
_DOUBLE = r'"(?:[^"\\]|""|\\.)*(?:"|\\?\Z)'
_DOLLAR = r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_NOTHING = r"(?:(?:\*\*\*|none|null)(?:[\s&,;)}\]'\"]|\Z)|\{ ?(?:env|keyring|file|command)\b)"
"""A value that hides nothing: masked before, not there, or saying where the secret is."""

# Each: words of which one must be there (so that ordinary text costs nothing), pattern, replacement.
# Lengths are bounded, so that hostile text can't make a match slow.
_LOOKS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("private key",),
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
        HIDDEN,
    ),
    (("scram-sha-256$",), r"\bSCRAM-SHA-256\$\d+:[^\s'\"]+", HIDDEN),
    (("md5",), r"\bmd5[0-9a-f]{32}\b", HIDDEN),
    # A URI's password may hold what should have been percent-encoded: it goes up to the last "@".
    (("postgres",), r"(\bpostgres(?:ql)?://[^\s:@]{0,256}:)\S{0,4096}@", rf"\1{HIDDEN}@"),
    (
        ("postgres",),
        r"(\bpostgres(?:ql)?://[^\s:@]{0,256}:)(?!\d{1,5}(?:[/?,\s]|\Z))[^@\n]{0,512}@",
        rf"\1{HIDDEN}@",
    ),
    (("://",), r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:@/]{0,256}:)[^\s@/]{0,4096}@", rf"\1{HIDDEN}@"),
    (
        ("authorization", "cookie", "x-"),
        r"(\b(?:authorization|cookie|x-[a-z-]{0,40}(?:key|token))[\"']?\s*[:=]\s*[\"']?)[^\r\n\"']+",
        rf"\1{HIDDEN}",
    ),
    (("bearer",), r"(\bbearer\s+)[a-z0-9._~+/=-]{6,}", rf"\1{HIDDEN}"),
    (("eyj",), r"\beyJ[a-z0-9_-]{6,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?", HIDDEN),
    (
        ("sk-", "gh", "glpat-", "akia", "aiza"),
        r"\b(?:sk-[\w-]{8,}|gh[pousr]_\w{16,}|glpat-[\w-]{16,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{20,})",
        HIDDEN,
    ),
    # ALTER ROLE … PASSWORD 'x', OPTIONS (password 'x'), with every way SQL has to quote.
    (
        _WORDS,
        rf"({_NAMES}(?:\s+|(?!'(?:\s*[:=]|s\s))))(?:(?:\b(?:e|u&|b|x|n))?{_SINGLE}|{_DOLLAR})",
        rf"\1'{HIDDEN}'",
    ),
    # key=value, key = 'value', "key": "value", --key=value, ?key=value&…
    (_WORDS, rf"({_KEY_SIGN})(?:e|b|u|r)?{_SINGLE}", rf"\1'{HIDDEN}'"),
    (_WORDS, rf"({_KEY_SIGN})(?:b|u|r)?{_DOUBLE}", rf'\1"{HIDDEN}"'),
    (_WORDS, rf"([?&][a-z0-9_.-]{{0,40}}{_NAMES}=)[^\s&]+", rf"\1{HIDDEN}"),
    (_WORDS, rf"({_KEY_SIGN})(?!['\"]|{_NOTHING})(?:\\.|[^\s\\])+\\?", rf"\1{HIDDEN}"),
    # A line of a password file: host:port:database:user:password.
    (
        (":",),
        r"^((?:\\.|[^\s:\\])+:(?:\d+|\*):(?:\\.|[^\s:\\])+:(?:\\.|[^\s:\\])+:)[^\r\n]+",
        rf"\1{HIDDEN}",
    ),
)
_COMPILED = tuple(
    (words, re.compile(pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE), replacement)
    for words, pattern, replacement in _LOOKS
)


def without_lookalikes(text: str) -> str:
    """`text` with `***` for everything that looks like a secret."""
    for pattern, replacement in _that_may_match(text):
        text = pattern.sub(replacement, text)
    return text


def _that_may_match(text: str) -> Iterator[tuple[re.Pattern[str], str]]:
    lower = text.lower()
    for words, pattern, replacement in _COMPILED:
        if any(word in lower for word in words):
            yield pattern, replacement
