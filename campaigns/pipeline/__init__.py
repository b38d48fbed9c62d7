"""The use cases, a stage a file: each takes an engine and a batch and commits once."""
