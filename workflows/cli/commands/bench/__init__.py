"""`kinograph bench SUBJECT`: measure, one module per subject."""

from ...arguments import add_debug
from ...command import Group

GROUP = Group(
    name="bench",
    help="measure speed",
    metavar="SUBJECT",
    arguments=(add_debug,),
    order=90,
)
