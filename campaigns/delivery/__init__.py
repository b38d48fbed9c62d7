"""Handing a rendered mail to a mail server or provider, and reading what comes back."""

from campaigns.delivery.inbox import InboxMail, count_maildir, find_mail, read_maildir
from campaigns.delivery.mailer import Mailer
from campaigns.delivery.mailer_url import catcher_path, check_mailer, maildir_url, mailer_from_url

__all__ = [
    "InboxMail",
    "Mailer",
    "catcher_path",
    "check_mailer",
    "count_maildir",
    "find_mail",
    "maildir_url",
    "mailer_from_url",
    "read_maildir",
]
