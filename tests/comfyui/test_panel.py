"""What a person sees in the real editor: previews, warnings, speed, cancelling and the panel."""

import asyncio
import copy
import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import aiohttp
import pytest
import torch

from browser import Frontend
from comfyui_server import ComfyUI
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.write import write_video
from kinograph.workflows.graph.shipped import DEMO_GRAPH

pytestmark = pytest.mark.comfyui

FRAMES = 800  # of the long clip: several seconds of work on a CPU, in small steps
OUR_EVENTS = """() => {
    window.said = [];
    app.api.addEventListener("kinograph.progress", ({ detail }) => window.said.push(detail.text));
}"""


def demo() -> dict[str, Any]:
    """Return the demo graph, with more people requested than MoveNet can find."""
    graph: dict[str, Any] = json.loads(DEMO_GRAPH.read_text())
    graph["5"]["inputs"]["max_people"] = 10
    return graph


@pytest.fixture(scope="module")
def ran(editor: Frontend) -> Frontend:
    """Return the editor after a run of the demo by the button."""
    editor.page.evaluate("graph => app.loadApiJson(graph, 'demo')", demo())
    editor.page.evaluate(OUR_EVENTS)
    editor.fit()
    assert editor.prompt()["3"]["class_type"] == "KinographLoadPoseModel"
    editor.queue()
    done = "() => app.graph._nodes.some(n => n.type === 'SaveVideo' && app.nodeOutputs[n.id])"
    editor.page.wait_for_function(done, timeout=180_000)
    return editor


def seen(editor: Frontend, kind: str) -> Callable[[str], Any]:
    """Return a function that evaluates JavaScript with `n`, the first node of a class."""

    def ask(question: str) -> Any:
        code = f"() => {{ const n = app.graph._nodes.find(n => n.type === '{kind}'); {question} }}"
        return editor.page.evaluate(code)

    return ask


def on_screen(editor: Frontend, kind: str) -> None:
    """Scroll the canvas to the first node of a class, without scaling."""
    seen(editor, kind)(
        "app.canvas.ds.scale = 1; app.canvas.ds.offset = [300 - n.pos[0], 120 - n.pos[1]];"
        "app.canvas.setDirty(true, true);"
    )


@pytest.mark.parametrize(
    ("kind", "moves"),
    [
        ("KinographDetectPoses", True),
        ("KinographDrawSkeleton", True),
        ("KinographVaceNormalise", False),
    ],
)
def test_previews_are_on_the_nodes(ran: Frontend, kind: str, moves: bool) -> None:
    on_screen(ran, kind)
    ran.page.wait_for_function(
        f"""() => app.graph._nodes.find(n => n.type === '{kind}').imgs?.[0]?.naturalWidth > 100""",
        timeout=60_000,
    )
    ask = seen(ran, kind)
    shown = ask("return app.nodeOutputs[n.id]")
    assert shown["animated"] == [moves]
    assert shown["images"][0]["type"] == "temp"
    assert ask("return n.imgs[0].naturalWidth") <= 640
    ran.page.wait_for_timeout(1500)
    ran.screenshot(ran.server.base / "screenshots" / f"{kind}.png")


def test_a_moving_preview_has_room(ran: Frontend) -> None:
    on_screen(ran, "KinographDetectPoses")
    name = "$$comfy_animation_preview"
    ask = seen(ran, "KinographDetectPoses")
    ran.page.wait_for_function(
        f"""() => app.graph._nodes.find(n => n.type === 'KinographDetectPoses').widgets
            .find(w => w.name === '{name}')?.computedHeight > 100""",
        timeout=60_000,
    )
    assert ask(f"return n.widgets.find(w => w.name === '{name}').computedHeight") < 400


def test_words_and_warnings_are_on_the_node(ran: Frontend) -> None:
    on_screen(ran, "KinographDetectPoses")
    text = ran.page.locator(".kinograph-shown", has_text="33 frames, 57 poses")
    text.wait_for(state="visible", timeout=30_000)
    warning = text.locator(".kinograph-warning")
    assert warning.count() == 1
    assert "movenet_multipose detects at most 6 people at once, 10 are" in warning.inner_text()
    log = ran.server.log()
    assert "node 5: max_people: movenet_multipose detects at most 6" in log
    # The text of a node is saved neither with the workflow nor with the prompt.
    assert "kinograph_shown" not in json.dumps(ran.workflow())
    assert "kinograph_shown" not in json.dumps(ran.prompt())
    values = seen(ran, "KinographDetectPoses")("return n.serialize().widgets_values")
    assert values == [0.2, 0.3, 10, 0, False, 0, "no"]


def test_speed_is_told_while_a_node_runs(ran: Frontend) -> None:
    said = ran.page.evaluate("() => window.said")
    assert any(line.startswith("33/33 frames, ") and line.endswith(" frames/s") for line in said)


