"""Drawing styles of skeletons: who is joined to whom, colours, sizes, order; one file each."""

from ...discovery import ordered_values_of
from .style import Style

STYLES = ordered_values_of(__name__, "STYLE", Style)
