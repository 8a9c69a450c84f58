"""Why keeping stops, in words for the person at the terminal."""

from xiangli.config.launcher.embedded import DatabaseError


class KeepingError(DatabaseError):
    """Not done. The message says why, what was left behind and what to do; the command line shows it as it is."""
