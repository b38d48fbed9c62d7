"""The summary of a replay or a demo, as tables."""

from __future__ import annotations

from campaigns.cli.output import Output
from campaigns.domain.campaign_values import tell_age
from campaigns.pipeline.ingest import IngestReport
from campaigns.pipeline.outcome import DecideReport
from campaigns.pipeline.summary import Summary


def print_summary(output: Output, summary: Summary, ingest: IngestReport, decide: DecideReport) -> None:
    """Events, profiles, timers, decisions by reason, mails by campaign, lag."""
    counts = ingest.counts
    decided = sum(summary.outcomes().values())
    output.line()
    output.table(
        "What happened",
        ("", "count"),
        [
            ("events applied", ingest.events),
            ("repeated events dropped", ingest.repeats),
            ("profiles, known", summary.known),
            ("profiles, anonymous", summary.anonymous),
            ("timers armed", counts["armed"]),
            ("timers moved by activity", counts["touched"]),
            ("timers cancelled", counts["cancelled"]),
            ("timers fired", decide.claimed - decide.asleep),
            ("starts refused", counts["not started"]),
            ("decisions", decided),
        ],
    )
    rows = [(c, o, r, n) for (c, o, r), n in sorted(summary.outcomes().items(), key=_by_campaign)]
    output.table("Decisions", ("campaign", "outcome", "reason", "count"), rows)
    mails = [(c, s, n) for (c, s), n in sorted(summary.messages.items())]
    output.table("Mails", ("campaign", "status", "count"), mails)
    output.line(
        f"From due to decided: median {tell_age(summary.lag_median_seconds)},"
        f" longest {tell_age(summary.lag_longest_seconds)} (quiet hours included)."
    )


def _by_campaign(item: tuple[tuple[str, str, str], int]) -> tuple[str, str, int]:
    (campaign_id, outcome, _), count = item
    return campaign_id, outcome, -count
