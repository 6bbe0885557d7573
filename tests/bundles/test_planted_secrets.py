"""Secrets in every known form of leak, in every place of a bundle: none is in the archive, plain or encoded."""

from __future__ import annotations

import base64
import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from bundles.content import BundleContent
from bundles.pack import create
from bundles.verify import verify
from inventory.masking import remember_secret
from tests.bundles.contents import chained, content, evidence, message, with_texts
from tests.bundles.planted import FORMS, Planted, planted, word


def unpacked(content: BundleContent, where: Path) -> dict[str, bytes]:
    """The files of a bundle of `content` as `tar` sees them; the bundle is whole."""
    sealed = create(content, where)
    assert verify(sealed.path).problems == ()
    with tarfile.open(sealed.path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def everything(content: BundleContent, where: Path) -> bytes:
    """The raw tar stream of a bundle, and its files."""
    sealed = create(content, where)
    return gzip.decompress(sealed.path.read_bytes()) + sealed.path.name.encode()


def encodings(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    yield json.dumps(secret)[1:-1].encode()
    yield raw.hex().encode()
    yield quote(secret, safe="").encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        yield whole[(0, 2, 3)[shift] : (len(raw) + shift) // 3 * 4]


def leaks(data: bytes, secret: str) -> bool:
    return any(form in data for form in encodings(secret))


@pytest.mark.parametrize("item", planted(), ids=lambda item: item.form)
def test_no_form_of_leak_gets_through(item: Planted, tmp_path: Path) -> None:
    assert leaks(item.text.encode(), item.secret) or "base64" in item.form or "private key" in item.form
    assert not leaks(everything(with_texts({item.form: item.text}), tmp_path), item.secret)


def test_all_forms_together(tmp_path: Path) -> None:
    items = list(planted())
    assert len(items) >= 60
    files = unpacked(with_texts({item.form: item.text for item in items}), tmp_path)
    whole = b"".join(files.values()) + "".join(files).encode()
    assert [item.form for item in items if leaks(whole, item.secret)] == []


def test_the_word_around_a_secret_stays(tmp_path: Path) -> None:
    text = FORMS["keyword string"].format(s=word())
    files = unpacked(with_texts({"x": text}), tmp_path)
    summary = next(data.decode() for name, data in files.items() if name.endswith("REPORT.md"))
    assert "host=db1 user=app password=*** dbname=orders" in summary


@pytest.mark.parametrize(
    ("columns", "row", "secret_at"),
    [
        (["srvname", "umoptions"], ["far", ["user=bob", "password={}"]], 1),
        (["srvname", "umoptions"], ["far", '{user=bob,"password={} x"}'], 1),
        (["rolname", "rolpassword"], ["app", "{}"], 1),
        (["name", "setting"], ["primary_conninfo", "host=h password={}"], 1),
        (["name", "setting"], ["primary_conninfo", "host=h unheard_of={}"], 1),
        (["name", "setting", "reset_val"], ["app.jwt_secret", "x", "{}"], 2),
        (["name", "setting"], ["ssl_passphrase_command", "echo {}"], 1),
        (["subname", "subconninfo"], ["s", "host=h user=u password='{}'"], 1),
        (["pid", "data"], [1, {"kind": "Secret", "data": {"tls.key": "{}"}}], 1),
        (["pid", "env"], [1, [{"name": "PGPASSWORD", "value": "{}"}]], 1),
        (["pid", "env"], [1, {"credentials": {"deep": ["{}"]}}], 1),
        (["{}", "password"], [1, "{}"], 1),
    ],
)
def test_fields_that_hold_secrets(
    columns: list[str], row: list[object], secret_at: int, tmp_path: Path
) -> None:
    secret = word()
    plant = json.loads(json.dumps([columns, row]).replace("{}", secret))
    item = evidence(plant[0], [plant[1]])
    made = content(evidence=(item.to_json(),), report={"rows": [dict(zip(plant[0], plant[1], strict=True))]})
    assert not leaks(everything(made, tmp_path), secret)


def test_harmless_settings_stay(tmp_path: Path) -> None:
    rows = [["password_encryption", "scram-sha-256"], ["primary_conninfo", "host=10.0.0.1 user=repl"]]
    item = evidence(["name", "setting"], rows)
    files = unpacked(content(evidence=(item.to_json(),)), tmp_path)
    text = b"".join(files.values()).decode()
    assert '["password_encryption","scram-sha-256"]' in text
    assert '["primary_conninfo","host=10.0.0.1 user=repl"]' in text


def test_a_secret_seen_once_is_taken_out_everywhere(tmp_path: Path) -> None:
    secret = word()
    session = "s1"
    events = chained(
        [message(session, f"password={secret}"), message(session, f"I tried {secret} and {secret}!")]
    )
    bare = evidence(
        ["application_name", secret], [[f"job-{secret}", base64.b64encode(f"<{secret}>".encode()).decode()]]
    )
    made = content(session=session, events=events, evidence=({**bare.to_json(), "id": secret},))
    assert not leaks(everything(made, tmp_path), secret)


def test_a_remembered_secret_is_taken_out_without_any_hint(tmp_path: Path) -> None:
    secret = word()
    remember_secret(secret)
    made = content(transcript=f"use {secret}\n", target={"name": f"x-{secret}", "host": secret})
    assert not leaks(everything(made, tmp_path), secret)


def test_the_report_counts_by_rule_and_file_and_never_tells_a_value(tmp_path: Path) -> None:
    secret = word()
    item = evidence(["query"], [[f"ALTER ROLE a PASSWORD '{secret}'"], [f"postgres://u:{secret}@h/d"]])
    files = unpacked(content(evidence=(item.to_json(),)), tmp_path)
    report = next(json.loads(data) for name, data in files.items() if name.endswith("redaction.json"))
    manifest = next(json.loads(data) for name, data in files.items() if name.endswith("manifest.json"))
    assert report["rules"]["sql-password"] == {f"evidence/{item.id}.jsonl": 1}
    assert report["rules"]["uri-password"] == {f"evidence/{item.id}.jsonl": 1}
    assert manifest["redaction"]["rules"] == {"sql-password": 1, "uri-password": 1}


def test_events_that_changed_are_marked_and_the_chain_still_holds(tmp_path: Path) -> None:
    secret = word()
    events = chained([message("s", "hello"), message("s", f"password={secret}"), message("s", "bye")])
    sealed = create(content(session="s", events=events), tmp_path)
    assert verify(sealed.path).chain == "chain intact: 3 events (1 redacted)"
    with tarfile.open(sealed.path) as archive:
        name = next(name for name in archive.getnames() if name.endswith("events.jsonl"))
        lines = [json.loads(line) for line in archive.extractfile(name).read().splitlines()]  # type: ignore[union-attr]
    assert [line["kept"] for line in lines] == ["whole", "redacted", "whole"]
    assert [line["hash"] for line in lines] == [entry.hash for entry in events]


def test_a_column_name_beside_a_token_stays_elsewhere(tmp_path: Path) -> None:
    item = evidence(["query"], [["SELECT session_token_ref FROM s JOIN u ON s.token = session_token_ref"]])
    files = unpacked(content(evidence=(item.to_json(),)), tmp_path)
    assert b"SELECT session_token_ref FROM s JOIN u ON s.token = ***" in b"".join(files.values())


def test_nothing_ordinary_is_taken_out(tmp_path: Path) -> None:
    texts = {
        "lock": "UPDATE shop.orders SET paid = true WHERE id = 7 AND token IS NOT NULL",
        "error": 'password authentication failed for user "app"',
        "hba": 'no pg_hba.conf entry for host "10.1.2.3", user "app", database "orders", SSL encryption',
        "path": "/var/lib/postgresql/16/main/pg_wal/000000010000000000000001",
        "plan": "Index Scan using orders_customer_key on orders  (cost=0.43..8.45 rows=1 width=4)",
        "url": "see https://www.postgresql.org/docs/18/sql-alterrole.html#id-1.9.3",
        "hash": "queryid -5921937583710384756, call 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "setting": "password_encryption = scram-sha-256, ssl_passphrase_command_supports_reload = off",
        "time": "2026-11-20T02:11:09.123456Z",
        "name": "pg_stat_progress_create_index_concurrently_of_a_very_long_name",
    }
    made = with_texts(texts)
    files = unpacked(made, tmp_path)
    report = next(json.loads(data) for name, data in files.items() if name.endswith("redaction.json"))
    assert report["rules"] == {}
