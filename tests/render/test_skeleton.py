"""Skeletons against OpenCV drawings of the same styles, golden images and invariants."""

import colorsys
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.pose.poses import Poses
from kinograph.engines.render.limbs import TRACK_COLOURS
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.render.styles import STYLES
from kinograph.engines.render.styles.style import PARTS

BODY = STYLES["openpose"].groups[0]
DATA = Path(__file__).parents[1] / "data"
Golden = Callable[[str, Tensor], None]
People = Callable[..., Poses]


def _limb(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, colour: object) -> None:
    """A limb as the DWPose drawing code of other packs draws it."""
    middle, length = (start + end) / 2, math.dist(start, end)
    angle = math.degrees(math.atan2(start[1] - end[1], start[0] - end[0]))
    center = int(middle[0]), int(middle[1])
    polygon = cv2.ellipse2Poly(center, (int(length / 2), 4), int(angle), 0, 360, 1)
    cv2.fillConvexPoly(canvas, polygon, colour)


def opencv_openpose(poses: Poses, frame: int) -> np.ndarray:
    """[H,W,3] 0..1: person by person, limbs in 0.6 of their colour, then dots."""
    canvas = np.zeros((*poses.canvas, 3), np.uint8)
    for person in poses.as_openpose().keypoints[frame].double().numpy():
        for (i, j), colour in BODY.limbs:
            _limb(canvas, person[i], person[j], colour)
        for (x, y), (_, colour) in zip(person, BODY.dots, strict=True):
            cv2.circle(canvas, (int(x), int(y)), 4, colour, -1)
    return canvas / 255


def opencv_vace(poses: Poses, frame: int) -> np.ndarray:
    """[H,W,3] 0..1: all limbs, dimmed together, all dots, at 1024 px, then shrunk by area."""
    height, width = poses.canvas
    scale = 1024 / min(height, width)
    big = round(height * scale / 64) * 64, round(width * scale / 64) * 64
    canvas = np.zeros((*big, 3), np.uint8)
    points = poses.as_openpose().keypoints[frame].double().numpy() * (
        big[1] / width,
        big[0] / height,
    )
    for ((i, j), _), (_, colour) in zip(BODY.limbs, BODY.dots, strict=False):
        for person in points:
            _limb(canvas, person[i], person[j], colour)
    canvas = (canvas * 0.6).astype(np.uint8)
    for n, colour in BODY.dots:
        for person in points:
            cv2.circle(canvas, (int(person[n][0]), int(person[n][1])), 4, colour, -1)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA) / 255


def opencv_yolo_nas(poses: Poses, frame: int) -> np.ndarray:
    """[640,640,3] 0..1: dots, then thick lines over them, at three quarters brightness."""
    canvas = np.zeros((640, 640, 3), np.uint8)
    for person in poses.as_openpose().keypoints[frame].int().tolist():
        for x, y in person:
            cv2.circle(canvas, (x, y), 8, (0, 255, 0), -1, cv2.LINE_AA)
        for (i, j), colour in STYLES["yolo_nas"].groups[0].limbs:
            full = tuple(round(c / 0.75) for c in colour)
            cv2.line(canvas, person[i], person[j], full, 10, cv2.LINE_AA)
    return canvas * 0.75 / 255


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(((a - b) ** 2).mean()))


@pytest.mark.parametrize("seed", range(4))
def test_exact_openpose_is_opencv_to_the_pixel(people: People, seed: int) -> None:
    poses = people(6, 3, seed=seed)
    image, _ = draw_skeletons(poses, style="openpose", antialias=False)
    for frame in range(6):
        wanted = opencv_openpose(poses, frame)
        np.testing.assert_allclose(image[frame].numpy(), wanted, atol=1e-6)


def test_exact_openpose_is_opencv_to_the_pixel_on_long_limbs(people: People) -> None:
    poses = people(2, 6, (1080, 1920), grown=5.0)
    # Where a limb crosses the border OpenCV clips its outline first: a pixel may differ there.
    poses.keypoints.clamp_(min=10).clamp_(max=torch.tensor([1910.0, 1070.0]))
    image, _ = draw_skeletons(poses, style="openpose", antialias=False)
    for frame in range(2):
        wanted = opencv_openpose(poses, frame)
        np.testing.assert_allclose(image[frame].numpy(), wanted, atol=1e-6)


