"""What a server asks the operator in the middle of a call, and the operator's words as an answer to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.kernel.canonical import sha256_of
from agents.kernel.schema import checker
from inventory.masking import inert, inert_line

LONGEST = 1000
"""Characters of a question."""
DECLINED = ("decline", "cancel")
"""Words that end the call instead of answering."""
_YES_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
_PAIR = re.compile(r"([A-Za-z0-9_.$@/-]+)\s*[=:]\s*(\"[^\"]*\"|[^,;\n]*)")

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Elicitation:
    """A question of a server, and what an answer must look like."""

    server: str
    message: str
    schema: Mapping[str, Any]
    """Of an object with plain values, closed."""

    @property
    def id(self) -> str:
        """The same question has the same id: an answer is for this very one."""
        return sha256_of([self.server, self.message, self.schema])

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.schema.get("properties", {})
        return found

    def text(self) -> str:
        """The question for the operator, with the answer that it takes."""
        required = self.schema.get("required", ())
        fields = ", ".join(_field(name, part, name in required) for name, part in self.properties.items())
        how = f"Answer with {fields}" if fields else "Answer yes"
        return f"The MCP server {self.server} asks: {inert(self.message)[:LONGEST]}\n{how}; or decline."

    def choices(self) -> tuple[str, ...]:
        """Answers to offer, where there are few."""
        if not self.properties:
            return ("yes", "decline")
        if len(self.properties) > 1:
            return ()
        (only,) = self.properties.values()
        offered = ("yes", "no") if only.get("type") == "boolean" else tuple(map(str, only.get("enum", ())))
        return (*offered, "decline") if offered else ()

    def answer(self, text: str) -> Values:
        """The operator's words as an answer that fits the schema. Raises ValueError: what does not fit."""
        given = self._given(text.strip())
        if line := checker(self.schema, "the answer")(given):
            raise ValueError(line.replace("arguments", "the answer", 1))
        return given

    def _given(self, text: str) -> Values:
        if text.startswith("{"):
            try:
                read = json.loads(text)
            except ValueError as error:
                raise ValueError(f"the answer is no JSON ({error})") from error
            return dict(read) if isinstance(read, dict) else {}
        if not self.properties:
            if _YES_NO.get(text.lower()) is not True:
                raise ValueError("the answer is yes, or decline")
            return {}
        pairs = {name: value.strip().strip('"') for name, value in _PAIR.findall(text)}
        if len(self.properties) == 1 and not pairs.keys() & self.properties.keys():
            pairs = {next(iter(self.properties)): text}
        return {name: _typed(self.properties.get(name, {}), value) for name, value in pairs.items()}


def declines(text: str) -> bool:
    return text.strip().lower() in DECLINED


def _field(name: str, part: Mapping[str, Any], required: bool) -> str:
    """One field of the answer in words."""
    kind = " or ".join(map(str, part["enum"])) if part.get("enum") else str(part.get("type", "text"))
    about = inert_line(str(part.get("description") or part.get("title") or ""))
    more = f": {about}" if about else ""
    return f"{name} = <{kind}>{more}" if required else f"{name} = <{kind}>{more} (may be left out)"


def _typed(part: Mapping[str, Any], text: str) -> Any:
    """A word as the type that is wanted; where it does not fit, as it is: the check says so."""
    readers: Mapping[str, Callable[[str], Any]] = {
        "boolean": lambda word: _YES_NO[word.lower()],
        "integer": int,
        "number": float,
        "array": lambda words: [word.strip() for word in words.split(" ") if word.strip()],
    }
    try:
        return readers.get(str(part.get("type")), str)(text)
    except (ValueError, KeyError):
        return text
