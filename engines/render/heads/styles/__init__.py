"""Drawing styles of heads; one file each. Importing them imports nothing heavy."""

from ....discovery import values_of
from .style import HeadStyle

HEAD_STYLES: dict[str, HeadStyle] = {
    style.name: style
    for style in sorted(values_of(__name__, "STYLE", HeadStyle), key=lambda s: (s.order, s.name))
}
