"""The walk-through in the terminal shows what it computes, the same search for two shoppers among it."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from core.services.bundle import load_bundle
from tests.trained_shop import TrainedShop
from training.tour import Tour


def test_every_step_is_walked(trained_shop: TrainedShop) -> None:
    said = StringIO()
    bundle = load_bundle(Path(trained_shop.home) / "artifacts")
    Tour(bundle, Console(file=said, width=120), 1_000).walk()
    text = said.getvalue()
    assert all(f"{number}  " in text for number in range(1, 8))
    assert text.count(": final 0.") == 2  # both purchases are explained
    assert "personal" in text and "temporal" in text
