"""POCO-CLIFF: SMPL's pose and shape from the features of a crop, with how unsure each joint is.

CLIFF (Li et al., ECCV 2022, arXiv:2208.00571) gives the regressor of HMR (Kanazawa et al., CVPR
2018, arXiv:1712.06584) the place of the crop in the picture. POCO (Dwivedi et al., 3DV 2024,
arXiv:2308.12965) adds an uncertainty for every joint. Written from the papers and the published
interface; the names of parameters are those of the published weights.
"""

import torch
from torch import Tensor, nn

from ...geometry.rotations import from_two_rows
from .hrnet import W48, HRNet, Plan

SIZE = 224  # px of the crop
JOINTS = 24
_POSE, _SHAPE, _CAM = 6 * JOINTS, 10, 3
_PLACE = 3  # numbers that say where the crop is
_ROUNDS = 3
_HIDDEN = 1024
_UNSURE = 9 * JOINTS
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

OUTPUTS = {
    "pred_pose": (JOINTS, 3, 3),
    "pred_pose_6d": (_POSE,),
    "pred_shape": (_SHAPE,),
    "pred_cam": (_CAM,),
    "var_pose": (JOINTS,),
}
"""The outputs of the network, with the shape of each for one crop."""


class PocoCliff(nn.Module):
    """images [N,3,224,224] RGB 0..1, and bbox_info [N,3] (see `place.bbox_info`) -> `OUTPUTS`.

    pred_pose:    [N,24,3,3] SMPL's joints relative to their parents; the first one turns the body
                  into the axes of the camera, x to the right, y down, z away
    pred_pose_6d: [N,144] the same as it is regressed: two columns of each matrix, row by row
    pred_shape:   [N,10] SMPL's first shapes
    pred_cam:     [N,3] scale s and offsets in m: 2 / s m of the body's plane lie across the crop
    var_pose:     [N,24] 0..1, how unsure the turn of each joint is by itself
    """

    mean: Tensor
    std: Tensor

    def __init__(self, plan: Plan = W48):
        super().__init__()
        self.backbone = HRNet(plan)
        self.head = _Regressor(plan.features)
        self.uncert_head = _Uncertainty(plan.features)
        for name, values in (("mean", _MEAN), ("std", _STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor, bbox_info: Tensor) -> dict[str, Tensor]:
        features = self.backbone((images - self.mean) / self.std)
        six, shape, camera = self.head(features, bbox_info)
        pose = matrices(six.float())
        unsure = self.uncert_head(features, pose.flatten(1).to(features.dtype))
        found = (pose, six, shape, camera, unsure)
        return dict(zip(OUTPUTS, found, strict=True))


def matrices(six: Tensor) -> Tensor:
    """Return the rotations [N,J,3,3] of [N,6J]: of each joint three rows of two columns."""
    columns = six.unflatten(1, (-1, 3, 2)).mT.flatten(-2)  # [N,J,6], one column after the other
    return from_two_rows(columns).mT


class _Regressor(nn.Module):
    """Starts from the mean body and corrects it three times."""

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self, features: int):
        super().__init__()
        self.fc1 = nn.Linear(features + _PLACE + _POSE + _SHAPE + _CAM, _HIDDEN)
        self.fc2 = nn.Linear(_HIDDEN, _HIDDEN)
        self.decpose = nn.Linear(_HIDDEN, _POSE)
        self.decshape = nn.Linear(_HIDDEN, _SHAPE)
        self.deccam = nn.Linear(_HIDDEN, _CAM)
        for name, count in (("pose", _POSE), ("shape", _SHAPE), ("cam", _CAM)):
            self.register_buffer(f"init_{name}", torch.zeros(1, count))

    def forward(self, features: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = features.shape[0]
        pose = self.init_pose.expand(count, -1)
        shape = self.init_shape.expand(count, -1)
        camera = self.init_cam.expand(count, -1)
        for _ in range(_ROUNDS):
            inside = torch.cat([features, place, pose, shape, camera], 1)
            inside = self.fc2(self.fc1(inside))
            pose = pose + self.decpose(inside)
            shape = shape + self.decshape(inside)
            camera = camera + self.deccam(inside)
        return pose, shape, camera


class _Uncertainty(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.uncert_fc_poseNet = nn.Linear(9 * JOINTS, _UNSURE)
        self.uncert_fc_featNet = nn.Linear(features, _UNSURE)
        self.uncert_fc1 = nn.Linear(2 * _UNSURE, JOINTS)

    def forward(self, features: Tensor, pose: Tensor) -> Tensor:
        seen = self.uncert_fc_featNet(features).sigmoid()
        posed = self.uncert_fc_poseNet(pose).sigmoid()
        unsure: Tensor = self.uncert_fc1(torch.cat([seen, posed], 1)).sigmoid()
        return unsure
