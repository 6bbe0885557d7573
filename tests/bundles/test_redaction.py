"""Redaction by itself: stable when repeated, blind to no value, and checked by a second pair of eyes."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bundles.canonical import TOO_DEEP
from bundles.redaction import redact
from bundles.redaction.residual import looks, require_clean, scan
from inventory import masking
from inventory.errors import UserError
from tests.bundles.contents import content, evidence, with_texts
from tests.bundles.planted import FORMS, Planted, b64, planted, word

PASSWORDS = st.text(
    string.ascii_letters + string.digits + "!#$%*+,-./;<=>?@[]^_{|}~ äß\\'\"", min_size=8, max_size=24
)


@pytest.mark.parametrize("item", planted(), ids=lambda item: item.form)
def test_redacting_twice_changes_nothing_more(item: Planted) -> None:
    once = redact(with_texts({"x": item.text}))
    again = redact(once.content)
    assert again.content == once.content
    assert again.counts == {}
    assert once.counts


@settings(max_examples=300)
@given(PASSWORDS.filter(lambda text: text.strip() == text and any(map(str.isalnum, text))))
@example("duration")  # as a field of ours is called
def test_any_password_in_quotes_is_taken_out(password: str) -> None:
    masking._remembered = ()  # each example stands alone
    in_sql = password.replace("'", "''")
    in_libpq = password.replace("\\", "\\\\").replace("'", "\\'")
    texts = (
        f"ALTER ROLE app PASSWORD '{in_sql}'" if "\\" not in password else "",
        f"host=db1 password='{in_libpq}' user=app",
        json.dumps({"user": "app", "password": password}),
    )
    for text in filter(None, texts):
        redacted = redact(content(evidence=(evidence(["query"], [[text]]).to_json(),), events=()))
        kept = redacted.content.evidence[0]["rows"][0][0]
        assert "***" in kept
        assert password not in kept.replace("password", "").replace("PASSWORD", ""), text


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    )
)
def test_any_json_value_can_be_redacted_and_its_result_is_stable(value: Any) -> None:
    once = redact(content(report={"value": value}, events=()))
    again = redact(once.content)
    assert again.content.report == once.content.report
    json.dumps(once.content.report, allow_nan=False)


def test_a_field_named_for_a_secret_is_taken_out_whatever_it_holds() -> None:
    secret = word()
    report = {"password": secret, "api-key": 12345678, "tokens": 17, "has_password": True, "token": None}
    assert redact(content(report=report)).content.report == {
        "password": "***",
        "api-key": "***",
        "tokens": 17,
        "has_password": True,
        "token": None,
    }


def test_nesting_without_end_is_cut() -> None:
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    text = json.dumps(redact(content(report={"value": deep})).content.report)
    assert TOO_DEEP in text
    assert "bottom" not in text


def test_text_that_would_act_on_a_terminal_is_made_inert() -> None:
    made = redact(content(transcript="a\x1b[2Jb\u202ec\n", summary="\x9b31m\n"))
    assert made.content.transcript == "a\\x1b[2Jb\\u202ec\n"
    assert made.content.summary == "\\x9b31m\n"


@pytest.mark.parametrize(
    "item", (item for item in planted() if item.secret in item.text), ids=lambda item: item.form
)
def test_the_second_look_finds_a_known_value_in_any_file(item: Planted) -> None:
    files = {"a.json": json.dumps({"x": item.text}).encode(), "b.md": b"nothing"}
    assert [residue.file for residue in scan(files, {item.secret})][:1] == ["a.json"]


@pytest.mark.parametrize(
    "form",
    [
        "keyword string",
        "keyword string, escaped",
        "URI",
        "URI, password with signs",
        "subconninfo",
        "archive_command",
        "ALTER ROLE",
        "ALTER ROLE, E string",
        "ALTER ROLE, dollar",
        "ALTER ROLE, doubled",
        "ALTER ROLE, lines",
        "user mapping",
        "dblink",
        "environment",
        "JSON",
        "JSON, in JSON",
        "API key header",
    ],
)
def test_the_second_look_knows_the_plain_forms_by_itself(form: str) -> None:
    text = FORMS[form].format(s=word())
    assert list(looks(text))
    assert list(looks(b64(text)))


FRAGMENTS = (
    *(
        "password",
        "Secret",
        "api_key",
        "PASSWORD",
        "pass",
        "token",
        "x-api-key",
        "key",
        "Bearer ",
        "TO ",
        "E'",
        "x1",
    ),
    *(
        "=",
        ":",
        "=>",
        " ",
        "  ",
        "'",
        '"',
        "\\",
        "\\'",
        '\\"',
        "$$",
        "$x$",
        "\n",
        "\n  ",
        ",",
        ";",
        "{",
        "}",
        "(",
        ")",
    ),
    *(
        "postgres://",
        "http://",
        "://",
        "u:",
        "@",
        "h/",
        "abc",
        "null",
        "***",
        "$1",
        "&",
        "--",
        "%3A",
        "%40",
        "a:b@c",
    ),
)


@settings(max_examples=400)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join))
def test_what_the_rules_leave_never_refuses_a_bundle(text: str) -> None:
    made = redact(content(events=(), evidence=(), report={"text": text}))
    assert not list(scan({"report.json": json.dumps(made.content.report).encode()}, made.secrets))


def test_what_is_left_refuses_the_bundle_and_names_file_and_rule() -> None:
    secret = word()
    files = {"evidence/E1.jsonl": json.dumps([f"postgres://app:{secret}@db1/x"]).encode()}
    with pytest.raises(UserError, match=r"evidence/E1\.jsonl: refused .* \(password in a URI\)") as refused:
        require_clean(files, ())
    assert refused.value.exit_code == 3
    assert secret not in str(refused.value)


def test_a_known_value_in_a_file_name_refuses_the_bundle() -> None:
    secret = word()
    with pytest.raises(UserError, match="known value"):
        require_clean({f"evidence/{secret}.jsonl": b""}, {secret})
