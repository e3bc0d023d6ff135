"""The page that shows a live run: who may see it, slow viewers, a real browser."""

import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from browser import chromium
from kinograph.engines.errors import GraphError, InputError
from kinograph.workflows.live import measure
from kinograph.workflows.live.controls import Controls
from kinograph.workflows.live.figures import Figures
from kinograph.workflows.live.graph import LiveGraph
from kinograph.workflows.live.measure import Measures
from kinograph.workflows.live.page import Page, is_loopback
from kinograph.workflows.live.record import Recordings
from kinograph.workflows.live.run_live import LiveSummary, Outlets, run_live
from kinograph.workflows.live.slot import Drawn, Frame
from kinograph.workflows.live.sources import FileSource, SourceOptions
from kinograph.workflows.live.urls import UrlSource
from live_bodies import bodies_graph
from live_clips import (
    FLOW,
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


def ask(
    page: Page, path: str, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """GET a path, or POST a body to it."""
    connection = http.client.HTTPConnection(*_address(page), timeout=10)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def _address(page: Page) -> tuple[str, int]:
    found = re.fullmatch(r"http://([\d.]+):(\d+)/\?token=[\w-]{32}", page.url)
    assert found
    return found[1], int(found[2])


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/stream", "/stats", "/snapshot.png", "/events", "/settings", "/record"),
        *("/condition", "/measure", "/records.csv"),
        *("/none", "/favicon.ico"),
    ],
)
def test_every_route_needs_the_token(page: Page, path: str) -> None:
    page.show(Drawn(numbered(1), 1, 0.0))
    for query in ("", "?token=", "?token=x", f"?token={page.token[:-1]}", "?token=%C3%A9%FF"):
        status, _, body = ask(page, path + query)
        assert status == 403
        assert page.token.encode() not in body
    if path not in ("/stream", "/events"):  # which do not end
        status, _, _ = ask(page, f"{path}?token={page.token}")
        posted = dict.fromkeys(("/record", "/condition", "/measure"), 405)
        other = {"/none": 404, "/favicon.ico": 404, "/records.csv": 404, **posted}
        assert status == other.get(path, 200)


@pytest.mark.parametrize("path", ["/settings", "/record", "/condition", "/measure"])
def test_changes_need_the_token_and_json(page: Page, path: str) -> None:
    json_ = {"Content-Type": "application/json"}
    assert ask(page, path, "{}", **json_)[0] == 403
    assert ask(page, f"{path}?token=x", "{}", **json_)[0] == 403
    own = f"{path}?token={page.token}"
    assert ask(page, own, "{}", Host="evil.example", **json_)[0] == 403
    for kind, body, message in (
        ("text/plain", "{}", "expected application/json"),  # what forms of other sites send
        ("application/json", "{", "expected JSON"),
        ("application/json", "[]", "expected a JSON object"),
        ("application/json", "{}", "the run has not begun yet"),
    ):
        status, _, answer = ask(page, own, body, **{"Content-Type": kind})
        assert status == 400
        assert message in json.loads(answer)["error"]


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


def test_views_with_the_source(page: Page) -> None:
    source = numbered(5)[:32, :64]
    page.show(Drawn(numbered(77), 5, 0.0, lambda: source))
    pictures = {
        view: np.asarray(
            Image.open(BytesIO(ask(page, f"/snapshot.png?token={page.token}&view={view}")[2]))
        )
        for view in ("result", "beside", "above", "nothing")
    }
    assert (pictures["result"] == numbered(77)).all()
    assert (pictures["nothing"] == numbered(77)).all()
    assert pictures["beside"].shape == (64, 256, 3)
    assert (pictures["beside"][:, 128:] == numbered(77)).all()
    assert number_in(pictures["beside"][:, :128]) == 0b00110011  # 5, twice as wide
    assert pictures["above"].shape == (128, 128, 3)
    assert (pictures["above"][64:] == numbered(77)).all()


