"""An agent of another maker, in a process of its own: the SDK's server, a card of any version, shapes of many makers.

`python -m tests.protocol.peers.stranger JSON` prints its port. What it does follows from the first word it hears.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any

os.environ["OTEL_INSTRUMENTATION_A2A_SDK_ENABLED"] = "false"

import uvicorn
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, Message, Part, Role
from google.protobuf.json_format import MessageToDict, ParseDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

STACK = "https://a2a-extensions.agentstack.beeai.dev/interactions/approval/v1"
TRAJECTORY = "https://a2a-extensions.agentstack.beeai.dev/ui/trajectory/v1"
KAGENT = "https://kagent.dev/extensions/hitl/v1"


def data(value: dict[str, Any], **marks: Any) -> Part:
    part = Part()
    ParseDict(value, part.data.struct_value)
    part.metadata.update(marks)
    return part


def words(message: Message) -> str:
    return " ".join(part.text for part in message.parts if part.WhichOneof("content") == "text")


def call(name: str, number: int, **arguments: Any) -> Part:
    return data({"id": f"c{number}", "name": name, "args": arguments}, adk_type="function_call")


def response(name: str, number: int, **result: Any) -> Part:
    return data({"id": f"c{number}", "name": name, "response": result}, adk_type="function_response")


def confirmation(call_id: str, tool: str, hint: str, **arguments: Any) -> Part:
    asked = {
        "originalFunctionCall": {"id": "o", "name": tool, "args": arguments},
        "toolConfirmation": {"hint": hint},
    }
    return data(
        {"id": call_id, "name": "adk_request_confirmation", "args": asked},
        adk_type="function_call", adk_is_long_running=True,
    )  # fmt: skip


class Stranger(AgentExecutor):
    def __init__(self) -> None:
        self.asked: dict[str, str] = {}

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message and context.task_id and context.context_id
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        if context.current_task is not None:
            return await self._resume(context, updater)
        text = words(context.message)
        scene, *others = text.split()
        rest = " ".join(others)
        if scene == "message":
            reply = Message(role=Role.ROLE_AGENT, message_id="m1", context_id=context.context_id)
            reply.parts.append(Part(text=f"at once: {json.dumps(MessageToDict(context.message.metadata))}"))
            return await event_queue.enqueue_event(reply)
        self.asked[context.task_id] = scene
        await event_queue.enqueue_event(new_task_from_user_message(context.message))
        await updater.start_work()
        await getattr(self, scene.replace("-", "_"))(updater, rest)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id and context.context_id
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def _resume(self, context: RequestContext, updater: TaskUpdater) -> None:
        """Tells word for word what it was answered."""
        assert context.message and context.task_id
        told = {
            "scene": self.asked[context.task_id],
            "text": words(context.message),
            "parts": [MessageToDict(part) for part in context.message.parts],
            "metadata": MessageToDict(context.message.metadata),
            "extensions": list(context.message.extensions),
        }
        await updater.add_artifact([Part(text=json.dumps(told))], artifact_id="answer")
        await updater.complete()

    async def hello(self, updater: TaskUpdater, rest: str) -> None:
        await updater.add_artifact([Part(text=f"hello {rest}".strip())], artifact_id="answer")
        await updater.complete()

    async def pieces(self, updater: TaskUpdater, rest: str) -> None:
        for number in range(int(rest.split()[0])):
            await updater.add_artifact(
                [Part(text=f"{number} ")], artifact_id="answer", append=number > 0, last_chunk=False
            )
        await updater.complete()

    async def thinking(self, updater: TaskUpdater, rest: str) -> None:
        for word in ("looking", "comparing"):
            await updater.start_work(updater.new_agent_message([Part(text=word)]))
        await updater.complete(updater.new_agent_message([Part(text="it is well")]))

    async def silent(self, updater: TaskUpdater, rest: str) -> None:
        await asyncio.sleep(float(rest.split()[0]))
        await self.hello(updater, "after silence")

    async def forever(self, updater: TaskUpdater, rest: str) -> None:
        await asyncio.sleep(600)

    async def broken(self, updater: TaskUpdater, rest: str) -> None:
        await updater.failed(updater.new_agent_message([Part(text="no luck password=hunter2 today")]))

    async def adk(self, updater: TaskUpdater, rest: str) -> None:
        await updater.add_artifact(
            [call("list_sessions", 1, limit=5, wide=9007199254740991)], artifact_id="a", last_chunk=False
        )
        await updater.add_artifact(
            [response("list_sessions", 1, rows=3, oldest="12 s")],
            artifact_id="a",
            append=True,
            last_chunk=False,
        )
        usage = {"promptTokenCount": 120, "candidatesTokenCount": 40, "totalTokenCount": 160}
        await updater.add_artifact(
            [Part(text="three sessions")],
            artifact_id="a",
            append=True,
            metadata={"adk_usage_metadata": usage},
        )
        await updater.complete()

    async def adk_long(self, updater: TaskUpdater, rest: str) -> None:
        log = "\n".join(f"{number} password={rest} {rest}" for number in range(1_500))
        steps = [
            call("read_log", 1, dsn=f"postgresql://ann:{rest}@db/x"),
            response("read_log", 1, log=log, rows=3),
        ]
        await updater.add_artifact(steps, artifact_id="a")
        await updater.complete()

    async def summary(self, updater: TaskUpdater, rest: str) -> None:
        calls = [
            {
                "name": "get_locks",
                "args": {"db": "orders"},
                "result": "2 locks",
                "duration_ms": 7.5,
                "success": True,
            },
            {"name": "get_disk", "args": {}, "error": "permission denied", "success": False},
        ]
        part = data({"tool_calls": calls}, helpdesk_type="tool_call_summary")
        await updater.add_artifact([Part(text="two locks are held"), part], artifact_id="r")
        await updater.complete()

    async def names(self, updater: TaskUpdater, rest: str) -> None:
        """The list at the end repeats a call that was told of already, and tells of another one."""
        await updater.add_artifact([call("get_locks", 1), response("get_locks", 1, n=2)], artifact_id="r")
        part = data({"tool_calls": ["get_locks", "get_disk"]}, helpdesk_type="tool_call_summary")
        await updater.add_artifact([Part(text="done"), part], artifact_id="s")
        await updater.complete()

    async def trajectory(self, updater: TaskUpdater, rest: str) -> None:
        message = updater.new_agent_message([Part(text="…")])
        message.metadata.update({TRAJECTORY: [{"title": "web search", "content": "**nothing** found"}]})
        await updater.start_work(message)
        await self.hello(updater, "there")

    async def ask(self, updater: TaskUpdater, rest: str) -> None:
        await updater.requires_input(updater.new_agent_message([Part(text="Which schema?")]))

    async def login(self, updater: TaskUpdater, rest: str) -> None:
        await updater.requires_auth(updater.new_agent_message([Part(text="Sign in at the portal")]))

    async def adk_confirm(self, updater: TaskUpdater, rest: str) -> None:
        asked = confirmation("adk-1", "drop_table", "Drop orders?", table="orders", n=5)
        await updater.requires_input(updater.new_agent_message([asked]))

    async def stack(self, updater: TaskUpdater, rest: str) -> None:
        message = updater.new_agent_message([Part(text="I would like to")])
        message.metadata.update({
            STACK: {
                "action": "tool-call", "title": "Delete the index", "description": "It is unused.", "name": "drop_index",
                "input": {"index": "i1"}, "server": {"name": "pg", "title": "PostgreSQL"},
            }
        })  # fmt: skip
        await updater.requires_input(message)

    async def kagent(self, updater: TaskUpdater, rest: str) -> None:
        tools = [
            {"id": "k1", "call_id": "x1", "name": "delete_pod", "args": {"pod": "p1"}},
            {"id": "k2", "call_id": "x2", "name": "delete_pvc", "args": {"pvc": "v1"}},
        ]
        await self._kagent(updater, {"type": "tool_approval_request", "hint": "Delete both?", "tools": tools})

    async def kagent_ask(self, updater: TaskUpdater, rest: str) -> None:
        asked = [{"question": "Which region?", "choices": ["eu", "us"]}]
        await self._kagent(updater, {"type": "ask_user_request", "id": "q1", "questions": asked})

    async def _kagent(self, updater: TaskUpdater, payload: dict[str, Any]) -> None:
        message = updater.new_agent_message([Part(text="I need you")])
        message.metadata.update({KAGENT: payload})
        message.extensions.append(KAGENT)
        await updater.requires_input(message)


class Server:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.listener = socket.create_server(("127.0.0.1", options.get("port", 0)))
        self.port = self.listener.getsockname()[1]
        self.requests: list[dict[str, Any]] = []

    def routes(self) -> list[Any]:
        options = self.options
        handler = DefaultRequestHandler(
            agent_executor=Stranger(), task_store=InMemoryTaskStore(),
            agent_card=AgentCard(
                name="stranger", description="-", version="1",
                capabilities=AgentCapabilities(streaming=options.get("streams", True)),
                supported_interfaces=[
                    AgentInterface(url="http://x", protocol_binding=b, protocol_version=v)
                    for b in ("JSONRPC", "HTTP+JSON") for v in ("1.0", "0.3")
                ],
            ),
        )  # fmt: skip
        path = options.get("path", "/rpc")
        return [
            Route(options.get("card_path", "/.well-known/agent-card.json"), self.card),
            Route("/requests", self.seen),
            *create_jsonrpc_routes(handler, path, enable_v0_3_compat=True),
            *create_rest_routes(handler, enable_v0_3_compat=True, path_prefix=path),
        ]

    async def card(self, _: Request) -> JSONResponse:
        text = json.dumps(self.options["card"]).replace("PORT", str(self.port))
        return JSONResponse(json.loads(text))

    async def seen(self, _: Request) -> JSONResponse:
        return JSONResponse(self.requests)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {key.decode(): value.decode() for key, value in scope.get("headers", ())}
        if scope["type"] == "http" and scope["path"] != "/requests":
            self.requests.append({"path": scope["path"], "headers": headers})
            for name, value in self.options.get("wants", {}).items():
                if headers.get(name) != value and "well-known" not in scope["path"]:
                    return await JSONResponse({"error": "who are you"}, 401)(scope, receive, send)
        await self.inner(scope, receive, send)

    def run(self) -> None:
        self.inner = Starlette(routes=self.routes())
        tls: Iterable[str] = ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "ssl_cert_reqs")
        config = uvicorn.Config(
            self.app,
            log_level="critical",
            lifespan="off",
            interface="asgi3",
            **{k: self.options[k] for k in tls if k in self.options},
        )
        print(self.port, flush=True)
        asyncio.run(uvicorn.Server(config).serve(sockets=[self.listener]))


if __name__ == "__main__":
    # It ends with whoever started it, however that one ended.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    Server(json.loads(sys.argv[1])).run()
