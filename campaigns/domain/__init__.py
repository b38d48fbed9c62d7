"""The nouns of the shop: pure values without behaviour that needs a server."""
