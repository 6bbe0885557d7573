"""Directories are ours, private, and short enough for a socket."""

from __future__ import annotations

import os
import secrets
import socket
import stat
from pathlib import Path

import pytest

from inventory.errors import UserError
from inventory.paths import config_dir, ensure_private, runtime_dir, state_dir


def test_the_environment_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, place in (("HELPDESK_CONFIG_DIR", config_dir), ("HELPDESK_STATE_DIR", state_dir)):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
        assert place() == tmp_path / variable.lower()


def test_without_the_environment_the_places_are_below_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HELPDESK_CONFIG_DIR", "HELPDESK_STATE_DIR", "HELPDESK_RUNTIME_DIR"):
        monkeypatch.delenv(variable)
    home = Path(os.environ["HOME"])
    assert config_dir().is_relative_to(home)
    assert state_dir().is_relative_to(home)
    assert config_dir().name == state_dir().name == "helpdesk"
    assert len(os.fsencode(runtime_dir())) <= 60


def test_a_socket_fits_below_a_runtime_directory_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELPDESK_RUNTIME_DIR", str(tmp_path / secrets.token_hex(60)))
    directory = ensure_private(runtime_dir())
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(directory / "a-name-of-thirty-two-characters.sock"))
        monkeypatch.setenv("HELPDESK_RUNTIME_DIR", str(tmp_path / secrets.token_hex(60)))
        assert runtime_dir() != directory
    finally:
        for leftover in directory.iterdir():
            leftover.unlink()
        directory.rmdir()


def test_a_private_directory_is_closed_to_others(tmp_path: Path) -> None:
    place = tmp_path / "one" / "two"
    assert ensure_private(place) == place
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)
    ensure_private(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_file_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.write_text("")
    with pytest.raises(UserError) as raised:
        ensure_private(place)
    assert raised.value.exit_code == 3
    assert str(place) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_someone_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    link = tmp_path / "link"
    link.symlink_to(place)
    for path in (place, link):
        with pytest.raises(UserError, match="belongs to another user"):
            ensure_private(path)


def test_an_error_for_the_user_is_one_masked_line() -> None:
    error = UserError("no:\npostgres://app:hunter2@db1/x \x1b[2J", exit_code=3)
    assert str(error) == "no: postgres://app:***@db1/x \\x1b[2J"
    assert error.exit_code == 3
