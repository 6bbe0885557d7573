"""A secret is read from where it is, or the error says what else would do."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from inventory.errors import UserError
from inventory.libpq import Endpoint, effective
from inventory.masking import mask
from inventory.paths import config_dir, ensure_private
from inventory.secrets import SecretRef, keep_secret, password_for, read_secret

DB1 = Endpoint("db1", "", 5432)


def refusal(ref: SecretRef) -> str:
    with pytest.raises(UserError) as raised:
        read_secret(ref)
    assert raised.value.exit_code == 3
    return str(raised.value)


def test_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    value = secrets.token_hex(8)
    monkeypatch.setenv("SHOP_PASSWORD", value)
    assert read_secret(SecretRef("env", "SHOP_PASSWORD")) == value
    assert mask(f"<{value}>") == "<***>"
    assert "OTHER_PASSWORD is not set" in refusal(SecretRef("env", "OTHER_PASSWORD"))


def test_a_file_must_be_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    value = secrets.token_hex(8)
    path.write_text(f"{value}\r\nnot this\n")
    path.chmod(0o600)
    assert read_secret(SecretRef("file", str(path))) == value
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        assert f"chmod 600 {path}" in refusal(SecretRef("file", str(path)))
    path.chmod(0o600)
    path.write_text("\n")
    assert "is empty" in refusal(SecretRef("file", str(path)))
    assert "cannot be read" in refusal(SecretRef("file", str(tmp_path / "nowhere")))
    assert "no plain file" in refusal(SecretRef("file", str(tmp_path)))


def test_without_a_keyring_the_error_names_the_fallbacks() -> None:
    text = refusal(SecretRef("keyring", "shop"))
    assert "there is none on this machine" in text
    assert '{ env = "VARIABLE" }' in text
    assert '{ file = "/path" }' in text


BACKEND = """
import json, os, pathlib, time
from keyring.backend import KeyringBackend
store = pathlib.Path(__file__).with_name('store.json')
class Own(KeyringBackend):
    priority = 9
    def get_password(self, service, username):
        if username == os.environ.get('SLOW'): time.sleep(60)
        if username == os.environ.get('BROKEN'): raise OSError('the bus is gone')
        return json.loads(store.read_text()).get(f'{service}/{username}') if store.exists() else None
    def set_password(self, service, username, password):
        store.write_text(json.dumps({f'{service}/{username}': password}))
    def delete_password(self, service, username):
        store.unlink()
"""


def with_keyring(place: Path, script: str, **settings: str) -> list[str]:
    """Lines that the script prints with a real backend, in a process of its own: `keyring` keeps the first it finds."""
    (place / "own_backend.py").write_text(BACKEND)
    path = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "own_backend.Own", "PYTHONPATH": path, **settings}
    limit = "import inventory.host_keyring as k\nk.TIMEOUT_S = 2.0\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + script], env=environment, capture_output=True, text=True, timeout=100
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_a_keyring_is_read_and_written(tmp_path: Path) -> None:
    script = (
        "import inventory.secrets as s\n"
        "from inventory.errors import UserError\n"
        "ref = s.keep_secret('shop', 'pw-of-the-shop')\n"
        "print(ref.kind, ref.name, s.read_secret(ref))\n"
        "for name in ('other', 'broken', 'slow', 'shop'):\n"
        "    try: s.read_secret(s.SecretRef('keyring', name))\n"
        "    except UserError as error: print(error)\n"
    )
    stored, other, broken, slow, after = with_keyring(tmp_path, script, SLOW="slow", BROKEN="broken")
    assert stored == "keyring shop pw-of-the-shop"
    assert 'holds no secret "other"' in other
    assert "the bus is gone" in broken
    assert "did not answer" in slow
    assert "did not answer" in after, "one that was silent is not waited for again and again"


def test_doctor_tells_which_keyring_and_does_not_hang_on_one(tmp_path: Path) -> None:
    (ensure_private(config_dir()) / "inventory.toml").write_text(
        "".join(f"[databases.d{n}]\ndsn = 'host=x'\npassword = {{ keyring = 'd{n}' }}\n" for n in range(20))
    )
    script = "from helpdesk_tui.cli import main\nmain(['doctor'])\n"

    def about(**settings: str) -> list[str]:
        return [line for line in with_keyring(tmp_path, script, **settings) if " secret" in line[:20]]

    keyring, *databases = about()
    assert "✓ ok" in keyring and "kept in the keyring, own_backend: this host has one" in keyring
    assert len(databases) == 20 and "holds no secret" in databases[0]
    keyring, *databases = about(BROKEN="doctor")
    assert "✗ fault" in keyring and "the bus is gone" in keyring
    keyring, *databases = about(SLOW="doctor")
    assert "✗ fault" in keyring and "did not answer within 2 s" in keyring
    assert len(databases) == 20 and all("did not answer" in line for line in databases)
    keyring, *_ = about(PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert (
        "• note" in keyring
        and f"0600 files in {config_dir() / 'secrets'}:" in keyring
        and "no keyring on this host" in keyring
    )


def test_a_secret_to_keep_goes_to_a_private_file_where_there_is_no_keyring() -> None:
    value = secrets.token_hex(8)
    ref = keep_secret("shop", value)
    assert ref.kind == "file"
    assert stat.S_IMODE(Path(ref.name).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(ref.name).parent.stat().st_mode) == 0o700
    assert read_secret(ref) == value


def test_the_order_is_ours_then_pgpassword_then_the_password_file(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file, in_variable, ours = (secrets.token_hex(8) for _ in range(3))
    (isolated_home / ".pgpass").write_text(f"*:*:*:*:{in_file}\n")
    (isolated_home / ".pgpass").chmod(0o600)
    assert password_for(None, effective("host=db1"), DB1) == in_file
    assert mask(f"<{in_file}>") == "<***>"
    monkeypatch.setenv("PGPASSWORD", in_variable)
    assert password_for(None, effective("host=db1"), DB1) == in_variable
    assert password_for(SecretRef("memory", value=ours), effective("host=db1"), DB1) == ours
    monkeypatch.setenv("PGPASSFILE", str(isolated_home / "nothing"))
    monkeypatch.delenv("PGPASSWORD")
    assert password_for(None, effective("host=db1"), DB1) is None
