"""What a secret looks like in text: connection strings, settings, SQL, headers, keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial

from inventory.secret_values import is_prose, tells_nothing

HIDDEN = "***"
"""What stands where a secret stood."""

_NAMES = (
    r"(?:(?:password|passwd|passphrase|secret|credentials?)(?:[_-]?(?:access[_-]?)?key)?"
    r"|(?:api|access|account|auth|client|encryption|master|private|secret|server|signing)[_-]?key"
    r"|token|(?:\b|_)pwd|_pass)"
)
"""How names end that hold secrets. What comes before stays where it is: to look for it costs, and tells nothing."""
_WORDS = ("passw", "passphrase", "_pass", "secret", "credential", "key", "token", "pwd")
"""One of these is in every name that `_NAMES` matches."""
_KEY_SIGN = rf"{_NAMES}[\\\"']{{0,8}}\s*(?::=|=>|==|[:=])\s*"
_SINGLE = r"'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)"
_DOUBLE = r'"(?:[^"\\]|""|\\.)*(?:"|\\?\Z)'
_DOLLAR = r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_PLACE = r"(?!\{ ?(?:env|keyring|file|command)\b|\*\*\*(?:[\s&,;)}\]'\"]|\Z))"
"""Not what says where the secret is, nor what was masked before."""

Replacement = str | Callable[[re.Match[str]], str]


def _unless_prose(found: re.Match[str]) -> str:
    return found[0] if is_prose(found) else f"{found[1]}{HIDDEN}"


def _quoted(found: re.Match[str]) -> str:
    """Group 2 in its own quotes, which may be escaped."""
    quote = found["quote"]
    return found[0] if tells_nothing(found["inside"]) else f"{found[1]}{quote}{HIDDEN}{quote}"


def _in_block(found: re.Match[str]) -> str:
    """Each value in the data of a Kubernetes secret, whatever its name."""
    return found[1] + _ENTRY.sub(rf"\1{HIDDEN}", found[2])


_TELLING = re.compile(r"(?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])[^\s*]{10,256}")
"""Letters and digits together, and not short."""
_ENTRY = re.compile(r"([\w.-]{1,253}[\"']?[ \t]*:[ \t]*[\"']?)[^\s\"',{}|>]+")

_DATA = re.compile(
    r"(\b(?:stringData|data)[\"']?[ \t]*:[ \t]*)(\{[^{}]{0,65536}\}|\r?\n(?:[ \t]+[^\r\n]*(?:\r?\n|\Z)){1,256})"
)

# Each: words of which one must be there (so that ordinary text costs nothing), pattern, replacement.
# Lengths are bounded, so that hostile text can't make a match slow.
_LOOKS: tuple[tuple[tuple[str, ...], str, Replacement], ...] = (
    (
        ("private key",),
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
        HIDDEN,
    ),
    (("secret",), r"(\bkind[\"']?\s*:\s*[\"']?Secret\b.*)", lambda found: _DATA.sub(_in_block, found[0])),
    (("scram-sha-256$",), r"\bSCRAM-SHA-256\$\d+:[^\s'\"]+", HIDDEN),
    (("md5",), r"\bmd5[0-9a-f]{32}\b", HIDDEN),
    # A URI's password may hold what should have been percent-encoded: it goes up to the last "@".
    (("postgres",), r"(\bpostgres(?:ql)?://[^\s:@]{0,256}:)\S{0,4096}@", rf"\1{HIDDEN}@"),
    (
        ("postgres",),
        r"(\bpostgres(?:ql)?://[^\s:@]{0,256}:)(?!\d{1,5}(?:[/?,\s]|\Z))[^@\n]{0,512}@",
        rf"\1{HIDDEN}@",
    ),
    # Cut off before its "@": what follows the colon is no port.
    (
        ("postgres",),
        rf"(\bpostgres(?:ql)?://[^\s:@/\[]{{1,256}}:)(?!\d{{1,5}}\b|{re.escape(HIDDEN)})[^\s@/]{{1,256}}\Z",
        rf"\1{HIDDEN}",
    ),
    (("://",), r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:@/]{0,256}:)[^\s@/]{0,4096}@", rf"\1{HIDDEN}@"),
    (("://",), r"(\bhttps?://)[^\s:@/?#]{20,4096}@", rf"\1{HIDDEN}@"),
    (("jdbc:",), r"(\bjdbc:[a-z:]{1,40}:[^\s/@]{1,128}/)[^\s@/]{1,256}@", rf"\1{HIDDEN}@"),
    (("hooks.slack.com",), r"(\bhooks\.slack\.com/)[\w/-]+", rf"\1{HIDDEN}"),
    (
        ("authorization", "x-"),
        r"(\b(?:authorization|x-[a-z-]{0,40}(?:key|token))[\\\"']{0,4}\s*[:=]\s*[\\\"']{0,4})([^\r\n\"'\\]+)",
        _unless_prose,
    ),
    (
        ("cookie",),
        r"(\bcookie[\\\"']{0,4}\s*[:=]\s*[\\\"']{0,4})(?=[^\r\n\"'=]{1,256}=)[^\r\n\"']+",
        rf"\1{HIDDEN}",
    ),
    (("bearer",), r"(\bbearer\s+)(?=\S{0,64}\d|\S{20})[a-z0-9._~+/=-]{6,}", rf"\1{HIDDEN}"),
    (("basic",), r"(\bbasic\s+)(?=[a-z/+]{0,64}[0-9=])[a-z0-9+/]{8,}={0,2}", rf"\1{HIDDEN}"),
    (("eyj",), r"\beyJ[a-z0-9_-]{6,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?", HIDDEN),
    (
        (
            "sk-",
            "sk_",
            "rk_",
            "gh",
            "github_pat",
            "glpat-",
            "akia",
            "asia",
            "aiza",
            "xox",
            "npm_",
            "hv",
            "ya29.",
        ),
        r"\b(?:sk-(?=[\w-]{0,64}\d)[\w-]{8,}|[rs]k_(?:live|test)_\w{16,}|gh[pousr]_\w{16,}|github_pat_\w{20,}"
        r"|glpat-[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|xox[abeoprs]-[\w-]{10,}|npm_\w{20,}"
        r"|hv[sbr]\.[\w-]{20,}|ya29\.[\w-]{20,})",
        HIDDEN,
    ),
    # ALTER ROLE … PASSWORD 'x', OPTIONS ("password" 'x'), SET x.token TO 'x', with every way SQL has to quote.
    (
        _WORDS,
        rf"((?:{_NAMES}\"?\s+(?:to\s+)?|(?<=\s)password(?='[^\s',;:)=])(?!'s\s)))"
        rf"(?:(?:\b(?:e|u&|b|x|n))?(?P<quote>')(?P<inside>{_SINGLE[1:]})|{_DOLLAR})",
        lambda found: (
            found[0]
            if found["quote"] and tells_nothing(found["inside"].removesuffix("'"))
            else f"{found[1]}'{HIDDEN}'"
        ),
    ),
    (("identified",), rf"(\bidentified\s+by\s+(?:password\s+)?){_SINGLE}", rf"\1'{HIDDEN}'"),
    (("set_config",), rf"(\bset_config\s*\(\s*'[^']{{0,64}}{_NAMES}'\s*,\s*){_SINGLE}", rf"\1'{HIDDEN}'"),
    (
        ("crypt", "hmac"),
        rf"(\b(?:crypt|hmac|pgp_(?:sym|pub)_\w{{1,20}}|(?:en|de)crypt(?:_iv)?)\s*\()(?:[^()']|{_SINGLE}){{0,256}}{_SINGLE}",
        rf"\1'{HIDDEN}'",
    ),
    (
        ("key (",),
        rf"(\bKey \([^)]{{0,80}}{_NAMES}(?:, [^)]{{0,80}})?\)=\().{{0,4096}}?(?=\)(?: already| is | conflicts|\.|$)|\Z)",
        rf"\1{HIDDEN}",
    ),
    # key=value, key = 'value', "key": "value", --key=value, ?key=value&…; quotes may be doubled or escaped.
    (_WORDS, rf"({_KEY_SIGN})(?P<quote>\\+[\"'])(?P<inside>.*?)(?:(?P=quote)|\Z)", _quoted),
    (_WORDS, rf"({_KEY_SIGN})(?P<quote>'')(?=[^\s'])(?P<inside>(?:[^'\\]|''''|\\.)+)''", _quoted),
    (_WORDS, rf"({_KEY_SIGN})(?:e|b|u|r)?(?P<quote>')(?P<inside>(?:[^'\\]|''|\\.)*)(?:'|\\?\Z)", _quoted),
    (_WORDS, rf"({_KEY_SIGN})(?:b|u|r)?(?P<quote>\")(?P<inside>(?:[^\"\\]|\"\"|\\.)*)(?:\"|\\?\Z)", _quoted),
    (
        (*_WORDS, "sig"),
        rf"([?&][a-z0-9_.-]{{0,40}}(?:{_NAMES}|\bsig|signature)=)[^\s&\"'<>]+",
        rf"\1{HIDDEN}",
    ),
    ((*_WORDS, "%3d"), rf"({_NAMES}%3D)(?:[^\s&%'\"]|%(?!20|26))+", rf"\1{HIDDEN}"),
    (("pass",), rf"((?<![a-z0-9])pass\s?=\s?)(?!\d{{1,4}}\b|['\"]|{re.escape(HIDDEN)})\S+", rf"\1{HIDDEN}"),
    (_WORDS, rf"({_KEY_SIGN})(?!['\"]){_PLACE}((?:\\.|[^\s\\])+\\?)", _unless_prose),
    (_WORDS, rf"((?<![\w-])--[\w-]{{0,40}}?{_NAMES}[ \t]+)(?!-|[A-Z]+\b)([^\s'\"]+)", _unless_prose),
    (_WORDS, rf"(<[\w:.-]{{0,60}}{_NAMES}>)(?!{re.escape(HIDDEN)})[^<]+(?=</)", rf"\1{HIDDEN}"),
    (("login",), r"(\blogin\s+\S{1,256}\s+password\s+)\S+", rf"\1{HIDDEN}"),
    # A line of a password file: host:port:database:user:password.
    (
        (":",),
        r"^((?!\d{1,4}:)(?:\\.|[^\s:\\])+:(?:\d{3,5}|\*):(?:\\.|[^\s:\\])+:(?:\\.|[^\s:\\])+:)(?! )[^\r\n]+",
        rf"\1{HIDDEN}",
    ),
)


def without_lookalikes(text: str) -> str:
    """`text` with `***` for everything that looks like a secret, and wherever else in it the same word stands."""
    taken: set[str] = set()
    for pattern, replacement in _that_may_match(text):
        text = pattern.sub(partial(_replaced, replacement, taken), text)
    for word in sorted(taken, key=len, reverse=True):
        text = text.replace(word, HIDDEN)
    return text


def _replaced(replacement: Replacement, taken: set[str], found: re.Match[str]) -> str:
    """What stands in the place of a match; a word in it that no one says by chance goes to `taken`."""
    new = found.expand(replacement) if isinstance(replacement, str) else replacement(found)
    before, hidden, after = new.partition(HIDDEN)
    if hidden and found[0].startswith(before) and found[0].endswith(after):
        value = found[0][len(before) : len(found[0]) - len(after)].strip("'\"")
        if _TELLING.fullmatch(value):
            taken.add(value)
    return new


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Whether a field or column of this name holds a secret."""
    return _compiled(rf"{_NAMES}\Z").search(name) is not None


def _that_may_match(text: str) -> Iterator[tuple[re.Pattern[str], Replacement]]:
    lower = text.lower()
    for words, pattern, replacement in _LOOKS:
        if any(word in lower for word in words):
            yield _compiled(pattern), replacement


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when it is first needed: most are in no run of ours."""
    return re.compile(pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE)
