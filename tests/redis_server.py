"""A private Redis server on a socket in a folder of its own, which may be stopped, continued and killed."""

import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

MISSING = "redis-server is not installed (Debian: `apt install redis-server`, macOS: `brew install redis`)"


@dataclass
class RedisServer:
    """Whoever has started it ends it."""

    folder: Path
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'redis.sock'}"

    def stop(self) -> None:
        """It takes connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it without a word, stopped or not."""
        self.process.kill()
        self._gone()

    def end(self) -> None:
        self.process.terminate()
        self._gone()

    def _gone(self) -> None:
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_redis(folder: Path) -> RedisServer:
    """An empty one that accepts connections. Raises FileNotFoundError where the program is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        raise FileNotFoundError(MISSING)
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--save", "", "--dir", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if not any("eady to accept connections" in line for line in process.stdout):
        raise RuntimeError("redis-server did not start")
    return RedisServer(folder, process)
