"""What happened, and does it start or stop something? Pure: no clock, no network, no database."""
