"""Secrets in free text: each rule has a name for the report and a pattern whose `secret` group is taken out."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FLAGS = re.IGNORECASE | re.DOTALL | re.MULTILINE

_WORD = (
    r"(?:passw(?:or)?[dt]|passwd|passwort|passphrase|pwd|secret|credentials?|token|cookie"
    r"|(?:api|access|account|private|secret|signing|encryption|auth|client|server|master)[_-]?key)"
)
_NAME = rf"{_WORD}(?:[_-]?(?:access[_-]?key|key|value|hash|text|new|old|\d+))?"
"""A name that ends so holds a secret, whatever stands before it; `password_encryption` does not end so."""

_SIGN = r"[\\\"']{0,8}[ \t]*(?:=>|:=|==|=|:|\bTO\b)[ \t]*(?:\r?\n[ \t]+)?"
_SINGLE = r"'(?P<secret>(?:[^'\\]|''|\\.)*)(?:'|\\?\Z)"
_DOUBLE = r'"(?P<secret>(?:[^"\\]|""|\\.)*)(?:"|\\?\Z)'
_ESCAPED = r"(?P<quote>\\+[\"'])(?P<secret>.*?)(?:(?P=quote)|\Z)"
_DOLLAR = r"\$(?P<tag>[a-z_]\w*|)\$(?P<secret>.*?)(?:\$(?P=tag)\$|\Z)"

_STOP = (
    r"(?:\\*[\"'](?=[\s,;:)\]}>]|$)"
    r"|&(?=[\w.-]+=)"
    r"|[,;](?=\s*\\*[\"']?[\w.-]+\\*[\"']?\s*[:=])"
    r"|[)\]}>]+(?=[\s\"',;.\\]|$)"
    r"|</)"
)
"""Where a value without quotes ends, besides white space."""
_BARE = rf"(?P<secret>(?:\\[ '\\\\]|(?!{_STOP})[^\s])+)"


@dataclass(frozen=True, slots=True)
class Rule:
    """A form that a secret takes in text."""

    name: str
    pattern: re.Pattern[str]


def _rule(name: str, *patterns: str, flags: int = _FLAGS) -> tuple[Rule, ...]:
    return tuple(Rule(name, re.compile(pattern, flags)) for pattern in patterns)


SECRETS: tuple[Rule, ...] = (
    *_rule(
        "private-key",
        r"(?P<secret>-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z))",
        r"(?P<secret>(?:(?<![a-z0-9+/=\\\s])[a-z0-9+/=\\\s]{16,}+)?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)",
        r"(?P<secret>\bPuTTY-User-Key-File-\d:.*?(?:Private-MAC:[^\r\n]*|\Z))",
        r"(?P<secret>\bAGE-SECRET-KEY-1[0-9A-Z]{20,})",
    ),
    *_rule("jwt", r"(?P<secret>(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*)"),
    *_rule(
        "cloud-token",
        r"(?P<secret>\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b)",
        r"(?P<secret>\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}))",
        r"(?P<secret>\b(?:sk-[\w-]{16,}|AIza[\w-]{30,}|hv[sbr]\.[\w-]{20,}|npm_\w{30,}|ya29\.[\w-]{20,}))",
        r"(?P<secret>\b(?:SG\.[\w-]{16,}\.[\w-]{16,}|[rs]k_(?:live|test)_\w{16,}|dop_v1_\w{30,}))",
        flags=0,
    ),
    *_rule(
        "authorization",
        r"\bauthorization\\*[\"']?\s*[:=]\s*\\*[\"']?(?:[a-z]{3,12}[ \t]+)?(?P<secret>[^\s\"'\\]+)",
        r"\bbearer[ \t]+(?P<secret>(?=[^\s]*[\d.])[a-z0-9._~+/=-]{12,})",
        r"\b(?:set-)?cookie\\*[\"']?\s*:\s*\\*[\"']?(?P<secret>[^\r\n\"']+)",
        r"[?&](?:sig|signature|x-amz-signature|x-amz-security-token|code|key)=(?P<secret>[^\s&\"']{8,})",
    ),
    *_rule(
        "password-hash",
        r"(?P<secret>\bSCRAM-SHA-256\$\d+:[^\s'\"\\]+)",
        r"(?P<secret>\bmd5[0-9a-f]{32}\b)",
        r"(?P<secret>\$(?:2[abxy]|[156]|y|argon2(?:id?|d))\$[./\w$,=+-]{20,})",
    ),
    *_rule(
        "uri-password",
        r"(?<![a-z0-9])[a-z0-9][a-z0-9+.-]{0,30}://[^\s:/?#@\"'<>]*:(?P<secret>(?!\d{1,5}(?:[/?#,\s]))(?:(?!://)[^\s\"'<>])*)@",
        r"(?<![a-z0-9])[a-z0-9][a-z0-9+.-]{0,30}://(?P<secret>[^\s:/?#@\"'<>]{20,})@",
    ),
    *_rule(
        "sql-password",
        rf"{_NAME}\s+(?:e|u&|b|x|n)?{_SINGLE}",
        rf"{_NAME}\s+''(?P<secret>[^']*)''",
        rf"{_NAME}\s+{_DOLLAR}",
        rf"\bidentified\s+by\s+(?:password\s+)?{_SINGLE}",
        rf"{_NAME}\s*=\s*[\w.]+\s*\(\s*{_SINGLE}",
        r"\b(?:crypt|hmac|encrypt(?:_iv)?|decrypt(?:_iv)?|pgp_(?:sym|pub)_\w+|digest)\s*\("
        r"(?P<secret>(?:'(?:[^']|'')*(?:'|\Z)|[^()'])*'(?:[^']|'')*(?:'|\Z)(?:'(?:[^']|'')*(?:'|\Z)|[^()'])*)",
        rf"\bset_config\s*\(\s*'[^']*{_WORD}[^']*'\s*,\s*{_SINGLE}",
        rf"\b{_NAME}\s+TO\s+{_SINGLE}",
    ),
    *_rule(
        "failing-row",
        r"\bFailing row contains \((?P<secret>.+?)(?:\)\.?$|\Z)",
        r"\bparameters: (?P<secret>\$1 = (?:'(?:[^']|'')*(?:'|\Z)|[^'\r\n])+)",
        rf"\bKey \([^)]{{0,80}}{_WORD}[^)]{{0,80}}\)=\((?P<secret>.*?)(?:\)(?= (?:already|is|conflicts)|\.|$)|\Z)",
    ),
    *_rule(
        "name-and-value",
        rf"\bname\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?[\w.-]*{_NAME}\\*[\"']?,?\s*\\*[\"']?value\\*[\"']?[ \t]*[:=]"
        r"[ \t]*(?P<quote>\\*[\"']?)(?P<secret>(?:(?!(?P=quote)[,\s}])[^\r\n])+)",
        rf"{_NAME}[ \t]*:[ \t]*[|>][+-]?\d?[ \t]*(?P<secret>(?:\r?\n[ \t]+[^\r\n]*)+)",
        rf"<[\w:.-]*{_NAME}>(?P<secret>[^<]+)</",
        rf"^[\w. \t>\"'*`-]{{0,60}}{_NAME}[\"'*`]*[ \t]*[:=][ \t]*[*`]*\r?\n(?P<secret>\S{{6,}})[ \t]*$",
        rf"^[\w. -]{{0,40}}{_NAME}[ \t]*:[ \t]+(?P<secret>[^\s'\"\\][^\r\n'\"\\{{}}]*)$",
    ),
    *_rule(
        "key-value",
        rf"{_NAME}{_SIGN}{_ESCAPED}",
        rf"{_NAME}{_SIGN}(?:e|b|u|r)?{_SINGLE}",
        rf"{_NAME}{_SIGN}(?:b|u|r)?{_DOUBLE}",
        rf"{_NAME}{_SIGN}{_DOLLAR}",
        rf"{_NAME}{_SIGN}(?!\\*[\"']){_BARE}",
        rf"(?<![a-z])pass\\*[\"']?[ \t]*=[ \t]*[\"']?{_BARE}",
        rf"(?<![\w-])--?[\w-]{{0,40}}{_NAME}[ \t]+[\"']?(?!-){_BARE}",
    ),
    *_rule(
        "password-file",
        r"^(?:\\.|[^\s:\\])+:(?:\d{2,5}|\*):(?:\\.|[^\s:\\])+:(?:\\.|[^\s:\\])+:(?P<secret>[^\r\n]+)",
        r"\blogin\s+\S+\s+password\s+(?P<secret>\S+)",
    ),
)
"""In this order: forms that span lines first, so that a later rule finds no remains."""
