"""`kinograph eval SUBJECT`: measure accuracy, one module per subject."""

from ...command import Group

GROUP = Group(name="eval", help="compare estimates with ground truth", metavar="SUBJECT", order=130)
