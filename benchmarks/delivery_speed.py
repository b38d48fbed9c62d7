"""How fast mails become bytes and travel: `python benchmarks/delivery_speed.py [--mails N]`.

Every figure stands beside a yardstick taken in the same run, rounds interleaved, medians shown: the standard library's
EmailMessage for the bytes, a bare smtplib loop over ready-made bytes for the hand-over. The other side is a sink
in a process of its own that reads and forgets.
"""

from __future__ import annotations

import argparse
import json
import smtplib
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter, process_time
from typing import Any

from campaigns.clock import VirtualClock
from campaigns.delivery.inbox import read_maildir
from campaigns.delivery.maildir import MaildirMailer
from campaigns.delivery.mime import MimeMail, compose
from campaigns.delivery.smtp import SmtpMailer
from campaigns.delivery.smtp_connection import SmtpConnection
from campaigns.delivery.smtp_settings import smtp_settings
from campaigns.domain.message import Accepted, Address, OutboundMail, RenderedEmail

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ROUNDS = 5
_CELL = (
    '<td style="padding:0 12px;font-family:Arial,sans-serif;font-size:14px" class="cell"><a href="https://shop.example'
    '/products/{number}?utm_source=rekindle&amp;utm_medium=email">Grüner Tee No. {number} – 12,90 €</a></td>'
)


def sample_mails(count: int) -> list[OutboundMail]:
    """Mails of about 46 kB with some umlauts, as a product grid renders them."""
    html = "<html><body><table><tr>" + "".join(_CELL.format(number=number) for number in range(200)) + "</tr></table>"
    text = "".join(f"Grüner Tee No. {number} - 12,90 €\n" for number in range(60))
    mail = OutboundMail(
        message_ref="",
        sender=Address("news@shop.example", "Täglich Tee"),
        recipient=Address("ann@mail.example", "Ann Möller"),
        email=RenderedEmail("Dein Warenkorb wartet – 3 Artikel", "", html, text),
        campaign_id="abandoned_cart",
        shop_id="tea",
        unsubscribe_url="https://shop.example/u/Zk3v9Qm1x",
        unsubscribe_mailto="unsubscribe+Zk3v9Qm1x@shop.example",
    )
    return [replace(mail, message_ref=f"{number}-1") for number in range(count)]


def with_email_message(mail: OutboundMail) -> bytes:
    """The same mail by the standard library, as its documentation shows."""
    message = EmailMessage()
    message["Subject"] = mail.email.subject
    message["From"] = f"{mail.sender.name} <{mail.sender.address}>"
    message["To"] = f"{mail.recipient.name} <{mail.recipient.address}>"
    message["Date"] = format_datetime(AT)
    message["Message-ID"] = f"<{mail.message_ref}@shop.example>"
    message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>, <mailto:{mail.unsubscribe_mailto}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.email.text)
    message.add_alternative(mail.email.html, subtype="html")
    return message.as_bytes()


def sink(pipelining: bool, port: Any) -> None:
    """An SMTP server that says yes to everything and keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            hello = b"250-sink\r\n250 PIPELINING\r\n" if pipelining else b"250 sink\r\n"
            Thread(target=_converse, args=(connection, hello), daemon=True).start()


def _converse(connection: socket.socket, hello: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"220 sink\r\n")
    buffer, in_data = b"", False
    while chunk := connection.recv(1 << 18):
        buffer += chunk
        answer = b""
        while True:
            head, mark, rest = buffer.partition(b"\r\n.\r\n" if in_data else b"\r\n")
            if not mark:
                break
            buffer = rest
            if in_data:
                in_data, answer = False, answer + b"250 2.0.0 Ok: queued as X\r\n"
            elif head.lower() == b"data":
                in_data, answer = True, answer + b"354 go\r\n"
            else:
                answer += hello if head.lower().startswith(b"ehlo") else b"250 ok\r\n"
        if answer:
            connection.sendall(answer)


@contextmanager
def running_sink(pipelining: bool) -> Iterator[int]:
    """The sink's port, in a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=sink, args=(pipelining, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()


