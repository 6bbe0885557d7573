"""Which agent a question is for: rules and a lexical index, no model; the same words always go the same way."""

from agents.router.profile import Name, Profile
from agents.router.router import Route, Router
from agents.router.taught import Taught

__all__ = ["Name", "Profile", "Route", "Router", "Taught"]