def test_viewers_change_settings_and_record(page: Page, tmp_path: Path) -> None:
    said: list[str] = []
    graph = live_graph(FLOW)
    page.controls = Controls(graph, Recordings(30, dict, said.append, None), said.append)
    page.controls.recordings._place = tmp_path / "out.mp4"

    def post(path: str, body: Any) -> tuple[int, Any]:
        path = f"{path}?token={page.token}"
        kind = {"Content-Type": "application/json"}
        status, _, answer = ask(page, path, json.dumps(body), **kind)
        return status, json.loads(answer)

    found = json.loads(ask(page, f"/settings?token={page.token}")[2])
    assert [node["title"] for node in found["nodes"]] == ["Estimate Flow", "Draw Flow"]
    asked = {"node": "4", "input": "strength", "value": 2}
    assert post("/settings", asked) == (200, {})
    assert said == ["node 4 (KinographDrawFlow): strength is now 2.0"]
    found = json.loads(ask(page, f"/settings?token={page.token}")[2])
    values = {setting["input"]: setting["value"] for setting in found["nodes"][1]["settings"]}
    assert values["strength"] == 2.0
    for body, message in (
        ({**asked, "value": -1}, "node 4 (KinographDrawFlow), input 'strength': expected at least"),
        ({**asked, "node": "9"}, "9.strength: is not a setting"),
        ({**asked, "node": 4}, 'expected {"node": id'),
        ({"node": "4", "input": "strength"}, 'expected {"node": id'),
    ):
        status, answer = post("/settings", body)
        assert status == 400
        assert message in answer["error"]
    status, now = post("/record", {"on": True})
    assert (status, now["on"], now["file"]) == (200, True, str(tmp_path / "out_00001.mp4"))
    assert json.loads(ask(page, f"/stats?token={page.token}")[2])["recording"] == now
    assert post("/record", {"on": "yes"})[0] == 400
    assert not post("/record", {"on": False})[1]["on"]


def test_events_come_every_second_and_tell_of_the_end(page: Page) -> None:
    line = socket.create_connection(_address(page), timeout=10)
    request = f"GET /events?token={page.token} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    line.sendall(request.encode())
    with line, line.makefile("rb") as file:
        while file.readline().strip():
            pass

        def event() -> Any:
            text = file.readline()
            assert text.startswith(b"data: ")
            assert file.readline() == b"\n"
            return json.loads(text[6:])

        assert event()["state"] == "preparing"
        page._figures.begin()
        began = time.monotonic()
        assert event()["state"] == "running"
        assert 0.5 < time.monotonic() - began < 2
        page._figures.end("the source has ended", failed=False)
        page.stop()
        last = event()
        assert (last["state"], last["message"]) == ("ended", "the source has ended")
        assert file.readline() == b""


def test_malformed_requests_are_answered_in_silence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said: list[str] = []
    page = Page("127.0.0.1", 0, Figures(), "", said.append)
    page.start()
    answers = []
    try:
        for data in (
            b"nonsense\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
            b"POST /record HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
            b"POST /record HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 100_000 + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
            b"\xff" * 1000 + b"\r\n\r\n",
            b"GET http://[::1 HTTP/1.1\r\nHost: [::1\r\n\r\n",
        ):
            with socket.create_connection(_address(page), timeout=1) as line:
                line.sendall(data)
                with suppress(ConnectionError, TimeoutError):
                    answers.append(line.recv(12))
        assert ask(page, f"/stats?token={page.token}")[0] == 200
    finally:
        page.stop()
    assert {answer[9:12] for answer in answers} <= {b"400", b"403", b"404", b""}
    assert b"400" in {answer[9:12] for answer in answers}
    assert said == []
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_a_defect_of_the_page_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    page = Page("127.0.0.1", 0, Figures(), "", said.append)

    def broken() -> Any:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr(page, "_now", broken)
    page.start()
    try:
        assert ask(page, f"/stats?token={page.token}")[0] == 500
    finally:
        page.stop()
    assert said == ["warning: the page could not answer a request (ZeroDivisionError: seven)"]
    assert capfd.readouterr().err == ""


def test_connections_that_ask_nothing_are_closed(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinograph.workflows.live import page as module

    page.stop()
    monkeypatch.setattr(module, "_IDLE", 0.5)
    page = Page("127.0.0.1", 0, Figures(), "")
    page.start()
    try:
        viewer = Viewer(page)
        page.show(Drawn(numbered(1), 1, 0.0))
        assert viewer.next() is not None
        silent, half, again = (
            socket.create_connection(_address(page), timeout=5) for _ in range(3)
        )
        half.sendall(b"GET /stats?token=")
        whole = f"GET /stats?token={page.token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        again.sendall(whole.encode())
        assert again.recv(12) == b"HTTP/1.1 200"
        again.sendall(whole.encode()[:30])
        began = time.monotonic()
        for line in (silent, half, again):
            while line.recv(4096):
                pass  # until it is closed
            line.close()
        assert 0.3 < time.monotonic() - began < 3
        page.show(Drawn(numbered(2), 2, 0.0))
        assert (viewer.next() or [0])[0] == 2  # who only waits for pictures stays
        viewer.close()
    finally:
        page.stop()


def test_the_end_is_quick_however_viewers_behave(page: Page) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8)
    viewers = [Viewer(page) for _ in range(3)]
    half = socket.create_connection(_address(page), timeout=5)
    half.sendall(b"POST /record")
    for number in range(5):
        page.show(Drawn(noise, number + 1, 0.0))
        time.sleep(0.1)  # nobody reads, so that all of them are stuck
    began = time.monotonic()
    page.stop()
    assert time.monotonic() - began < 1.5
    for viewer in viewers:
        viewer.close()
    half.close()


