"""YAML of others, read without building anything from it: limits, places, and no silent guesses about types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventory.errors import UserError

LARGEST_BYTES = 256 * 1024
"""A policy file of a thousand rules is smaller."""
DEEPEST = 20
"""Levels; a policy has eight. The reader of YAML takes the square of the depth in time."""
_NULLS = ("", "~", "null", "Null", "NULL")
_TRUE = ("true", "yes", "on", "y")
_FALSE = ("false", "no", "off", "n")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,8})")
_PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map", "int", "bool", "null"))


@dataclass(frozen=True, slots=True)
class Item:
    """One value of the file, with its place."""

    path: Path
    node: Any

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def error(self, what: str) -> UserError:
        return UserError(f"{self.path}:{self.line}: {what}")

    @property
    def empty(self) -> bool:
        """True where nothing is said, which is the same as leaving it out."""
        return bool(self.node.id == "scalar" and not self.node.style and self.node.value in _NULLS)

    def text(self) -> str:
        """The text as it is written; empty where nothing is said."""
        if self.node.id != "scalar":
            raise self.error("expected a text")
        return "" if self.empty else str(self.node.value)

    def whole(self) -> int:
        """A whole number; 0 where nothing is said."""
        if self.empty:
            return 0
        if self.node.id != "scalar" or self.node.style or not _WHOLE.fullmatch(self.node.value):
            raise self.error(f"{self._shown()} is no whole number in decimal digits")
        return int(self.node.value)

    def flag(self, default: bool) -> bool:
        if self.empty:
            return default
        said = str(self.node.value).lower() if self.node.id == "scalar" and not self.node.style else ""
        if said not in (*_TRUE, *_FALSE):
            raise self.error(f"{self._shown()} is neither true nor false")
        return said in _TRUE

    def items(self) -> list[Item]:
        """The members of a list; of one value alone where there is no list."""
        if self.empty:
            return []
        if self.node.id == "sequence":
            return [Item(self.path, node) for node in self.node.value]
        return [self]

    def texts(self) -> tuple[str, ...]:
        """A list of texts. Raises UserError where there is no list: there it would not be read either."""
        if not self.empty and self.node.id != "sequence":
            raise self.error(f"{self._shown()} is no list, expected [one, two]")
        return tuple(item.text() for item in self.items())

    def mapping(self) -> dict[str, Item]:
        """The keys of a table. Raises UserError where one is there twice."""
        if self.empty:
            return {}
        if self.node.id != "mapping":
            raise self.error("expected a table of keys")
        found: dict[str, Item] = {}
        for key_node, node in self.node.value:
            key = Item(self.path, key_node).text()
            if key in found:
                raise Item(self.path, key_node).error(f"{key!r} is there twice")
            found[key] = Item(self.path, node)
        return found

    def _shown(self) -> str:
        return repr(str(self.node.value)[:60]) if self.node.id == "scalar" else f"a {self.node.id}"


def unknown(table: dict[str, Item], known: Sequence[str]) -> Iterator[tuple[str, Item]]:
    """The keys of a table that are none of `known`."""
    return ((key, item) for key, item in table.items() if key not in known)


def read_yaml(path: Path) -> Item:
    """The one document in the file at `path`. Raises UserError (exit 2) with file, line and reason.

    Anchors, tags and files beyond `LARGEST_BYTES` are refused: a small file must not become a large one.
    """
    import yaml

    text = _text(path)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            _check_plain(event, path, depth)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{path}:{mark.line + 1 if mark else 1}: no YAML: {reason}") from error
    if node is None:
        raise UserError(f"{path}: is empty")
    return Item(path, node)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}), expected a YAML file") from error
    if len(content) > LARGEST_BYTES:
        raise UserError(f"{path}: larger than {LARGEST_BYTES // 1024} KB, which no such file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8") from error


def _check_plain(event: Any, path: Path, depth: int) -> None:
    line = event.start_mark.line + 1
    if depth > DEEPEST:
        raise UserError(f"{path}:{line}: nested too deeply to be a policy")
    if getattr(event, "anchor", None):
        raise UserError(f"{path}:{line}: anchors and aliases are not read; write the value out")
    tag = getattr(event, "tag", None)
    if tag and tag not in _PLAIN_TAGS:
        raise UserError(f"{path}:{line}: the tag {tag} is not read; write the value without it")
