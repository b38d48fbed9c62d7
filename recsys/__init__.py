"""Which products, and why? Pure computing: numpy, scipy, pandas and implicit only."""
