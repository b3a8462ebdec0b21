"""The good inputs, made once."""

import pytest

from harness import Good


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    return Good(tmp_path_factory.mktemp("good"))
