"""The database backend that settings name: Django's own but for one look."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Kept connections are looked at once a request. Django asks the server, which is a round trip in front of every page; a server
    that has gone away has closed the socket, and that can be seen without asking."""

    def is_usable(self) -> bool:
        """Whether the connection still stands. Nothing waiting on an idle socket: it does. Anything waiting (the end of the
        stream, or words nobody asked for): the server is asked, as Django does."""
        if self.connection is not None and not self.connection.closed:
            watch = select.poll()
            watch.register(self.connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
            if not watch.poll(0):
                return True
        return bool(super().is_usable())
