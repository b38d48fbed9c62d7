"""The ASGI application: event API, tracking, inbox and console."""
