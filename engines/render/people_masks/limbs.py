"""People as discs at their joints: limbs, torso, head, hands and feet."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ...body.ik.chain import mannequin_chain
from ...body.rig import mannequin
from ...geometry.placement import Size
from ...pose.poses import Poses
from ...pose.skeletons import COCO_17, SKELETONS
from .hulls import Hulls, HullTable

# Radii of discs in parts of a person's height. Those of the body are fitted to the silhouettes of
# the clothed mannequin in random poses, see `kinograph eval masks`. The mannequin is bald and has a
# small face; skull and face are larger by what hair and cheeks take.
_JOINTS = {
    **{"nose": 0.012, "eye": 0.012, "ear": 0.014},
    **{"shoulder": 0.031, "elbow": 0.027, "wrist": 0.0165},
    **{"hip": 0.056, "knee": 0.0375, "ankle": 0.024},
}
_TORSO = {"shoulder": 0.046, "hip": 0.058}
_INWARD = 0.26  # of the way to the middle of both, by which the torso's discs lie inside
_WAIST = (0.45, 0.075)  # of the way from shoulders to hips, and radius
_NAPE = (0.049, 0.036)  # above the middle of the shoulders, and radius
_SKULL = (0.025, 0.054)  # above the ears, and radius
_CHIN = (0.043, 0.028)  # below the middle of nose and ears, and radius
_NECK = 0.0335
_HAND = (0.045, 0.021)  # beyond the wrist where no hand is seen, and radius
_FOOT = (0.013, 0.036)  # beyond the ankle where no foot is seen, and radius
_TOE, _HEEL = 0.020, 0.022
_FINGER, _PALM = 0.007, 0.010
_FACE = 0.008

# Distances between the middles of eyes and of ears in parts of the height: 63 mm and 145 mm of
# 1.75 m, for people of whom only the head is seen.
_EYES, _EARS = 0.036, 0.083
_FEWEST = 23  # of the 68 points of a face, below which its outline is not drawn

# Close-ups: from shoulders to hips, how wide hips are beside shoulders, and the upper arms.
_TRUNK, _NARROWER, _ARM = 0.29, 0.75, 0.17

_SIDES = ("left", "right")
_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_BONES = (
    *((f"{side}_{one}", f"{side}_{two}") for side in _SIDES for one, two in _LIMBS),
    *((f"{side}_shoulder", f"{side}_hip") for side in _SIDES),
    ("left_shoulder", "right_shoulder"),
)
_OUTLINE = (0, 2, 4, 6, 8, 10, 12, 14, 16, 17, 19, 24, 26)  # jaw and brows, of the 68 points
_KNUCKLES = (0, 1, 5, 9, 13, 17)  # of a hand's 21 points: root, thumb, and where fingers begin


@dataclass(frozen=True)
class Figures:
    """N people as discs.

    discs:  [N,D,3] x, y, radius px
    seen:   [N,D] bool
    table:  which discs make hulls
    height: [N] px, how high each would be if they stood upright before the camera; 0: unknown
    """

    discs: Tensor
    seen: Tensor
    table: HullTable
    height: Tensor

    def hulls(self, person: Tensor) -> Hulls:
        """Return what covers the people, who have the numbers `person` [N]."""
        return Hulls.of(self.discs, self.seen, person, self.table)


def figures(poses: Poses, margin: float = 0.0) -> Figures:
    """Return the people of all frames, frame by frame, as discs.

    margin: added to every radius, in parts of it

    The height that radii follow from is the second largest that the limbs and sides of the torso
    say, by the proportions of the mannequin: what points at the camera appears shorter, and the
    largest may be an error. Where none is seen, eyes and ears say it, and else the box.

    In close-ups, whose lower edge cuts through the torso, this goes on to there, and arms that are
    not seen hang.
    """
    coco = poses.as_coco()
    at = coco.present.nonzero(as_tuple=True)
    points, sure = coco.keypoints[at].float(), coco.confidence[at]
    seen = (sure > 0) & points.isfinite().all(-1)
    points = torch.where(seen[..., None], points, 0.0)
    height = _heights(points, seen, coco.boxes[at].float())
    points, seen = _continued(points, seen, height, coco.canvas)
    build = _Build(points, seen, height)
    whole = SKELETONS[coco.skeleton]
    hulls = [
        *_bodies(build),
        *_heads(build, whole.parts.get("face")),
        *_ends(build, whole.parts),
    ]
    discs, shown = torch.stack(build.discs, 1), torch.stack(build.shown, 1)
    grown = discs * discs.new_tensor([1, 1, 1 + margin])
    return Figures(grown, shown & (height > 0)[:, None], HullTable.of(*hulls), height)


class _Build:
    """Collects the discs of N people.

    points: [N,K,2] px, seen: [N,K] bool, height: [N] px
    """

    def __init__(self, points: Tensor, seen: Tensor, height: Tensor):
        self.points, self.seen, self.height = points, seen, height
        self.discs: list[Tensor] = []
        self.shown: list[Tensor] = []

    def joint(self, name: str | int) -> tuple[Tensor, Tensor]:
        """Return where a joint is [N,2], and whether it is seen [N]."""
        number = COCO_17.joints.index(name) if isinstance(name, str) else name
        return self.points[:, number], self.seen[:, number]

    def at(self, place: Tensor, seen: Tensor, radius: float) -> int:
        """Add a disc at [N,2] px where `seen` [N], of a radius in heights; return its number."""
        self.discs.append(torch.cat([place, radius * self.height[:, None]], 1))
        self.shown.append(seen)
        return len(self.discs) - 1

    def disc(self, name: str | int, radius: float) -> int:
        """Add a disc at a joint; return its number."""
        return self.at(*self.joint(name), radius)

    def beyond(
        self, start: str, end: str, by: float, radius: float, unless: Tensor | None = None
    ) -> int:
        """Add a disc as many heights `by` beyond the end of a limb; return its number.

        unless: [N] bool, who does not get it
        """
        (one, is_one), (two, is_two) = self.joint(start), self.joint(end)
        seen = is_one & is_two
        place = two + _unit(two - one) * (by * self.height)[:, None]
        return self.at(place, seen if unless is None else seen & ~unless, radius)


def _bodies(build: _Build) -> list[tuple[int, ...]]:
    """Add torso, arms and legs; return their hulls."""
    ends = [[build.joint(f"{side}_{name}") for side in _SIDES] for name in ("shoulder", "hip")]
    whole = torch.stack([seen for pair in ends for _, seen in pair]).all(0)
    torso, part, middles = [], [], []
    for name, pair in zip(_TORSO, ends, strict=True):
        middles.append((pair[0][0] + pair[1][0]) / 2)
        for place, seen in pair:
            inward = place + (middles[-1] - place) * _INWARD
            torso.append(build.at(inward, whole, _TORSO[name]))
            part.append(build.at(place, seen & ~whole, _TORSO[name]))
    above, below = middles
    waist = build.at(above + (below - above) * _WAIST[0], whole, _WAIST[1])
    up = _unit(above - below) * (_NAPE[0] * build.height)[:, None]
    nape = build.at(above + up, whole, _NAPE[1])
    discs = {
        f"{side}_{name}": build.disc(f"{side}_{name}", _JOINTS[name])
        for side in _SIDES
        for limb in _LIMBS
        for name in limb
    }
    shoulders = (discs["left_shoulder"], discs["right_shoulder"])
    return [
        (*torso[:2], waist),
        (waist, *torso[2:]),
        (*shoulders, nape),
        tuple(part),
        *((discs[f"{side}_{a}"], discs[f"{side}_{b}"]) for side in _SIDES for a, b in _LIMBS),
    ]


def _heads(build: _Build, face: slice | None) -> list[tuple[int, ...]]:
    """Add head, face and neck; return their hulls."""
    names = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    joints = [build.joint(name) for name in names]
    places = torch.stack([place for place, _ in joints], 1)  # [N,5,2]
    seen = torch.stack([here for _, here in joints], 1)
    ears = _middle(places[:, 3:], seen[:, 3:])
    front = _middle(places[:, :3], seen[:, :3])
    one, both = seen[:, 3:].any(1), seen[:, 3:].all(1)
    has_front, some = seen[:, :3].any(1), seen.any(1)
    # A single ear lies at the side of the head that is seen: its middle is nearer to the nose.
    inward = ears + (front - ears) * 0.2
    middle = torch.where(both[:, None], ears, torch.where(has_front[:, None], inward, ears))
    middle = torch.where(one[:, None], middle, front)
    (left, is_left), (right, is_right) = build.joint("left_shoulder"), build.joint("right_shoulder")
    base, based = (left + right) / 2, is_left & is_right
    up = torch.where(based[:, None], _unit(middle - base), _upright(places, seen))
    tall = build.height[:, None]
    skull = build.at(middle + up * _SKULL[0] * tall, some, _SKULL[1])
    fore = torch.where(has_front[:, None], (front + middle) / 2, middle)
    chin = build.at(fore - up * _CHIN[0] * tall, some, _CHIN[1])
    parts = [build.disc(name, _JOINTS[name.split("_")[-1]]) for name in names]
    neck = (build.at(middle, some, _NECK), build.at(base, based, _NECK))
    hulls = [(skull, chin, *parts), neck]
    if face is not None:
        enough = build.seen[:, face].sum(1) >= _FEWEST
        outline = []
        for number in _OUTLINE:
            place, here = build.joint(face.start + number)
            outline.append(build.at(place, here & enough, _FACE))
        hulls.append((*outline, skull))
    return hulls


def _ends(build: _Build, parts: dict[str, slice]) -> list[tuple[int, ...]]:
    """Add hands and feet, or where they must be; return their hulls."""
    hulls: list[tuple[int, ...]] = []
    for side in _SIDES:
        feet, hand = parts.get("feet"), parts.get(f"{side}_hand")
        shod = shown = None
        ankle = build.disc(f"{side}_ankle", _JOINTS["ankle"])
        if feet is not None:
            first = feet.start + 3 * _SIDES.index(side)
            toes = [build.disc(first + number, r) for number, r in enumerate((_TOE, _TOE, _HEEL))]
            hulls.append((ankle, *toes))
            shod = build.seen[:, first : first + 3].any(1)
        foot = build.beyond(f"{side}_knee", f"{side}_ankle", *_FOOT, shod)
        hulls.append((ankle, foot))
        wrist = build.disc(f"{side}_wrist", _JOINTS["wrist"])
        if hand is not None:
            points = range(hand.start, hand.stop)
            palm = [build.disc(points[number], _PALM) for number in _KNUCKLES]
            hulls += [(*palm,), (wrist, palm[0])]
            for finger in range(5):
                chain = [build.disc(points[1 + 4 * finger + p], _FINGER) for p in range(4)]
                hulls += [(chain[p], chain[p + 1]) for p in range(3)]
            shown = build.seen[:, hand].any(1)
        end = build.beyond(f"{side}_elbow", f"{side}_wrist", *_HAND, shown)
        hulls.append((wrist, end))
    return hulls


def _heights(points: Tensor, seen: Tensor, boxes: Tensor) -> Tensor:
    """Return how high people [N] appear, px; 0: nothing says it. boxes: [N,4] px."""
    joints = COCO_17.joints
    first, second = ([joints.index(pair[end]) for pair in _BONES] for end in (0, 1))
    lengths = _length(points[:, first] - points[:, second])
    told = lengths / lengths.new_tensor(_proportions())
    told = torch.where(seen[:, first] & seen[:, second], told, 0.0)
    by_limbs = told.topk(2, dim=1).values
    by_limbs = torch.where(by_limbs[:, 1] > 0, by_limbs[:, 1], by_limbs[:, 0])
    pairs = torch.tensor([[1, 2], [3, 4]], device=points.device)  # eyes, ears
    head = _length(points[:, pairs[:, 0]] - points[:, pairs[:, 1]])
    head = head / head.new_tensor([_EYES, _EARS])
    head = torch.where(seen[:, pairs].all(2), head, 0.0).amax(1)
    box = (boxes[:, 3] - boxes[:, 1]).clamp(min=0).nan_to_num(0.0, 0.0, 0.0)
    height = torch.where(by_limbs > 0, by_limbs, torch.where(head > 0, head, box))
    return torch.where(seen.any(1), height, 0.0)


def _continued(points: Tensor, seen: Tensor, height: Tensor, canvas: Size) -> tuple[Tensor, Tensor]:
    """Return points and who is seen with the hips of those whose hips must lie beyond the picture,
    and with their elbows where neither these nor the wrists are seen."""
    number = {name: place for place, name in enumerate(COCO_17.joints)}
    pairs = {
        name: [number[f"{side}_{name}"] for side in _SIDES]
        for name in ("shoulder", "elbow", "wrist", "hip")
    }
    shoulders = points[:, pairs["shoulder"]]  # [N,2,2]
    base = shoulders.mean(1)
    up = _unit(_middle(points[:, :5], seen[:, :5]) - base)
    upright = seen[:, :5].any(1, keepdim=True)
    up = torch.where(upright, up, up.new_tensor([0.0, -1.0])) * height[:, None]
    below = base - up * _TRUNK
    inside = (below >= 0) & (below <= below.new_tensor([canvas[1], canvas[0]]))
    cut = seen[:, pairs["shoulder"]].all(1) & ~seen[:, pairs["hip"]].any(1) & ~inside.all(1)
    bare = ~(seen[:, pairs["elbow"]] | seen[:, pairs["wrist"]]) & cut[:, None]
    hips = below[:, None] + (shoulders - base[:, None]) * _NARROWER
    elbows = shoulders - up[:, None] * _ARM
    points, seen = points.clone(), seen.clone()
    for name, places, where in (
        ("hip", hips, cut[:, None].expand_as(bare)),
        ("elbow", elbows, bare),
    ):
        points[:, pairs[name]] = torch.where(where[..., None], places, points[:, pairs[name]])
        seen[:, pairs[name]] |= where
    return points, seen


@cache
def _proportions() -> list[float]:
    """Return the lengths of `_BONES` in heights of the mannequin."""
    chain, heights = mannequin_chain(), mannequin().template[:, 1]
    tall = heights.amax() - heights.amin()
    rest = [(chain.rest_point(one), chain.rest_point(two)) for one, two in _BONES]
    return [float((one - two).norm() / tall) for one, two in rest]


def _upright(places: Tensor, seen: Tensor) -> Tensor:
    """Return which way is up in heads [N] whose shoulders are not seen, by the line through eyes
    or ears; a head is less than 90 degrees from upright."""
    eyes, ears = seen[:, 1:3].all(1), seen[:, 3:5].all(1)
    line = torch.where(ears[:, None], places[:, 3] - places[:, 4], places[:, 1] - places[:, 2])
    across = torch.stack([line[:, 1], -line[:, 0]], 1)
    across = torch.where(across[:, 1:] > 0, -across, across)
    straight = across.new_tensor([0.0, -1.0]).expand_as(across)
    known = (eyes | ears) & (_length(line) > 1)
    return torch.where(known[:, None], _unit(across), straight)


def _middle(places: Tensor, seen: Tensor) -> Tensor:
    """Return the mean [N,2] of those of places [N,K,2] that are seen; 0 if none is."""
    return (places * seen[..., None]).sum(1) / seen.sum(1, keepdim=True).clamp(min=1)


def _length(vectors: Tensor) -> Tensor:
    return (vectors[..., 0] ** 2 + vectors[..., 1] ** 2).sqrt()


def _unit(vectors: Tensor) -> Tensor:
    return vectors / _length(vectors).clamp(min=1e-6)[..., None]
