"""A second, independent look for secrets, at the finished files: it must find nothing, or there is no bundle.

It shares no pattern with the rules that redact: it reads the text by hand, so that a fault in one is seen by the other.
"""

from __future__ import annotations

import base64
import binascii
import json
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import HIDDEN

_SIGNS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secret_key",
    "secretkey",
    "api_key",
    "apikey",
    "api-key",
)
_LETTERS = frozenset(string.ascii_letters + string.digits)
_TOKEN = _LETTERS | frozenset("+/_-=")
_IN_TOKEN = _TOKEN | frozenset(".$:")
_PREFIXES = (
    ("AKIA", 20), ("ASIA", 20), ("ghp_", 36), ("gho_", 36), ("ghs_", 36), ("github_pat_", 40), ("glpat-", 20),
    ("xoxb-", 24), ("xoxp-", 24), ("sk-ant-", 24), ("AIza", 39), ("hvs.", 24), ("SCRAM-SHA-256$", 40),
)  # fmt: skip
_EMPTY = frozenset({"null", "none", "true", "false", "nil", "yes", "no", "on", "off"})
_LONGEST_VALUE = 4096
_APART = str.maketrans("\"'<>", "    ")


@dataclass(frozen=True, slots=True)
class Residue:
    """A place that looks like a secret; never the secret itself."""

    file: str
    rule: str


def require_clean(files: Mapping[str, bytes], secrets: Collection[str]) -> None:
    """Raises UserError (exit 3), naming file and rule, where anything in `files` still looks like a secret."""
    for residue in scan(files, secrets):
        raise UserError(
            f"{residue.file}: refused to write the bundle: the last check found what looks like a secret"
            f" ({residue.rule}) after redaction; leave this evidence out or report the form that was missed",
            exit_code=NOT_COMPLETED,
        )


def scan(files: Mapping[str, bytes], secrets: Collection[str] = ()) -> Iterator[Residue]:
    """Everything that looks like a secret, in file names too."""
    needles = _needles(secrets)
    for path, data in files.items():
        rules = dict.fromkeys(_rules_met(path, data, needles))
        yield from (Residue(path, rule) for rule in rules)


def _rules_met(path: str, data: bytes, needles: Collection[bytes]) -> Iterator[str]:
    if any(needle in data or needle in path.encode() for needle in needles):
        yield "known value"
    for text in dict.fromkeys((path, *_texts(path, data))):
        yield from looks(text)


def looks(text: str, depth: int = 0) -> Iterator[str]:
    """Names of the rules that `text` meets."""
    lower = text.lower()
    checks = (
        ("password in a URI", _uri_password(text)),
        ("named value", _named_value(text, lower)),
        ("private key", _private_key(text)),
        ("token", _has_token(text)),
        ("password hash", _has_md5(lower)),
    )
    yield from (rule for rule, met in checks if met)
    if depth < 2:
        for inner in _decoded(text):
            yield from (f"{rule}, encoded" for rule in looks(inner, depth + 1))


def _texts(path: str, data: bytes) -> Iterable[str]:
    """The text values in a file of JSON, else the file as it is."""
    text = data.decode("utf-8", "replace")
    try:
        if path.endswith(".json"):
            return list(_leaves(json.loads(text)))
        if path.endswith(".jsonl"):
            return [leaf for line in text.splitlines() for leaf in _leaves(json.loads(line))]
    except (ValueError, RecursionError):
        pass
    return [text]


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield name
                yield from _leaves(item)
                if isinstance(item, str):
                    yield f"{name}={item}"
        case list():
            for item in value:
                yield from _leaves(item)


def _uri_password(text: str) -> bool:
    place = text.find("://")
    while place >= 0:
        scheme = text[place - 1 : place] in _LETTERS
        following = text.find("://", place + 3)
        end = len(text) if following < 0 else following
        address = _until(text[place + 3 : min(end, place + _LONGEST_VALUE)], 0, " \t\r\n\"'<>")
        before, at, _ = address.rpartition("@")
        user, colon, password = before.partition(":")
        is_port = password.partition("/")[0].isdigit() and "/" in password
        if scheme and at and colon and not {"/", "@"} & set(user) and not is_port and _is_value(password):
            return True
        place = following
    return False


def _private_key(text: str) -> bool:
    """True where key material follows the first line of a private key."""
    for mark in ("PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"):
        place = text.find(mark)
        while place >= 0:
            start = _skip(text, place + len(mark), " \t\r\n\\nr")
            if _run(text, start, _TOKEN, 16) == 16:
                return True
            place = text.find(mark, start)
    return False


def _named_value(text: str, lower: str) -> bool:
    for sign in _SIGNS:
        place = lower.find(sign)
        while place >= 0:
            end = place + len(sign)
            if _is_value(_value_at(text, end)) or _is_value(_literal_at(text, end)):
                return True
            place = lower.find(sign, end)
    return False


