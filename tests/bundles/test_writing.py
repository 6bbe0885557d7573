"""Writing the archive: private, whole or not at all, never over another file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bundles.pack import create
from bundles.verify import verify
from inventory.errors import UserError
from tests.bundles.contents import content, evidence


def test_the_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        sealed = create(content(), tmp_path / "a.tar.gz")
    finally:
        os.umask(before)
    assert stat.S_IMODE(sealed.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.tar.gz"]


def test_another_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    there = tmp_path / "a.tar.gz"
    there.write_text("precious")
    with pytest.raises(UserError, match="a file of that name is there") as refused:
        create(content(), there)
    assert refused.value.exit_code == 3
    assert there.read_text() == "precious"
    create(content(), there, overwrite=True)
    assert verify(there).ok
    assert stat.S_IMODE(there.stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    link = tmp_path / "a.tar.gz"
    link.symlink_to(precious)
    with pytest.raises(UserError, match="a file of that name is there"):
        create(content(), link)
    create(content(), link, overwrite=True)
    assert precious.read_text() == "precious"
    assert not link.is_symlink()


@pytest.mark.parametrize("where", ["missing/a.tar.gz", "file/a.tar.gz"])
def test_a_missing_directory_is_one_line(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="there is no directory") as refused:
        create(content(), tmp_path / where)
    assert refused.value.exit_code == 3
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_write_access_is_one_line(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(UserError, match="permission denied") as refused:
        create(content(), closed / "a.tar.gz")
    assert refused.value.exit_code == 3


def test_a_file_system_that_is_read_only_is_one_line() -> None:
    with pytest.raises(UserError, match="could not be written") as refused:
        create(content(), "/proc/a.tar.gz")
    assert refused.value.exit_code == 3


IN_A_CHILD = """
import resource, sys
sys.path[:0] = {path!r}
from bundles.pack import create
from inventory.errors import UserError
from tests.bundles.test_writing import random_content
made = random_content()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    create(made, {target!r})
except UserError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def random_content():  # type: ignore[no-untyped-def]
    """Content of some 300 kB that does not compress below 100 kB."""
    rows = [[number, " ".join(str(byte) for byte in os.urandom(50))] for number in range(2000)]
    item = evidence(["n", "bytes"], rows)
    return content(evidence=(item.to_json(),), events=())


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz"])
def test_a_write_that_is_cut_short_leaves_nothing(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    script = IN_A_CHILD.format(path=sys.path, target=str(out / name))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "file too large" in done.stdout
    assert done.stderr == ""
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="needs root to mount")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "small"
    out.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", out], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    try:
        with pytest.raises(UserError, match="no space left on device") as refused:
            create(random_content(), out)
        assert refused.value.exit_code == 3
        assert list(out.iterdir()) == []
        assert create(content(), out).path.exists()
    finally:
        subprocess.run(["umount", out], check=True)
