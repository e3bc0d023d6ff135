"""Objects drawn: where lines and texts lie, what hides what, golden images."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.detect.labels import Labels
from kinograph.engines.detect.objects import Objects
from kinograph.engines.detect.sizes import bounds_table
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.limbs import TRACK_COLOURS
from kinograph.engines.render.objects.cuboids import EDGES, cuboids_of, fitting_cubes
from kinograph.engines.render.objects.draw import Drawn, draw_objects
from kinograph.engines.render.objects.glyphs import glyphs, plain
from kinograph.engines.render.objects.plates import Plates, draw_plates
from made_objects import LABELS, SIZE, made_objects

Golden = Callable[[str, Tensor], None]
ONLY_BOXES = Drawn(cuboids=False, keypoints=False, labels=False)
ONLY_LABELS = Drawn(boxes=False, cuboids=False, keypoints=False)
ONLY_CUBOIDS = Drawn(boxes=False, keypoints=False, labels=False)


def one(
    place: tuple[float, float, float],
    box: tuple[float, float, float, float] = (40.0, 30, 80, 70),
    name: str = "cup",
) -> Objects:
    """One object that is not turned."""
    return Objects(
        boxes=torch.tensor(box)[None, None],
        scores=torch.tensor([[0.87]]),
        classes=torch.tensor([[0]]),
        count=torch.tensor([1]),
        canvas=SIZE,
        keypoints=torch.zeros(1, 1, 0, 2),
        confidence=torch.zeros(1, 1, 0),
        rotation=torch.eye(3)[None, None],
        translation=torch.tensor(place)[None, None],
        camera=Camera(*(torch.tensor([v]) for v in (100.0, 100, 64, 48)), SIZE, axes="y_down"),
        labels=Labels((name,)),
    )


def test_golden(golden: Golden) -> None:
    footage = torch.linspace(0.2, 0.5, 384).expand(288, 384)[None, ..., None].expand(-1, -1, -1, 3)
    image, mask = draw_objects(made_objects(), size=(288, 384), footage=footage)
    golden("objects", image[0])
    untouched = (image[0] - footage[0]).abs().amax(-1) < 1e-6
    assert torch.equal(untouched, mask[0] == 0)


def test_chunks_are_the_whole() -> None:
    objects = made_objects(4)
    whole = draw_objects(objects)
    parts = [draw_objects(objects.slice(i, i + 2)) for i in (0, 2)]
    for number in range(2):
        assert torch.equal(whole[number], torch.cat([part[number] for part in parts]))


def test_corners_lie_where_the_camera_sees_them() -> None:
    objects = one((0.3, -0.5, 2.0))
    bounds = bounds_table(objects, "0.2 0.4 0.6")[objects.classes]
    found = cuboids_of(objects, bounds)
    ends = found.edges.points[0, 0]  # [12,2,2]
    for (a, b), line in zip(EDGES, ends, strict=True):
        for corner, point in ((a, line[0]), (b, line[1])):
            x, y, z = ((0.1, 0.2, 0.3)[n] * (1 if corner >> n & 1 else -1) for n in range(3))
            wanted = [100 * (x + 0.3) / (z + 2) + 64, 100 * (y - 0.5) / (z + 2) + 48]
            assert point.tolist() == pytest.approx(wanted, abs=1e-3)
    # Its left and lower sides are seen beside the front: the corner that lies opposite is not.
    hidden = {
        edge for edge, front in zip(EDGES, found.front[0, 0].tolist(), strict=True) if not front
    }
    assert hidden == {(4, 5), (5, 7), (1, 5)}


def test_lines_end_before_the_camera() -> None:
    through = one((0.0, 0.0, 0.1))
    bounds = bounds_table(through, "0.1 0.1 0.6")[through.classes]
    found = cuboids_of(through, bounds)
    assert bool(found.edges.points.isfinite().all())
    along_z = [n for n, (a, b) in enumerate(EDGES) if b - a == 4]
    near = [n for n, (a, b) in enumerate(EDGES) if not (a & 4 or b & 4)]
    assert bool(found.edges.shown[0, 0, along_z].all())
    assert not bool(found.edges.shown[0, 0, near].any())
    image, _ = draw_objects(through, ONLY_CUBOIDS, sizes="0.1 0.1 0.6")
    assert bool(image.isfinite().all())
    behind = draw_objects(one((0.0, 0.0, -1.0)), ONLY_CUBOIDS, sizes="0.1 0.1 0.1")
    assert not bool(behind[1].any())


def test_a_cube_fills_its_box() -> None:
    objects = one((0.0, 0.0, 10.0), box=(59.0, 43, 69, 53))
    low, high = fitting_cubes(objects)[0, 0]
    torch.testing.assert_close(high, torch.full((3,), 0.5))
    torch.testing.assert_close(low, -high)


def test_sizes_are_stated_by_class_or_known() -> None:
    objects = made_objects()
    table = bounds_table(objects, "")
    assert table[0].tolist() == torch.tensor(LABELS.bounds[0]).tolist()
    assert bool(table[1].isnan().all())
    table = bounds_table(objects, "Book: 0.2, 0.4 1\n")
    assert table[1].tolist() == torch.tensor([[-0.1, -0.2, -0.5], [0.1, 0.2, 0.5]]).tolist()
    assert bounds_table(objects, "1 2 3; book 2 2 2")[:, 1].tolist() == [[0.5, 1, 1.5], [1, 1, 1]]
    unnamed = replace(objects, labels=Labels())
    assert bounds_table(unnamed, "1 2 3").shape == (2, 2, 3)
    for text, message in (
        ("1 2", "expected three lengths in metres.* found '1 2'"),
        ("cup 1 2 0", "found 'cup 1 2 0'"),
        ("cup 1 nan 1", "found 'cup 1 nan 1'"),
        ("mug 1 2 3", "found 'mug'; there are cup and book"),
    ):
        with pytest.raises(InputError, match=f"object_size: .*{message}"):
            bounds_table(objects, text)
    with pytest.raises(InputError, match="there are none with a name"):
        bounds_table(unnamed, "cup 1 2 3")


def test_nearer_objects_hide_those_behind() -> None:
    """Both boxes have the same place: the colour is that of the nearer one, whatever the score."""
    objects = made_objects(1)
    both = replace(
        objects.with_places(2),
        count=torch.tensor([2]),
        classes=torch.tensor([[0, 1]]),
        boxes=torch.tensor([20.0, 20, 60, 60]).expand(1, 2, 4),
    )
    for depths, nearest in (((1.0, 2.0), 0), ((2.0, 1.0), 1)):
        place = torch.tensor([[0.0, 0, depths[0]], [0.0, 0, depths[1]]])[None]
        image, _ = draw_objects(replace(both, translation=place), ONLY_BOXES, line_width=6.0)
        colour = torch.tensor(TRACK_COLOURS[nearest]) / 255
        torch.testing.assert_close(image[0, 20, 40], colour)


@pytest.mark.parametrize(
    "box", [(-9.0, -9, 30, 20), (110.0, 40, 140, 60), (100.0, 85, 128, 96), (2.0, -40, 9, -30)]
)
def test_labels_stay_in_the_picture(box: tuple[float, float, float, float]) -> None:
    """A label is as large at an edge as in the middle."""
    middle = draw_objects(one((0.0, 0, 1), name="teacup"), ONLY_LABELS)[1]
    moved = draw_objects(one((0.0, 0, 1), box=box, name="teacup"), ONLY_LABELS)[1]
    assert int(moved.sum()) == int(middle.sum()) > 300


def test_texts_are_black_or_white_and_the_upper_one_is_seen() -> None:
    letters = glyphs("ab", 14)
    image, mask = torch.zeros(1, 40, 60, 3), torch.zeros(1, 40, 60)
    plates = Plates(
        frame=torch.tensor([0, 0]),
        order=torch.tensor([1, 0]),
        boxes=torch.tensor([[5.0, 30, 20, 39], [5.0, 30, 20, 39]]),
        texts=letters.numbers(["ab", "a"]),
        colour=torch.tensor([[1.0, 1, 0], [0.0, 0, 0.5]]),
    )
    draw_plates(plates, letters, image, mask)
    seen = image[0][mask[0] > 0]
    assert bool((seen[:, 2] == 0).all()), "the blue plate lies below"
    assert float(seen[:, 0].min()) < 0.2, "black on yellow"


def test_letters_that_the_font_lacks() -> None:
    assert plain("Café Größe") in ("Cafe Große", "")
    assert plain("Müller") == "Muller"
    assert plain("箱") == ""
    named = draw_objects(one((0.0, 0, 1), name="箱"), ONLY_LABELS)[0]
    numbered = draw_objects(one((0.0, 0, 1), name="class 0"), ONLY_LABELS)[0]
    assert torch.equal(named, numbered)
    with pytest.raises(InputError, match=r"text_size: expected 6\.\.400 px, found 3"):
        draw_objects(made_objects(), text_size=3)


def test_nothing_is_drawn_of_no_objects() -> None:
    nobody = replace(made_objects(), count=torch.zeros(3, dtype=torch.int64))
    image, mask = draw_objects(nobody)
    assert not bool(image.any())
    assert not bool(mask.any())
    nothing = draw_objects(made_objects(), Drawn(False, False, False, False))
    assert not bool(nothing[1].any())
