"""What the router knows of an agent, and of a name in the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Profile:
    """An agent, in the words of its card."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    """Names and descriptions of its skills."""
    examples: tuple[str, ...] = ()

    @classmethod
    def of_card(cls, name: str, card: Mapping[str, Any]) -> Self:
        """The profile in a card's JSON; `name` is what the agent is called here."""
        skills = [skill for skill in card.get("skills") or () if isinstance(skill, Mapping)]
        return cls(
            name,
            str(card.get("description") or ""),
            tuple(str(tag) for skill in skills for tag in skill.get("tags") or ()),
            tuple(f"{skill.get('name', '')} {skill.get('description', '')}" for skill in skills),
            tuple(str(example) for skill in skills for example in skill.get("examples") or ()),
        )


@dataclass(frozen=True, slots=True)
class Name:
    """Something of the inventory."""

    name: str
    field: str = "database"
    """The field of work that it belongs to: `database`, `kubernetes`, `host`."""
