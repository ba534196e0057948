"""The shop that was really trained, loaded once for the tests of a module."""

from pathlib import Path

import pytest

from core.services.bundle import Bundle, load_bundle
from tests.trained_shop import TrainedShop


@pytest.fixture(scope="module")
def bundle(trained_shop: TrainedShop) -> Bundle:
    return load_bundle(Path(trained_shop.home) / "artifacts")
