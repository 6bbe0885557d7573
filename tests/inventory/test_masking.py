"""No secret survives `mask`; nothing active survives `inert`."""

from __future__ import annotations

import base64
import json
import secrets
import time
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventory.masking import inert, inert_line, inert_pieces, mask, remember_secret
from tests.inventory.secret_texts import NEAR_MISSES, WORD_FORMS

SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=6, max_size=24
).filter(lambda text: "*" not in text)
PLANTED = st.builds(lambda text: f"Zq7{text}", SECRETS)
"""A prefix that no surrounding text holds, so that finding the secret means it leaked."""


def libpq_quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def libpq_bare(value: str) -> str:
    return "".join(f"\\{char}" if char in "\\' " else char for char in value)


FORMS = {
    "keyword, quoted": lambda s: f"host=db1 password={libpq_quoted(s)} dbname=shop",
    "keyword, spaces": lambda s: f"host=db1 password = {libpq_quoted(s)} dbname=shop",
    "keyword, bare": lambda s: f"host=db1 password={libpq_bare(s)} dbname=shop",
    "key of the certificate": lambda s: f"sslkey=/k sslpassword={libpq_quoted(s)} sslmode=require",
    "URI": lambda s: f"connect to postgresql://app:{quote(s, safe='')}@db1:5433/shop?sslmode=require failed",
    "URI, nobody": lambda s: f"postgres://:{quote(s, safe='')}@/shop",
    "URI, unescaped": lambda s: f"postgres://app:{s}@db1/shop",
    "URI, IPv6": lambda s: f"postgresql://app:{quote(s, safe='')}@[::1]:5432/shop",
    "URI, parameter": lambda s: (
        f"postgresql://db1/shop?user=app&password={quote(s, safe='')}&sslmode=require"
    ),
    "URI, two": lambda s: f"postgres://a:{quote(s)}@h/d postgres://b:{quote(s, safe='')}@h/d",
    "environment": lambda s: f"PGPASSWORD={libpq_bare(s)} psql",
    "shell": lambda s: f"export PGPASSWORD={json.dumps(s)}",
    "JSON": lambda s: json.dumps({"user": "app", "password": s}),
    "repr": lambda s: repr({"user": "app", "password": s}),
    "YAML": lambda s: f"user: app\npassword: {s}\nhost: db1",
    "SQL": lambda s: "ALTER ROLE app PASSWORD '{}'; SELECT 1".format(s.replace("'", "''")),
    "SQL, encrypted": lambda s: "create user app with encrypted password '{}'".format(s.replace("'", "''")),
    "SQL, escape": lambda s: f"ALTER USER app PASSWORD E{libpq_quoted(s)}",
    "SQL, cut off": lambda s: "ALTER ROLE app PASSWORD '{}".format(s.replace("'", "''")),
    "SQL, dollar": lambda s: f"ALTER ROLE app PASSWORD $q${s}$q$",
    "SQL, options": lambda s: "OPTIONS (user 'app', password '{}')".format(s.replace("'", "''")),
    "subscription": lambda s: f"CONNECTION 'host=db1 password={libpq_bare(s)} dbname=x'",
    "header": lambda s: f"Authorization: Bearer {s}",
    "key header": lambda s: f"x-api-key: {s}",
    "API key": lambda s: f"ANTHROPIC_API_KEY={libpq_bare(s)}",
    "token": lambda s: f"--token={libpq_bare(s)}",
    "password file": lambda s: f"db1:5432:shop:app:{s}",
    "several hosts": lambda s: f"postgresql://app:{quote(s, safe='')}@db1,db2:5433,[::1]:5434/shop",
    "SQL, quoted name": lambda s: "OPTIONS (SET \"password\" '{}')".format(s.replace("'", "''")),
    "JSON in JSON": lambda s: json.dumps({"config": json.dumps({"db_password": s})}),
    "header, JSON": lambda s: json.dumps({"Authorization": f"Basic {s}"}),
}
"""Any text may be the secret here."""
WORDS = st.from_regex(r"Zq7[A-Za-z0-9]{9,20}", fullmatch=True)


@pytest.mark.parametrize("form", FORMS)
@given(secret=PLANTED)
@example(secret="Zq7p@ss/wo:rd'\"\\x")
@example(secret="Zq7&sslmode=%41?#")
@example(secret="Zq7\\")
@example(secret="Zq7''''\"\"\"\"")
def test_a_secret_never_survives_in_any_form(form: str, secret: str) -> None:
    masked = mask(FORMS[form](secret))
    assert "Zq7" not in masked
    assert "***" in masked
    assert mask(masked) == masked


@settings(max_examples=5)
@pytest.mark.parametrize("form", WORD_FORMS, ids=range(len(WORD_FORMS)))
@given(word=WORDS)
def test_a_word_never_survives_where_secrets_stand(form: str, word: str) -> None:
    wrapped = base64.b64encode(word.encode()).decode()
    upper = (word * 2).upper()[:16]
    masked = mask(form.format(s=word, u=upper, b=wrapped))
    assert not [leak for leak in (word, upper, wrapped) if leak in masked]
    assert "***" in masked
    assert mask(masked) == masked


