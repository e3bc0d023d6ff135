"""As `vace`, without the face."""

from dataclasses import replace

from . import vace

STYLE = replace(vace.STYLE, name="vace_body", parts=("body",), order=40)
