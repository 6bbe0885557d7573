"""The inventory file: what it may say, what its errors say, and that nothing in it is lost."""

from __future__ import annotations

import os
import secrets
import stat
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import UserError
from inventory.registry import Inventory, add, default_path, load, remove, resolve
from inventory.secrets import SecretRef, read_secret
from inventory.target import Target
from inventory.toml_file import read_toml, write_toml

GOOD = """\
    # what we own
    [databases.orders-prod]
    dsn = "host=db1 port=5433 dbname=orders user=app"
    environment = "production"
    sensitivity = ["pii"]
    tags = ["orders", "eu"]
    password = { env = "ORDERS_PASSWORD" }

    # the quiet one
    [databases."billing.test"]
    dsn = "postgresql://app@db2/billing"   # by hand
    environment = "test"

    [hosts.db1]
    note = "not for this reader"
"""


def written(tmp_path: Path, text: str = GOOD) -> Path:
    path = tmp_path / "inventory.toml"
    path.write_text(textwrap.dedent(text))
    return path


def failure(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        load(path)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_file_that_is_not_there_is_an_empty_inventory() -> None:
    assert load() == Inventory({}, default_path())
    assert default_path() == Path(os.environ["HELPDESK_CONFIG_DIR"]) / "inventory.toml"


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    inventory = load(written(tmp_path))
    assert list(inventory.targets) == ["orders-prod", "billing.test"]
    assert inventory.warnings == ()
    orders = inventory.targets["orders-prod"]
    assert orders.secret == SecretRef("env", "ORDERS_PASSWORD")
    assert orders.address() == "db1:5433/orders"
    assert orders.describe() == {
        "name": "orders-prod",
        "host": "db1",
        "port": 5433,
        "database": "orders",
        "user": "app",
        "environment": "production",
        "sensitivity": ["pii"],
        "tags": ["orders", "eu"],
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[databases.a]\ndsn = 'host=x'\nport = \n", 3, "expected TOML"),
        ("[databases.a]\ndsn = 'host=x'\n[databases.a]\n", 3, "expected TOML"),
        ("[databases.a\n", 1, "expected TOML"),
        ("databases = 5\n", 1, "[databases.NAME]"),
        ("\n[databases]\na = 5\n", 3, "[databases.a]"),
        ("\n[databases.a]\nenvironment = 'prod'\ndsn = 'host=x'\n", 3, "production, staging"),
        ("[databases.a]\n", 1, "needs dsn"),
        ("[databases.a]\ndsn = 'host=x'\nservice = 's'\n", 2, "one of them alone"),
        ("[databases.a]\n\ndsn = 'host=x port=y'\n", 3, "1 to 65535"),
        ("[databases.a]\ndsn = 'host=x'\ntags = 'one'\n", 3, "list of texts"),
        ("[databases.b]\ndsn = 'host=y'\n[databases.a]\ndsn = 'host=x'\npassword = 7\n", 5, "{ env ="),
        ("[databases.a]\ndsn = 'host=x'\npassword = { memory = 'Zq7' }\n", 3, "{ env ="),
        ("[databases.'a b']\ndsn = 'host=x'\n", 1, "is no name"),
    ],
)
def test_an_error_names_file_and_line_and_what_was_expected(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    path = written(tmp_path, text)
    message = failure(path)
    assert message.startswith(f"{path}:{line}: ")
    assert says in message
    assert "Zq7" not in message


def test_a_file_that_is_no_text_or_not_readable_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "inventory.toml"
    path.write_bytes(b"# ok\n# \xff\n")
    assert failure(path).startswith(f"{path}:2: ")
    path.unlink()
    path.mkdir()
    assert "cannot be read" in failure(path)


def test_what_should_be_mended_is_a_warning(tmp_path: Path) -> None:
    inventory = load(
        written(
            tmp_path,
            "[databases.a]\ndsn = 'host=x password=Zq7zzz'\nenviroment = 'test'\n[databases.b]\nservice='s'\n",
        )
    )
    [warning] = inventory.warnings
    assert "did you mean environment?" in warning
    assert "Zq7" not in str(inventory)
    assert read_secret(inventory.targets["a"].secret or SecretRef("env")) == "Zq7zzz"
    assert inventory.targets["b"].conninfo == "service=s"


def test_adding_and_removing_leaves_every_other_line_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_text()
    target = Target.from_dsn("host=/tmp dbname='new db'", name="new-one", environment="staging", tags=("x",))
    grown = add(load(path), target)
    assert grown.targets["new-one"] == target
    assert path.read_text().startswith(before.rstrip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert remove(grown, "new-one").targets == load(written(tmp_path)).targets
    shrunk = remove(load(path), "orders-prod")
    assert list(shrunk.targets) == ["billing.test"]
    assert "# the quiet one" in path.read_text()
    assert "# by hand" in path.read_text()
    assert read_toml(path)["hosts"]["db1"]["note"] == "not for this reader"


@pytest.mark.parametrize(
    "text",
    [
        'databases = { a = { dsn = "host=x" }, b = { dsn = "host=y" } }\n',
        '[databases]\na.dsn = "host=x"\nb.dsn = "host=y"\n',
        '[databases.a]\ndsn = "host=x"\n[databases.a.password]\nenv = "X"\n[databases.b]\ndsn = "host=y"\n',
        '[databases.a]\ntags = [\n"[databases.b]"\n]\ndsn = "host=x"\n[ databases . "b" ]\ndsn = "host=y"\n',
    ],
)
def test_any_form_of_the_file_can_be_changed(tmp_path: Path, text: str) -> None:
    inventory = load(written(tmp_path, text))
    assert set(inventory.targets) == {"a", "b"}
    grown = add(inventory, Target.from_dsn("host=z", name="c"))
    assert set(grown.targets) == {"a", "b", "c"}
    shrunk = remove(grown, "a")
    assert {name: target.conninfo for name, target in shrunk.targets.items()} == {
        "b": "host=y",
        "c": "host=z",
    }


def test_a_password_given_with_a_new_database_is_kept_outside_the_file(tmp_path: Path) -> None:
    password, of_key = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    dsn = f"postgres://app:{password}@db1/shop?sslpassword={of_key}"
    grown = add(load(), Target.from_dsn(dsn, name="shop"))
    assert password not in grown.path.read_text() and of_key not in grown.path.read_text()
    assert load().targets["shop"].private_parameters()["sslpassword"] == of_key
    ref = load().targets["shop"].secret
    assert ref is not None
    assert ref.kind == "file"  # a test machine has no keyring
    assert stat.S_IMODE(Path(ref.name).stat().st_mode) == 0o600
    assert read_secret(ref) == password


def test_names_that_are_taken_or_make_no_sense_are_refused(tmp_path: Path) -> None:
    inventory = load(written(tmp_path))
    for name, says in (("orders-prod", "is there already"), ("a b", "is no name"), ("../x", "is no name")):
        with pytest.raises(UserError, match=says):
            add(inventory, Target.from_dsn("host=x", name=name))
    with pytest.raises(UserError, match="no database"):
        remove(inventory, "nothing")


def test_a_name_is_resolved_before_a_connection_string(tmp_path: Path) -> None:
    inventory = load(written(tmp_path))
    assert resolve("orders-prod", inventory) is inventory.targets["orders-prod"]
    assert resolve("host=db3 dbname=x port=1", inventory).name == "db3:1/x"
    assert resolve("postgres:///x?host=/tmp&port=1", inventory).name == "/tmp:1/x"


def test_an_unknown_name_shows_its_neighbours_and_the_file(tmp_path: Path) -> None:
    inventory = load(written(tmp_path))
    with pytest.raises(UserError) as raised:
        resolve("order-prod", inventory)
    assert "orders-prod" in str(raised.value)
    assert str(inventory.path) in str(raised.value)
    for text in ("", "nothing\x1b[2J"):
        with pytest.raises(UserError, match="unknown target") as raised:
            resolve(text, inventory)
        assert "\x1b" not in str(raised.value)


def test_a_target_travels_with_its_secrets_through_private_json_alone() -> None:
    target = Target.from_dsn(
        "host=x password=Zq7abc sslpassword=Zq7def",
        name="t",
        environment="test",
        tags=("a",),
        sensitivity=("b",),
    )
    assert Target.from_private_json(target.to_private_json()) == target
    assert "Zq7" not in repr(target) + str(target.describe())
    assert "sslpassword" not in target.parameters()
    assert target.private_parameters()["sslpassword"] == "Zq7def"


TOML_VALUES = st.recursive(
    st.one_of(st.text(st.characters(codec="utf-8")), st.integers(-(2**60), 2**60), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), TOML_VALUES, max_size=4))
def test_toml_round_trips(data: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "some.toml"
    write_toml(path, data)
    assert read_toml(path) == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    blocked = tmp_path / "inventory.toml"
    blocked.mkdir()
    (blocked / "content").write_text("x")
    with pytest.raises(UserError) as raised:
        write_toml(blocked, {"a": 1})
    assert raised.value.exit_code == 3
    assert [entry.name for entry in tmp_path.iterdir()].count("inventory.toml") == 1
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".inventory")]


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("")
    link = tmp_path / "link.toml"
    link.symlink_to(real)
    write_toml(link, {"a": 1})
    assert link.is_symlink()
    assert read_toml(real) == {"a": 1}