def test_antialiased_openpose_differs_from_opencv_at_edges_only(people: People) -> None:
    poses = people(3, 2)
    image, mask = draw_skeletons(poses, style="openpose")
    for frame in range(3):
        wanted = opencv_openpose(poses, frame)
        assert rmse(image[frame].numpy(), wanted) < 0.03
        # Away from edges, that is where a 5x5 window of the OpenCV drawing has one colour, the
        # two agree; up to the half pixel by which its whole-number geometry is off.
        low, high = (f(wanted, np.ones((5, 5))) for f in (cv2.erode, cv2.dilate))
        flat = (high - low).max(-1) == 0
        assert np.abs(image[frame].numpy() - wanted)[flat].max() < 0.01
        assert float(mask[frame].sum()) == pytest.approx((wanted.max(-1) > 0).sum(), rel=0.12)


def test_vace_looks_as_the_annotator_draws(people: People) -> None:
    poses = people(3, 2, (480, 832))
    image, _ = draw_skeletons(poses, style="vace")
    for frame in range(3):
        assert rmse(image[frame].numpy(), opencv_vace(poses, frame)) < 0.015


def test_yolo_nas_looks_as_the_nodes_draw(people: People) -> None:
    poses = people(3, 1, (640, 640))
    image, _ = draw_skeletons(poses, style="yolo_nas")
    for frame in range(3):
        # They cut coordinates to whole pixels, half a pixel off on average.
        assert rmse(image[frame].numpy(), opencv_yolo_nas(poses, frame)) < 0.03


def test_yolo_nas_shoulders_have_the_known_colour(people: People) -> None:
    poses = people(1, 1)
    poses.keypoints[0, 0, 5:7] = torch.tensor([[300.0, 100.0], [200.0, 100.0]])
    image, _ = draw_skeletons(poses, style="yolo_nas", joint_radius=-1)
    # 255, 0 and 85 at three quarters; the nodes cut 63.75 to 63 when they make it 8-bit
    assert (image[0, 100, 230] * 255).round().int().tolist() == [191, 0, 63]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("antialias", [True, False])
def test_golden(people: People, golden: Golden, style: str, antialias: bool) -> None:
    poses = people(1, 2, (240, 360), seed=5)
    image, mask = draw_skeletons(poses, style=style, antialias=antialias)
    golden(f"{style}_{'smooth' if antialias else 'exact'}", image[0])
    assert bool(((image.amax(-1) > 0) <= (mask > 0)).all())


@pytest.mark.parametrize("style", STYLES)
def test_golden_of_whole_bodies(people: People, golden: Golden, style: str) -> None:
    poses = people(1, 1, (320, 320), seed=3, grown=1.2, whole=True)
    golden(f"{style}_whole", draw_skeletons(poses, style=style)[0][0])


def opencv_hands_and_face(poses: Poses, frame: int) -> np.ndarray:
    """[H,W,3] 0..1: fingers as 2 px lines of all hues, blue dots, then white dots of the face."""
    canvas = np.zeros((*poses.canvas, 3), np.uint8)
    points = poses.as_openpose().keypoints[frame, 0].int().numpy()
    for hand in (points[92:113], points[113:134]):
        edges = [(0 if p == 0 else 4 * f + p, 4 * f + p + 1) for f in range(5) for p in range(4)]
        for n, (i, j) in enumerate(edges):
            colour = [round(c * 255) for c in colorsys.hsv_to_rgb(n / 20, 1, 1)]
            cv2.line(canvas, hand[i].tolist(), hand[j].tolist(), colour, 2)
        for x, y in hand.tolist():
            cv2.circle(canvas, (x, y), 4, (0, 0, 255), -1)
    for x, y in points[24:92].tolist():
        cv2.circle(canvas, (x, y), 3, (255, 255, 255), -1)
    return canvas / 255


