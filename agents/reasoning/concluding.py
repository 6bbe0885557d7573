"""A model's conclusion as it goes on record: grounded, held against the actions and against the rules."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from agents.kernel.event import Event
from agents.kernel.records import Evidence, Finding
from agents.reasoning.boundary import Boundary
from agents.reasoning.claims import not_executed
from agents.reasoning.conclusion import Conclusion, RuledOut
from agents.reasoning.grounding import Ground, Mark, unsupported


def own_words(conclusion: Conclusion, boundary: Boundary) -> Conclusion:
    """The conclusion with the values that its placeholders stand for."""
    return replace(
        conclusion,
        answer=boundary.back(conclusion.answer),
        root_cause=boundary.back(conclusion.root_cause),
        next_step=boundary.back(conclusion.next_step),
        ruled_out=tuple(
            RuledOut(boundary.back(one.what), boundary.back(one.why), one.evidence)
            for one in conclusion.ruled_out
        ),
    )


def marks_of(
    conclusion: Conclusion,
    evidence: Mapping[str, Evidence],
    findings: Sequence[Finding],
    events: Iterable[Event],
    known: Collection[str],
) -> list[Mark]:
    """What in the conclusion is not covered: by the evidence it cites, or by the actions on record."""
    through = (id for one in findings if one.id in conclusion.findings() for id in one.evidence)
    cited = [evidence[id] for id in dict.fromkeys((*conclusion.cited(), *through)) if id in evidence]
    text = json.dumps([item.rows for item in cited], ensure_ascii=False, default=str)
    claims = not_executed(conclusion, events, text)
    inside = [(one.field, one.start, one.end) for one in claims]
    facts = [
        one
        for one in unsupported(conclusion, Ground(cited, findings, known))
        if not any(one.field == field and start <= one.start < end for field, start, end in inside)
    ]
    return sorted([*claims, *facts], key=lambda one: (one.field, one.start))


def beside_rules(conclusion: Conclusion, findings: Sequence[Finding]) -> dict[str, Any]:
    """The rules' roots, and whether the model names one of them: None where it names no root, or there is none."""
    roots = [one for one in findings if not one.caused_by and one.severity != "info"]
    agrees = None
    if conclusion.root_cause and roots:
        agrees = conclusion.finding in {one.id for one in roots}
    elif conclusion.root_cause:
        agrees = False
    return {
        "agrees": agrees,
        "roots": [{"finding": one.id, "title": one.title} for one in roots],
    }


def body(
    conclusion: Conclusion, marks: Sequence[Mark], rules: Mapping[str, Any], fault: str
) -> dict[str, Any]:
    """The parts of the event's body that tell what was concluded."""
    return {
        "text": in_words(conclusion, marks, rules, fault),
        **asdict(conclusion),
        "marks": [one.to_json() for one in marks],
        "rules": dict(rules),
        "fault": fault,
    }


def in_words(conclusion: Conclusion, marks: Sequence[Mark], rules: Mapping[str, Any], fault: str) -> str:
    """The conclusion as Markdown, each mark in brackets behind what it marks."""
    told = {
        field: marked(text, [one for one in marks if one.field == field])
        for field, text in conclusion.texts()
    }
    cited = " ".join(f"[{id}]" for id in conclusion.evidence)
    lines = [f"{told.get('answer', '')} {cited}".strip()]
    if conclusion.root_cause and conclusion.root_cause != conclusion.answer:
        lines.append(f"**Root cause:** {told['root_cause']}")
    if conclusion.confidence:
        lines.append(f"**Confidence:** {conclusion.confidence}")
    if conclusion.ruled_out:
        lines.append("**Ruled out:**")
        lines += [f"- {told[f'ruled_out.{place}']}" for place in range(len(conclusion.ruled_out))]
    if conclusion.next_step:
        lines.append(f"**Next step:** {told['next_step']}")
    if rules["agrees"] is False:
        titles = "; ".join(one["title"] for one in rules["roots"]) or "nothing at warning or above"
        lines.append(f"**The rules see it otherwise:** {titles}")
    if fault:
        lines.append(f"({fault})")
    return "\n\n".join(lines)


def marked(text: str, marks: Sequence[Mark]) -> str:
    """The text with `[unsupported]` or `[not executed]` behind each part that is marked."""
    for one in sorted(marks, key=lambda one: -one.start):
        # Not inside the quotes of code or of a name.
        end = one.end + (text[one.end : one.end + 1] in ("`", '"', "'", "”"))
        text = f"{text[:end]} [{one.mark}]{text[end:]}"
    return text
