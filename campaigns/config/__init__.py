"""Settings and folders of one shop's workspace: what may be set, where it is read, where things lie."""

from campaigns.config.reading import NOT_SETTINGS, load_settings, setting_names
from campaigns.config.scaffold import Scaffold, scaffold
from campaigns.config.settings import (
    AttributionSettings,
    BrandColours,
    BrandSettings,
    EventSettings,
    HttpSettings,
    LimitSettings,
    PolicySettings,
    SenderSettings,
    Settings,
    ShopSettings,
    SocialLink,
    WebhookSettings,
    WorkerSettings,
)
from campaigns.config.values import QuietHours, parse_duration
from campaigns.config.workspace import Workspace

__all__ = [
    "NOT_SETTINGS",
    "AttributionSettings",
    "BrandColours",
    "BrandSettings",
    "EventSettings",
    "HttpSettings",
    "LimitSettings",
    "PolicySettings",
    "QuietHours",
    "Scaffold",
    "SenderSettings",
    "Settings",
    "ShopSettings",
    "SocialLink",
    "WebhookSettings",
    "WorkerSettings",
    "Workspace",
    "load_settings",
    "parse_duration",
    "scaffold",
    "setting_names",
]