def test_hands_and_face_look_as_other_packs_draw_them(people: People) -> None:
    poses = people(3, 1, whole=True, grown=1.5)
    image, _ = draw_skeletons(poses, parts=["hands", "face"], antialias=False)
    for frame in range(3):
        wanted = opencv_hands_and_face(poses, frame)
        assert rmse(image[frame].numpy(), wanted) < 0.02  # lines differ by a pixel's edge
        dots = (wanted == np.array([0, 0, 1])).all(-1) | (wanted == 1).all(-1)
        np.testing.assert_array_equal(image[frame].numpy()[dots], wanted[dots])


@pytest.mark.parametrize(
    ("style", "drawn"),
    [
        ("openpose", {"body", "hands", "face"}),
        ("vace", {"body", "face"}),
        ("vace_body", {"body"}),
        ("xinsir", {"body", "hands", "face"}),
        ("yolo_nas", {"body"}),
        ("wan_animate", {"body", "feet", "hands"}),
        ("sdpose", {"body", "feet", "hands", "face"}),
    ],
)
def test_what_a_style_draws(people: People, style: str, drawn: set[str]) -> None:
    poses = people(1, 1, whole=True)
    poses.keypoints.add_(torch.tensor([416.0, 232.0]) - poses.keypoints[0, 0, :17].mean(0))
    whole, _ = draw_skeletons(poses, style=style)
    assert torch.equal(whole, draw_skeletons(poses, style=style, parts=drawn)[0])
    for part in PARTS:
        _, alone = draw_skeletons(poses, style=style, parts=[part])
        assert alone.any(), part
        with_it, _ = draw_skeletons(poses, style=style, parts={*drawn, part})
        assert torch.equal(with_it, whole) == (part in drawn), part


@pytest.mark.parametrize(("hands", "off"), [(False, 0), (True, 0.01)])
def test_sdpose_looks_as_comfyui_draws(people: People, hands: bool, off: float) -> None:
    """Every pixel but the edges of fingers, whose ends ComfyUI cuts to whole pixels.

    The pictures were made by ComfyUI 0.33's own SDPose Draw Keypoints with OpenCV, from these poses
    through POSE_KEYPOINT: threshold 0.5, face points of 2 px, with feet.
    """
    parts = {"body", "feet", "face"} | ({"hands"} if hands else set())
    poses = people(1, 2, (240, 360), seed=3, whole=True)
    name = "whole" if hands else "without_hands"
    wanted = cv2.imread(str(DATA / f"render/sdpose_{name}.png"))[..., ::-1] / 255
    image, _ = draw_skeletons(poses, style="sdpose", parts=parts, antialias=False)
    differ = (np.abs(image[0].numpy() - wanted).max(-1) > 0.5 / 255).sum()
    assert differ <= off * (wanted.max(-1) > 0).sum()


def test_sdpose_draws_no_dot_from_outside(people: People) -> None:
    """As ComfyUI; limbs are cut at the edge."""
    poses = people(1, 1, whole=True)
    poses.keypoints[:] = torch.tensor([-2.0, 100.0])
    assert not draw_skeletons(poses, style="sdpose")[1].any()
    poses.keypoints[0, 0, 5] = torch.tensor([60.0, 100.0])  # left shoulder
    image, _ = draw_skeletons(poses, style="sdpose", parts=["body"])
    assert image[0, 100, 20].any()
    assert draw_skeletons(poses, style="openpose", parts=["hands"])[1].any()


def test_a_body_has_no_hands(people: People) -> None:
    image, mask = draw_skeletons(people(1, 1), parts=["hands", "face", "feet"])
    assert not image.any()
    assert not mask.any()


def test_wan_animate_has_one_toe_a_foot(people: People) -> None:
    poses = people(1, 1, (480, 832), whole=True)
    poses.confidence[:] = 0
    poses.confidence[:, :, [15, 17, 18]] = 1  # left ankle, big and small toe
    toe = poses.keypoints[0, 0, [17, 18]].mean(0)
    image, _ = draw_skeletons(poses, style="wan_animate", parts=["feet"])
    x, y = (toe - 0.5).round().int().tolist()
    assert (image[0, y, x] * 255).round().int().tolist() == [200, 200, 0]
    poses.confidence[:, :, 18] = 0  # half a toe is none
    assert not draw_skeletons(poses, style="wan_animate", parts=["feet"])[0].any()