@dataclass
class _Browser:
    tab: Any
    page: Page
    graph: LiveGraph
    figures: Figures
    folder: Path
    wrong: list[str]

    def shot(self, name: str) -> None:
        self.tab.screenshot(path=str(self.folder / f"{name}.png"))

    def stop(self) -> None:
        """Stop the page; in another thread, as Playwright has an event loop in this one."""
        thread = threading.Thread(target=self.page.stop)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()

    def state(self, text: str) -> None:
        self.tab.wait_for_function(
            "text => document.getElementById('state').textContent === text", arg=text
        )

    def wide(self, width: int) -> None:
        self.tab.wait_for_function(
            "width => document.getElementById('picture').naturalWidth === width", arg=width
        )

    def with_source(self) -> None:
        self.tab.wait_for_function(
            """() => {
                const shown = document.getElementById('picture');
                return shown.naturalWidth * shown.naturalHeight === 2 * 416 * 232;
            }"""
        )


@pytest.fixture
def browser(root: Path, clip_path: Path, tmp_path: Path) -> Iterator[_Browser]:
    """A page of a run that goes on, in Chromium."""
    graph = live_graph(root / "workflows" / "api" / "flow_to_vace.json", size=(232, 416))
    with _running(graph, clip_path, tmp_path) as made:
        yield made


