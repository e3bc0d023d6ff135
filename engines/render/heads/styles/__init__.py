"""Drawing styles of heads; one file each. Importing them imports nothing heavy."""

from ....discovery import ordered_values_of
from .style import HeadStyle

HEAD_STYLES = ordered_values_of(__name__, "STYLE", HeadStyle)
