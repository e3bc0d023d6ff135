"""What the panel of engines asks of the server, over real HTTP."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from kinograph.engines.runtime.cache import EngineCache
from kinograph.nodes.panel import jobs, routes

Ask = Callable[[str, str, Any], Awaitable[tuple[int, Any]]]


class Server:
    """The part of ComfyUI's PromptServer that the routes use."""

    def __init__(self) -> None:
        self.routes = web.RouteTableDef()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.ended = threading.Event()
        self.waiting = 0
        self.prompt_queue = SimpleNamespace(get_tasks_remaining=lambda: self.waiting)

    def send_sync(self, event: str, data: dict[str, Any]) -> None:
        self.sent.append((event, data))
        if data["state"] != "running":
            self.ended.set()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    monkeypatch.setenv("KINOGRAPH_MODELS_DIR", str(tmp_path))
    monkeypatch.setattr(routes.host, "compute_device", lambda: "cpu")
    return routes._cache()


def put(cache: EngineCache, name: str = "made") -> str:
    key = {"kind": "aotinductor", "torch": "0.1"}
    return cache.fetch(name, key, lambda path: path.write_bytes(b"engine")).name


def talk(test: Callable[[Ask, Server], Awaitable[None]]) -> None:
    """Run `test` against a server with the panel's routes."""

    async def all_of_it() -> None:
        own = Server()
        routes.register(own)
        app = web.Application()
        app.add_routes(own.routes)
        async with TestServer(app) as server, ClientSession() as session:

            async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
                raw: dict[str, Any] = {"data": body} if isinstance(body, str) else {"json": body}
                if isinstance(body, tuple):
                    raw = {"headers": {"Content-Type": body[0]}, "data": body[1]}
                options = raw if method == "POST" else {}
                url = server.make_url(f"/kinograph/{path}")
                async with session.request(method, url, **options) as answer:
                    return answer.status, await answer.json()

            await test(ask, own)

    asyncio.run(all_of_it())


async def ended(server: Server) -> dict[str, Any]:
    assert await asyncio.to_thread(server.ended.wait, 120)
    server.ended.clear()
    return server.sent[-1][1]


def test_listing(cache: EngineCache) -> None:
    name = put(cache)

    async def test(ask: Ask, server: Server) -> None:
        status, found = await ask("GET", "engines", None)
        assert status == 200
        assert found["folder"] == str(cache.folder)
        assert name in [engine["name"] for engine in found["engines"]]
        assert found["job"] is None
        assert found["choices"]["backends"][0] == "auto"
        assert {m["task"] for m in found["choices"]["models"]} == {
            "pose",
            "flow",
            "head",
            "upscale",
            "hand",
            "body",
        }

    talk(test)


def test_pruning_says_first_and_removes_then(cache: EngineCache) -> None:
    name = put(cache)
    kept = cache.folder / f"{name}.lock"

    async def test(ask: Ask, server: Server) -> None:
        _, would = await ask("GET", "engines/prune", None)
        assert [f["name"] for f in would["found"]] == [name]
        assert "torch 0.1" in would["found"][0]["detail"]
        assert cache.entries()
        status, done = await ask("POST", "engines/prune", {"names": []})
        assert (status, done) == (200, would)
        assert not cache.entries()
        assert kept.exists()

    talk(test)


