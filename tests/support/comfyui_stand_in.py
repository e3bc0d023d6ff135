"""A small server with ComfyUI's routes that misbehaves on demand."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

OBJECT_INFO = {
    "LoadImage": {
        "input": {"required": {"image": [["there.png"], {"image_upload": True}]}},
        "output": ["IMAGE", "MASK"],
        "display_name": "Load Image",
        "output_node": False,
    },
    "SaveImage": {
        "input": {
            "required": {
                "images": ["IMAGE", {}],
                "filename_prefix": ["STRING", {"default": "ComfyUI"}],
            }
        },
        "output": [],
        "display_name": "Save Image",
        "output_node": True,
    },
}


@dataclass
class StandIn:
    """What it did and what it shall do.

    refuse:  the answer to /prompt with its status
    drop:    how often the websocket is closed in the middle
    one_socket: no second websocket is given
    lose:    the graph is in no queue and no history
    late:    s until the graph has run
    status:  of every answer, where it is not 200
    output:  what the history says of node 2
    fail:    messages of the history
    """

    inputs: dict[str, bytes] = field(default_factory=dict)
    uploads: int = 0
    prompts: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    interrupted: list[Any] = field(default_factory=list)
    deleted: list[Any] = field(default_factory=list)
    sockets: int = 0
    refuse: tuple[int, Any] | None = None
    node_errors: dict[str, Any] = field(default_factory=dict)
    drop: int = 0
    one_socket: bool = False
    lose: bool = False
    late: float = 0.1
    status: int = 200
    body: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: {"x_00001_.png": b"pixels"})
    subfolder: str = ""
    fail: list[Any] = field(default_factory=list)
    url: str = ""
    started: threading.Event = field(default_factory=threading.Event)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _done: set[str] = field(default_factory=set)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._first], client_max_size=1 << 20)
        app.add_routes(
            [
                web.get("/object_info", self._info),
                web.get("/ws", self._socket),
                web.get("/view", self._view),
                web.post("/upload/image", self._upload),
                web.post("/prompt", self._prompt),
                web.get("/queue", self._queue),
                web.post("/queue", self._delete),
                web.post("/interrupt", self._interrupt),
                web.get("/history/{id}", self._history),
            ]
        )
        return app

    def hang_up(self) -> None:
        """Close all websockets; may be called from another thread."""

        async def close() -> None:
            for socket in self._sockets.values():
                await socket.close()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)

    @web.middleware
    async def _first(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if self.status != 200:
            return web.Response(status=self.status, text=self.body)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _info(self, request: web.Request) -> web.Response:
        if self.body:
            return web.Response(text=self.body, content_type="text/html")
        return web.json_response(OBJECT_INFO)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.sockets += 1
        if self.one_socket and self.sockets > 1:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = socket
        await socket.send_json({"type": "status", "data": {"status": {}}})
        await socket.send_str("no JSON")
        await socket.send_json([1])
        async for message in socket:
            if message.type == WSMsgType.ERROR:
                break
        return socket

    async def _view(self, request: web.Request) -> web.Response:
        name = request.query["filename"]
        kept = self.inputs if request.query["type"] == "input" else self.files
        if name not in kept:
            return web.Response(status=404)
        return web.Response(body=kept[name])

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = form["image"]
        assert isinstance(given, web.FileField)
        self.inputs[given.filename] = given.file.read()
        self.uploads += 1
        return web.json_response({"name": given.filename, "subfolder": form["subfolder"]})

    async def _prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.refuse is not None:
            status, answer = self.refuse
            return web.json_response(answer, status=status)
        self.prompts.append(body)
        asyncio.get_running_loop().create_task(self._run(body))
        return web.json_response({"prompt_id": body["prompt_id"], "node_errors": self.node_errors})

    async def _run(self, body: dict[str, Any]) -> None:
        id_ = body["prompt_id"]

        async def tell(kind: str, **data: Any) -> None:
            socket = self._sockets.get(body["client_id"])
            if socket is not None and not socket.closed:
                await socket.send_json({"type": kind, "data": {"prompt_id": id_, **data}})

        self.started.set()
        await tell("execution_cached", nodes=[])
        await tell("executing", node="1", display_node="1")
        for value in (1, 2):
            node = {"value": value, "max": 2, "state": "running", "display_node_id": "1"}
            await tell("progress_state", nodes={"1": node})
        await tell("executing", node="2", display_node="2")
        while self.drop:
            self.drop -= 1
            await self._sockets[body["client_id"]].close()
            await asyncio.sleep(0.3)
        await asyncio.sleep(self.late)
        self._done.add(id_)
        await tell("execution_success")

    async def _queue(self, request: web.Request) -> web.Response:
        waiting = [] if self.lose else [p["prompt_id"] for p in self.prompts]
        running = [[0, id_, {}] for id_ in waiting if id_ not in self._done]
        return web.json_response({"queue_running": running, "queue_pending": []})

    async def _delete(self, request: web.Request) -> web.Response:
        self.deleted.append(await request.json())
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        self.interrupted.append(await request.json())
        return web.Response()

    async def _history(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if self.lose or id_ not in self._done:
            return web.json_response({})
        images = [
            {"filename": name, "subfolder": self.subfolder, "type": "output"} for name in self.files
        ]
        images.append({"filename": "preview.png", "subfolder": "", "type": "temp"})
        status = {"status_str": "error" if self.fail else "success", "messages": self.fail}
        entry = {"outputs": {"2": {"images": images}}, "status": status}
        return web.json_response({id_: entry})


@contextmanager
def running(stand_in: StandIn) -> Iterator[StandIn]:
    """Run the server on a free local port, in a thread."""
    loop = stand_in.loop

    async def start() -> web.AppRunner:
        runner = web.AppRunner(stand_in.app(), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def graph_file(folder: Path, image: str = "there.png") -> Path:
    """Return a graph that loads an image and saves it."""
    path = folder / "graph.json"
    path.write_text(
        json.dumps(
            {
                "1": {"class_type": "LoadImage", "inputs": {"image": image}},
                "2": {
                    "class_type": "SaveImage",
                    "inputs": {"images": ["1", 0], "filename_prefix": "x"},
                    "_meta": {"title": "Keep it"},
                },
            }
        )
    )
    return path
