"""Requests made from our own OpenAPI, over a real socket: whatever it allows or forbids is answered as it says."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.main import create_app
from config.security_settings import SecuritySettings
from config.settings import Settings, StorageSettings
from tests.api.calls import ADMIN_KEY
from tests.api.small_shop import SmallShop
from tests.conftest import fill_catalogue

_SHOP = Settings(security=SecuritySettings.model_validate({"admin_api_key": ADMIN_KEY}))
schema = schemathesis.openapi.from_dict(create_app(_SHOP).openapi())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the service listens."""
    home = StorageSettings(cadence_home=Path(tmp_path_factory.mktemp("contract")))
    shop_settings = _SHOP.model_copy(update={"storage": home})
    asyncio.run(fill_catalogue(shop_settings))
    app = create_app(shop_settings, load=lambda *_: SmallShop().models())
    listening = socket.create_server(("127.0.0.1", 0))  # callers queue here until the service accepts
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@schema.parametrize()
@settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_every_request_is_answered_as_documented(case: schemathesis.Case[Any], address: str) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    # Some rules are no matter of form (a time within the last day, a price range), so a well-formed request may be
    # refused; every other check applies.
    case.call_and_validate(base_url=address, headers=headers, excluded_checks=[positive_data_acceptance])
