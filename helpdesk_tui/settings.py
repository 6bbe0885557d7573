"""`settings.toml`: how the workbench looks and draws, whether it asks a model, and thresholds other than the catalogue's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.toml_file import line_of, parse_toml, read_text, write_text
from inventory.toml_table import with_table, without_table

TABLE = ("workbench", "look")
"""The table that the workbench itself writes; the rest of the file is the operator's."""
REMINDERS = ("workbench", "reminders")
"""The operator's own table: how approvals that wait are called to mind."""
THEMES = ("helpdesk-night", "helpdesk-day", "ansi-dark", "ansi-light")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `settings.toml` says; its defaults where it says nothing."""

    theme: str = THEMES[0]
    mouse: bool = True
    """False leaves the mouse to the terminal, for its own selection over SSH."""
    slow_link: bool | None = None
    """True: draw less often and without animations. None: decide by SSH_CONNECTION."""
    model: bool = True
    """False: rules alone answer, also where a model is set up."""
    bell: bool = True
    """Ring the terminal's bell when an approval begins to wait, at half of its time and in its last minute."""
    title: bool = True
    """Say in the terminal's title how many approvals wait."""
    notify: bool | None = None
    """True: a desktop notification (OSC 9) with each bell. None: where the terminal is known to take it."""
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Condition id → threshold → value; the expert checks them against its catalogue."""


def default_path() -> Path:
    """`settings.toml` in the configuration directory."""
    return config_dir() / "settings.toml"


def load(path: Path | None = None) -> Settings:
    """The settings in the file at `path`; a file that is not there has none.

    Raises UserError (exit 2) with file, line and what was expected.
    """
    path = path or default_path()
    if not path.exists():
        return Settings()
    text = read_text(path)
    reader = _Reader(path, text, parse_toml(text, path))
    look = reader.table(TABLE, ("theme", "mouse", "slow_link"))
    reminders = reader.table(REMINDERS, ("bell", "title", "notify"))
    return Settings(
        theme=reader.choice(look, "theme", THEMES),
        model=reader.model(),
        mouse=bool(reader.flag(look, "mouse", True, TABLE)),
        slow_link=reader.flag(look, "slow_link", None, TABLE),
        bell=bool(reader.flag(reminders, "bell", True, REMINDERS)),
        title=bool(reader.flag(reminders, "title", True, REMINDERS)),
        notify=reader.flag(reminders, "notify", None, REMINDERS),
        thresholds=reader.thresholds(),
    )


def keep(change: Mapping[str, Any], path: Path | None = None) -> Settings:
    """Write changed look settings into the file; everything else in it stays as it is.

    Raises UserError: exit 2 where the file can't be read, 3 where it can't be written.
    """
    path = path or default_path()
    settings = replace(load(path), **change)
    entry = {"theme": settings.theme, "mouse": settings.mouse}
    if settings.slow_link is not None:
        entry["slow_link"] = settings.slow_link
    text = read_text(path) if path.exists() else ""
    if TABLE[0] in parse_toml(text, path):
        text = without_table(text, path, TABLE)
    write_text(path, with_table(text, path, TABLE, entry))
    return settings


def merged(thresholds: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Two sets of thresholds as one; where both name a threshold, `more` holds."""
    result: dict[str, Any] = dict(thresholds)
    for condition, values in more.items():
        before = result.get(condition)
        both = isinstance(before, Mapping) and isinstance(values, Mapping)
        result[condition] = {**before, **values} if both else values  # type: ignore[dict-item]
    return result


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    text: str
    data: Mapping[str, Any]

    def table(self, keys: Sequence[str], known: Sequence[str]) -> Mapping[str, Any]:
        value: Any = self.data
        for depth, key in enumerate(keys, start=1):
            value = value.get(key, {})
            if not isinstance(value, dict):
                raise self.error("is no table", f"[{'.'.join(keys[:depth])}]", *keys[:depth])
        unknown = [key for key in value if key not in known]
        if unknown:
            raise self.error("is not known", f"{', '.join(known[:-1])} or {known[-1]}", *keys, unknown[0])
        return dict(value)

    def model(self) -> bool:
        """Whether questions in words may go to a model."""
        table = self.data.get(TABLE[0], {})
        value = table.get("model", True) if isinstance(table, dict) else True
        if not isinstance(value, bool):
            raise self.error(f"is {value!r}", "true or false", TABLE[0], "model")
        return value

    def choice(self, table: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
        value = table.get(key, choices[0])
        if value not in choices:
            raise self.error(f"is {value!r}", f"one of {', '.join(choices)}", *TABLE, key)
        return str(value)

    def flag(
        self, table: Mapping[str, Any], key: str, default: bool | None, keys: Sequence[str]
    ) -> bool | None:
        value = table.get(key, default)
        if value is not None and not isinstance(value, bool):
            raise self.error(f"is {value!r}", "true or false", *keys, key)
        return value

    def thresholds(self) -> Mapping[str, Mapping[str, Any]]:
        tables = self.data.get("thresholds", {})
        if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
            raise self.error("holds something else", '[thresholds."condition.id"] tables', "thresholds")
        return tables

    def error(self, what: str, expected: str, *keys: str) -> UserError:
        line = line_of(self.text, *keys)
        return UserError(f"{self.path}:{line}: {'.'.join(keys)} {what}, expected {expected}")
