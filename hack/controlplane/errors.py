"""The one error that leaves this package."""

from __future__ import annotations


class ControlPlaneError(Exception):
    """The binaries or the servers are not to be had.

    The first line says what happened, to what, and what to do. Lines after it, if any, are the end of the log
    of the process that failed.
    """

    def __init__(self, message: str, *, log: str = "") -> None:
        super().__init__(f"{message}\n{log}" if log else message)
