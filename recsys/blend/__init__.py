"""The blend: candidates of all sources, features of each pair, and the re-ranker that orders them."""
