"""A database that we can point at: by a name of the inventory, or by a connection string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from inventory.dsn import SECRET_KEYWORDS, parse_dsn, to_conninfo
from inventory.errors import UserError
from inventory.libpq import Endpoint, effective, endpoints
from inventory.masking import inert_line, remember_secret
from inventory.secrets import SecretRef, in_memory, read_secret

ENVIRONMENTS = ("production", "staging", "test", "development", "")


@dataclass(frozen=True, slots=True)
class Target:
    """One database: how to reach it and what it is to us. Its text never shows a secret."""

    name: str
    conninfo: str
    """libpq keyword string, without any secret."""
    environment: str = ""
    """One of `ENVIRONMENTS`; empty where nobody said."""
    sensitivity: tuple[str, ...] = ()
    """What its data is, for example `pii`."""
    tags: tuple[str, ...] = ()
    monitor_role: str = ""
    """Role that a statement typed by hand runs under; empty: the one that connects."""
    secret: SecretRef | None = None
    """The password, where it is not left to libpq's PGPASSWORD and password file."""
    private: tuple[tuple[str, SecretRef], ...] = ()
    """Other secret parameters of the connection, such as `sslpassword`, by keyword."""

    @classmethod
    def from_dsn(cls, dsn: str, *, name: str = "", where: str = "the target", **about: Any) -> Self:
        """A target from a keyword string or a URI; without a `name` it is called `host:port/db`.

        A secret inside `dsn` is taken out of it and masked in all text from now on.
        Raises `UserError` (exit 2) where `dsn` makes no sense.
        """
        parameters = parse_dsn(dsn, where)
        found = {key: parameters.pop(key) for key in SECRET_KEYWORDS if key in parameters}
        held = {key: in_memory(value, where) for key, value in found.items() if value}
        conninfo = to_conninfo(parameters)
        return cls(
            name=name or inert_line(_address(effective(conninfo, where))),
            conninfo=conninfo,
            **{"secret": held.pop("password", None), **about},
            private=tuple(held.items()),
        )

    def parameters(self) -> dict[str, str]:
        """What libpq would use, after its defaults, without the secrets that are ours to read."""
        return effective(self.conninfo, f'target "{self.name}"')

    def private_parameters(self) -> dict[str, str]:
        """The same with all secrets but the password, which each endpoint may have its own of.

        Blocks where one is read. Raises UserError (exit 3) where that fails.
        """
        return {**self.parameters(), **{key: read_secret(ref) for key, ref in self.private}}

    def endpoints(self) -> list[Endpoint]:
        """The places to try, in their order."""
        return endpoints(self.parameters())

    def address(self) -> str:
        """`host:port/db`, after libpq's defaults; a socket directory stands where the host would."""
        return _address(self._shown())

    def describe(self) -> dict[str, Any]:
        """What may be shown, logged and sent: name, host, port, database, user and what it is to us.

        `port` is a number; where several hosts have different ports, it is comma-separated text.
        A service that is not defined shows as the host; connecting to it says what is wrong.
        """
        parameters = self._shown()
        places = endpoints(parameters)
        ports = [place.port for place in places]
        return {
            "name": self.name,
            "host": ",".join(place.host or place.hostaddr for place in places),
            "port": ports[0] if len(set(ports)) == 1 else ",".join(map(str, ports)),
            "database": parameters["dbname"],
            "user": parameters["user"],
            "environment": self.environment,
            "sensitivity": list(self.sensitivity),
            "tags": list(self.tags),
        }

    def _shown(self) -> dict[str, str]:
        try:
            return self.parameters()
        except UserError:
            own = parse_dsn(self.conninfo, self.name)
            return {"host": f"service {own.get('service', '')}".strip(), "dbname": "", "user": ""} | own

    def to_private_json(self) -> dict[str, Any]:
        """Everything, **with secrets**: for a pipe to a process of our own, never for a log or a screen."""
        return {
            "name": self.name,
            "conninfo": self.conninfo,
            "environment": self.environment,
            "sensitivity": list(self.sensitivity),
            "tags": list(self.tags),
            "monitor_role": self.monitor_role,
            "secret": asdict(self.secret) if self.secret else None,
            "private": {key: asdict(ref) for key, ref in self.private},
        }

    @classmethod
    def from_private_json(cls, data: Mapping[str, Any]) -> Self:
        """The target that `to_private_json` wrote; its secrets are masked from now on."""
        return cls(
            name=data["name"],
            conninfo=data["conninfo"],
            environment=data["environment"],
            sensitivity=tuple(data["sensitivity"]),
            tags=tuple(data["tags"]),
            monitor_role=data["monitor_role"],
            secret=_told(data["secret"]) if data["secret"] else None,
            private=tuple((key, _told(told)) for key, told in data["private"].items()),
        )


def _told(data: Mapping[str, Any]) -> SecretRef:
    remember_secret(data["value"])
    return SecretRef(**{**data, "argv": tuple(data["argv"])})


def _address(parameters: Mapping[str, str]) -> str:
    places = ",".join(place.address() for place in endpoints(parameters))
    return f"{places}/{parameters['dbname']}"
