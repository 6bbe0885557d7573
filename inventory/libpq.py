"""What a connection string means once libpq's defaults are in: service file, PG* variables, socket, user."""

from __future__ import annotations

import getpass
import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inventory.dsn import check_parameters, parse_dsn, split_list
from inventory.errors import UserError

DEFAULT_PORT = 5432
SOCKET_DIRECTORIES = ("/var/run/postgresql", "/run/postgresql", "/tmp")  # noqa: S108 - a server's, not ours
"""Where a server's socket is looked for when no host is named: Debian's and Red Hat's place, then PostgreSQL's own."""
SYSTEM_SERVICE_DIRECTORIES = ("/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc")
"""Where `pg_service.conf` is looked for when `PGSYSCONFDIR` names no directory."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the places that a connection string names."""

    host: str
    """A name, an address, or the directory of a Unix socket."""
    hostaddr: str
    """The address to connect to without a look-up, or empty."""
    port: int

    @property
    def is_socket(self) -> bool:
        return not self.hostaddr and self.host.startswith(("/", "@"))

    @property
    def socket_path(self) -> str:
        """The path of the Unix socket; an abstract one keeps its "@"."""
        return f"{self.host}/.s.PGSQL.{self.port}"

    def address(self) -> str:
        """`host:port`, with brackets around an IPv6 address."""
        host = self.host or self.hostaddr
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def effective(conninfo: str, where: str = "the connection string") -> dict[str, str]:
    """Every parameter that libpq would use for `conninfo`, with host, port, user and dbname always there.

    In libpq's order: the string itself, then the service's section, then PG* variables, then defaults.
    Raises `UserError` (exit 2) for a service that is not defined or a value that makes no sense.
    """
    from psycopg import pq

    parameters = parse_dsn(conninfo, where)
    service = parameters.pop("service", "") or os.environ.get("PGSERVICE", "")
    if service:
        parameters = {**read_service(service), **parameters}
    for option in pq.Conninfo.get_defaults():
        variable = option.envvar.decode() if option.envvar else ""
        if variable in os.environ and option.keyword.decode() not in (*parameters, "service"):
            parameters[option.keyword.decode()] = os.environ[variable]
    parameters = {key: value for key, value in parameters.items() if value}
    check_parameters(parameters, where)
    return _with_defaults(parameters)


def endpoints(parameters: Mapping[str, str]) -> list[Endpoint]:
    """The places that effective `parameters` name, in the order in which they are tried."""
    hosts, addresses = split_list(parameters.get("host", "")), split_list(parameters.get("hostaddr", ""))
    ports = split_list(parameters.get("port", "")) or [""]
    count = max(len(hosts), len(addresses))
    return [
        Endpoint(
            (hosts[place] if hosts else "") or ("" if addresses else default_host(ports[place % len(ports)])),
            addresses[place] if addresses else "",
            int(ports[place % len(ports)] or DEFAULT_PORT),
        )
        for place in range(count)
    ]


def default_host(port: str) -> str:
    """The socket directory to use where no host is named: the first that has a server's socket on `port`."""
    there = [place for place in SOCKET_DIRECTORIES if Path(place).is_dir()]
    for place in there:
        if Path(place, f".s.PGSQL.{port or DEFAULT_PORT}").exists():
            return place
    return there[0] if there else "localhost"


def read_service(name: str) -> dict[str, str]:
    """The parameters of service `name`: from PGSERVICEFILE or ~/.pg_service.conf, else the system's file."""
    tried = []
    for path in _service_files():
        tried.append(str(path))
        section = _service_section(path, name)
        if section is not None:
            return section
    raise UserError(
        f'service "{name}" is not defined; expected a section [{name}] in one of: {", ".join(tried)}'
    )


def home_directory() -> Path:
    """The home directory, as libpq finds it."""
    return Path(os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)


def _with_defaults(parameters: dict[str, str]) -> dict[str, str]:
    parameters.setdefault("port", str(DEFAULT_PORT))
    if "host" not in parameters and "hostaddr" not in parameters:
        parameters["host"] = default_host(parameters["port"])
    parameters.setdefault("user", _system_user())
    parameters.setdefault("dbname", parameters["user"])
    parameters.setdefault("sslmode", "prefer")
    return parameters


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return getpass.getuser()


def _service_files() -> Iterator[Path]:
    own = os.environ.get("PGSERVICEFILE")
    yield Path(own) if own else home_directory() / ".pg_service.conf"
    system = os.environ.get("PGSYSCONFDIR")
    for directory in (system,) if system else SYSTEM_SERVICE_DIRECTORIES:
        yield Path(directory) / "pg_service.conf"


def _service_section(path: Path, name: str) -> dict[str, str] | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}), expected a service file") from error
    found: dict[str, str] | None = None
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.startswith("["):
            if found is not None:
                break
            found = {} if line == f"[{name}]" else None
        elif found is not None and line and not line.startswith("#"):
            key, value = _service_entry(line, f"{path}:{number}")
            found.setdefault(key, value)
    return found


def _service_entry(line: str, where: str) -> tuple[str, str]:
    key, sign, value = line.partition("=")
    if not sign or key in ("", "service", "servicefile") or not key.replace("_", "").isalnum():
        raise UserError(f"{where}: this line of the service file makes no sense, expected keyword=value")
    return key, value
