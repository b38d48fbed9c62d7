"""Every way of sending, option and header that exists is in docs/delivery.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaigns.delivery.esp import ESP_SCHEMES
from campaigns.delivery.esp.esp_url import esp_options
from campaigns.delivery.inbox import parse_mail
from campaigns.delivery.mailer_url import SCHEMES
from campaigns.delivery.mime import compose
from campaigns.delivery.smtp_settings import SMTP_OPTIONS
from campaigns.domain.message import Address, OutboundMail, RenderedEmail

TEXT = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()
ORDINARY = {"Date", "From", "To", "Subject", "MIME-Version", "Content-Type"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_documented(scheme: str) -> None:
    assert f"`{scheme}:" in TEXT


@pytest.mark.parametrize("option", SMTP_OPTIONS)
def test_every_smtp_option_is_documented(option: str) -> None:
    assert f"| `{option}` |" in TEXT


@pytest.mark.parametrize("scheme", ESP_SCHEMES)
def test_every_provider_option_is_documented(scheme: str) -> None:
    for option in esp_options(scheme):
        assert f"`{option}`" in TEXT or f"`?{option}=" in TEXT


def test_every_header_is_documented() -> None:
    mail = OutboundMail(
        message_ref="1-1",
        sender=Address("a@shop.example"),
        recipient=Address("b@mail.example"),
        email=RenderedEmail("S", "", "h", "t"),
        campaign_id="c",
        shop_id="s",
        unsubscribe_url="https://shop.example/u",
        is_test=True,
    )
    for variant in (mail, replace(mail, is_test=False)):
        for name in set(parse_mail(compose(variant, datetime(2026, 3, 1, tzinfo=UTC)).content).keys()) - ORDINARY:
            assert f"`{name}" in TEXT, name
