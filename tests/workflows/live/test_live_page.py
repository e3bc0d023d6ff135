"""The page that shows a live run: who may see it, slow viewers, a real browser."""

import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from browser import chromium
from kinograph.engines.errors import GraphError, InputError
from kinograph.workflows.live.figures import Figures
from kinograph.workflows.live.graph import LiveGraph
from kinograph.workflows.live.page import Page, is_loopback
from kinograph.workflows.live.run_live import LiveSummary, Outlets, run_live
from kinograph.workflows.live.slot import Drawn, Frame
from kinograph.workflows.live.sources import FileSource, SourceOptions
from kinograph.workflows.live.urls import UrlSource
from live_clips import (
    PLAIN,
    live_graph,
    number_in,
    numbered,
    run,
)


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page("127.0.0.1", 0, Figures(), "Kinograph: <test> & more")
    made.start()
    yield made
    made.stop()


def ask(page: Page, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*_address(page), timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def _address(page: Page) -> tuple[str, int]:
    found = re.fullmatch(r"http://([\d.]+):(\d+)/\?token=[\w-]{32}", page.url)
    assert found
    return found[1], int(found[2])


@pytest.mark.parametrize(
    "path", ["/", "/stream", "/stats", "/snapshot.png", "/none", "/favicon.ico"]
)
def test_every_route_needs_the_token(page: Page, path: str) -> None:
    page.show(Drawn(numbered(1), 1, 0.0))
    for query in ("", "?token=", "?token=x", f"?token={page.token[:-1]}", "?token=%C3%A9%FF"):
        status, _, body = ask(page, path + query)
        assert status == 403
        assert page.token.encode() not in body
    if path != "/stream":
        status, _, _ = ask(page, f"{path}?token={page.token}")
        assert status == (404 if path in ("/none", "/favicon.ico") else 200)


def test_another_name_for_the_machine_is_refused(page: Page) -> None:
    port = _address(page)[1]
    path = f"/stats?token={page.token}"
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
        assert ask(page, path, Host=name)[0] == 403, name
    for name in ("127.0.0.1", f"localhost:{port}", f"[::1]:{port}", f"192.168.1.7:{port}"):
        assert ask(page, path, Host=name)[0] == 200, name


def test_the_page_has_a_strict_policy_and_no_outside(page: Page) -> None:
    _, headers, body = ask(page, f"/?token={page.token}")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    text = body.decode()
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', text))
    assert f"script-src 'nonce-{nonce}'" in policy
    assert "<title>Kinograph: &lt;test&gt; &amp; more</title>" in text
    assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|\beval\b|\{nonce\}", text)
    assert ask(page, f"/?token={page.token}")[1]["content-security-policy"] != policy


def test_statistics_and_snapshot(page: Page) -> None:
    path = f"/snapshot.png?token={page.token}"
    status, _, body = ask(page, path)
    assert (status, body) == (503, b"no picture yet\n")
    page.show(Drawn(numbered(77), 5, 0.0))
    status, headers, body = ask(page, path)
    assert (headers["content-type"], headers["x-frame"]) == ("image/png", "5")
    assert (np.asarray(Image.open(BytesIO(body))) == numbered(77)).all()
    found = json.loads(ask(page, f"/stats?token={page.token}")[2])
    assert found["state"] == "preparing"
    assert found["latency_ms"] == {"median": None, "p95": None}
    assert found["viewers"] == 0


class Viewer:
    """Reads the stream of a page, part by part."""

    def __init__(self, page: Page):
        self._line = socket.create_connection(_address(page), timeout=10)
        request = f"GET /stream?token={page.token} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
        self._line.sendall(request.encode())
        self._file = self._line.makefile("rb")
        self._headers()
        assert self._file.readline() == b"--kinograph\r\n"

    def _headers(self) -> dict[str, str]:
        found = {}
        while line := self._file.readline().decode().strip():
            key, _, value = line.partition(": ")
            found[key] = value
        return found

    def next(self) -> tuple[int, Any] | None:
        """The next picture and its number; None behind the last."""
        headers = self._headers()
        if not headers:
            return None
        data = self._file.read(int(headers["Content-Length"]))
        assert self._file.read(len(b"\r\n--kinograph\r\n")) == b"\r\n--kinograph\r\n"
        return int(headers["X-Frame"]), np.asarray(Image.open(BytesIO(data)))

    def close(self) -> None:
        self._file.close()
        self._line.close()


def test_viewers_get_the_same_pictures_each_encoded_once(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kinograph.workflows.live.slot as slots

    encoded = []
    real = slots._encoded
    monkeypatch.setattr(slots, "_encoded", lambda *a: encoded.append(1) or real(*a))
    viewers = [Viewer(page), Viewer(page)]
    for number in (1, 2, 3):
        page.show(Drawn(numbered(number), number, 0.0))
        for viewer in viewers:
            found = viewer.next()
            assert found is not None
            assert found[0] == number == number_in(found[1])
    assert len(encoded) == 3
    late = Viewer(page)
    assert (late.next() or [0])[0] == 3  # at once, without a new one
    assert json.loads(ask(page, f"/stats?token={page.token}")[2])["viewers"] == 3
    assert page._figures.overall()["shown"] == 3
    viewers[0].close()
    page.stop()  # sends the others away
    assert viewers[1].next() is None
    viewers[1].close()
    late.close()


def test_a_slow_viewer_gets_fewer_pictures_and_stops_nobody(page: Page) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (400, 600, 3), np.uint8)  # some 300 kB each
    slow, quick = Viewer(page), Viewer(page)
    got: list[int] = []

    def look() -> None:
        while (found := quick.next()) is not None:
            got.append(found[0])

    thread = threading.Thread(target=look)
    thread.start()
    shows = []
    for number in range(1, 61):
        before = time.perf_counter()
        page.show(Drawn(np.roll(noise, number, 1), number, 0.0))
        shows.append(time.perf_counter() - before)
        time.sleep(0.03)
    time.sleep(0.5)
    assert max(shows) < 0.1  # who draws never waits
    assert len(got) > 20
    assert got[-1] == 60
    seen = []
    while (found := slow.next()) is not None:
        seen.append(found[0])
        if found[0] == 60:
            break
    assert seen == sorted(set(seen))
    assert len(seen) < 40  # not all that were made while it slept
    page.stop()
    thread.join(5)
    assert not thread.is_alive()
    slow.close()
    quick.close()


def test_addresses() -> None:
    for name in ("127.0.0.1", "::1", "localhost", "127.3.2.1"):
        assert is_loopback(name)
    for name in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        assert not is_loopback(name)


def test_a_port_that_is_taken(page: Page) -> None:
    other = Page("127.0.0.1", _address(page)[1], Figures(), "")
    with pytest.raises(InputError, match=r"--port \d+: cannot be used .* choose another port"):
        other.start()


def test_a_page_is_a_source(page: Page) -> None:
    """What one run shows, another can go on with."""
    going = threading.Event()

    def feed() -> None:
        number = 0
        while not going.wait(0.03):
            number += 1
            page.show(Drawn(numbered(number % 256), number, time.monotonic()))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        host_, port = _address(page)
        source = UrlSource(f"http://{host_}:{port}/stream?token={page.token}", SourceOptions())
        summary, seen, _ = run(live_graph(PLAIN), source, 2.0)
    finally:
        going.set()
        thread.join()
    assert summary.figures["drawn"] > 15
    found = [number_in(drawn.pixels) for drawn in seen.all]
    assert found == sorted(set(found))


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_the_page_in_a_browser(root: Path, clip_path: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    graph = live_graph(root / "workflows" / "api" / "pose_to_vace.json")
    source = FileSource(str(clip_path), SourceOptions(loop=True))
    source.open()
    figures = Figures()
    page = Page("127.0.0.1", 0, figures, "Kinograph: pose_to_vace.json")
    page.start()
    graph.prepare(source.rate, source.size)
    made: list[LiveSummary] = []
    thread = threading.Thread(
        target=lambda: made.append(
            run_live(graph, source, Outlets(figures, page, overlay=True), 60)
        )
    )
    thread.start()
    wrong: list[str] = []
    shots = Path(os.environ.get("KINOGRAPH_SHOTS", tmp_path))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), headless=True, args=["--no-sandbox"]
            )
            tab = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="dark")
            tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.goto(page.url)
            wide = "document.getElementById('picture').naturalWidth"
            tab.wait_for_function(f"() => {wide} === 832")
            tab.wait_for_function(
                "() => document.getElementById('median').textContent.includes('ms')"
            )
            shown = _number(tab, "shown")
            tab.wait_for_timeout(2500)
            assert _number(tab, "shown") > shown  # it goes on
            tab.screenshot(path=str(shots / "live_dark.png"))
            tab.emulate_media(color_scheme="light")
            tab.get_by_role("button", name="Pause").click()
            tab.wait_for_function(
                "() => document.getElementById('picture').src.startsWith('blob:')"
            )
            tab.wait_for_function(f"() => {wide} === 832")
            first = _pixels(tab)
            tab.wait_for_timeout(1500)
            assert (_pixels(tab) == first).all()
            with tab.expect_download() as download:
                tab.get_by_role("button", name="Snapshot").click()
            saved = np.asarray(Image.open(download.value.path()))
            assert re.fullmatch(r"kinograph_\d{6}\.png", download.value.suggested_filename)
            assert (saved == first).all()  # what was seen
            tab.screenshot(path=str(shots / "live_light.png"))
            tab.get_by_role("button", name="Resume").click()
            tab.wait_for_function(
                "() => document.getElementById('picture').src.includes('/stream')"
            )
            tab.wait_for_function(f"() => {wide} === 832")
            assert wrong == []
            browser.close()
    finally:
        page_figures = figures.now()
        page.stop()
        graph.__class__ = _Ending
        thread.join(30)
    assert page_figures["drawn"] > 10
    assert made
    assert not thread.is_alive()


class _Ending(LiveGraph):
    def draw(self, frame: Frame) -> Drawn | None:
        raise GraphError("the test is over")


def _number(tab: Any, name: str) -> int:
    return int(re.sub(r"\D", "", tab.locator(f"#{name}").inner_text()))


def _pixels(tab: Any) -> Any:
    """What the picture on the page holds."""
    data = tab.evaluate(
        """() => {
            const image = document.getElementById('picture');
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL('image/png').split(',')[1];
        }"""
    )
    import base64

    return np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("RGB"))
