"""Usage: counts in buckets that never overlap, and ``None`` for what nobody reported."""

from __future__ import annotations

from lamella.events import ResponseDone
from lamella.usage import BUCKETS, TokenUsage
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.exchange import buckets, difference
from lamella_testing.provider.samples import Sample
from lamella_testing.verdict import require

__all__ = ["UsageContract"]


class UsageContract(ConformanceBase):
    """What holds of the usage of every answer."""

    def test_usage_buckets_do_not_overlap(self) -> None:
        """The buckets never add up to more than the total that the provider reported."""
        for each, completion in self.answers():
            usage = completion.usage
            if usage is None or usage.total_tokens is None:
                continue
            counted = sum(getattr(usage, name) or 0 for name in BUCKETS)
            require(
                counted <= usage.total_tokens,
                f"{each.name}: the buckets of {usage} add up to {counted}, more than total_tokens "
                f"{usage.total_tokens}: a token is counted in two of them; subtract cached and reasoning tokens "
                "from input and output",
            )

    def test_usage_is_on_response_done(self) -> None:
        """What a response cost is on its ``response.done``: a usage on an earlier event alone is lost."""
        for each, _ in self.answers():
            earlier = [event.token_usage for event in each.events if event.token_usage is not None]
            done = next(each.of(ResponseDone), None)
            require(
                not earlier or done is None or done.token_usage is not None,
                f"{each.name}: events carry a usage, but response.done does not; give ResponseDone(token_usage=…)",
            )

    def test_usage_grows_to_its_final_value(self) -> None:
        """No event reports more than ``response.done``: usage in a stream is a state, not a sum."""
        for each, completion in self.answers():
            final = buckets(completion.usage)
            for event in each.events:
                for name, count in buckets(event.token_usage).items():
                    last = final[name]
                    require(
                        count is None or last is None or count <= last,
                        f"{each.name}: {event.type} reports {name}={count}, response.done only {last}; report in "
                        "response.done what the whole response cost",
                    )

    def test_usage_of_a_sample(self, sample: Sample) -> None:
        """Every bucket holds what the sample says; what it does not report is ``None``, not 0."""
        if sample.usage is None:
            return
        for streaming, body in ((True, sample.streamed), (False, sample.whole)):
            if body is None or (completion := self.exchange(sample, streaming=streaming).completion) is None:
                continue
            _compare(sample, streaming, completion.usage)


def _compare(sample: Sample, streaming: bool, found: TokenUsage | None) -> None:
    differs = difference(buckets(sample.usage), buckets(found))
    how = "streamed" if streaming else "whole"
    require(
        not differs,
        f"{sample.name} ({how}): the usage differs from what the sample says (expected and found): {differs}. "
        "Count each token in one bucket, take the last report and not the sum of reports, and leave None "
        "what the provider does not report",
    )
