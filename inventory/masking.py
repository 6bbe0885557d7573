"""Text that is safe to show: secrets taken out, control characters made visible."""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from urllib.parse import quote, quote_plus

HIDDEN = "***"
"""What stands where a secret stood."""

_SHORTEST = 3
"""Characters; a shorter value would hit half the text by chance."""
_SHORTEST_INSIDE_WORDS = 8
"""Characters; a shorter value is masked as a whole word only, as it may be a part of ordinary words."""

_NAMES = (
    r"(?:[a-z0-9_.-]{0,40}(?:password|passwd|passphrase|secret|credentials?)(?:[_-]?(?:access[_-]?)?key)?"
    r"|pwd|[a-z0-9_.-]{0,40}(?:api|access|auth|secret|private|client|server)[_-]?key"
    r"|[a-z0-9_.-]{0,40}token)"
)
_KEY_SIGN = rf"\b{_NAMES}[\"']?\s*(?:[:=]|=>)\s*"
_SINGLE = r"'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)"
_DOUBLE = r'"(?:[^"\\]|""|\\.)*(?:"|\\?\Z)'
_DOLLAR = r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_NOTHING = r"(?:(?:\*\*\*|none|null)(?:[\s&,;)}\]'\"]|\Z)|\{ ?(?:env|keyring|file)\b)"
"""A value that hides nothing: masked before, not there, or saying where the secret is."""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", HIDDEN),
        (r"\bSCRAM-SHA-256\$\d+:[^\s'\"]+", HIDDEN),
        (r"\bmd5[0-9a-f]{32}\b", HIDDEN),
        # A URI's password may hold what should have been percent-encoded: it goes up to the last "@".
        # Lengths are bounded, so that hostile text can't make a match slow.
        (r"(\bpostgres(?:ql)?://[^\s:@]{0,256}:)\S{0,4096}@", rf"\1{HIDDEN}@"),
        (r"(\bpostgres(?:ql)?://[^\s:@]{0,256}:)(?!\d{1,5}(?:[/?,\s]|\Z))[^@\n]{0,512}@", rf"\1{HIDDEN}@"),
        (r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:@/]*:)[^\s@/]*@", rf"\1{HIDDEN}@"),
        (
            r"(\b(?:authorization|cookie|x-[a-z-]{0,40}(?:key|token))[\"']?\s*[:=]\s*[\"']?)[^\r\n\"']+",
            rf"\1{HIDDEN}",
        ),
        (r"(\bbearer\s+)[a-z0-9._~+/=-]{6,}", rf"\1{HIDDEN}"),
        (r"\beyJ[a-z0-9_-]{6,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?", HIDDEN),
        (r"\b(?:sk-[\w-]{8,}|gh[pousr]_\w{16,}|glpat-[\w-]{16,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{20,})", HIDDEN),
        # ALTER ROLE … PASSWORD 'x', OPTIONS (password 'x'), with every way SQL has to quote.
        (
            rf"(\b{_NAMES}(?:\s+|(?!'(?:\s*[:=]|s\s))))(?:(?:\b(?:e|u&|b|x|n))?{_SINGLE}|{_DOLLAR})",
            rf"\1'{HIDDEN}'",
        ),
        # key=value, key = 'value', "key": "value", --key=value, ?key=value&…
        (rf"({_KEY_SIGN})(?:e|b|u|r)?{_SINGLE}", rf"\1'{HIDDEN}'"),
        (rf"({_KEY_SIGN})(?:b|u|r)?{_DOUBLE}", rf'\1"{HIDDEN}"'),
        (rf"([?&]{_NAMES}=)[^\s&]+", rf"\1{HIDDEN}"),
        (rf"({_KEY_SIGN})(?!['\"]|{_NOTHING})(?:\\.|[^\s\\])+\\?", rf"\1{HIDDEN}"),
        # A line of a password file: host:port:database:user:password.
        (
            r"^((?:\\.|[^\s:\\])+:(?:\d+|\*):(?:\\.|[^\s:\\])+:(?:\\.|[^\s:\\])+:)[^\r\n]+",
            rf"\1{HIDDEN}",
        ),
    )
)

_lock = threading.Lock()
_remembered: set[str] = set()
_exact: re.Pattern[str] | None = None


def remember_secret(value: str) -> None:
    """Mask `value` wherever it shows up from now on, also in the ways it may be quoted."""
    global _exact
    if len(value) < _SHORTEST:
        return
    with _lock:
        _remembered.update(form for form in _forms(value) if len(form) >= _SHORTEST)
        ordered = sorted(_remembered, key=len, reverse=True)
        _exact = re.compile("|".join(_exactly(form) for form in ordered))


def mask(text: str) -> str:
    """`text` with every secret that we know, and all that looks like one, replaced by `***`."""
    exact = _exact
    if exact is not None:
        text = exact.sub(HIDDEN, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def inert(text: str) -> str:
    """`text` with all that could move a cursor, reorder or hide text made visible; newlines and tabs stay.

    Control characters become `\\x1b`, bidirectional and zero-width ones `\\u202e`, as plain text.
    """
    return "".join(char if char in "\n\t" or not _is_active(char) else _visible(char) for char in text)


def inert_line(text: str) -> str:
    """`inert` text folded to one line: every run of white space becomes a space."""
    return " ".join(inert(text).split())


def _forms(value: str) -> set[str]:
    escaped = value.replace("\\", "\\\\")
    return {
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        escaped.replace("'", "\\'"),
        escaped.replace(":", "\\:"),
        escaped.replace(" ", "\\ "),
        value.replace("'", "''"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        inert(value),
    }


def _exactly(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _SHORTEST_INSIDE_WORDS else rf"(?<!\w){escaped}(?!\w)"


def _is_active(char: str) -> bool:
    return not " " <= char <= "~" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
