"""Replay what a real ComfyUI said to `kinograph run --server`, from a recording in tests/data."""

import asyncio
import base64
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

RECORDINGS = Path(__file__).parents[1] / "data" / "comfyui_033"


class Recording:
    """A server that answers each request as it was answered in the recording.

    Answers to the same request come in the recorded order, the last one again and again. The
    messages of the websocket come as soon as the graph is sent, those behind a recorded POST when
    that is received.

    sent:       the graph as it was sent, without the ids of prompt and client
    recorded:   what was sent when the recording was made
    received:   requests that changed something, in order
    unexpected: requests that are not in the recording
    """

    def __init__(self, name: str):
        data = json.loads((RECORDINGS / f"{name}.json").read_text())
        self.graph: dict[str, Any] = data["graph"]
        self.files = {file: base64.b64decode(text) for file, text in data["files"].items()}
        self.exchange: list[dict[str, Any]] = data["exchange"]
        self.sent: Any = None
        self.recorded = next(e for e in self.exchange if e.get("request") == "POST /prompt")["body"]
        self.unexpected: list[str] = []
        self.received: list[str] = []
        self.url = ""
        self._answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in self.exchange:
            if "request" in event:
                self._answers[event["request"]].append(event)
        self._ids: dict[str, str] = {}  # those of this run by placeholder
        self._posted: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._socket: web.WebSocketResponse | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, folder: Path) -> Path:
        """Write the graph and the files that it names; return the path of the graph."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        path = folder / "graph.json"
        path.write_text(json.dumps(self.graph))
        return path

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        if request.path == "/ws":
            return await self._listen(request)
        body = await request.read()
        if request.path == "/prompt":
            text = body.decode()
            self._ids = {
                f"<{kind}>": json.loads(text)[f"{kind}_id"] for kind in ("prompt", "client")
            }
            self.sent = json.loads(self._anonymous(text))
        key = self._anonymous(f"{request.method} {request.path_qs}")
        answers = self._answers[key]
        if not answers:
            self.unexpected.append(key)
            return web.Response(status=404)
        event = answers.pop(0) if len(answers) > 1 else answers[0]
        if request.method == "POST":
            self.received.append(key)
            self._posted[key].set()
        if request.path == "/prompt" and event["status"] == 200:
            task = asyncio.get_running_loop().create_task(self._play())
            self._tasks.add(task)
        return self._response(event)

    def _response(self, event: dict[str, Any]) -> web.Response:
        if "length" in event:
            headers = {"Content-Length": str(event["length"])}
            return web.Response(status=event["status"], headers=headers)
        if "answer" in event:
            text = self._own(json.dumps(event["answer"]))
            return web.Response(status=event["status"], text=text, content_type="application/json")
        content = base64.b64decode(event.get("answer_bytes", ""))
        return web.Response(status=event["status"], body=content)

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        self._socket = socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.ERROR:
                break
        return socket

    async def _play(self) -> None:
        assert self._socket is not None
        start = next(i for i, e in enumerate(self.exchange) if e.get("request") == "POST /prompt")
        for event in self.exchange[start + 1 :]:
            if event.get("request", "").startswith("POST"):
                await self._posted[event["request"]].wait()
            if self._socket.closed:
                continue
            if "text" in event:
                await self._socket.send_str(self._own(json.dumps(event["text"])))
            elif "binary" in event:
                await self._socket.send_bytes(base64.b64decode(event["binary"]))

    def _own(self, text: str) -> str:
        for placeholder, id_ in self._ids.items():
            text = text.replace(placeholder, id_)
        return text

    def _anonymous(self, text: str) -> str:
        for placeholder, id_ in self._ids.items():
            text = text.replace(id_, placeholder)
        return text


@contextmanager
def replaying(name: str) -> Iterator[Recording]:
    """Run the server of a recording on a free local port, in a thread."""
    recording = Recording(name)
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", recording.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        recording.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield recording
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