@pytest.mark.parametrize(
    ("longer", "width"), [(400, 8), (500, 16), (832, 16), (1280, 24), (9000, 56)]
)
def test_xinsir_sticks_grow(longer: int, width: int) -> None:
    poses = Poses.empty(1, (160, longer), skeleton="openpose_18")
    poses.keypoints[0, 0, 1] = torch.tensor([100.0, 20.0])
    poses.keypoints[0, 0, 8] = torch.tensor([100.0, 140.0])
    poses.confidence[0, 0, [1, 8]] = 1
    poses.count[:] = 1
    _, mask = draw_skeletons(poses, style="xinsir", joint_radius=-1)
    assert float(mask[0, 80].sum()) == pytest.approx(width, abs=0.5)


def test_colours_by_track(people: People) -> None:
    poses = people(2, 3)
    tracks = torch.tensor([[4, 16, -1], [16, 4, 2]])  # 4 and 16 share a colour of twelve
    poses = replace(poses, track_ids=tracks)
    image, _ = draw_skeletons(poses, colours="track", antialias=False)
    for frame, track in ((0, 0), (1, 1)):
        x, y = poses.as_openpose().keypoints[frame, track, 7].int().tolist()  # left wrist, on top
        colour = TRACK_COLOURS[4]
        assert (image[frame, y, x] * 255).round().int().tolist() == list(colour)
    _, mask = draw_skeletons(poses, antialias=False)
    assert torch.equal(image.amax(-1) > 0, mask > 0)


def test_a_batch_equals_its_singles(people: People) -> None:
    poses = people(40, 2, (300, 400))  # more than are drawn in one go
    together, mask = draw_skeletons(poses)
    for i in (0, 13, 39):
        single, own = draw_skeletons(people_at(poses, i))
        assert torch.equal(together[i], single[0])
        assert torch.equal(mask[i], own[0])


def people_at(poses: Poses, i: int) -> Poses:
    part = slice(i, i + 1)
    return Poses(
        poses.keypoints[part],
        poses.confidence[part],
        poses.boxes[part],
        poses.scores[part],
        poses.track_ids[part],
        poses.count[part],
        poses.canvas,
        poses.skeleton,
    )


def test_mirrored_poses_give_mirrored_masks(people: People) -> None:
    poses = people(2, 2)
    mirrored = people(2, 2)
    mirrored.keypoints[..., 0] = 832 - mirrored.keypoints[..., 0]
    for style in STYLES:
        _, mask = draw_skeletons(poses, style=style)
        _, back = draw_skeletons(mirrored, style=style)
        torch.testing.assert_close(mask, back.flip(2), atol=2e-3, rtol=0)


def test_nobody_gives_an_empty_map() -> None:
    image, mask = draw_skeletons(Poses.empty(3, (48, 64)))
    assert image.shape == (3, 48, 64, 3)
    assert not image.any()
    assert not mask.any()


def test_places_beyond_the_count_and_unseen_joints_are_not_drawn(people: People) -> None:
    poses = people(1, 2)
    alone, _ = draw_skeletons(people(1, 2))
    poses.count[:] = 1
    one, _ = draw_skeletons(poses)
    assert float(one.sum()) < float(alone.sum())
    poses.confidence[:] = 0
    assert not draw_skeletons(poses)[0].any()


def test_people_off_the_canvas_do_no_harm(people: People) -> None:
    poses = people(2, 3)
    for shift in (-5000.0, 5000.0, 1e9):
        poses.keypoints[0] = people(2, 3).keypoints[0] + shift
        for antialias in (True, False):
            image, _ = draw_skeletons(poses, antialias=antialias)
            assert not image[0].any()


def test_joints_on_one_spot(people: People) -> None:
    poses = people(1, 1)
    poses.keypoints[:] = 100.0
    for style in STYLES:
        for antialias in (True, False):
            image, mask = draw_skeletons(poses, style=style, antialias=antialias)
            assert bool(image.isfinite().all())
            assert float(mask.sum()) > 0


