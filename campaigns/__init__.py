"""Rekindle, the product: whom to mail, whether, with what, which way, and did it pay."""
