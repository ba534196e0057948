"""A private Redis server."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import in_ci


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis server on a socket in a folder of its own."""
    program = shutil.which("redis-server")
    if program is None:
        reason = "redis-server is not installed (Debian: `apt install redis-server`, macOS: `brew install redis`)"
        if in_ci():
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "redis.sock"
        server = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            assert any("eady to accept connections" in line for line in server.stdout)
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.communicate()
