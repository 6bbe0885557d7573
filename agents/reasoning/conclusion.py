"""What a model concludes: asked for through a tool of its own, checked against its schema, or read out of its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.kernel.schema import checker
from agents.models.turn import ToolOffer

_TEXT = {"type": "string", "maxLength": 4000}
_IDS = {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 40}
CONFIDENCE = ("low", "medium", "high")
CONCLUDE = ToolOffer(
    "conclude",
    "Ends the work with your answer. Every number and name in it must stand in the evidence that you cite.",
    {
        "type": "object",
        "properties": {
            "answer": {**_TEXT, "description": "the answer to the operator in one to five sentences"},
            "root_cause": {**_TEXT, "description": "one sentence; empty where nothing is wrong or none was asked for"},
            "finding": {
                "type": "string",
                "description": "id of the rules' finding that is the root cause; empty where it is none of them",
            },
            "confidence": {"type": "string", "enum": list(CONFIDENCE)},
            "evidence": {**_IDS, "description": "ids of the evidence that holds what you say"},
            "ruled_out": {
                "type": "array",
                "maxItems": 12,
                "items": {
                    "type": "object",
                    "properties": {"what": _TEXT, "why": _TEXT, "evidence": _IDS},
                    "required": ["what", "why", "evidence"],
                    "additionalProperties": False,
                },
            },
            "next_step": {**_TEXT, "description": "what the operator should do or look at next"},
        },
        "required": ["answer", "root_cause", "finding", "confidence", "evidence", "ruled_out", "next_step"],
        "additionalProperties": False,
    },
)  # fmt: skip
EVIDENCE_ID = re.compile(r"\bE[0-9a-f]{10}\b")
FINDING_ID = re.compile(r"\bF[0-9a-f]{10}\b")

_check = checker(CONCLUDE.parameters, CONCLUDE.name)
_HEADING = re.compile(
    r"^[\s#>*_-]*(root[ _]cause|confidence|evidence|ruled[ _]out|next[ _]steps?|finding|answer)[\s*_]*:[\s*_]*(.*)$",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```(?:json)?\s*(\{.*?\})\s*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RuledOut:
    """Another explanation, and why it does not hold."""

    what: str
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A model's answer in its parts; the parts that it did not give are empty."""

    answer: str
    root_cause: str = ""
    finding: str = ""
    confidence: str = ""
    evidence: tuple[str, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    next_step: str = ""

    def texts(self) -> list[tuple[str, str]]:
        """Each text with the name of its field."""
        told = [("answer", self.answer), ("root_cause", self.root_cause), ("next_step", self.next_step)]
        told += [(f"ruled_out.{place}", f"{one.what}: {one.why}") for place, one in enumerate(self.ruled_out)]
        return [(field, text) for field, text in told if text]

    def findings(self) -> set[str]:
        """Every id of the rules' findings that it names; their evidence is cited through them."""
        return {self.finding, *(id for _, text in self.texts() for id in FINDING_ID.findall(text))}

    def cited(self) -> tuple[str, ...]:
        """Every evidence id that it names, once."""
        inline = (found for _, text in self.texts() for found in EVIDENCE_ID.findall(text))
        of_ruled_out = (id for one in self.ruled_out for id in one.evidence)
        return tuple(dict.fromkeys((*self.evidence, *of_ruled_out, *inline)))


def wrong_with(arguments: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of `conclude`, in one line; empty where nothing is."""
    return _check(arguments)


def from_arguments(values: Mapping[str, Any]) -> Conclusion:
    """The conclusion in checked arguments."""
    return Conclusion(
        answer=values["answer"],
        root_cause=values["root_cause"],
        finding=values["finding"],
        confidence=values["confidence"],
        evidence=tuple(values["evidence"]),
        ruled_out=tuple(
            RuledOut(one["what"], one["why"], tuple(one["evidence"])) for one in values["ruled_out"]
        ),
        next_step=values["next_step"],
    )


def from_text(text: str) -> Conclusion:
    """The conclusion that a model wrote as text: JSON, headings, or an answer without parts."""
    for found in [*_FENCE.findall(text), text.strip()]:
        if (values := _object(found)) is not None:
            return _lenient(values)
    parts: dict[str, list[str]] = {"answer": []}
    key = "answer"
    for line in text.splitlines():
        if found := _HEADING.match(line):
            key = found[1].lower().replace(" ", "_").removesuffix("s")
            parts.setdefault(key, []).append(found[2])
        else:
            parts[key].append(line)
    return _lenient({name: "\n".join(lines).strip() for name, lines in parts.items()})


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        values = json.loads(text)
    except ValueError:
        return None
    known = isinstance(values, dict) and {"answer", "root_cause"} & set(values)
    return values if known else None


def _lenient(values: Mapping[str, Any]) -> Conclusion:
    answer, root = _text(values.get("answer")), _text(values.get("root_cause"))
    confidence = _text(values.get("confidence")).lower()
    return Conclusion(
        answer=answer or root,
        root_cause=root,
        finding=_text(values.get("finding")),
        confidence=next((word for word in CONFIDENCE if word in confidence), ""),
        evidence=tuple(dict.fromkeys(EVIDENCE_ID.findall(_text(values.get("evidence"))))),
        ruled_out=tuple(_ruled_out(values.get("ruled_out"))),
        next_step=_text(values.get("next_step")),
    )


def _ruled_out(value: Any) -> Iterable[RuledOut]:
    items = value if isinstance(value, list) else _text(value).splitlines()
    for item in items:
        if isinstance(item, Mapping):
            why = _text(item.get("why"))
            yield RuledOut(_text(item.get("what")), why, tuple(EVIDENCE_ID.findall(json.dumps(item))))
        elif line := _text(item).strip().lstrip("-*• ").strip():
            what, _, why = line.partition(": ")
            yield RuledOut(what, why, tuple(EVIDENCE_ID.findall(line)))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value, ensure_ascii=False)
