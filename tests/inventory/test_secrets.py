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


def test_a_keyring_is_read_and_written(tmp_path: Path) -> None:
    """A real backend in a process of its own: `keyring` keeps the first one it finds."""
    backend = tmp_path / "own_backend.py"
    backend.write_text(
        "import json, pathlib, time\n"
        "from keyring.backend import KeyringBackend\n"
        "store = pathlib.Path(__file__).with_name('store.json')\n"
        "class Own(KeyringBackend):\n"
        "    priority = 9\n"
        "    def get_password(self, service, username):\n"
        "        if username == 'slow': time.sleep(60)\n"
        "        if username == 'broken': raise OSError('the bus is gone')\n"
        "        return json.loads(store.read_text()).get(f'{service}/{username}') if store.exists() else None\n"
        "    def set_password(self, service, username, password):\n"
        "        store.write_text(json.dumps({f'{service}/{username}': password}))\n"
        "    def delete_password(self, service, username):\n"
        "        store.unlink()\n"
    )
    script = (
        "import inventory.secrets as s\n"
        "from inventory.errors import UserError\n"
        "s.KEYRING_TIMEOUT_S = 2.0\n"
        "ref = s.keep_secret('shop', 'pw-of-the-shop')\n"
        "print(ref.kind, ref.name, s.read_secret(ref))\n"
        "for name in ('other', 'slow', 'broken'):\n"
        "    try: s.read_secret(s.SecretRef('keyring', name))\n"
        "    except UserError as error: print(error)\n"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "own_backend.Own", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    stored, other, slow, broken = done.stdout.splitlines()
    assert stored == "keyring shop pw-of-the-shop"
    assert 'holds no secret "other"' in other
    assert "did not answer" in slow
    assert "the bus is gone" in broken


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