@contextmanager
def _running(
    graph: LiveGraph, clip: Path, tmp_path: Path, measures: Measures | None = None
) -> Iterator[_Browser]:
    from playwright.sync_api import sync_playwright

    source = FileSource(str(clip), SourceOptions(loop=True))
    source.open()
    figures = Figures()
    page = Page("127.0.0.1", 0, figures, "Kinograph: flow_to_vace.json")
    recordings = Recordings(source.rate, dict, lambda text: None)
    recordings._place = tmp_path / "out.mp4"
    page.controls = Controls(graph, recordings, lambda text: None, measures)
    page.start()
    graph.prepare(source.rate, source.size)
    made: list[LiveSummary] = []
    outlets = Outlets(figures, page, recordings, measures)
    thread = threading.Thread(target=lambda: made.append(run_live(graph, source, outlets, 120)))
    thread.start()
    wrong: list[str] = []
    folder = Path(os.environ.get("KINOGRAPH_SHOTS", tmp_path))
    try:
        with sync_playwright() as playwright:
            program = playwright.chromium.launch(
                executable_path=chromium(), headless=True, args=["--no-sandbox"]
            )
            tab = program.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
            tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.goto(page.url)
            yield _Browser(tab, page, graph, figures, folder, wrong)
            program.close()
    finally:
        page.stop()
        graph.__class__ = _Ending
        thread.join(30)
    assert made
    assert not thread.is_alive()


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_the_page_in_a_browser(browser: _Browser) -> None:
    tab = browser.tab
    browser.wide(416)
    browser.state("live")
    tab.wait_for_function("() => document.getElementById('median').textContent.includes('ms')")
    shown = _number(tab, "shown")
    tab.wait_for_timeout(2500)
    assert _number(tab, "shown") > shown  # it goes on
    browser.shot("live_dark")
    tab.emulate_media(color_scheme="light")
    tab.get_by_role("button", name="Pause").click()
    tab.wait_for_function("() => document.getElementById('picture').src.startsWith('blob:')")
    browser.wide(416)
    first = _pixels(tab)
    tab.wait_for_timeout(1500)
    assert (_pixels(tab) == first).all()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Snapshot").click()
    saved = np.asarray(Image.open(download.value.path()))
    assert re.fullmatch(r"kinograph_\d{6}\.png", download.value.suggested_filename)
    assert (saved == first).all()  # what was seen
    tab.get_by_role("button", name="Resume").click()
    tab.wait_for_function("() => document.getElementById('picture').src.includes('/stream')")
    browser.wide(416)
    tab.get_by_role("button", name="Source").click()
    browser.with_source()
    tab.get_by_role("button", name="Source").click()
    browser.wide(416)
    assert browser.figures.now()["drawn"] > 10
    assert browser.wrong == []


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_settings_and_recordings_in_a_browser(browser: _Browser) -> None:
    tab = browser.tab
    browser.state("live")
    tab.get_by_role("button", name="Settings").click()
    colours = tab.get_by_label("colours")
    assert colours.input_value() == "middlebury"
    colours.select_option("hsv")
    tab.wait_for_function("() => now.changes === 1")
    strength = tab.get_by_label("strength")
    strength.fill("-3")
    strength.press("Enter")
    said = tab.locator("#said")
    tab.wait_for_function("() => document.getElementById('said').textContent.includes('strength')")
    assert "expected at least 0" in said.inner_text()
    browser.shot("live_settings")
    tab.wait_for_function("() => document.querySelectorAll('aside .bad').length === 0")
    assert strength.input_value() == "1"  # as it was
    tab.get_by_label("legend").check()
    tab.wait_for_function("() => now.changes === 2")
    assert browser.graph.assignments() == ["4.colours=hsv", "4.legend=true"]
    browser.page.controls.change({"node": "4", "input": "scale", "value": 5})  # by somebody else
    tab.wait_for_function("() => now.changes === 3")
    tab.wait_for_function(
        "() => [...document.querySelectorAll('input')].some(i => i.value === '5')"
    )

    tab.get_by_role("button", name="Record").click()
    tab.wait_for_function("() => now.recording.seconds > 1")
    assert "out_00001.mp4" in tab.locator("#recorded").inner_text()
    tab.get_by_role("button", name="Stop recording").click()
    tab.wait_for_function("() => now.recording.files.length === 1")
    (path,) = map(Path, browser.page.controls.recordings.now()["files"])
    assert tab.locator("#recorded").inner_text() == f"Recorded: {path}"
    with av.open(str(path)) as container:
        assert container.duration / 1e6 > 0.5
    assert len(browser.wrong) == 1  # the refusal, which the console names, too
    assert "400" in browser.wrong[0]


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_metrics_in_a_browser(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Charts by person, a condition, a record by key, and its tables, also after the end."""
    monkeypatch.setattr(measure, "SECONDS", 1.5)
    with _running(bodies_graph(), numbers, tmp_path, Measures()) as browser:
        tab = browser.tab
        browser.state("live")
        tab.wait_for_selector("#charts figure")  # by itself, as the window is wide
        assert tab.locator("#charts figure").count() == 7
        names = tab.locator("#charts figcaption span:first-child").all_inner_texts()
        assert names[0] == "Frames per second"
        assert names[-1] == "Detection"
        drawn = """() => document.querySelectorAll('#charts figure:nth-child(3) path').length === 2
            && [...document.querySelectorAll('#charts path')].every(
                p => !p.getAttribute('d').includes('NaN'))"""
        tab.wait_for_function(drawn)
        assert tab.locator("#people").inner_text().split("\n") == ["person 3", "person 4"]
        tab.locator("#condition").select_option("Custom")
        custom = tab.get_by_label("custom condition")
        custom.fill("backlit")
        tab.keyboard.press("r")  # typed into a field
        custom.fill("backlit, <at> night")
        custom.press("Enter")
        tab.wait_for_function("() => now.measures.condition.startsWith('Custom: backlit, ')")
        tab.get_by_role("button", name="Metrics").focus()
        assert tab.evaluate("() => now.measures.left") is None
        tab.keyboard.press("r")
        tab.wait_for_function("() => now.measures.left !== null")
        tab.wait_for_selector("#charts .mark", state="attached")
        browser.shot("live_metrics")
        tab.wait_for_selector("#remi")
        assert "People" in tab.locator("#stages").inner_text()
        browser.figures.end("the source has ended", failed=False)
        browser.stop()
        browser.state("ended")
        assert tab.get_by_role("button", name="Record 5 s").is_disabled()
        for link, columns, rows in (("CSV", "Timestamp,Condition,Captured", 3), ("remi", "", 1)):
            with tab.expect_download() as download:
                if link == "CSV":
                    tab.get_by_role("link", name="CSV", exact=True).click()
                else:
                    tab.locator("#remi").click()
            lines = download.value.path().read_text().splitlines()
            assert lines[0].startswith(columns or "Timestamp,Condition,Avg Processing FPS,")
            assert len(lines) == 1 + rows
            assert '"Custom: backlit, <at> night"' in lines[1]
        browser.shot("live_metrics_ended")
        assert browser.wrong == []


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
@pytest.mark.parametrize("size", [(1280, 800), (844, 390), (390, 844)])
def test_all_figures_are_above_the_fold(browser: _Browser, size: tuple[int, int]) -> None:
    tab = browser.tab
    wide, tall = size
    tab.set_viewport_size({"width": wide, "height": tall})
    browser.wide(416)
    browser.state("live")
    tab.wait_for_function("() => document.getElementById('median').textContent.includes('ms')")
    for name in ("picture", "median", "viewers", "shown", "record", "full"):
        box = tab.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0, name
        assert box["y"] >= 0, name
        assert box["x"] + box["width"] <= wide, name
        assert box["y"] + box["height"] <= tall, name
    picture = tab.locator("#picture").bounding_box()
    assert picture["width"] * picture["height"] > 0.25 * wide * tall
    cut_off = """() => [...document.querySelectorAll('dt, dd')]
        .filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"""
    assert tab.evaluate(cut_off) == []
    browser.shot(f"live_{wide}x{tall}")
    tab.get_by_role("button", name="Source").click()
    browser.with_source()
    tab.wait_for_timeout(300)
    browser.shot(f"live_source_{wide}x{tall}")
    tab.get_by_role("button", name="Settings").click()
    tab.wait_for_selector("aside select")
    browser.shot(f"live_settings_{wide}x{tall}")


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_fullscreen_by_key_and_double_click(browser: _Browser) -> None:
    tab = browser.tab
    browser.wide(416)
    on = "() => document.fullscreenElement?.id === 'screen'"
    tab.keyboard.press("f")
    tab.wait_for_function(on)
    tab.keyboard.press("f")
    tab.wait_for_function("() => !document.fullscreenElement")
    tab.locator("#screen").dblclick()
    tab.wait_for_function(on)
    tab.locator("#screen").dblclick()
    tab.wait_for_function("() => !document.fullscreenElement")
    tab.get_by_role("button", name="Settings").click()
    tab.wait_for_selector("aside select")
    tab.get_by_label("strength").focus()
    tab.keyboard.press("f")  # typed into a field
    tab.wait_for_timeout(300)
    assert tab.evaluate("() => !document.fullscreenElement")


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_ends_are_told_apart_in_a_browser(browser: _Browser) -> None:
    tab = browser.tab
    dimmed = "() => document.getElementById('screen').classList.contains('old')"
    browser.wide(416)
    browser.state("live")
    assert not tab.evaluate(dimmed)
    with browser.figures._lock:
        browser.figures._last -= 1e9  # as if no frame had come for long
        browser.figures.captured = lambda dropped: 0  # type: ignore[method-assign]
    browser.state("source is down")
    assert tab.evaluate(dimmed)
    tab.wait_for_timeout(200)
    browser.shot("live_down")
    del browser.figures.captured
    browser.state("live")
    assert not tab.evaluate(dimmed)

    browser.figures.end("the source has ended", failed=False)
    browser.stop()
    browser.state("ended")
    tab.wait_for_timeout(200)
    browser.shot("live_ended")
    assert tab.locator("#said").inner_text() == "The source has ended."
    assert "bad" not in (tab.locator("#said").get_attribute("class") or "")
    assert tab.evaluate(dimmed)
    assert tab.get_by_role("button", name="Record").is_disabled()
    tab.wait_for_timeout(1500)
    browser.state("ended")  # and it stays


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_a_failure_in_a_browser(browser: _Browser) -> None:
    tab = browser.tab
    browser.state("live")
    browser.figures.end("graph.json: node 4 (KinographDrawFlow): it broke", failed=True)
    browser.stop()
    browser.state("failed")
    said = tab.locator("#said")
    assert said.inner_text() == "graph.json: node 4 (KinographDrawFlow): it broke"
    assert said.get_attribute("class") == "bad"
    tab.wait_for_timeout(200)
    browser.shot("live_failed")


@pytest.mark.comfyui  # needs Chromium
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_a_lost_connection_in_a_browser(browser: _Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that vanishes without a word has not ended."""
    tab = browser.tab
    browser.wide(416)
    browser.state("live")
    monkeypatch.setattr(browser.page, "_now", _vanish)
    browser.state("connection lost")
    tab.wait_for_timeout(200)
    browser.shot("live_lost")
    said = tab.locator("#said")
    assert said.inner_text().startswith("Kinograph does not answer: it was killed, or the network")
    assert said.get_attribute("class") == "bad"
    assert tab.evaluate("() => document.getElementById('screen').classList.contains('old')")
    monkeypatch.undo()
    browser.state("live")  # it has found it again, by itself
    browser.wide(416)
    assert not tab.evaluate("() => document.getElementById('screen').classList.contains('old')")


def _vanish() -> Any:
    raise ConnectionError("the network is down")


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
