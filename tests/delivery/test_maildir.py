"""The Maildir: valid for any mail client, no mail twice, and quick to list."""

from __future__ import annotations

import mailbox
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest

from campaigns.clock import VirtualClock
from campaigns.delivery import catcher_path, count_maildir, find_mail, maildir_url, mailer_from_url, read_maildir
from campaigns.delivery.maildir import MaildirMailer
from campaigns.domain.errors import UnusableEnvironment, WrongUsage
from campaigns.domain.message import Accepted, Address, OutboundMail, Rejected, RenderedEmail

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MAIL = OutboundMail(
    message_ref="7-1",
    sender=Address("news@shop.example", "Täglich Tee"),
    recipient=Address("ann@mail.example", "Ann"),
    email=RenderedEmail("Noch da? – dein Korb", "", "<p>Grüße</p>\n", "Grüße\nund bis bald\n"),
    campaign_id="abandoned_cart",
    shop_id="tea",
)


def files(maildir: Path) -> list[Path]:
    return sorted(path for path in maildir.rglob("*") if path.is_file())


def test_any_mail_client_can_open_it(tmp_path: Path) -> None:
    outcomes = MaildirMailer(tmp_path / "mail", VirtualClock(AT)).send([MAIL, replace(MAIL, message_ref="7-2")])

    box = mailbox.Maildir(tmp_path / "mail", create=False)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert len(box) == 2
    assert {message["Message-ID"] for message in box} == {
        "<rekindle.7-1@shop.example>",
        "<rekindle.7-2@shop.example>",
    }
    assert [path.parent.name for path in files(tmp_path)] == ["new", "new"]


def test_a_repeat_adds_nothing_even_after_the_mail_was_read(tmp_path: Path) -> None:
    clock = VirtualClock(AT)
    first = MaildirMailer(tmp_path, clock)
    first.send([MAIL])
    clock.move_to(AT + timedelta(hours=1))

    assert isinstance(MaildirMailer(tmp_path, clock).send([MAIL])[0], Accepted)
    assert len(files(tmp_path)) == 1

    (path,) = files(tmp_path)
    path.rename(tmp_path / "cur" / f"{path.name}:2,S")
    assert isinstance(first.send([MAIL])[0], Accepted)
    assert len(files(tmp_path)) == 1
    assert read_maildir(tmp_path)[0].date == AT


def test_an_inbox_lists_the_newest_first_and_reads_only_its_page(tmp_path: Path) -> None:
    clock = VirtualClock(AT)
    mailer = MaildirMailer(tmp_path, clock)
    for number in range(5):
        mailer.send([replace(MAIL, message_ref=f"{number}-1")])
        clock.move_to(clock.now() + timedelta(minutes=1))

    page = read_maildir(tmp_path, offset=1, limit=2)

    assert count_maildir(tmp_path) == 5
    assert [mail.date for mail in page] == [AT + timedelta(minutes=3), AT + timedelta(minutes=2)]
    assert [mail.delivered_at for mail in page] == [mail.date for mail in page]


def test_an_inbox_shows_what_was_sent(tmp_path: Path) -> None:
    MaildirMailer(tmp_path, VirtualClock(AT), durable=True).send([MAIL])

    (mail,) = read_maildir(tmp_path)

    assert mail.subject == MAIL.email.subject
    assert mail.sender == "Täglich Tee <news@shop.example>"
    assert mail.recipient == "Ann <ann@mail.example>"
    assert (unescape(mail.html), mail.text) == (MAIL.email.html, MAIL.email.text)
    assert ("X-Rekindle-Message", "7-1") in mail.headers


def test_a_mail_is_found_by_its_key_wherever_it_lies(tmp_path: Path) -> None:
    MaildirMailer(tmp_path, VirtualClock(AT)).send([MAIL])
    (listed,) = read_maildir(tmp_path)

    found = find_mail(tmp_path, listed.key)
    assert found is not None
    assert found.subject == MAIL.email.subject
    listed.path.rename(tmp_path / "cur" / f"{listed.key}:2,S")
    moved = find_mail(tmp_path, listed.key)
    assert moved is not None
    assert moved.key == listed.key
    for key in ("nothing", "", "..", "../new/" + listed.key, "/etc/passwd", ".hidden"):
        assert find_mail(tmp_path, key) is None


def test_a_damaged_mail_of_somebody_else_does_not_hide_the_others(tmp_path: Path) -> None:
    MaildirMailer(tmp_path, VirtualClock(AT)).send([MAIL])
    odd = b"From: a:b:;<\nTo: =?x?q?\nDate: soon\nSubject: \xff\xfe\nContent-Type: text/html; charset=klingon\n\n<p>"
    for number, content in enumerate([odd, b"", b"\n", b"no header at all", b"\x00" * 50]):
        (tmp_path / "new" / f"odd{number}").write_bytes(content)

    mails = read_maildir(tmp_path)

    assert len(mails) == 6
    for mail in mails:
        assert isinstance(mail.subject + mail.sender + mail.recipient + mail.html + mail.text, str)
        assert mail.date.tzinfo is not None
        assert mail.headers is not None


def test_no_folder_is_an_empty_inbox(tmp_path: Path) -> None:
    assert read_maildir(tmp_path / "none") == []
    assert count_maildir(tmp_path / "none") == 0


def test_an_unsafe_mail_is_refused_alone(tmp_path: Path) -> None:
    evil = replace(MAIL, recipient=Address("ann@mail.example", "x\r\nBcc: all@mail.example"))

    first, second = MaildirMailer(tmp_path, VirtualClock(AT)).send([evil, MAIL])

    assert isinstance(first, Rejected)
    assert first.permanent
    assert isinstance(second, Accepted)


def test_a_vanished_folder_is_a_temporary_refusal(tmp_path: Path) -> None:
    mailer = MaildirMailer(tmp_path / "mail", VirtualClock(AT))
    (tmp_path / "mail" / "tmp").rmdir()

    (outcome,) = mailer.send([MAIL])

    assert isinstance(outcome, Rejected)
    assert not outcome.permanent
    assert "No such file" in outcome.detail


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UnusableEnvironment, match="the Maildir cannot be made"):
        MaildirMailer(tmp_path / "file" / "mail", VirtualClock(AT))


def test_urls_of_maildirs(tmp_path: Path) -> None:
    clock = VirtualClock(AT)
    mailer_from_url("catcher:", workspace=tmp_path, clock=clock).send([MAIL])
    mailer_from_url("maildir:sent%20mail?durable=1", workspace=tmp_path, clock=clock).send([MAIL])
    mailer_from_url(f"maildir://{tmp_path}/other", clock=clock).send([MAIL])

    odd = tmp_path / "what? 100% #odd"
    mailer_from_url(maildir_url(odd), clock=clock).send([MAIL])
    assert count_maildir(odd) == 1
    for folder in (catcher_path(tmp_path), tmp_path / "sent mail", tmp_path / "other"):
        assert count_maildir(folder) == 1
    for wrong in ("maildir:", "maildir://host/path", "maildir:/x?sync=1"):
        with pytest.raises(WrongUsage, match="malformed"):
            mailer_from_url(wrong)
