"""`python -m campaigns.cli`: the same as `rekindle`."""

from campaigns.cli.main import main

main()
