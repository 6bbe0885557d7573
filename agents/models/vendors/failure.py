"""What an answer that is no answer means: HTTP states and vendors' codes as kinds of ModelError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from urllib.parse import urlsplit

from agents.models.provider import ErrorKind, ModelError
from agents.models.turn import Usage
from inventory.outgoing import OutgoingRefused

_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|prompt is too long|too many tokens|input token count|exceeds? the maximum"
    r" (?:number of )?tokens|exceed_context",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"insufficient_quota|credit balance|billing|spend(?:ing)? limit", re.IGNORECASE)
_KINDS: Mapping[int, ErrorKind] = {
    **dict.fromkeys((401, 402, 403), "auth"),
    **dict.fromkeys((408, 409), "unavailable"),
    413: "too_long",
    429: "rate",
}


def http_failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> ModelError:
    """The error for an answer with an HTTP state; `message` is what the vendor says about it."""
    return ModelError(_kind(status, message), f"HTTP {status}: {message}", retry_after(headers or {}))


def cut(reason: str, usage: Usage | None = None) -> ModelError:
    """The error for a stream that broke off, and what had been counted by then."""
    return ModelError("cut", f"the stream broke off ({reason})", usage=usage)


def line_failure(error: Exception, url: str, begun: bool, usage: Usage | None) -> ModelError | None:
    """The error for a line that failed, before or after an answer had `begun`; None where it is something else."""
    import httpx2

    if isinstance(error, OutgoingRefused):
        return ModelError("bad_request", str(error))
    if isinstance(error, ValueError):
        return cut("what came is no JSON", usage)
    if begun and isinstance(error, LookupError | TypeError | AttributeError):
        return cut(f"what came is not the vendor's format: {error!r}", usage)
    if not isinstance(error, httpx2.HTTPError | OSError):
        return None
    reason = str(error) or type(error).__name__
    if begun and not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return cut(reason, usage)
    return ModelError("unavailable", f"{urlsplit(url).netloc} does not answer ({reason})")


def message_of(body: object, otherwise: str) -> str:
    """What the vendor says in the JSON of an error; `otherwise` where it says nothing."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return inner if isinstance(inner, str) and inner else otherwise
    told = [str(inner[key]) for key in ("code", "type", "message") if isinstance(inner.get(key), str)]
    return " ".join(dict.fromkeys(told)) or otherwise


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the vendor asks to wait: a number, or a date as HTTP has it."""
    value = headers.get("retry-after-ms", "")
    if value.strip().isdigit():
        return int(value) / 1000
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


def _kind(status: int, message: str) -> ErrorKind:
    if status == 429 and _NO_MONEY.search(message):
        return "auth"
    if status in (400, 413, 422, 500) and _TOO_LONG.search(message):
        return "too_long"
    if status >= 500:
        return "overloaded"
    return _KINDS.get(status, "bad_request")
