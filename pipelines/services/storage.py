"""What is wrong when files or the database cannot be written, in words that say what to do.

Whatever was committed stays; whatever was not is done again by the next run. So these troubles need no
repair, only their cause has to go.
"""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

from order_store.engine import was_ended_for_another

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
STORAGE_ERRORS = (OSError, DBAPIError, sqlite3.OperationalError)
"""What `storage_trouble` may know."""
AGAIN = "Nothing is lost: the next run resumes by itself."


def storage_trouble(error: BaseException) -> str | None:
    """A sentence with the remedy, or None if the error is of another kind."""
    if isinstance(error, OSError):
        return _of_file(error)
    known = error.orig if isinstance(error, DBAPIError) else error
    said = str(known).lower()
    if isinstance(known, sqlite3.OperationalError):
        return _of_sqlite(said)
    if was_ended_for_another(error):
        return f"the database ended a transaction because another one was in its way, several times. {AGAIN}"
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, OperationalError):
        return f"the database cannot be reached or went away. Start it, and look at store.url. {AGAIN}"
    return None


def _of_file(error: OSError) -> str | None:
    if error.errno in FULL:
        return f"the disk is full: make room on the file system of {_name(error)}. {AGAIN}"
    if error.errno in REFUSED:
        return f"{_name(error)} cannot be written: make it writable for the hub's user. {AGAIN}"
    if error.errno == errno.EIO:
        return f"the disk of {_name(error)} fails: look at the system's log. {AGAIN}"
    return None


def _of_sqlite(said: str) -> str | None:
    if "full" in said:
        return f"the disk is full: make room on the file system of the order store. {AGAIN}"
    if "readonly" in said or "unable to open" in said:
        return f"the database's file cannot be written: make it and its folder writable. {AGAIN}"
    if "locked" in said or "busy" in said:
        return f"the database is locked: find the process that holds it (fuser FILE) and end it. {AGAIN}"
    if "disk i/o" in said:
        return f"the disk of the database fails or is full: look at the system's log. {AGAIN}"
    return None


def _name(error: OSError) -> str:
    return str(error.filename or "landing, state or picklists")