def test_deleting_one_leaves_the_others(cache: EngineCache) -> None:
    one, other = put(cache, "one"), put(cache, "one-b")

    async def test(ask: Ask, server: Server) -> None:
        status, _ = await ask("POST", "engines/prune", {"names": [one]})
        assert status == 200
        assert [artifact.name for artifact in cache.entries()] == [other]

    talk(test)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("engines/prune", {"names": ["made"]}, "there is no engine 'made'"),  # but a beginning
        ("engines/prune", {"names": ["../made"]}, "there is no engine '../made'"),
        ("engines/prune", {"names": ["/etc/passwd"]}, "there is no engine"),
        ("engines/prune", {"names": [7]}, "there is no engine 7"),
        ("engines/prune", {"names": "made"}, "names: expected a list"),
        ("engines/prune", [], "expected a JSON object"),
        ("engines/verify", {"names": [""]}, "there is no engine ''"),
        ("engines/build", {"model": "../x"}, "model: expected one of movenet_multipose"),
        ("engines/build", {"backend": ["torch"]}, "backend: expected one of auto"),
        ("engines/build", {"max_batch": 0}, "max_batch: expected a whole number from 1 to 256"),
        ("engines/build", {"max_batch": True}, "max_batch: expected a whole number"),
        ("engines/build", {"min_size": 1.5}, "min_size: expected a whole number"),
        ("engines/verify", "names=made", "expected application/json"),
    ],
)
def test_bad_requests(cache: EngineCache, path: str, body: Any, words: str) -> None:
    put(cache)

    async def test(ask: Ask, server: Server) -> None:
        status, answer = await ask("POST", path, body)
        assert status == 400
        assert words in answer["error"]
        assert len(cache.entries()) == 1
        assert not server.sent

    talk(test)


def test_no_json(cache: EngineCache) -> None:
    async def all_of_it() -> None:
        own = Server()
        routes.register(own)
        app = web.Application()
        app.add_routes(own.routes)
        async with TestServer(app) as server, ClientSession() as session:
            url = server.make_url("/kinograph/engines/verify")
            headers = {"Content-Type": "application/json"}
            for body in (b"{", b"\xff", b"[" * 100_000):
                async with session.post(url, data=body, headers=headers) as answer:
                    assert answer.status == 400
                    assert "expected JSON" in (await answer.json())["error"]
            async with session.get(url) as answer:
                assert answer.status == 405

    asyncio.run(all_of_it())


