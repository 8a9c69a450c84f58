"""What the log may say of a failed request: which page, which error, where in the code. Never the address (it can hold a query code), never
the error's own words (a database quotes the values it refuses)."""

import logging
import traceback


class Discreet(logging.Formatter):
    """One line, then the places in the code, innermost last."""

    def format(self, record: logging.LogRecord) -> str:
        match = getattr(getattr(record, "request", None), "resolver_match", None)
        page = match.view_name if match else "?"
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {page} {getattr(record, 'status_code', '')}"
        if not record.exc_info or record.exc_info[0] is None:
            return line
        frames = traceback.extract_tb(record.exc_info[2])
        places = "".join(f"\n    {frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        return f"{line} {record.exc_info[0].__name__}{places}"
