"""The servers a workspace runs on: its own PostgreSQL and Redis, or those named by address."""

from campaigns.storage.embedded.servers import Servers, ensure_servers

__all__ = ["Servers", "ensure_servers"]
