"""Claims of an action in what a model says, held against the actions that the log knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from agents.kernel.event import Event
from agents.reasoning.conclusion import Conclusion
from agents.reasoning.grounding import Mark

_DONE = (
    r"terminated|killed|ended|cancell?ed|stopped|dropped|deleted|removed|restarted|reloaded|reindexed|rebuilt|vacuumed"
    r"|analy[sz]ed|frozen|froze|altered|changed|set|reset|created|built|enabled|disabled|validated|committed|resumed"
    r"|rolled back|executed|ran|run|applied|fixed|resolved|released|unlocked|increased|decreased|raised|lowered|cleared"
)
_CLAIM = re.compile(
    rf"\b(?:I|we)(?:'ve|’ve| have| just| also| already| now| successfully)* (?:{_DONE})\b"
    rf"|\b(?:has|have)(?: just| already| now| successfully)* been (?:just |already |now |successfully )?(?:{_DONE})\b"
    rf"|\b(?:is|are|was|were) (?:now |successfully )+(?:{_DONE})\b"
    rf"|\bsuccessfully (?:{_DONE})\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:I|we|successfully|now)\b|['’]ve\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\s|$)|\n|$)|[^\n]+")
_NEGATED = re.compile(r"\b(?:not|never|nothing|no one|nobody|if|unless|until|once|should|would|could|can|must|to be)\b|n['’]t\b",
                      re.IGNORECASE)  # fmt: skip
_STEMS = {
    "terminat": "terminate", "kill": "terminate", "end": "terminate", "stop": "terminate", "cancel": "cancel",
    "drop": "drop", "delet": "drop", "remov": "drop", "reload": "reload", "reindex": "reindex", "rebuil": "reindex",
    "vacuum": "vacuum", "analy": "analyze", "fr": "freeze", "creat": "create", "built": "create", "enabl": "enable",
    "validat": "validate", "commit": "commit", "roll": "rollback", "resum": "resume", "reset": "reset", "set": "set",
    "increas": "setting", "decreas": "setting", "rais": "setting", "lower": "setting",
}  # fmt: skip
"""How a claim begins → a word in the name of the tool that does it. Other words fit any action on what they name."""
_NAME = re.compile(r"\w+(?:[._]\w+)+")
_NUMBER = re.compile(r"(?<![\w.])\d{2,}(?!\w|\.\d)")


def not_executed(conclusion: Conclusion, events: Iterable[Event], cited_text: str) -> list[Mark]:
    """Claims of an action that no finished action among `events` shows.

    `cited_text` is the text of the cited evidence: that something "has been terminated" may be read there,
    in a server's log, and then it claims nothing of us.
    """
    done = list(_done(events))
    return [
        Mark(field, start, end, text[start:end], "not executed")
        for field, text in conclusion.texts()
        for start, end in _claims(text, done, cited_text.lower())
    ]


def _done(events: Iterable[Event]) -> Iterator[str]:
    """Tool, arguments and result of each action that went well, as text."""
    started: dict[str, str] = {}
    for event in events:
        body = event.body
        if event.kind == "action.started":
            started[body["approval"]] = f"{body['tool']} {json.dumps(body['arguments'])}"
        elif event.kind == "action.finished" and body["ok"]:
            yield f"{started.get(body['approval'], '')} {body['text']}".lower().replace("_", " ")


def _claims(text: str, done: list[str], cited: str) -> Iterator[tuple[int, int]]:
    """Places of sentences that claim what nothing shows."""
    for sentence in _SENTENCE.finditer(text):
        if any(_untrue(sentence[0], claim, done, cited) for claim in _CLAIM.finditer(sentence[0])):
            start = sentence.start() + len(sentence[0]) - len(sentence[0].lstrip())
            yield start, start + len(sentence[0].strip())


def _untrue(sentence: str, claim: re.Match[str], done: list[str], cited: str) -> bool:
    if _NEGATED.search(sentence[: claim.end()]):
        return False
    if not _OWN.search(claim[0]) and _stem(claim[0])[:6] in cited:
        return False
    return not any(_shows(one, claim[0], sentence) for one in done)


def _shows(done: str, claim: str, sentence: str) -> bool:
    """Whether an action is the one that is claimed: of its kind, and on the same numbers where some are named."""
    stem = _stem(claim)
    kind = next((word for start, word in _STEMS.items() if stem.startswith(start)), "")
    named = _NUMBER.findall(sentence) + ([] if kind else _NAME.findall(sentence))
    return kind in done and all(
        re.search(rf"(?<!\w){re.escape(one.lower().replace('_', ' '))}(?!\w)", done) for one in named
    )


def _stem(claim: str) -> str:
    found = re.findall(_DONE, claim, re.IGNORECASE)
    return str(found[-1]).lower() if found else ""
