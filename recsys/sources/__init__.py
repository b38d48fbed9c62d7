"""The sources of candidates, each behind the contract of `recsys.sources.base`."""
