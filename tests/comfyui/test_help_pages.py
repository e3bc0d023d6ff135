"""Every help page has a picture of its node, taken in the real editor by `--update-golden`."""

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from browser import Frontend
from comfyui_server import ComfyUI
from kinograph.nodes.extension import NODES

pytestmark = pytest.mark.comfyui
NAMES = [node.define_schema().node_id for node in NODES]

# Show one node alone on the canvas; return its rectangle in CSS pixels of the window.
ALONE = """name => {
    app.rootGraph.clear()
    const node = LiteGraph.createNode(name)
    app.rootGraph.add(node)
    node.pos = [0, 0]
    const ds = app.canvas.ds
    ds.scale = 1.4
    ds.offset = [500 / ds.scale, 200 / ds.scale]
    app.canvas.deselectAll?.()
    app.canvas.setDirty(true, true)
    const box = app.canvas.canvas.getBoundingClientRect()
    const edge = 14
    return {x: box.x + 500 - edge, y: box.y + 200 - 32 * ds.scale - 3,  // below the badge
            width: node.size[0] * ds.scale + 2 * edge,
            height: (node.size[1] + 32) * ds.scale + edge + 3}
}"""


def looks_like(path: Path, picture: Image.Image) -> bool:
    """Whether the picture in a file is this one but for the encoder's losses."""
    if not path.exists():
        return False
    with Image.open(path) as stored:
        if stored.size != picture.size:
            return False
        difference = ImageChops.difference(stored.convert("RGB"), picture)
    return max(ImageStat.Stat(difference).mean) < 1


def test_pictures_of_the_nodes(root: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    docs = root / "nodes" / "web" / "docs"
    if request.config.getoption("--update-golden"):
        editor: Frontend = request.getfixturevalue("editor")
        for name in NAMES:
            clip = editor.page.evaluate(ALONE, name)
            editor.page.wait_for_timeout(700)
            editor.page.screenshot(path=str(tmp_path / "node.png"), clip=clip)
            picture = Image.open(tmp_path / "node.png").convert("RGB")
            if not looks_like(docs / f"{name}.webp", picture):
                picture.save(docs / f"{name}.webp", quality=80, method=6)
    for name in NAMES:
        assert f"]({name}.webp)" in (docs / f"{name}.md").read_text(encoding="utf-8"), name
        with Image.open(docs / f"{name}.webp") as picture:
            assert min(picture.size) >= 60, name
    assert {path.stem for path in docs.glob("*.webp")} == set(NAMES)


def test_a_help_page_with_its_picture_in_the_editor(editor: Frontend) -> None:
    page = editor.page
    page.evaluate(ALONE, "KinographDrawSkeleton")
    page.evaluate("app.canvas.selectNode(app.rootGraph._nodes[0])")
    page.get_by_test_id("info-button").click()
    picture = page.locator("img[src*='KinographDrawSkeleton.webp']")
    picture.wait_for(timeout=20_000)
    assert picture.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100


def test_help_pages_fit_into_the_panel(editor: Frontend) -> None:
    page = editor.page
    for name in ("KinographVaceNormalise", "KinographLoadPoseFile"):
        page.evaluate(ALONE, name)
        page.evaluate("app.canvas.selectNode(app.rootGraph._nodes[0])")
        if not page.locator(".node-help-content").is_visible():
            page.get_by_test_id("info-button").click()
        page.locator(f"img[src*='{name}.webp']").wait_for(timeout=20_000)
        wide, whole = page.locator(".node-help-content").evaluate(
            "help => [help.clientWidth, help.scrollWidth]"
        )
        assert whole <= wide < 400, name


@pytest.mark.parametrize("language", ["de", "ja", "zh"])
def test_help_pages_are_where_the_editor_looks_for_a_language(
    language: str, comfy: ComfyUI, root: Path
) -> None:
    path = f"docs/KinographDetectPoses/{language}.md"
    served = comfy.get_text(f"/extensions/kinograph/{path}")
    assert served == (root / "nodes" / "web" / path).read_text("utf-8")
