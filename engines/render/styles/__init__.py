"""Drawing styles of skeletons: who is joined to whom, colours, sizes, order; one file each."""

from ...discovery import values_of
from .style import Style

STYLES: dict[str, Style] = {
    style.name: style
    for style in sorted(values_of(__name__, "STYLE", Style), key=lambda s: (s.order, s.name))
}
