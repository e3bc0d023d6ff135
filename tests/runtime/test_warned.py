"""Warnings during builds: other packages' are logged, our own are passed on."""

import logging
import warnings
from pathlib import Path

import pytest

import kinograph
from kinograph.engines.runtime.warned import warned_by_others

_OURS = str(Path(kinograph.__file__).with_name("engines") / "somewhere.py")


def _warn(file: str, text: str) -> None:
    warnings.warn_explicit(text, DeprecationWarning, file, 7)


def test_what_other_packages_warn_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "kinograph"), warned_by_others("compiling movenet"):
        _warn("/site-packages/torch/jit.py", "`torch.jit.script_method` is deprecated")
    (line,) = caplog.messages
    assert line == (
        "compiling movenet: /site-packages/torch/jit.py:7: DeprecationWarning: "
        "`torch.jit.script_method` is deprecated"
    )


def test_our_own_warnings_stay_errors() -> None:
    with pytest.raises(DeprecationWarning, match="ours"), warned_by_others("compiling movenet"):
        _warn(_OURS, "ours")


def test_an_error_of_the_build_comes_through_alone() -> None:
    def build() -> None:
        with warned_by_others("compiling movenet"):
            _warn(_OURS, "ours")
            raise ValueError("build")

    with pytest.raises(ValueError, match="build"):
        build()