def test_build_verify_and_their_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of the whole run, which may have the graph already."""
    monkeypatch.setattr(routes.host, "compute_device", lambda: "cpu")

    async def test(ask: Ask, server: Server) -> None:
        wanted = {"backend": "onnxruntime", "max_size": 512}
        status, job = await ask("POST", "engines/build", wanted)
        assert (status, job["kind"], job["state"]) == (200, "build", "running")
        done = await ended(server)
        assert done["state"] == "done"
        assert "runs on onnxruntime in fp32 on cpu" in done["text"]
        name = done["text"].splitlines()[-1].split()[-1].removesuffix(".engine")
        await ask("POST", "engines/verify", {"names": [name]})
        assert (await ended(server))["text"] == "1 right, 0 damaged"
        _, found = await ask("GET", "engines", None)
        (row,) = [engine for engine in found["engines"] if engine["name"] == name]
        assert row["verdict"]["state"] == "right"
        assert found["job"]["state"] == "done"
        assert {event for event, _ in server.sent} == {"kinograph.job"}

    talk(test)


def test_damage_is_found(cache: EngineCache) -> None:
    name = put(cache)
    (cache.folder / f"{name}.engine").write_bytes(b"enginE")

    async def test(ask: Ask, server: Server) -> None:
        await ask("POST", "engines/verify", {"names": [name]})
        assert (await ended(server))["text"] == "0 right, 1 damaged"
        _, found = await ask("GET", "engines", None)
        assert found["engines"][0]["verdict"]["detail"] == "its sha256 differs"

    talk(test)


def test_errors_of_a_job_are_told(cache: EngineCache) -> None:
    async def test(ask: Ask, server: Server) -> None:
        await ask("POST", "engines/build", {"backend": "tensorrt", "min_size": 64, "max_size": 32})
        done = await ended(server)
        assert done["state"] == "failed"
        assert done["text"]

    talk(test)


def test_not_while_a_graph_runs(cache: EngineCache) -> None:
    name = put(cache)

    async def test(ask: Ask, server: Server) -> None:
        server.waiting = 1
        for path in ("engines/verify", "engines/build"):
            status, answer = await ask("POST", path, {})
            assert status == 400
            assert "ComfyUI is running a graph" in answer["error"]
        status, _ = await ask("POST", "engines/prune", {"names": [name]})
        assert status == 200

    talk(test)


def test_one_job_at_a_time_and_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_EVERY", 0.0)
    told: list[jobs.Job] = []
    ended, under_way = threading.Event(), threading.Event()

    def tell(job: jobs.Job) -> None:
        told.append(job)
        under_way.set()
        if job.state != "running":
            ended.set()

    def endless(running: jobs.Jobs) -> str:
        while True:
            running.step("on and on")

    own = jobs.Jobs(tell)
    own.start("build", ["a"], endless)
    assert under_way.wait(10)
    with pytest.raises(jobs.InputError, match="build is running"):
        own.start("verify", ["b"], endless)
    own.cancel()
    assert ended.wait(10)
    assert (told[-1].state, told[-1].text) == ("cancelled", "")
    ended.clear()
    own.start("verify", [], lambda running: "all is well")
    assert ended.wait(10)
    assert own.last is not None
    assert own.last.as_dict()["text"] == "all is well"


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("application/json; charset=klingon", b"{}", "expected JSON in UTF-8, found the charset"),
        ("application/json; charset=utf-16", "{}".encode("utf-16"), "found the charset utf-16"),
        ("application/json", b"\xff\xfe{}", "expected JSON, found something else"),
        ("application/json", b"[" * 100_000, "expected JSON, found something else"),
        ("application/json", b'{"names": "' + b"x" * 300_000 + b'"}', "at most 256 KiB"),
        ("application/json", b"null", "expected a JSON object"),
        ("application/" + "x" * 900, b"{}", "expected application/json, found application/xxx"),
        ("multipart/form-data; boundary=", b"--", "expected application/json"),
        ("/;;=", b"{}", "expected application/json"),
        ("", b"{}", "expected application/json"),
    ],
)
def test_odd_bodies_are_the_fault_of_the_client(
    cache: EngineCache, kind: str, data: bytes, message: str
) -> None:
    async def test(ask: Ask, server: Server) -> None:
        for path in ("engines/prune", "engines/verify", "engines/build", "cancel"):
            status, found = await ask("POST", path, (kind, data))
            assert status == 400, path
            assert message in found["error"]
            assert len(found["error"]) < 300

    talk(test)


def test_a_body_that_does_not_come_is_given_up(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinograph.nodes.panel import body

    monkeypatch.setattr(body, "_PATIENCE", 0.1)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async def test(ask: Ask, server: Server) -> None:
        status, found = await ask("POST", "cancel", ("application/json", slowly()))
        assert (status, found) == (
            400,
            {"error": "expected a JSON object, which did not arrive in 0.1 s"},
        )

    talk(test)


def test_a_folder_that_hangs_holds_up_one_thread_and_nobody_else(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_LIMIT", 0.5)
    respond = threading.Event()
    calls = []

    def hangs(folder: Any) -> list[Any]:
        calls.append(folder)
        respond.wait(30)
        return []

    monkeypatch.setattr(routes, "inventory", hangs)

    async def test(ask: Ask, server: Server) -> None:
        began = time.monotonic()
        asked = [asyncio.ensure_future(ask("GET", "engines")) for _ in range(15)]
        await asyncio.sleep(0.1)
        quick = asyncio.to_thread(time.monotonic)  # threads of the server are free
        assert await asyncio.wait_for(quick, 0.3) < began + 0.4
        assert (await ask("POST", "cancel", {}))[0] == 200
        for status, found in await asyncio.gather(*asked):
            assert status == 503
            assert found["error"].startswith("the folder of engines has not responded for 0.5 s")
        assert time.monotonic() - began < 2
        assert len(calls) == 1
        respond.set()
        assert (await ask("GET", "engines"))[0] == 200  # it is well again

    try:
        talk(test)
    finally:
        respond.set()