def test_colour_order(people: People) -> None:
    rgb, _ = draw_skeletons(people(), style="vace")
    bgr, _ = draw_skeletons(people(), style="vace", colour_order="bgr")
    assert torch.equal(rgb.flip(-1), bgr)


def test_footage_shows_through(people: People) -> None:
    poses, footage = people(2), torch.rand(2, 464, 832, 3)
    before = footage.clone()
    image, mask = draw_skeletons(poses, footage=footage)
    assert torch.equal(footage, before)  # not drawn upon in place
    untouched = mask == 0
    assert torch.equal(image[untouched], footage[untouched])
    black, _ = draw_skeletons(poses)
    torch.testing.assert_close(image, black + footage * (1 - mask[..., None]))
    one, _ = draw_skeletons(poses, footage=footage[:1])
    torch.testing.assert_close(one[1][mask[1] == 0], footage[0][mask[1] == 0])


@pytest.mark.parametrize("fit", ["stretch", "letterbox", "crop"])
def test_other_sizes(people: People, fit: str) -> None:
    """The skeleton lies where the footage, fitted the same way, has the person."""
    poses = people(1, 1, (200, 400))
    nose = poses.keypoints[0, 0, 0]
    nose[:] = torch.tensor([220.0, 90.0])
    footage = torch.zeros(1, 200, 400, 3)
    footage[0, 85:95, 215:225] = 1
    poses.confidence[..., 1:] = 0
    dots, _ = draw_skeletons(poses, style="openpose", size=(300, 300), fit=fit)
    spot, _ = draw_skeletons(Poses.empty(1, (200, 400)), size=(300, 300), fit=fit, footage=footage)
    ys, xs = torch.meshgrid(torch.arange(300.0), torch.arange(300.0), indexing="ij")

    def middle(picture: Tensor) -> list[float]:
        weight = picture[0].sum(-1) / picture[0].sum()
        return [float((weight * xs).sum()), float((weight * ys).sum())]

    assert math.dist(middle(dots), middle(spot)) < 0.6


def test_sizes_of_lines_and_dots(people: People) -> None:
    areas = [
        float(draw_skeletons(people(), line_width=w, joint_radius=-1)[1].sum()) for w in (2, 4, 8)
    ]
    assert areas[1] / areas[0] == pytest.approx(2, rel=0.2)
    assert areas[2] / areas[1] == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "cubist"}, "style: expected one of openpose, vace, .*, found 'cubist'"),
        ({"fit": "tight"}, "fit: expected one of stretch, letterbox, crop, found 'tight'"),
        ({"colour_order": "grb"}, "colour order: expected one of rgb, bgr"),
        ({"size": (0, 9)}, "size: expected at least 1x1, found 9x0"),
        ({"footage": torch.zeros(3, 9, 9, 3)}, "footage: expected 4 frames .* or 1, found 3"),
    ],
)
def test_unusable_settings(people: People, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_skeletons(people(4), **options)


@pytest.mark.parametrize("size", [(512, 512), (1024, 1820), (2160, 3840)])
def test_sticks_of_openpose_grow_in_large_pictures(
    size: tuple[int, int],
) -> None:
    """Up to 1024 px, and as hard pixels of any size, they are 8 px wide."""
    poses = Poses.empty(1, size)
    high, wide = size
    poses.keypoints[0, 0, 5] = torch.tensor([wide * 0.3, high * 0.5])  # level: both shoulders
    poses.keypoints[0, 0, 6] = torch.tensor([wide * 0.7, high * 0.5])
    poses.confidence[0, 0, [5, 6]] = 1
    poses.count[:] = 1

    def width(**options: float) -> float:
        _, mask = draw_skeletons(poses, style="openpose", joint_radius=-1, **options)
        return float(mask[0, :, round(wide * 0.4)].sum())

    expected = 8 * max(1.0, high / 1024)
    assert width() == pytest.approx(expected, rel=0.05)
    assert width(antialias=False) == pytest.approx(9, abs=1)
    assert width(line_width=6.0) == pytest.approx(6, rel=0.05)
