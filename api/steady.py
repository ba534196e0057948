"""What a process that answers within milliseconds sets once everything is loaded."""

import gc
import sys

_SWITCH_SECONDS = 0.0005  # between the event loop and computing threads; with the default of 5 ms replies wait
_NO_FULL_COLLECTION = 1_000_000


def run_steadily() -> None:
    """Threads change places often, and the garbage collector looks at what is young alone.

    A full collection looks through everything that is loaded and cached, and stops every request for 0.1 s and more.
    What is loaded stays, and the caches hold no cycles: collections of what is young are enough.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _NO_FULL_COLLECTION)