def test_a_secret_that_shows_itself_once_is_taken_out_of_the_whole_text() -> None:
    word = f"w{secrets.token_hex(6)}"
    assert (
        mask(f"{word}, ALTER ROLE x PASSWORD '{word}' -- {word}") == "***, ALTER ROLE x PASSWORD '***' -- ***"
    )
    assert mask("postgres, password=postgres") == "postgres, password=***"


def test_the_rest_of_the_text_stays() -> None:
    assert (
        mask("host=db1 password='a b' dbname=shop sslmode=require")
        == "host=db1 password='***' dbname=shop sslmode=require"
    )
    assert mask("postgresql://app:pw@db1:5433/shop?x=1") == "postgresql://app:***@db1:5433/shop?x=1"
    assert mask("postgresql://db1/shop?password=pw&sslmode=require") == (
        "postgresql://db1/shop?password=***&sslmode=require"
    )
    assert mask("ALTER ROLE app PASSWORD 'pw' VALID UNTIL '2027-01-01'") == (
        "ALTER ROLE app PASSWORD '***' VALID UNTIL '2027-01-01'"
    )


@pytest.mark.parametrize("text", NEAR_MISSES, ids=range(len(NEAR_MISSES)))
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "secret",
    [
        "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
        "md5" + secrets.token_hex(16),
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "sk-" + secrets.token_hex(16),
        "ghp_" + secrets.token_hex(18),
    ],
    ids=["scram", "md5", "pem", "jwt", "api-key", "github"],
)
def test_values_that_look_like_secrets_are_masked_without_a_name(secret: str) -> None:
    assert mask(f"it says {secret} there") == "it says *** there"


@given(tail=st.text(st.characters(codec="utf-8"), min_size=5, max_size=20))
def test_a_remembered_secret_is_masked_however_it_is_quoted(tail: str) -> None:
    value = f"Xk9{tail}"
    remember_secret(value)
    for text in (
        value,
        quote(value, safe=""),
        json.dumps(json.dumps(value)),
        repr(value),
        libpq_quoted(value),
    ):
        assert "Xk9" not in mask(f"left {text} right")
    assert mask(f"data: {base64.b64encode(value.encode()).decode()}").rstrip("=") == "data: ***"
    assert mask(f"left{value}right") == "left***right"


def test_a_remembered_secret_that_is_an_ordinary_word_opens_no_other() -> None:
    other = secrets.token_hex(8)
    remember_secret("sslpassword")
    remember_secret("x passphrase y")
    assert other not in mask(f"sslpassword={other} host=db1")
    assert mask("passphrase=x passphrase y") == "passphrase=***"


def test_a_short_remembered_secret_is_masked_as_a_word_alone() -> None:
    word = f"w{secrets.token_hex(2)}"
    remember_secret(word)
    assert mask(f"the {word}, {word}gang and were{word}") == f"the ***, {word}gang and were{word}"


@given(text=st.text())
def test_inert_text_has_nothing_active_and_keeps_newlines_and_tabs(text: str) -> None:
    shown = inert(text)
    assert not [
        char
        for char in shown
        if char not in "\n\t" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}
    ]
    assert shown.count("\n") == text.count("\n")
    assert shown.count("\t") == text.count("\t")
    assert inert(shown) == shown
    shown.encode("utf-8")
    assert "".join(piece for piece, _ in inert_pieces(text)) == shown
    assert not any(stands for _, stands in inert_pieces(shown)), "what is typed like it is told from it"


@given(text=st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@given(text=st.text())
def test_a_line_is_one_line(text: str) -> None:
    assert len(inert_line(text).splitlines()) <= 1


def test_control_and_direction_characters_become_visible_text() -> None:
    assert inert("\x1b[2J\u202eevil\u200b\r\n\t\x9b\U000e0041\ud800") == (
        "\\x1b[2J\\u202eevil\\u200b\\x0d\n\t\\x9b\\U000e0041\\ud800"
    )
    hidden = "\ufe0f\U000e0100\u180b\u2065\U000e0fff\ue0b0\ufdd0"
    assert inert(hidden) == hidden.encode("ascii", "backslashreplace").decode()
    typed_and_not = list(inert_pieces("\\x1b \x1b"))
    assert typed_and_not == [("\\x1b ", False), ("\\x1b", True)]


@pytest.mark.parametrize(
    "piece", ["a.", "postgres://a:b ", "x-key-", "token", "'", "password=", "eyJ", "a:1:b:c"]
)
def test_masking_a_long_hostile_text_stays_quick(piece: str) -> None:
    started = time.perf_counter()
    mask(piece * (100_000 // len(piece)))
    assert time.perf_counter() - started < 10
