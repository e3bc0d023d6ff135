"""ComfyUI's own editor in headless Chromium: tests see and click what a person does.

The frontend is the package that the running ComfyUI serves; Chromium is the machine's own, found in
PATH or named by KINOGRAPH_CHROMIUM.
"""

import base64
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page, sync_playwright

from comfyui_server import ComfyUI

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu"),  # an emulated GPU takes twice the time of drawing without
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
)
_SETTINGS = {
    "Comfy.TutorialCompleted": True,  # otherwise an overlay intercepts every click
    "Comfy.Minimap.Visible": False,
    "LiteGraph.Canvas.MinFontSizeForLOD": 0,  # titles stay readable in pictures of whole graphs
    "Comfy.Workflow.Persist": False,  # do not restore the graph of an earlier test
    "Comfy.Workflow.ShowMissingModelsWarning": False,
}
_READY = """names => !!(window.app?.graph && window.app.canvas && window.app.vueAppReady
    && names.every(name => window.LiteGraph?.registered_node_types?.[name]))"""
# Requests to other machines, and a route that older servers lack (the list of jobs).
_HARMLESS = (
    *("net::ERR_", "Failed to load resource", "Failed to fetch jobs", "Content Security Policy"),
)


@dataclass
class Frontend:
    """An open editor.

    errors: the console's errors and the uncaught exceptions so far
    """

    page: Page
    server: ComfyUI
    errors: list[str] = field(default_factory=list)

    def load(self, workflow: Mapping[str, Any], name: str = "test") -> None:
        """Open a workflow in the editor's format, as if it had been dropped on the canvas."""
        self.page.evaluate(
            "([workflow, name]) => app.loadGraphData(workflow, true, true, name)", [workflow, name]
        )

    def drop(self, path: Path) -> None:
        """Open a file (JSON, PNG, mp4 and so on) as if it had been dropped on the canvas."""
        kind = {".json": "application/json", ".png": "image/png", ".mp4": "video/mp4"}
        self.page.evaluate(
            """async ([bytes, name, type]) => {
                const file = new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name,
                                      {type});
                await app.handleFile(file);
            }""",
            [
                base64.b64encode(path.read_bytes()).decode(),
                path.name,
                kind.get(path.suffix.lower(), ""),
            ],
        )

    def prompt(self) -> dict[str, Any]:
        """Return the open workflow in API format, as converted by `app.graphToPrompt`."""
        made: dict[str, Any] = self.page.evaluate(
            "async () => JSON.parse(JSON.stringify((await app.graphToPrompt()).output))"
        )
        return made

    def workflow(self) -> dict[str, Any]:
        """Return the open workflow as the editor would save it."""
        made: dict[str, Any] = self.page.evaluate(
            "() => JSON.parse(JSON.stringify(app.rootGraph.serialize()))"
        )
        return made

    def missing(self) -> list[str]:
        """Return the types of the open workflow's nodes that the editor does not know."""
        found: list[str] = self.page.evaluate(
            """() => app.rootGraph._nodes.map(n => n.type).filter(
                type => !window.LiteGraph.registered_node_types[type]
                    && !app.rootGraph.subgraphs?.has(type))"""
        )
        return found

    def queue(self) -> None:
        """Press the button that runs the graph."""
        self.page.get_by_test_id("queue-button").dispatch_event(
            "click"
        )  # pictures of finished runs may lie over it

    def fit(self) -> None:
        """Fit the view so that every node is visible."""
        self.page.evaluate(
            "async () => { await app.extensionManager.command.execute('Comfy.Canvas.FitView') }"
        )
        self.page.wait_for_timeout(600)  # the transition is animated

    def screenshot(self, path: Path) -> Path:
        """Write a PNG of the window, and a copy into KINOGRAPH_SCREENSHOTS if that is set."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))
        if kept := os.environ.get("KINOGRAPH_SCREENSHOTS"):
            Path(kept).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, kept)
        return path


def chromium() -> str:
    """Return the path of Chromium.

    Without one the test fails instead of being skipped, which would hide a broken editor.
    """
    given = os.environ.get("KINOGRAPH_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, _NAMES)), None)
    if not found or not (Path(found).is_file() or shutil.which(found)):
        what = f"KINOGRAPH_CHROMIUM={given}: no such program" if given else "no Chromium in PATH"
        pytest.fail(
            f"{what}; install one (apt-get install chromium), name one in KINOGRAPH_CHROMIUM, or "
            'leave these tests out with pytest -m "not comfyui"',
            pytrace=False,
        )
    return found


def prepare(base: Path, settings: Mapping[str, Any] | None = None) -> None:
    """Write the editor's settings into the base folder of a ComfyUI."""
    path = base / "user" / "default" / "comfy.settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, **_SETTINGS, **(settings or {})}))


@contextmanager
def frontend(
    server: ComfyUI,
    *,
    settings: Mapping[str, Any] | None = None,
    nodes: Sequence[str] | None = None,
    timeout: float = 120,
) -> Iterator[Frontend]:
    """Open the editor of a running ComfyUI, 1600 x 1000 px, and wait until it is ready.

    settings: settings of the editor besides those that all tests need, e.g. {"Comfy.Locale": "de"}
    nodes:    node classes to wait for; by default every one of the server's Kinograph nodes
    timeout:  seconds until the editor must be ready
    """
    program = chromium()
    prepare(server.base, settings)
    if nodes is None:
        nodes = [name for name in server.object_info() if name.startswith("Kinograph")]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, headless=True, args=list(_FLAGS)
        )
        try:
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            opened = Frontend(page, server)
            page.on("console", lambda message: _note(opened, message))
            page.on("pageerror", lambda error: opened.errors.append(str(error)))
            page.goto(server.url)
            try:
                page.wait_for_function(_READY, arg=list(nodes), timeout=timeout * 1000)
            except Error as error:
                said = "\n".join(opened.errors) or "nothing in the console"
                raise RuntimeError(f"the editor did not get ready: {error}\n{said}") from error
            page.evaluate("() => app.rootGraph.clear()")  # the default workflow
            opened.errors.clear()
            yield opened
        finally:
            browser.close()


def _note(opened: Frontend, message: ConsoleMessage) -> None:
    if message.type == "error" and not any(part in message.text for part in _HARMLESS):
        opened.errors.append(message.text)
