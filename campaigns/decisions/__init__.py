"""Pure decisions: the gates, sticky assignment, frequency cap, quiet hours and arbitration."""
