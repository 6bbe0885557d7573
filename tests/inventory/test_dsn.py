"""Connection strings mean what libpq says they mean, and errors never repeat a secret."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from inventory.dsn import looks_like_dsn, parse_dsn, to_conninfo
from inventory.errors import UserError
from inventory.libpq import Endpoint, effective, endpoints
from inventory.masking import mask
from inventory.passfile import password_from_file
from inventory.target import Target

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(values=st.dictionaries(st.sampled_from(["user", "dbname", "application_name", "options"]), VALUES))
def test_a_keyword_string_round_trips_through_libpq(values: dict[str, str]) -> None:
    assert conninfo_to_dict(to_conninfo(values)) == values


@given(password=VALUES, user=VALUES)
def test_a_uri_gives_the_secret_to_memory_and_to_nothing_else(password: str, user: str) -> None:
    planted = f"Zq7{password}"
    dsn = f"postgresql://{quote(user, safe='')}:{quote(planted, safe='')}@[::1]:5433/shop?sslmode=require"
    target = Target.from_dsn(dsn)
    assert target.secret is not None
    assert target.secret.value == planted
    assert target.name == "[::1]:5433/shop"
    for text in (repr(target), str(target.describe()), target.conninfo, mask(f"failed with {planted}")):
        assert "Zq7" not in text


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("host=db1 password=Zq7 secret", 'no "="'),
        ("host=db1 password='Zq7", "not closed"),
        ("host=db1 password=Zq7 nonsense=1", "does not know"),
        ("host=db1 nonsense=1", "(nonsense)"),
        ("postgres://u:Zq7/x@db1/shop", "%2F"),
        ("postgres://u:Zq7@x@db1/shop", "%40"),
        ("postgres://u:Zq7 x@db1/shop", "space"),
        ("postgres://u:Zq7%zz@db1/shop", "%25"),
        ("postgres://u:Zq7%00@db1/shop", "%00"),
        ("postgres://u:Zq7@[::1/shop", "IPv6"),
        ("postgres://u:Zq7@db1/shop?nonsense=1", "parameter"),
        ("postgres://u:Zq7@db1/shop?sslmode", 'no "="'),
        ("postgres://u:Zq7@db1:port/shop", "1 to 65535"),
        ("postgres://u:Zq7@db1:70000/shop", "1 to 65535"),
        ("postgres://u:Zq7@db1/shop?sslmode=maybe", "verify-full"),
        ("postgres://u:Zq7@a,b/shop?port=1,2,3", "one port"),
        ("mysql://u:Zq7@db1/shop", "does not start with"),
        ("postgresql+psycopg://u:Zq7@db1/shop", "does not start with"),
        ("jdbc:postgresql://db1/shop?user=u&password=Zq7", "does not start with"),
        ("host=db1 hostaddr=nowhere password=Zq7", "IP address"),
        ("host=a,b hostaddr=127.0.0.1 password=Zq7", "2 host"),
        ("host=db1 replication=database password=Zq7", "replication"),
        ("host=db1 password=Zq7\0", "malformed"),
        ("host=db1 password=Zq7\ud800", "malformed"),
        ("=Zq7", "malformed"),
    ],
)
def test_a_malformed_string_is_one_line_that_says_why_and_leaks_nothing(dsn: str, says: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_dsn(dsn, "TARGET")
    text = str(raised.value)
    assert raised.value.exit_code == 2
    assert says in text
    assert text.startswith("TARGET: ")
    assert "Zq7" not in text
    assert "\n" not in text
    assert raised.value.__cause__ is None


def test_what_is_a_connection_string_and_what_is_a_name() -> None:
    assert looks_like_dsn("dbname=shop")
    assert looks_like_dsn("postgres://db1")
    assert not looks_like_dsn("orders-prod")


def test_the_environment_fills_what_the_string_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (
        ("PGHOST", "db9"),
        ("PGPORT", "6000"),
        ("PGUSER", "u9"),
        ("PGSSLMODE", "disable"),
    ):
        monkeypatch.setenv(variable, value)
    parameters = effective("user=me")
    assert (parameters["host"], parameters["port"], parameters["user"]) == ("db9", "6000", "me")
    assert (parameters["dbname"], parameters["sslmode"]) == ("me", "disable")


def test_a_bad_value_of_the_environment_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "nope")
    with pytest.raises(UserError, match="port is"):
        effective("host=db1")


def test_a_service_fills_less_than_the_string_and_more_than_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services"
    file.write_text(
        "# ours\n[other]\nhost=no\n\n[shop]\nhost=db7\nport=7000\nuser=app\nhost=late\n[x]\nhost=no\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.setenv("PGUSER", "env")
    monkeypatch.setenv("PGDATABASE", "env")
    parameters = effective("service=shop port=1")
    assert {key: parameters[key] for key in ("host", "port", "user", "dbname")} == {
        "host": "db7",
        "port": "1",
        "user": "app",
        "dbname": "env",
    }
    monkeypatch.setenv("PGSERVICE", "other")
    assert effective("")["host"] == "no"


def test_a_service_is_found_in_the_home_and_in_the_system_directory(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (isolated_home / ".pg_service.conf").write_text("[mine]\nhost=home\n")
    (tmp_path / "pg_service.conf").write_text("[theirs]\nhost=system\n")
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path))
    assert effective("service=mine")["host"] == "home"
    assert effective("service=theirs")["host"] == "system"


def test_an_unknown_service_names_the_files(isolated_home: Path) -> None:
    with pytest.raises(UserError) as raised:
        effective("service=nowhere")
    assert str(isolated_home / ".pg_service.conf") in str(raised.value)
    assert Target.from_dsn("service=nowhere", name="x").describe()["host"] == "service nowhere"


def test_a_broken_service_line_names_file_and_line(isolated_home: Path) -> None:
    (isolated_home / ".pg_service.conf").write_text("[mine]\nhost=home\nwhatever\n")
    with pytest.raises(UserError, match=r"\.pg_service\.conf:3"):
        effective("service=mine")


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgres://a,b:5433/db", [("a", 5432), ("b", 5433)]),
        ("host=a,b port=6000", [("a", 6000), ("b", 6000)]),
        ("postgresql://%2Fvar%2Frun/db", [("/var/run", 5432)]),
        ("postgresql://[fe80::1]:1/db", [("fe80::1", 1)]),
        ("host=/tmp", [("/tmp", 5432)]),
    ],
)
def test_endpoints(dsn: str, expected: list[tuple[str, int]]) -> None:
    assert [(place.host, place.port) for place in endpoints(effective(dsn))] == expected


def test_an_address_without_a_name_is_an_endpoint() -> None:
    (place,) = endpoints(effective("hostaddr=127.0.0.1 port=1"))
    assert (place.host, place.hostaddr, place.address()) == ("", "127.0.0.1", "127.0.0.1:1")
    assert not place.is_socket


def test_without_a_host_a_socket_directory_or_the_loopback_is_taken() -> None:
    (place,) = endpoints(effective("dbname=x"))
    assert place.is_socket or place.host == "localhost"


def passfile(home: Path, *lines: str) -> Path:
    path = home / ".pgpass"
    path.write_text("\n".join([*lines, ""]))
    path.chmod(0o600)
    return path


def test_the_password_file_is_read_by_libpqs_rules(isolated_home: Path) -> None:
    password = f"p:{secrets.token_hex(4)}\\"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    path = passfile(
        isolated_home,
        "# db1:5432:shop:app:comment",
        "db1:5432:shop",
        "db1:9:*:*:otherport",
        f"db1:*:sh\\:op:app:{escaped}",
        "localhost:*:*:*:local",
        "*:*:*:*:any",
    )
    parameters = {"dbname": "sh:op", "user": "app"}
    assert password_from_file(parameters, Endpoint("db1", "", 5432)) == password
    assert password_from_file(parameters, Endpoint("db2", "", 5432)) == "any"
    assert password_from_file(parameters, Endpoint("/var/run/postgresql", "", 5432)) == "local"
    path.chmod(0o640)
    assert password_from_file(parameters, Endpoint("db1", "", 5432)) is None
    assert (
        password_from_file({**parameters, "passfile": str(isolated_home)}, Endpoint("db1", "", 5432)) is None
    )


def test_the_default_user_is_the_one_libpq_takes() -> None:
    defaults = {option.keyword: option.val for option in psycopg.pq.Conninfo.get_defaults()}
    assert effective("")["user"].encode() == defaults[b"user"]
    assert os.environ.get("PGUSER") is None
