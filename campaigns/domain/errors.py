"""Errors a person can act on: what is wrong, where, and what to do, in one line."""

from __future__ import annotations


class RekindleError(Exception):
    """Base of all expected errors: `str(error)` is the line shown, `exit_status` the command ends with (1 or 2)."""

    exit_status = 2

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what)

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.fix}" if self.fix else line


class InvalidInput(RekindleError):
    """The answer is no: a file, rule or template that does not pass."""

    exit_status = 1


class UnusableEnvironment(RekindleError):
    """A server, port, disk or setting is missing or wrong."""


class WrongUsage(RekindleError):
    """The command was called in a way it does not understand."""
