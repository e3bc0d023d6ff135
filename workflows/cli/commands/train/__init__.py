"""`kinograph train NETWORK`: train a network that comes with the package, one module per task."""

from ...command import Group

GROUP = Group(
    name="train",
    help="train the networks that come with the package",
    metavar="TASK",
    order=145,
)
