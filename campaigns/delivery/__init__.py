"""Handing a rendered mail to a mail server or provider, and reading what comes back."""
