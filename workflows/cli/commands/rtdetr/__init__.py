"""`kinograph rtdetr TASK`: train a detector of objects with 6D poses, one module per task."""

from ...command import Group

GROUP = Group(
    name="rtdetr",
    help="train and use a detector of objects with 6D poses and keypoints",
    metavar="TASK",
    order=140,
)