def compared(
    count: int, clock: Callable[[], float] = perf_counter, **contestants: Callable[[], None]
) -> dict[str, float]:
    """Mails a second of each contestant by `clock`: medians over interleaved rounds."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            start = clock()
            run()
            times[name].append(clock() - start)
    return {name: count / median(taken) for name, taken in times.items()}


def bytes_speed(mails: list[OutboundMail]) -> dict[str, float]:
    """Composing, ours against the standard library's, by processor time."""

    def ours() -> None:
        for mail in mails:
            compose(mail, AT)

    def theirs() -> None:
        for mail in mails:
            with_email_message(mail)

    return compared(len(mails), process_time, compose=ours, email_message=theirs)


def smtp_speed(mails: list[OutboundMail], *, pipelining: bool) -> dict[str, dict[str, float]]:
    """Hand-over of ready bytes by smtplib and by us, and our whole mailer, which composes too.

    By the clock on the wall, and by this process's own processor time, which other load does not touch.
    """
    ready = [compose(mail, AT) for mail in mails]
    with running_sink(pipelining) as port:
        bare = smtplib.SMTP("127.0.0.1", port, local_hostname="bench")
        bare.ehlo()
        settings = smtp_settings(f"smtp://127.0.0.1:{port}?helo=bench")
        mailer = SmtpMailer(settings, VirtualClock(AT), batch_seconds=3600)
        connection = SmtpConnection(settings)
        mailer.send(mails[:1])
        contestants: dict[str, Callable[[], None]] = {
            "bare_smtplib": lambda: _bare(bare, ready),
            "connection": lambda: _handed_over(connection, ready),
            "mailer_composing_too": lambda: _checked(mailer, mails),
        }
        passed = compared(len(mails), perf_counter, **contestants)
        worked = compared(len(mails), process_time, **contestants)
    return {name: {"per_second": passed[name], "per_core_second": worked[name]} for name in contestants}


def _bare(smtp: smtplib.SMTP, ready: list[MimeMail]) -> None:
    for mail in ready:
        smtp.sendmail(mail.envelope_from, [mail.envelope_to], mail.content)


def _handed_over(connection: SmtpConnection, ready: list[MimeMail]) -> None:
    for mail in ready:
        connection.deliver(mail)


def _checked(mailer: SmtpMailer, mails: list[OutboundMail]) -> None:
    if not all(isinstance(outcome, Accepted) for outcome in mailer.send(mails)):
        raise SystemExit("the sink refused a mail")


def maildir_speed(mails: list[OutboundMail]) -> dict[str, float]:
    """Writing into a Maildir, and listing its newest fifty with their subjects."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        start = perf_counter()
        MaildirMailer(path, VirtualClock(AT)).send(mails)
        written = perf_counter()
        for mail in read_maildir(path, limit=50):
            assert mail.subject
        listed = perf_counter()
    return {"written": len(mails) / (written - start), "page_of_50_ms": (listed - written) * 1000}


def main() -> None:
    """Prints the figures, and the lines of a report as JSON at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=600)
    mails = sample_mails(parser.parse_args().mails)
    size = len(compose(mails[0], AT).content)
    made = bytes_speed(mails)
    print(f"{len(mails)} mails of {size / 1000:.0f} kB, medians of {ROUNDS} rounds")
    print(f"MIME bytes        {made['compose']:7.0f}/s/core   EmailMessage {made['email_message']:.0f}/s")
    report: dict[str, Any] = {"mime": made}
    for pipelining in (False, True):
        speeds = smtp_speed(mails, pipelining=pipelining)
        report["smtp_pipelining" if pipelining else "smtp"] = speeds
        print(f"SMTP, {'with' if pipelining else 'without'} PIPELINING")
        for name, speed in speeds.items():
            wall, core = speed["per_second"], speed["per_core_second"]
            bare = speeds["bare_smtplib"]
            shares = f"{wall / bare['per_second']:.0%}", f"{core / bare['per_core_second']:.0%}"
            print(f"  {name:22s}{wall:6.0f}/s ({shares[0]})   {core:6.0f}/s/core ({shares[1]})")
    report["maildir"] = maildir = maildir_speed(mails)
    print(f"Maildir           {maildir['written']:7.0f}/s   newest page of 50: {maildir['page_of_50_ms']:.0f} ms")
    print(json.dumps({"mails": len(mails), "bytes": size, **report}))


if __name__ == "__main__":
    main()
