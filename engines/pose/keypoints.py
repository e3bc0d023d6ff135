"""Poses in the ecosystem's own shapes: POSE_KEYPOINT and BOUNDING_BOX."""

from typing import Any

import torch

from .poses import Poses


def to_pose_keypoint(poses: Poses) -> list[dict[str, Any]]:
    """One dict a frame, as controlnet_aux writes and openpose editors read.

    `pose_keypoints_2d` is a flat list of 18 times x, y, c in pixels of the canvas. Readers drop
    every point with c < 1, so c is 1.0 where the joint is seen and 0.0 (with x = y = 0) where
    not. The real confidences stand in `pose_confidence`, the person's in `score`, the track in
    `track_id` (-1 = none).
    """
    joints = poses.as_openpose().to("cpu")
    seen = (joints.confidence > 0).float()
    points = joints.keypoints.float() * seen[..., None]
    flat = torch.cat([points, seen[..., None]], -1).flatten(2).tolist()
    confidence = joints.confidence.tolist()
    scores, tracks, counts = (
        joints.scores.tolist(),
        joints.track_ids.tolist(),
        joints.count.tolist(),
    )
    height, width = joints.canvas
    return [
        {
            "people": [
                {
                    "pose_keypoints_2d": flat[f][p],
                    "face_keypoints_2d": None,
                    "hand_left_keypoints_2d": None,
                    "hand_right_keypoints_2d": None,
                    "pose_confidence": confidence[f][p],
                    "score": scores[f][p],
                    "track_id": tracks[f][p],
                }
                for p in range(counts[f])
            ],
            "canvas_height": height,
            "canvas_width": width,
        }
        for f in range(len(joints))
    ]


def to_bounding_boxes(poses: Poses) -> list[list[dict[str, Any]]]:
    """For each frame the boxes of its people, as ComfyUI's BOUNDING_BOX: x, y, width, height in
    pixels of the canvas, with label and score."""
    here = poses.to("cpu")
    boxes, scores, counts = here.boxes.tolist(), here.scores.tolist(), here.count.tolist()
    return [
        [
            {
                "x": x0,
                "y": y0,
                "width": x1 - x0,
                "height": y1 - y0,
                "label": "person",
                "score": scores[f][p],
            }
            for p, (x0, y0, x1, y1) in enumerate(boxes[f][: counts[f]])
        ]
        for f in range(len(here))
    ]
