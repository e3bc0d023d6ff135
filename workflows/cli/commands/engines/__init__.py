"""`kinograph engines ACTION`: manage the cached engines, one module per action."""

from ...command import Group

GROUP = Group(name="engines", help="manage the built engines", metavar="ACTION", order=110)