def _value_at(text: str, place: int) -> str:
    """What stands after `=` or `:` at `place`, without the quotes around it; empty where there is none."""
    place = _skip(text, place, "\\\"'")
    place = _skip(text, place, " \t")
    if text[place : place + 1] not in ("=", ":"):
        return ""
    place += 2 if text[place : place + 2] in ("=>", ":=", "==") else 1
    place = _skip(text, place, " \t")
    opened = _skip(text, place, "\\\"'")
    if opened > place:
        return _quoted(text, place, opened)
    return _until(text, place, " \t\r\n\"'\\,;&})]<")


def _literal_at(text: str, place: int) -> str:
    """An SQL literal that follows `place` after white space, as after the word PASSWORD; empty where there is none."""
    start = _skip(text, place, " \t\r\n")
    if start == place:
        return ""
    start = _skip(text, start, "eE") if text[start + 1 : start + 2] == "'" else start
    if text[start : start + 1] == "$":
        tag = _until(text, start + 1, "$ \t\r\n")
        end = start + len(tag) + 1
        return "" if tag[:1].isdigit() or text[end : end + 1] != "$" else _until(text, end + 1, "$")
    opened = _skip(text, start, "'")
    return _quoted(text, start, opened) if opened > start else ""


def _quoted(text: str, start: int, opened: int) -> str:
    """What stands between the quotes that reach from `start` to `opened` and the next such; empty for two alone."""
    quotes = text[start:opened]
    marks = quotes.replace("\\", "")
    if len(marks) > 1 and len(set(marks)) == 1 and text.find(quotes, opened, opened + _LONGEST_VALUE) < 0:
        return ""
    return _until(text, opened, f"{quotes[-1]}\r\n")


def _skip(text: str, place: int, characters: str) -> int:
    while place < len(text) and text[place] in characters:
        place += 1
    return place


def _until(text: str, place: int, stops: str) -> str:
    end = place
    while end < len(text) and end - place < _LONGEST_VALUE and text[end] not in stops:
        end += 1
    return text[place:end]


def _is_value(text: str) -> bool:
    """True where `text` could be a secret: not hidden, not a placeholder, with a letter or digit."""
    if HIDDEN in text or text.strip(".,;").lower() in _EMPTY or text.startswith(("$", "%", "?", "<", ":")):
        return False
    return any(map(str.isalnum, text))


def _has_token(text: str) -> bool:
    for prefix, length in _PREFIXES:
        place = text.find(prefix)
        while place >= 0:
            before = text[place - 1] if place else " "
            if before not in _LETTERS and _run(text, place, _IN_TOKEN, length) >= length:
                return True
            place = text.find(prefix, place + 1)
    return _has_jwt(text)


def _has_jwt(text: str) -> bool:
    place = text.find("eyJ")
    while place >= 0:
        head = text[place : place + _run(text, place, _TOKEN)]
        if text[place + len(head) : place + len(head) + 1] == "." and b'"alg"' in _base64(head):
            return True
        place = text.find("eyJ", place + len(head))
    return False


def _has_md5(lower: str) -> bool:
    place = lower.find("md5")
    while place >= 0:
        if (
            _run(lower, place + 3, frozenset("0123456789abcdef"), 33) == 32
            and lower[place - 1 : place] not in _LETTERS
        ):
            return True
        place = lower.find("md5", place + 3)
    return False


def _run(text: str, place: int, allowed: Collection[str], longest: int = _LONGEST_VALUE) -> int:
    end = place
    while end < len(text) and end - place < longest and text[end] in allowed:
        end += 1
    return end - place


def _decoded(text: str) -> Iterator[str]:
    """Readable text that words of `text` decode to."""
    if "%" in text:
        words = text.translate(_APART).split()
        yield from (clear for word in words if "%" in word and (clear := unquote(word)) != word)
    if len(text) < 16:
        return
    for word in "".join(char if char in _TOKEN else " " for char in text).split():
        if len(word) >= 16:
            content = _base64(word).replace(b"\0", b"")
            if content.isascii() and sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in content) == len(
                content
            ):
                yield content.decode("ascii")


def _base64(word: str) -> bytes:
    bare = word.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        return b""


def _needles(secrets: Collection[str]) -> list[bytes]:
    """Every way in which a known value may stand in a file, wrapped at any of the three places base64 can put it."""
    found: set[bytes] = set()
    for secret in secrets:
        raw = secret.encode("utf-8", "replace")
        escaped = json.dumps(secret, ensure_ascii=False)[1:-1]
        found.update(form.encode("utf-8", "replace") for form in (secret, escaped, quote(secret, safe="")))
        found.update((raw.hex().encode(), raw.hex().upper().encode()))
        found.update(_inside_base64(raw))
    return [needle for needle in found if len(needle) >= 8]


def _inside_base64(raw: bytes) -> Iterator[bytes]:
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        first = (0, 2, 3)[shift]
        stable = (len(raw) + shift) * 8 // 6
        yield encoded[first:stable]
