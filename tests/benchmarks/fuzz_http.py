"""The part of `tests.benchmarks.fuzz` that goes through the service.

Prefixes and searches ask the real service over a small trained shop, in this process. Requests made by schemathesis
from the OpenAPI go over a socket to a service that listens, with the small shop of the tests.
"""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import schemathesis
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.main import create_app
from config.limit_settings import LimitSettings
from config.security_settings import SecuritySettings
from config.settings import ServingSettings, Settings, StorageSettings
from tests.api.calls import ADMIN_KEY
from tests.api.small_shop import SmallShop
from tests.benchmarks.fuzz_targets import Target
from tests.conftest import fill_catalogue

_UNLIMITED = LimitSettings.model_validate(
    {f"rate_limit_{kind}": (0, 0, 0) for kind in ("keystrokes", "searches", "events", "admin")}
)
HONEST_REFUSALS = {503}  # documented: overloaded, or storage that cannot be used


@contextmanager
def asking(home: Path) -> Iterator[dict[str, Callable[[str], str]]]:
    """By name, what asks a service of `home` with a text and says the status. Raises for an undocumented one."""
    of_home = Settings(
        storage=StorageSettings(cadence_home=home), serving=ServingSettings(model_processes=0), limits=_UNLIMITED
    )
    with TestClient(create_app(of_home)) as client:

        def asked(path: str, body: dict[str, object]) -> str:
            reply = client.post(path, json=body)
            assert reply.status_code in {200, 413, 422} | HONEST_REFUSALS, reply.text
            return str(reply.status_code)

        yield {
            "POST /autosuggest": lambda text: asked(
                "/autosuggest", {"query_prefix": text, "include_products": 2, "explain": True}
            ),
            "POST /search": lambda text: asked("/search", {"query": text, "explain": True}),
        }


def requests_from_openapi(folder: Path, examples: int, number: int) -> list[Target]:
    """For each operation, up to `examples` requests with every check, against a service that listens."""
    service = Settings(
        security=SecuritySettings.model_validate({"admin_api_key": ADMIN_KEY}),
        storage=StorageSettings(cadence_home=folder),
        limits=_UNLIMITED,
    )
    asyncio.run(fill_catalogue(service))
    app = create_app(service, load=lambda *_: SmallShop().models())
    schema = schemathesis.openapi.from_dict(app.openapi())
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        return [
            _operation(found.ok(), address, examples, number + at)  # type: ignore[union-attr]
            for at, found in enumerate(schema.get_all_operations())
        ]
    finally:
        server.should_exit = True
        thread.join()


def _operation(operation: Any, address: str, examples: int, number: int) -> Target:
    target = Target(operation.label)

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def run(case: schemathesis.Case[Any]) -> None:
        def call() -> str:
            reply = case.call(base_url=address, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
            assert reply.status_code < 500 or reply.status_code in HONEST_REFUSALS, reply.text
            # Some rules are no matter of form (a time within the last day), so a well-formed request may be refused.
            case.validate_response(reply, excluded_checks=[positive_data_acceptance])
            return str(reply.status_code)

        target.give((case.method, case.formatted_path, case.query, case.body), call)

    run()
    return target


def statuses(targets: list[Target]) -> Counter[str]:
    return sum((target.answers for target in targets), Counter())
