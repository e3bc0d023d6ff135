"""A data set of cuboids, and predictions that say what its labels say."""

import pytest

from kinograph.engines.datasets.records import Records
from made_predictions import Entries, perfect, write_data


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return write_data(tmp_path_factory.mktemp("objects") / "cuboids")


@pytest.fixture(scope="package")
def right(data: Records) -> Entries:
    return perfect(data)