def test_saved_sizes_are_kept_and_new_nodes_are_wide(editor: Frontend) -> None:
    sizes = editor.page.evaluate(
        """() => {
            const node = LiteGraph.createNode('KinographSaveVace');
            const kept = LiteGraph.createNode('KinographSaveVace');
            kept.configure({...node.serialize(), size: [215, 90]});
            return [node.size[0], kept.size[0]];
        }"""
    )
    assert sizes == [340, 215]


def panel(editor: Frontend) -> Any:
    opened = editor.page.locator(".kinograph-panel")
    if not opened.count():
        editor.page.get_by_test_id("kinograph-engines-tab-button").click()
        opened.wait_for(timeout=30_000)
    return opened


def engines(comfy: ComfyUI) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(comfy.get_text("/kinograph/engines"))["engines"]
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_lists_and_verifies(ran: Frontend, theme: str) -> None:
    ran.page.evaluate(
        "async t => await app.extensionManager.setting.set('Comfy.ColorPalette', t)", theme
    )
    shown = panel(ran)
    row = shown.locator("tr[data-engine]", has_text="MoveNet").filter(has_text="onnxruntime")
    row.first.wait_for(timeout=30_000)
    text = row.first.inner_text()
    for part in ("fp32", "MB", "in memory", " ms ("):
        assert part in text, text
    row.first.get_by_role("button", name="Verify").click()
    shown.locator(".kinograph-job", has_text="1 right, 0 damaged").wait_for(timeout=120_000)
    row.first.locator("td", has_text="right").wait_for(timeout=30_000)
    ran.page.wait_for_timeout(300)
    ran.screenshot(ran.server.base / "screenshots" / f"panel_{theme}.png")


def test_the_panel_adds_nodes(ran: Frontend) -> None:
    shown = panel(ran)
    before = ran.page.evaluate("() => app.graph._nodes.length")
    shown.locator("summary").click()
    shown.get_by_label("Model").select_option("raft_small_v2")
    shown.get_by_label("Max. frames per call").fill("4")
    shown.get_by_role("button", name="Add as nodes").click()
    made = ran.page.evaluate(
        "n => app.graph._nodes.slice(n).map(n => [n.type, n.widgets.map(w => w.value)])", before
    )
    assert [kind for kind, _ in made] == ["KinographLoadFlowModel", "KinographBuildEngine"]
    assert made[0][1][0] == "raft_small_v2"
    assert made[1][1][:3] == ["auto", "auto", 4]
    assert ran.page.evaluate("n => app.graph._nodes[n + 1].inputs[0].link !== null", before)


def test_errors_are_shown_as_text(ran: Frontend) -> None:
    shown = panel(ran)
    if not shown.get_by_label("Smallest size").is_visible():
        shown.locator("summary").click()
    shown.get_by_label("Smallest size").fill("7")
    shown.get_by_role("button", name="Build", exact=True).click()
    alert = shown.get_by_role("alert")
    alert.wait_for(timeout=30_000)
    assert "min_size: expected a whole number from 32 to 4096, found 7" in alert.inner_text()


def test_pruning_asks_first(ran: Frontend) -> None:
    folder = ran.server.models / "engines"
    # A foreign file whose name must not be interpreted as HTML.
    name = "stray<img src=x onerror=window.broken=1>"
    (folder / f"{name}.engine").write_bytes(b"no engine")
    shown = panel(ran)
    shown.get_by_role("button", name="Refresh").click()
    stray = shown.locator("tr[data-engine]", has_text="stray")
    stray.wait_for(timeout=30_000)
    shown.get_by_role("button", name="Prune…").click()
    question = shown.locator(".kinograph-prune")
    question.wait_for(timeout=30_000)
    assert name in question.inner_text()
    question.get_by_role("button", name="Keep").click()
    assert (folder / f"{name}.engine").exists()
    shown.get_by_role("button", name="Prune…").click()
    question.get_by_role("button", name="Remove").click()
    stray.wait_for(state="detached", timeout=30_000)
    assert not (folder / f"{name}.engine").exists()
    assert ran.page.evaluate("() => window.broken === undefined")
    assert any(engine["loaded"] for engine in engines(ran.server)), "the good one stays"


def test_deleting_asks_first(ran: Frontend) -> None:
    folder = ran.server.models / "engines"
    good = next(engine["name"] for engine in engines(ran.server) if engine["loaded"])
    for suffix in (".engine", ".json"):
        shutil.copy(folder / f"{good}{suffix}", folder / f"copy-of-it{suffix}")
    shown = panel(ran)
    shown.get_by_role("button", name="Refresh").click()
    row = shown.locator("tr[data-engine='copy-of-it']")
    row.wait_for(timeout=30_000)
    row.get_by_role("button", name="Delete…").click()
    row.get_by_role("button", name="Keep").click()
    assert (folder / "copy-of-it.engine").exists()
    row.get_by_role("button", name="Delete…").click()
    row.get_by_role("button", name="Delete", exact=True).click()
    row.wait_for(state="detached", timeout=30_000)
    assert not (folder / "copy-of-it.engine").exists()
    assert (folder / f"{good}.engine").exists()


