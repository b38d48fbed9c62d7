"""Every setting of a workspace with its kind and default; `docs/configuration.md` explains each to people."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from campaigns.config.values import (
    CartAddress,
    Colour,
    CurrencyCode,
    Duration,
    DurationOrOff,
    EmailAddress,
    LocaleName,
    QuietHours,
    QuietHoursOrOff,
    Slug,
    WebAddress,
    ZoneName,
    names_of,
    none_if_empty,
    parse_duration,
    postgres_url,
)

Share = Annotated[float, Field(ge=0, lt=1)]
Amount = Annotated[int, Field(gt=0)]
Names = Annotated[tuple[str, ...], BeforeValidator(names_of)]
Port = Annotated[int, Field(ge=1, le=65535)]
SecretOrNone = Annotated[SecretStr | None, BeforeValidator(none_if_empty)]
DatabaseUrl = Annotated[SecretStr | None, BeforeValidator(postgres_url)]
UtmWord = Annotated[str, Field(min_length=1, max_length=100)]
EnoughText = Annotated[SecretStr, Field(min_length=16)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class BrandColours(_Part):
    """The colours of the shop's mails in dark mode."""

    primary: Colour = "#8ab4ff"
    on_primary: Colour = "#0b1324"
    accent: Colour = "#ffb86b"
    background: Colour = "#0f141b"
    surface: Colour = "#19212b"
    text: Colour = "#eef2f7"
    muted: Colour = "#a3afbd"
    border: Colour = "#2c3846"


class BrandSettings(_Part):
    """The look of the shop's mails: colours, fonts and corner radius, with a dark twin of every colour."""

    primary: Colour = "#1d4ed8"
    on_primary: Colour = "#ffffff"
    accent: Colour = "#c2410c"
    background: Colour = "#f4f5f7"
    surface: Colour = "#ffffff"
    text: Colour = "#16202c"
    muted: Colour = "#5b6775"
    border: Colour = "#dfe3e8"
    font: str = "Inter, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
    heading_font: str = "Inter, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
    radius: str = "8px"
    dark: BrandColours = BrandColours()


class SocialLink(_Part):
    """A profile of the shop elsewhere, shown in the footer."""

    name: str
    url: WebAddress


class ShopSettings(_Part):
    """Who the shop is, as mails say it."""

    id: Slug = "shop"
    name: str = "My shop"
    url: WebAddress = "http://localhost"
    cart_url: CartAddress = ""
    logo_url: WebAddress = ""
    currency: CurrencyCode = "EUR"
    zone: ZoneName = "UTC"
    locale: LocaleName = "en"
    postal_address: str = ""
    support_email: EmailAddress = ""
    brand: BrandSettings = BrandSettings()
    social: tuple[SocialLink, ...] = ()


class LinkSettings(_Part):
    """What the links of mails carry, and whether openings are noted."""

    open_pixel: bool = False
    utm: bool = True
    utm_source: UtmWord = "rekindle"
    utm_medium: UtmWord = "email"


class SenderSettings(_Part):
    """Whose name and address stand in From and Reply-To."""

    name: str = ""
    address: EmailAddress = ""
    reply_to: EmailAddress = ""


class PolicySettings(_Part):
    """The rules all campaigns share, unless a campaign says otherwise."""

    quiet_hours: QuietHoursOrOff = QuietHours.parse("21:00-08:00")
    frequency_cap: DurationOrOff = parse_duration("16h")
    after_order_pause: DurationOrOff = parse_duration("24h")
    holdout_share: Share = 0.10


class EventSettings(_Part):
    """How events are taken in."""

    max_event_age: Duration = parse_duration("1h")
    deduplicate_for: Duration = parse_duration("30d")


class AttributionSettings(_Part):
    """How long after a click or an open an order is credited to a message."""

    click_window: DurationOrOff = parse_duration("5d")
    open_window: DurationOrOff = None


class HttpSettings(_Part):
    """Where the web process listens."""

    host: str = "127.0.0.1"
    port: Port = 8000


class WorkerSettings(_Part):
    """How the workers run."""

    sweep_interval: Duration = parse_duration("5s")
    processes: Amount = 2


