"""A client on the SDK of version 0.3: `old_client.py BASE TOKEN` asks with a stream, and tells the last state."""

from __future__ import annotations

import asyncio
import json
import sys

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory, create_text_message_object  # type: ignore[attr-defined]


async def main(base: str, token: str) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        card = await A2ACardResolver(http, base).get_agent_card()
        client = ClientFactory(ClientConfig(httpx_client=http, streaming=True)).create(card)
        task = None
        async for item in client.send_message(create_text_message_object(content="from of old")):
            task = item[0]
        text = " ".join(part.root.text for artifact in task.artifacts for part in artifact.parts)
        print(json.dumps({"state": task.status.state.value, "text": text}))


asyncio.run(main(*sys.argv[1:]))
