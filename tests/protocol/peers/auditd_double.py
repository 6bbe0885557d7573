"""A double of aiHelpDesk's approval REST service, with its paths, shapes and answers; in a process of its own.

The real one is a Go program of another project. Arguments: JSON with `users` (name → roles; empty: nobody is
checked), `key` (of the one service account) and `gateway` (true: the gateway's paths). Prints its port.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

SETUP = json.loads(sys.argv[1])
GO_ZERO = "0001-01-01T00:00:00Z"
STORE: dict[str, dict[str, Any]] = {}


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self._who() is None:
            return self._plain(401, "authentication required")
        prefix = "/api/v1/governance/approvals" if SETUP["gateway"] else "/v1/approvals"
        if parts.path == prefix:
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            found = [item for item in STORE.values() if query.get("status") in (None, item["status"])]
            # An empty list is a nil slice there, and null on the wire.
            return self._json(200, found[::-1][: int(query.get("limit", 100))] or None)
        if not SETUP["gateway"] and parts.path.startswith(prefix + "/"):
            item = STORE.get(unquote(parts.path.rpartition("/")[2]))
            return self._json(200, item) if item else self._plain(404, "approval not found: no rows")
        self._plain(404, "404 page not found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        who = self._who()
        if who is None:
            return self._plain(401, "authentication required")
        match path:
            case ["v1", "approvals"]:
                self._create(body)
            case ["v1", "approvals", name, "cancel"]:
                STORE[name] |= {
                    "status": "cancelled",
                    "resolved_by": body["cancelled_by"],
                    "resolved_at": now(),
                }
                self._json(200, {"status": "cancelled"})
            case ["v1", "approvals", name, ("approve" | "deny") as verb] if not SETUP["gateway"]:
                by = body["approved_by"] if verb == "approve" else body["denied_by"]
                self._decide(name, "approved" if verb == "approve" else "denied", who or by, body["reason"])
            case ["api", "v1", "decisions", key, "resolve"] if SETUP["gateway"]:
                self._decide(
                    key.partition(":")[2], body["resolution"], who or body["resolved_by"], body["reason"]
                )
            case _:
                self._plain(404, "404 page not found")

    def _who(self) -> str | None:
        """The authenticated caller, empty where nobody is checked; None where there is none."""
        if not SETUP["users"]:
            return ""
        bearer, user = self.headers.get("Authorization", ""), self.headers.get("X-User", "")
        if bearer:
            return "service" if bearer == f"Bearer {SETUP['key']}" else None
        return user if user in SETUP["users"] else None

    def _create(self, body: dict[str, Any]) -> None:
        name = f"apr_{len(STORE) + 1:08x}"
        minutes = body.pop("expires_in_minutes", 60)
        until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
        STORE[name] = {
            "approval_id": name, "status": "pending", "requested_at": now(), "resolved_at": GO_ZERO,
            "expires_at": until if minutes else GO_ZERO, "approval_valid_until": GO_ZERO,
            "callback_sent_at": GO_ZERO, "created_at": now(), "updated_at": now(), **body,
        }  # fmt: skip
        self._json(201, {"approval_id": name, "status": "pending", "expires_at": until})

    def _decide(self, name: str, status: str, by: str, reason: str) -> None:
        item = STORE.get(name)
        if item is None:
            return self._plain(404, "approval not found")
        roles = SETUP["users"].get(by, [])
        if SETUP["users"] and "dba" not in roles:
            return self._plain(403, "forbidden: requires role dba")
        if SETUP["users"] and status == "approved" and by == item["requested_by"]:
            return self._plain(403, "four-eyes constraint: approver and requester must be different people")
        if item["status"] != "pending":
            return self._plain(400, f"approval {name} not found or not pending")
        item |= {"status": status, "resolved_by": by, "resolved_at": now(), "resolution_reason": reason}
        self._json(200, {"status": status} if SETUP["gateway"] else item)

    def _json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value) + "\n")

    def _plain(self, status: int, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text + "\n")

    def _send(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


# It ends with whoever started it, however that one ended.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
