"""The command line, one file per command group."""

from campaigns.cli.main import main

__all__ = ["main"]
