"""A database that we can point at: by a name of the inventory, or by a connection string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from inventory.dsn import SECRET_KEYWORDS, parse_dsn, to_conninfo
from inventory.errors import UserError
from inventory.libpq import Endpoint, effective, endpoints
from inventory.masking import inert_line, remember_secret
from inventory.secrets import SecretRef, in_memory

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
    private: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Other secret parameters of the connection string, such as `sslpassword`."""

    @classmethod
    def from_dsn(cls, dsn: str, *, name: str = "", where: str = "the target", **about: Any) -> Self:
        """A target from a keyword string or a URI; without a `name` it is called `host:port/db`.

        A secret inside `dsn` is taken out of it and masked in all text from now on.
        Raises `UserError` (exit 2) where `dsn` makes no sense.
        """
        parameters = parse_dsn(dsn, where)
        private = {key: parameters.pop(key) for key in SECRET_KEYWORDS if key in parameters}
        for value in private.values():
            remember_secret(value)
        password = private.pop("password", "")
        conninfo = to_conninfo(parameters)
        return cls(
            name=name or inert_line(_address(effective(conninfo, where))),
            conninfo=conninfo,
            **{"secret": in_memory(password) if password else None, **about},
            private=tuple(private.items()),
        )

    def parameters(self) -> dict[str, str]:
        """What libpq would use, after its defaults; with secrets, save the password that `secret` names."""
        return {**effective(self.conninfo, f'target "{self.name}"'), **dict(self.private)}

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
        secret = self.secret
        return {
            "name": self.name,
            "conninfo": self.conninfo,
            "environment": self.environment,
            "sensitivity": list(self.sensitivity),
            "tags": list(self.tags),
            "monitor_role": self.monitor_role,
            "secret": {**asdict(secret), "argv": list(secret.argv)} if secret else None,
            "private": dict(self.private),
        }

    @classmethod
    def from_private_json(cls, data: Mapping[str, Any]) -> Self:
        """The target that `to_private_json` wrote; its secrets are masked from now on."""
        told = data["secret"]
        secret = SecretRef(**{**told, "argv": tuple(told["argv"])}) if told else None
        for value in ((secret.value if secret else ""), *data["private"].values()):
            remember_secret(value)
        return cls(
            name=data["name"],
            conninfo=data["conninfo"],
            environment=data["environment"],
            sensitivity=tuple(data["sensitivity"]),
            tags=tuple(data["tags"]),
            monitor_role=data["monitor_role"],
            secret=secret,
            private=tuple(data["private"].items()),
        )


def _address(parameters: Mapping[str, str]) -> str:
    places = ",".join(place.address() for place in endpoints(parameters))
    return f"{places}/{parameters['dbname']}"
