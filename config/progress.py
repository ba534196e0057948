"""Long steps with a bar and a time, on a terminal and in a log file."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Update = Callable[[float, str], None]
"""`update(share done in [0, 1], note)`."""

_QUIET_SECONDS = 20.0  # between two lines where there is no terminal to redraw


def print_error(console: Console, error: object) -> None:
    """One line, however long it is, and nothing in it is markup."""
    console.print(f"✗ {error}", style="red", markup=False, soft_wrap=True)


class Steps:
    """Announces steps one after another; each ends with a line that says how long it took."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Update]:
        """Shows the step while the block runs; the block calls the given `update`."""
        started = time.perf_counter()
        if self.console.is_terminal:
            with self._bar() as bar:
                task = bar.add_task(name, total=1.0, note="")

                def update(share: float, note: str = "") -> None:
                    bar.update(task, completed=share, note=note)

                yield update
        else:
            yield _Lines(self.console, name)
        self.seconds[name] = time.perf_counter() - started
        self.console.print(f"✓ {name} ({self.seconds[name]:.1f} s)", style="green", markup=False)

    def say(self, text: str) -> None:
        """Prints a line of our own or of a file's: nothing in it is markup."""
        self.console.print(text, style="dim", markup=False)

    def fail(self, error: object) -> None:
        """Prints what went wrong."""
        print_error(self.console, error)

    def _bar(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=self.console,
            transient=True,
        )


class _Lines:
    """An update that prints a line now and then."""

    def __init__(self, console: Console, name: str) -> None:
        self._console, self._name, self._last = console, name, time.perf_counter()

    def __call__(self, share: float, note: str = "") -> None:
        if time.perf_counter() - self._last >= _QUIET_SECONDS:
            self._last = time.perf_counter()
            self._console.print(f"  {self._name}: {share:4.0%} {note}")
