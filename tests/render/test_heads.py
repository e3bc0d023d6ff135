"""Heads drawn: against OpenCV's projection and drawing, golden images and invariants."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.head import contours
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.landmarks_68 import landmarks_68, landmarks_70
from kinograph.engines.render.heads.draw import draw_heads
from kinograph.engines.render.heads.styles import HEAD_STYLES
from kinograph.engines.render.limbs import TRACK_COLOURS
from posed_heads import SIZE, made_heads, turned, turning_heads

Golden = Callable[[str, Tensor], None]

RED, GREEN, BLUE = (255, 48, 48), (32, 224, 32), (48, 128, 255)  # of the axes x, y, z
LANDMARKS = [name for name, style in HEAD_STYLES.items() if style.landmarks]


def head(
    rotation: Tensor, at: tuple[float, float, float] = (0.0, 0.0, -60.0), **more: object
) -> Heads:
    """Return one head in one frame."""
    return made_heads(rotation[None, None], torch.tensor([[at]]), **more)  # type: ignore[arg-type]


def projected(heads: Heads, points: Tensor) -> np.ndarray:
    """Return where OpenCV sees points [K,3] cm of the first head: [K,2] px."""
    flip = np.diag([1.0, -1.0, -1.0])  # OpenCV's camera has y down and z away
    fx, fy, cx, cy = heads.camera.table(torch.float64)[:, 0].tolist()
    lens = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    turn, _ = cv2.Rodrigues(flip @ heads.rotation[0, 0].double().numpy())
    move = flip @ heads.translation[0, 0].double().numpy()
    return cv2.projectPoints(points.double().numpy(), turn, move, lens, None)[0][:, 0]


def colour_at(image: Tensor, place: np.ndarray) -> tuple[int, ...]:
    x, y = place.astype(int)
    return tuple((image[y, x] * 255).round().int().tolist())


@pytest.mark.parametrize(
    "angles", [(30.0, 20.0, 10.0), (-50.0, 0.0, 30.0), (75.0, -30.0, 0.0), (160.0, 25.0, -100.0)]
)
@pytest.mark.parametrize("at", [(0.0, 0.0, -60.0), (-18.0, 9.0, -45.0)])
def test_axes_end_where_opencv_sees_them(
    angles: tuple[float, float, float], at: tuple[float, float, float]
) -> None:
    heads = head(turned(*angles), at, size=(240, 320))
    image = draw_heads(heads, line_width=3).image[0]
    ends = projected(heads, 12 * torch.eye(3))
    start = projected(heads, torch.zeros(1, 3))[0]
    for end, colour in zip(ends, (RED, GREEN, BLUE), strict=True):
        assert colour_at(image, end - (end - start) * 0.04) == colour
        beyond = end + (end - start) / np.linalg.norm(end - start) * 3
        assert colour_at(image, beyond) != colour


def test_the_nearer_axis_covers_those_behind() -> None:
    """Turned towards the camera the blue one is on top at the origin, and below from behind."""
    for yaw, pitch, colour in ((12.0, -12.0, BLUE), (192.0, 12.0, RED)):
        heads = head(turned(yaw, pitch))
        image = draw_heads(heads, line_width=4).image[0]
        assert colour_at(image, projected(heads, torch.zeros(1, 3))[0]) == colour


def test_an_axis_that_reaches_behind_the_camera_ends_before_it() -> None:
    heads = head(turned(25.0, 10.0), (0.0, 0.0, -8.0))  # the blue one is 12 cm long
    drawn = draw_heads(heads, line_width=2)
    assert bool(drawn.image.isfinite().all())
    blue = (drawn.image[0] - torch.tensor(BLUE) / 255).abs().amax(-1) < 0.02
    towards = projected(heads, torch.tensor([[0.0, 0.0, 4.0]]))[0]
    x, y = towards.astype(int)
    assert bool(blue[y, x])  # part of it is seen, where it should be
    assert bool(blue[:, -1].any() or blue[-1].any())  # and it leaves the picture
    behind = draw_heads(head(turned(0.0), (0.0, 0.0, 5.0), points=0), line_width=2)
    assert not bool(behind.mask.any() or behind.face.any())


def test_nearer_heads_cover_those_behind_whatever_their_scores() -> None:
    rotation = turned(0.0).expand(1, 2, 3, 3)
    far_first = torch.tensor([[[0.0, 0.0, -70.0], [0.0, 0.0, -40.0]]])
    for translation, near in ((far_first, 1), (far_first.flip(1), 0)):
        heads = made_heads(rotation, translation)
        image = draw_heads(heads, style="axes", colours="track", line_width=6).image[0]
        track = TRACK_COLOURS[int(heads.track_ids[0, near])]
        middle = image[SIZE[0] // 2, SIZE[1] // 2]
        shade = (middle * 255).tolist()
        scale = shade[0] / track[0]
        assert shade == pytest.approx([scale * c for c in track], abs=1.5)


@pytest.mark.parametrize(
    ("style", "mapped"), [("face_68", landmarks_68), ("openpose_face_70", landmarks_70)]
)
def test_white_points_are_opencvs_to_the_pixel(
    style: str, mapped: Callable[[Tensor], Tensor]
) -> None:
    heads = turning_heads(3, size=(240, 320))
    drawn = draw_heads(heads, style=style, antialias=False)
    for frame in range(3):
        wanted = np.zeros((240, 320, 3), np.uint8)
        for points in mapped(heads.landmarks)[frame, : heads.count[frame]]:
            for x, y, _ in points.double().numpy():
                cv2.circle(wanted, (int(x), int(y)), 3, (255, 255, 255), -1)
        np.testing.assert_array_equal((drawn.image[frame] * 255).round().byte().numpy(), wanted)


def test_mediapipe_face_looks_as_the_annotator_draws() -> None:
    heads = turning_heads(6, size=(480, 640))
    image = draw_heads(heads, style="mediapipe_face").image
    lines = (
        (contours.FACE_OVAL, (10, 200, 10)),
        (contours.LEFT_EYE, (180, 200, 10)),
        (contours.LEFT_EYEBROW, (180, 220, 10)),
        (contours.RIGHT_EYE, (10, 200, 180)),
        (contours.RIGHT_EYEBROW, (10, 220, 180)),
        (contours.LIPS, (10, 180, 10)),
    )
    for frame in (0, 3, 5):
        wanted = np.zeros((480, 640, 3), np.uint8)
        for head in (1, 0):  # the far one first
            points = heads.landmarks[frame, head, :, :2].int().tolist()
            for contour, colour in lines:
                for a, b in contour:
                    cv2.line(wanted, points[a], points[b], colour, 2)
            for first, colour in ((36, (10, 200, 250)), (42, (250, 200, 10))):
                eye = landmarks_68(heads.landmarks)[frame, head, first : first + 6]
                x, y = eye[:, :2].mean(0).int().tolist()
                wanted[y - 2 : y + 2, x - 2 : x + 2] = colour
        right = wanted[:, :, ::-1] / 255  # the annotator draws BGR
        drawn = image[frame].numpy()
        assert np.sqrt(((drawn - right) ** 2).mean()) < 0.05
        # blurred, so that half a pixel does not count
        blur = [cv2.GaussianBlur(picture, (0, 0), 3) for picture in (drawn.astype(float), right)]
        assert np.abs(blur[0] - blur[1]).max() < 0.12
        assert np.abs(drawn.mean((0, 1)) / right.mean((0, 1)) - 1).max() < 0.2  # line widths


def test_the_wireframe_hides_what_faces_away() -> None:
    """From behind nothing is seen; a profile has about half of the edges."""
    drawn = {
        yaw: float(draw_heads(head(turned(yaw), size=(240, 320)), style="mesh").mask.sum())
        for yaw in (0.0, 90.0, 180.0)
    }
    assert drawn[180.0] < 0.05 * drawn[0.0]
    assert 0.4 * drawn[0.0] < drawn[90.0] < 0.75 * drawn[0.0]


def test_the_wireframe_lies_on_the_landmarks_of_a_canonical_face() -> None:
    heads = head(turned(20.0, 10.0), size=(480, 640))
    mesh = draw_heads(heads, style="mesh").mask[0]
    x, y = heads.landmarks[0, 0, [1, 152, 10, 33, 263], :2].long().unbind(1)  # of its front
    assert bool((mesh[y, x] > 0.4).all())
    without = replace(heads, landmarks=heads.landmarks[:, :, :0])
    assert torch.equal(draw_heads(without, style="mesh").mask[0], mesh)


def test_the_mask_is_the_hull_of_the_face() -> None:
    heads = turning_heads(1, size=(240, 320))
    face = draw_heads(heads, style="box").face
    samples = (np.stack(np.meshgrid(np.arange(1280), np.arange(960)), -1) + 0.5) / 4
    wanted = np.zeros((960, 1280), bool)
    for points in heads.landmarks[0, :, :, :2]:
        hull = cv2.convexHull(points.contiguous().numpy())[:, 0]
        along = np.roll(hull, -1, 0) - hull
        sides = [
            (x * (samples[..., 1] - a[1]) - y * (samples[..., 0] - a[0]))
            * np.sign((x * (hull[:, 1] - a[1]) - y * (hull[:, 0] - a[0])).sum())
            for a, (x, y) in zip(hull, along, strict=True)
        ]
        wanted |= np.all(np.stack(sides) >= 0, 0)
    right = wanted.reshape(240, 4, 320, 4).mean((1, 3))
    assert np.abs(face[0].numpy() - right).max() < 0.2  # of 16 samples
    assert np.abs(face[0].numpy() - right).mean() < 3e-4
    without = replace(heads, landmarks=heads.landmarks[:, :, :0])
    again = draw_heads(without, style="box").face
    assert float((again - face).abs().max()) < 1e-2  # the made faces are canonical


def test_heads_cut_by_the_edge_and_sizes() -> None:
    heads = head(turned(10.0), (-26.0, 16.0, -40.0), size=(120, 160))
    for style in HEAD_STYLES:
        drawn = draw_heads(heads, style=style)
        assert bool(drawn.mask.any()), style
        assert float(drawn.face[0, 0, 0]) == 1.0
        large = draw_heads(heads, style=style, size=(240, 480), fit="letterbox")
        assert large.image.shape == (1, 240, 480, 3)
        assert bool(large.mask.any()), style
        ratio = float(large.face.sum() / drawn.face.sum())
        assert 3.9 < ratio < 4.6  # 4, and what lies in the border


def test_footage_stays_where_nothing_is_drawn() -> None:
    heads = turning_heads(4)
    footage = torch.rand(4, *SIZE, 3, generator=torch.Generator().manual_seed(0))
    given = footage.clone()
    drawn = draw_heads(heads, style="landmarks", footage=footage)
    assert torch.equal(footage, given)
    planes = footage.movedim(-1, 1).contiguous().movedim(1, -1)  # as networks give them
    assert torch.equal(draw_heads(heads, style="landmarks", footage=planes).image, drawn.image)
    clear = drawn.mask == 0
    assert torch.equal(drawn.image[clear], footage[clear])
    nobody = Heads.empty(4, SIZE, Camera.of_field_of_view(SIZE))
    for style in HEAD_STYLES:
        drawn = draw_heads(nobody, style=style, footage=footage)
        assert torch.equal(drawn.image, footage)
        assert not bool(drawn.mask.any() or drawn.face.any())


@pytest.mark.parametrize("style", HEAD_STYLES)
def test_a_batch_equals_its_singles(style: str) -> None:
    heads = turning_heads(9, (480, 640))  # more than are drawn in one go
    whole = draw_heads(heads, style=style)
    for i in (0, 2, 6, 8):
        one = draw_heads(heads.slice(i, i + 1), style=style)
        assert torch.equal(one.image[0], whole.image[i])
        assert torch.equal(one.mask[0], whole.mask[i])
        assert torch.equal(one.face[0], whole.face[i])


@pytest.mark.parametrize("style", HEAD_STYLES)
def test_golden(style: str, golden: Golden) -> None:
    golden(f"heads_{style}", draw_heads(turning_heads(3).slice(1, 2), style=style).image[0])


def test_what_cannot_be_drawn() -> None:
    heads = turning_heads(2)
    without = replace(heads, landmarks=heads.landmarks[:, :, :0])
    for style in LANDMARKS:
        message = f"style: {style} draws the 468 landmarks .* have none; .* axes, box, mesh"
        with pytest.raises(InputError, match=message):
            draw_heads(without, style=style)
    for style in set(HEAD_STYLES) - set(LANDMARKS):
        assert bool(draw_heads(without, style=style).mask.any())
    with pytest.raises(InputError, match=r"style: expected one of axes, .*, found 'xyz'"):
        draw_heads(heads, style="xyz")
    with pytest.raises(InputError, match="colours: expected one of style, track, found 'red'"):
        draw_heads(heads, colours="red")
    with pytest.raises(InputError, match=r"footage: expected 2 frames .* or 1, found 3"):
        draw_heads(heads, footage=torch.zeros(3, *SIZE, 3))
    with pytest.raises(InputError, match="size: expected at least 1x1"):
        draw_heads(heads, size=(0, 10))


def test_contours_are_mirror_images() -> None:
    flat = canonical_face().vertices
    mirror = torch.cdist(flat * torch.tensor([-1.0, 1.0, 1.0]), flat).argmin(1).tolist()
    for right, left, count in (
        (contours.RIGHT_EYE, contours.LEFT_EYE, 16),
        (contours.RIGHT_EYEBROW, contours.LEFT_EYEBROW, 8),
        (contours.LIPS, contours.LIPS, 40),
        (contours.FACE_OVAL, contours.FACE_OVAL, 36),
    ):
        assert len(left) == count
        mirrored = {frozenset((mirror[a], mirror[b])) for a, b in right}
        assert mirrored == {frozenset(ends) for ends in left}
        assert bool((flat[[a for a, _ in contours.RIGHT_EYE], 0] < 0).all())  # in the picture