def test_nothing_of_ours_was_an_error(ran: Frontend) -> None:
    assert [error for error in ran.errors if "inograph" in error] == []


@pytest.mark.parametrize(
    ("locale", "title"), [("ja", "Kinograph エンジン"), ("zh", "Kinograph 引擎")]
)
def test_the_panel_speaks_the_editors_language(
    comfy: ComfyUI, ran: Frontend, locale: str, title: str
) -> None:
    # In the open editor: texts are looked up whenever the panel is drawn.
    ran.page.evaluate(
        "async l => await app.extensionManager.setting.set('Comfy.Locale', l)", locale
    )
    shown = panel(ran)
    shown.locator(".kinograph-bar button").first.click()
    shown.locator("h3", has_text=title).wait_for(timeout=30_000)
    ran.page.evaluate("async () => await app.extensionManager.setting.set('Comfy.Locale', 'en')")


# -- cancelling without the browser


@pytest.fixture(scope="module")
def long_clip(comfy: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> str:
    random = torch.Generator().manual_seed(0)
    still = torch.rand(1, 29, 52, 3, generator=random)
    still = torch.nn.functional.interpolate(still.movedim(-1, 1), (232, 416), mode="bicubic")
    frames = still.clamp(0, 1).movedim(1, -1).expand(FRAMES, -1, -1, -1)
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_video(path, Clip(frames, Fraction(15)))
    return comfy.place_input(path)


def graph_of(file: str, worker: dict[str, Any]) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": file}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {"class_type": "KinographLoadPoseModel", "inputs": {"model": "movenet_multipose"}},
        "4": {
            "class_type": "KinographBuildEngine",
            "inputs": {
                "model": ["3", 0],
                **{"backend": "onnxruntime", "precision": "fp32", "max_batch": 16},
                **{"min_size": 128, "max_size": 1024},
            },
        },
        **worker,
    }


DETECT = {
    "5": {
        "class_type": "KinographDetectPoses",
        "inputs": {
            **{"image": ["2", 0], "engine": ["4", 0], "score_threshold": 0.2},
            **{"keypoint_threshold": 0.3, "max_people": 6, "detection_size": 512},
        },
    },
    "6": {
        "class_type": "KinographSavePoses",
        "inputs": {"poses": ["5", 0], "form": "pose_keypoint", "filename_prefix": "cancelled"},
    },
}
FLOW = {
    "5": {
        "class_type": "KinographEstimateFlow",
        "inputs": {
            **{"image": ["2", 0], "direction": "both", "first_frame": "duplicate", "size": 0},
            **{"fps": 16.0, "dis_preset": "medium"},
        },
    },
    "6": {"class_type": "KinographFlowStatistics", "inputs": {"flow": ["5", 0], "threshold": 1.0}},
}


async def interrupted(comfy: ComfyUI, graph: dict[str, Any]) -> float:
    """Run a graph and interrupt its node 5 half way; return the seconds until ComfyUI stops.

    On a busy machine these are the seconds that ComfyUI works meanwhile.
    """
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{comfy.url}/ws?clientId=canceller", max_msg_size=0) as socket,
    ):

        async def event(kind: str) -> dict[str, Any]:
            while True:
                message = await asyncio.wait_for(socket.receive(), 120)
                if message.type is aiohttp.WSMsgType.TEXT and message.json()["type"] == kind:
                    data: dict[str, Any] = message.json()["data"]
                    return data

        async with session.post(f"{comfy.url}/prompt", json={"prompt": graph}) as answer:
            prompt = (await answer.json())["prompt_id"]
        state: dict[str, Any] = {}
        # The node has processed some frames and has more to process.
        while not (state.get("state") == "running" and 0 < state["value"] < FRAMES / 2):
            state = (await event("progress_state"))["nodes"].get("5", {})
        started, worked = time.monotonic(), comfy.cpu_seconds()
        async with session.post(f"{comfy.url}/interrupt"):
            pass
        assert (await event("execution_interrupted"))["prompt_id"] == prompt
        return min(time.monotonic() - started, comfy.cpu_seconds() - worked)


@pytest.mark.parametrize("worker", [DETECT, FLOW], ids=["detect", "flow"])
def test_interrupting_stops_within_two_seconds(
    comfy: ComfyUI, long_clip: str, worker: dict[str, Any]
) -> None:
    graph = graph_of(long_clip, worker)
    with ThreadPoolExecutor() as pool:  # Playwright's event loop runs in this thread
        assert pool.submit(lambda: asyncio.run(interrupted(comfy, graph))).result(300) < 2
    # Nothing is left behind: the next run works.
    short = copy.deepcopy(graph)
    short["1"]["inputs"]["file"] = demo()["1"]["inputs"]["file"]
    assert "6" in comfy.run(short)
