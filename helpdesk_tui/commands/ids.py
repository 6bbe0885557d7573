"""Ids as people give them: whole, or as a beginning or an end that one alone has."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.errors import UserError

LEAST = 4
"""Characters of a part of an id, as git asks for: fewer would be met by chance, and nothing by everything."""
SHOWN = 3


def matching(wanted: str, names: Iterable[tuple[str, str]]) -> list[str]:
    """Ids of which a name is `wanted`, else of which one begins or ends with it. `names`: each with its id."""
    known = list(names)
    exact = [id for name, id in known if name == wanted]
    parts = known if len(wanted) >= LEAST else []
    found = exact or [id for name, id in parts if name.startswith(wanted) or name.endswith(wanted)]
    return list(dict.fromkeys(found))


def one_of(wanted: str, names: Iterable[tuple[str, str]], what: str, otherwise: str) -> str:
    """The one id that `matching` finds. Raises UserError (exit 2) where it is none, or several, with some of them.

    `what` it is: session, approval; `otherwise` says where one would be found.
    """
    found = matching(wanted, names)
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(f"{what} {wanted!r} is ambiguous: {', '.join(found[:SHOWN])}{more}")
    if len(wanted) < LEAST:
        raise UserError(
            f"{what} {wanted!r}: expected an id, or {LEAST} or more characters of one; {otherwise}"
        )
    raise UserError(f"{what} {wanted!r}: {otherwise}")
