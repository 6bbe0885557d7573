"""The expert's tools as a model is offered them. Only names and shapes: what may run is the executor's to say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agents.kernel.tool import Tool
from agents.models.turn import ToolOffer, ToolRequest
from agents.reasoning.conclusion import CONCLUDE

READ = "read"
"""One offer for all reads without arguments: they are many, and each would cost tokens in every call."""
SHOW_EVIDENCE = "show_evidence"
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
"""What vendors allow in no name of a tool."""
_LONGEST = 64

_SHOW = ToolOffer(
    SHOW_EVIDENCE,
    "Rows of evidence that was read already, from first_row on. Reads nothing from the server.",
    {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "evidence id"},
            "first_row": {"type": "integer", "minimum": 1},
        },
        "required": ["id", "first_row"],
        "additionalProperties": False,
    },
)


class Offers:
    """What is offered, and which tool a request means."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools
        plain = [
            tool for tool in tools.values() if tool.run is not None and not tool.parameters["properties"]
        ]
        self._names = {_allowed(name): name for name in tools}
        others = [tool for tool in tools.values() if tool not in plain]
        self.offers = (_reads(plain), *map(_offer, others), _SHOW, CONCLUDE)

    def meant(self, request: ToolRequest, arguments: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Tool and arguments that a request means; a name that nobody offered stays as it is."""
        if request.name == READ and set(arguments) == {"name"}:
            return str(arguments["name"]), {}
        return self._names.get(request.name, request.name), arguments

    def changes(self, tool: str) -> bool:
        """True for a tool that changes something; what it is not known is no read either."""
        return tool in self._tools and self._tools[tool].run is None


def _reads(tools: list[Tool]) -> ToolOffer:
    lines = "\n".join(f"{tool.name}: {tool.summary}" for tool in tools)
    names = {"type": "string", "enum": [tool.name for tool in tools]}
    return ToolOffer(
        READ,
        f"Reads one of these views of the server as it is now:\n{lines}",
        {
            "type": "object",
            "properties": {"name": names},
            "required": ["name"],
            "additionalProperties": False,
        },
    )


def _offer(tool: Tool) -> ToolOffer:
    asks = (
        "" if tool.run is not None else f" Changes the server ({tool.risk}): a human decides before it runs."
    )
    return ToolOffer(_allowed(tool.name), f"{tool.summary}.{asks}", tool.parameters)


def _allowed(name: str) -> str:
    return _FOREIGN.sub("_", name)[:_LONGEST]
