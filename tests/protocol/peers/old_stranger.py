"""An agent on the SDK of version 0.3, run by the Python of an environment that has it. Prints its port."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from typing import Any

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext  # type: ignore[import-not-found]
from a2a.server.apps import A2ARESTFastAPIApplication, A2AStarletteApplication
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, DataPart, Part, TextPart
from a2a.utils import new_task


def text(words: str) -> Any:
    return Part(root=TextPart(text=words))


class Old(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        words = context.get_user_input()
        task = context.current_task or new_task(context.message)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        if context.current_task is None:
            await event_queue.enqueue_event(task)
            await updater.start_work()
        if words.startswith("ask"):
            return await updater.requires_input(
                updater.new_agent_message([text("Which schema?")]), final=True
            )
        if words.startswith("silent"):
            await asyncio.sleep(6)
        if words.startswith("adk"):
            data = {"id": "c1", "name": "list_sessions", "args": {"limit": 5}}
            part = Part(root=DataPart(data=data, metadata={"adk_type": "function_call"}))
            await updater.add_artifact([part], artifact_id="a", last_chunk=False)
            data = {"id": "c1", "name": "list_sessions", "response": {"rows": 3}}
            part = Part(root=DataPart(data=data, metadata={"adk_type": "function_response"}))
            await updater.add_artifact([part], artifact_id="a", append=True, last_chunk=False)
        if words.startswith("forever"):
            await asyncio.sleep(600)
        await updater.add_artifact([text(f"old says {words}")], artifact_id="answer")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def main() -> None:
    # It ends with whoever started it, however that one ended.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    card = AgentCard(
        name="old", description="An old agent", version="0.9", url=f"{base}/rpc", preferred_transport="JSONRPC",
        additional_interfaces=[AgentInterface(url=f"{base}/rest", transport="HTTP+JSON")],
        protocol_version="0.3.0", capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text"], default_output_modes=["text"],
        skills=[AgentSkill(id="s", name="Old skill", description="-", tags=["old"])],
    )  # fmt: skip
    handler = DefaultRequestHandler(agent_executor=Old(), task_store=InMemoryTaskStore())
    app = A2AStarletteApplication(agent_card=card, http_handler=handler).build(rpc_url="/rpc")
    app.mount("/rest", A2ARESTFastAPIApplication(agent_card=card, http_handler=handler).build())
    print(listener.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