class WebhookSettings(_Part):
    """What proves that a call to `/hooks/PROVIDER` is the provider's; without it nobody listens to that provider."""

    resend: SecretOrNone = None
    sendgrid: SecretOrNone = None
    postmark: SecretOrNone = None
    ses: SecretOrNone = None
    mailgun: SecretOrNone = None
    sparkpost: SecretOrNone = None
    brevo: SecretOrNone = None

    @property
    def secrets(self) -> dict[str, str]:
        """provider -> its secret, of those that have one."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: secret.get_secret_value() for name, secret in found if secret is not None}


class RecsSettings(_Part):
    """Where the models are kept (a folder or an address of fsspec that all hosts reach; None: in the workspace), above
    how many interactions a full training is split up among workers, from how many of the latest ones the full model
    learns at most, and the business rules of every slot that does not say otherwise."""

    artifacts_url: SecretOrNone = None
    split_above: Amount = 1_000_000
    blend_most: Amount = 10_000_000
    hidden: Names = ()
    hidden_categories: Names = ()
    minimum_price_minor: Amount | None = None
    minimum_margin_minor: Amount | None = None
    max_per_category: Amount | None = None
    max_per_brand: Amount | None = None
    max_per_price_band: Amount | None = None
    keep_bought_away_days: Annotated[float, Field(ge=0, le=3650)] = 90.0
    new_share: Annotated[float, Field(ge=0, le=1)] = 0.1

    @property
    def rules(self) -> dict[str, Any]:
        """The business rules alone, by name."""
        own = ("artifacts_url", "split_above", "blend_most")
        return {name: getattr(self, name) for name in type(self).model_fields if name not in own}


class LimitSettings(_Part):
    """What one call of the event API may carry, in bytes and events."""

    event_bytes: Amount = 32_768
    batch_bytes: Amount = 512_000
    batch_events: Amount = 2_500


class Settings(_Part):
    """All settings of one workspace. Secrets are `SecretStr`: they show as stars in `repr` and in logs.

    `write_keys` maps the name of a source of events to its write key; `catalog_key` lets a system push products, None
    lets nobody. `database_url`, `redis_url` and `mailer` are None
    where the embedded servers and the local catcher are meant; `broker_url` None means the broker is Redis.
    """

    secret: Annotated[SecretStr, Field(min_length=32)]
    base_url: WebAddress = ""
    database_url: DatabaseUrl = None
    redis_url: SecretOrNone = None
    broker_url: SecretOrNone = None
    mailer: SecretOrNone = None
    write_keys: dict[Slug, EnoughText] = Field(default_factory=dict)
    catalog_key: Annotated[EnoughText | None, BeforeValidator(none_if_empty)] = None
    shop: ShopSettings = ShopSettings()
    links: LinkSettings = LinkSettings()
    sender: SenderSettings = SenderSettings()
    policy: PolicySettings = PolicySettings()
    events: EventSettings = EventSettings()
    attribution: AttributionSettings = AttributionSettings()
    http: HttpSettings = HttpSettings()
    workers: WorkerSettings = WorkerSettings()
    limits: LimitSettings = LimitSettings()
    webhooks: WebhookSettings = WebhookSettings()
    recs: RecsSettings = RecsSettings()

    @property
    def public_url(self) -> str:
        """The address shoppers' links lead to, without a slash at the end."""
        return self.base_url or f"http://{self.http.host}:{self.http.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not show anywhere: the secret, the write keys, the passwords of the addresses,
        the webhooks' secrets."""
        addresses = (self.database_url, self.redis_url, self.broker_url, self.mailer, self.recs.artifacts_url)
        urls = [url for url in addresses if url is not None]
        parts = [urlsplit(url.get_secret_value()) for url in urls]
        passwords = [part.password or part.username for part in parts]  # `resend://KEY@` has no more than a name
        own = (self.secret, *self.write_keys.values(), *([self.catalog_key] if self.catalog_key else []))
        keys = [key.get_secret_value() for key in own]
        hooks = [
            part for secret in self.webhooks.secrets.values() for part in {secret, secret.partition(":")[2]} if part
        ]
        said = (found for password in passwords if password for found in {password, unquote(password)})
        return (*keys, *hooks, *said)
