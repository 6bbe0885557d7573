"""Take secrets out of one text: by rule, wrapped or bare, and by value where it was seen elsewhere."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, unquote

from bundles.redaction.patterns import SECRETS, Rule
from bundles.redaction.wrapped import hide_wrapped
from inventory.masking import HIDDEN, mask

_TRIGGERS = (
    "passw", "passphrase", "pwd", "pass", "secret", "credential", "token", "cookie", "key", "://", "bearer",
    "authorization", "identified", "crypt", "digest", "hmac", "failing row", "parameters: ", "login", "eyj",
    "akia", "asia", "abia", "acca", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat", "glpat", "xox",
    "sk-", "aiza", "hvs.", "hvb.", "hvr.", "npm_", "ya29", "sg.", "k_live", "k_test", "dop_v1", "scram",
    "md5", "sig=", "signature=", "x-amz", "code=", "$1$", "$5$", "$6$", "$y$", "$2a$", "$2b$", "$2x$",
    "$2y$", "$argon2",
)  # fmt: skip
"""Each rule's match has one of these: the cheap first look at texts that are mostly numbers and names."""
_PASSWORD_FILE = re.compile(r":(?:\d{2,5}|\*):")

_NOTHING = re.compile(
    r"[\s\"'\\,;]*(?:\*{3,}|null|none|true|false|\(null\)|\$\d+|%s|\?|:\w+|<[\w -]+>|)[\s\"'\\,;.]*",
    re.IGNORECASE,
)
"""Values that hide nothing: taken out before, absent, or a placeholder."""

_CANDIDATE = re.compile(r"(?<![A-Za-z0-9+/_.=-])[A-Za-z0-9+/]{32,}={0,2}(?![A-Za-z0-9+/_.=-])")
_RANDOM_BITS = 4.2
"""Shannon entropy per character: of random base64 of 32 characters it is 4.5 and more, of words under 4."""
_ROUNDS = 8
_CACHED_CHARACTERS = 400
_CACHED_TEXTS = 50_000

_KNOWN_SHORTEST = 8
_KNOWN_LONGEST = 4096
_CERTAIN = frozenset({"uri-password", "sql-password", "password-file"})
"""Rules whose values are secrets beyond doubt; `token = other_column` is taken out where it stands alone."""
_METHODS = frozenset({"scram-sha-256", "scram-sha-256-plus", "authentication"})


@dataclass
class Tally:
    """How often each rule took something out of each file."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    file: str = ""
    """The file that is being worked on."""

    def add(self, rule: str, times: int = 1) -> None:
        self.counts.setdefault(rule, Counter())[self.file] += times


class TextRedactor:
    """Rules for text; remembers which values it took out."""

    def __init__(self, tally: Tally, rules: Iterable[Rule] = SECRETS) -> None:
        self.tally = tally
        self.taken: set[str] = set()
        self._rules = tuple(rules)
        self._cache: dict[str, tuple[str, tuple[str, ...]]] = {}

    def take(self, rule: str, value: str) -> str:
        """Note that `rule` takes out `value`; gives what stands in its place."""
        self.taken.add(value)
        self.tally.add(rule)
        return HIDDEN

    def text(self, text: str) -> str:
        """`text` without secrets."""
        if len(text) < 6:
            return mask(text)
        known = self._cache.get(text)
        if known is None:
            names: list[str] = []
            known = (self._settled(text, names), tuple(names))
            if len(text) <= _CACHED_CHARACTERS and len(self._cache) < _CACHED_TEXTS:
                self._cache[text] = known
        for name in known[1]:
            self.tally.add(name)
        return known[0]

    def _settled(self, text: str, names: list[str]) -> str:
        """Redacted again until nothing changes: what one rule leaves may be the whole match of another."""
        for _ in range(_ROUNDS):
            before, text = text, self._redacted(text, names)
            if text == before:
                break
        return text

    def _redacted(self, text: str, names: list[str]) -> str:
        result = self._by_rules(text, names)

        def hide(rule: str, word: str) -> str:
            names.append(rule)
            self.taken.add(word)
            return HIDDEN

        result = hide_wrapped(result, self._reveals, lambda word: hide("wrapped", word))
        result = _CANDIDATE.sub(
            lambda word: hide("entropy", word[0]) if is_random(word[0]) else word[0], result
        )
        masked = mask(result)
        if masked != result:
            names.extend(["masking"] * max(1, masked.count(HIDDEN) - result.count(HIDDEN)))
        return masked

    def _by_rules(self, text: str, names: list[str]) -> str:
        lower = text.lower()
        if not any(trigger in lower for trigger in _TRIGGERS) and not _PASSWORD_FILE.search(text):
            return text
        for rule in self._rules:

            def replace(found: re.Match[str], name: str = rule.name) -> str:
                value = found["secret"]
                if _NOTHING.fullmatch(value):
                    return found[0]
                names.append(name)
                if name in _CERTAIN or any(map(str.isdigit, value)):
                    self.taken.add(value)
                start, end = (place - found.start() for place in found.span("secret"))
                return found[0][:start] + HIDDEN + found[0][end:]

            text = rule.pattern.sub(replace, text)
        return text

    def _reveals(self, text: str) -> bool:
        names: list[str] = []
        self._by_rules(text, names)
        return bool(names) or mask(text) != text


class KnownValues:
    """Values that some rule took out, wherever else they stand: bare, quoted in any way, or wrapped."""

    def __init__(self, values: Iterable[str], tally: Tally) -> None:
        self.tally = tally
        self.values = frozenset(form for value in values for form in _bare_forms(value) if is_telling(form))
        forms = sorted(
            {form for value in self.values for form in _quoted_forms(value)}, key=len, reverse=True
        )
        self._pattern = re.compile("|".join(re.escape(form) for form in forms)) if forms else None

    def text(self, text: str) -> str:
        if self._pattern is None or len(text) < _KNOWN_SHORTEST:
            return text
        text, times = self._pattern.subn(HIDDEN, text)
        if times:
            self.tally.add("seen-elsewhere", times)
        return hide_wrapped(text, self._reveals, self._hide, all_words=True)

    def _reveals(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def _hide(self, _: str) -> str:
        self.tally.add("seen-elsewhere")
        return HIDDEN


def is_telling(value: str) -> bool:
    """True for a value that is not an ordinary word, so that it may be taken out without its name beside it."""
    if not _KNOWN_SHORTEST <= len(value) <= _KNOWN_LONGEST or value.lower() in _METHODS or HIDDEN in value:
        return False
    letters = any(char.isalpha() for char in value)
    others = any(not char.isalpha() for char in value)
    return letters and others and not any(char.isspace() for char in value)


def is_random(word: str) -> bool:
    """True for a word of at least 32 characters that no one would choose: mixed case, digits, high entropy."""
    kinds = (str.isupper, str.islower, str.isdigit)
    if any(sum(map(kind, word)) < 4 for kind in kinds) or word.count("/") > len(word) // 12:
        return False
    shares = [times / len(word) for times in Counter(word).values()]
    return -sum(share * math.log2(share) for share in shares) >= _RANDOM_BITS


def _bare_forms(value: str) -> set[str]:
    trimmed = value.rstrip(")]}>,;.\"'")
    return {
        value,
        trimmed,
        unquote(value),
        value.replace("''", "'"),
        re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL),
    }


def _quoted_forms(value: str) -> set[str]:
    escaped = value.replace("\\", "\\\\")
    return {
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        value.replace("'", "''"),
        escaped.replace("'", "\\'"),
        escaped.replace('"', '\\"'),
        escaped.replace(":", "\\:"),
    }
