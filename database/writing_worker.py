"""`python -m database.writing_worker`: one transaction after the other, for `database/writing_process.py`.

Each message is a function of a connection; what it returns, or raises, goes back once its transaction is committed
(and on disk), or rolled back. The process ends when its input does, after the transaction that it is in.
"""

import os
from contextlib import suppress
from importlib import import_module
from typing import cast

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from config.child_process import can_be_sent, private_channel, read, send
from database.connection import sqlite_writer
from database.models import events
from database.writing_process import Done, Setup, Work

_NICE = 5  # keystrokes go first; the models, without which there is a list too, come last (10)


def main() -> None:
    received, sent = private_channel()
    setup = read(received)
    if not isinstance(setup, Setup):
        return
    if hasattr(os, "nice"):
        os.nice(_NICE)
    engine = sqlite_writer(setup.url)
    import_module("database.writer")  # what it will be asked for: the first event does not wait for it

    def transact(work: Work) -> Done:
        try:
            with engine.begin() as connection:
                result = work(connection)
        except Exception as error:  # noqa: BLE001  # it is raised in the service, for this work alone
            return Done(error=_portable(error))
        return Done(result)

    with suppress(BrokenPipeError):  # the service has ended
        send(sent, transact(_look))
        while (work := read(received)) is not None:
            send(sent, transact(cast(Work, work)))
    engine.dispose()


def _look(connection: Connection) -> None:
    """Raises where this is not the database that the service has opened."""
    connection.execute(select(events.c.event_id).limit(0))


def _portable(error: Exception) -> Exception:
    """`error`, or what tells of it where it cannot be sent."""
    return error if can_be_sent(error) else SQLAlchemyError(f"{type(error).__name__}, which cannot be sent")


if __name__ == "__main__":
    main()
