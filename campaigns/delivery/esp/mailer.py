"""The one mailer behind every provider: batching, parallel calls, and what silence and refusals mean.

* No connection: temporary refusal.
* 429, 5xx, a wrong key, a paused account: temporary refusal; after a 429 the rest of the batch is not tried.
* The provider faults the mail (400, 413, 422): permanent refusal; a faulted batch is split until the culprit is alone.
* No answer, or 502 or 504 from a gateway, after the call went out: repeated at once where an idempotency key makes that
  safe; otherwise, or when that does not help, uncertain.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby
from time import monotonic

import httpx
import orjson

from campaigns.clock import Clock
from campaigns.delivery.esp.provider import Answer, ApiCall, Blame, Provider, unclear_each
from campaigns.delivery.headers import UnsafeMail
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import Accepted, OutboundMail, Outcome, Rejected

_REPEATS = 3
_GATEWAY_SILENCE = frozenset({502, 504})
_MAIL_FAULTS = frozenset({400, 409, 413, 422})
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_DETAIL_LENGTH = 300


class EspMailer:
    """Hands mails to `provider` over HTTPS, up to `parallel` calls at a time.

    A call of `send` starts no new request once it has lasted `batch_seconds`, or after the provider asked to slow down:
    what was not tried comes back as temporary refusals.
    """

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        *,
        timeout: float = 30.0,
        parallel: int = 8,
        batch_seconds: float = 60.0,
    ) -> None:
        self.provider = provider
        self._clock = clock
        self._timeout = timeout
        self._parallel = parallel
        self._batch_seconds = batch_seconds
        self._client: httpx.Client | None = None
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"EspMailer({self.provider.name})"

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        """Hands over all mails; see `Mailer`."""
        effort = _Effort(self.provider, self._clock, self._connected(), monotonic() + self._batch_seconds)
        batches = _batches(mails, self.provider.batch_limit)
        if len(batches) < 2:
            return [outcome for batch in batches for outcome in effort.send(batch)]
        with ThreadPoolExecutor(min(self._parallel, len(batches))) as threads:
            return list(chain.from_iterable(threads.map(effort.send, batches)))

    def check(self) -> str:
        """One line on the provider. Raises UnusableEnvironment when its API cannot be reached; sends no mail, so that
        it cannot tell whether the key is good."""
        try:
            self._connected().head(self.provider.base, timeout=min(self._timeout, 10.0))
        except httpx.HTTPError as error:
            fix = "check the network, and the option base"
            raise UnusableEnvironment(f"no connection ({_why(error)})", where=self.provider.base, fix=fix) from error
        return f"{self.provider.name} answers at {self.provider.base}"

    def close(self) -> None:
        """Closes the kept connections; the next `send` opens new ones."""
        if self._client is not None and self._process == os.getpid():
            self._client.close()
        self._client = None

    def _connected(self) -> httpx.Client:
        if self._process != os.getpid():
            self._client, self._process = None, os.getpid()
        if self._client is None:
            limits = httpx.Limits(max_connections=self._parallel, keepalive_expiry=4.0)
            self._client = httpx.Client(timeout=self._timeout, limits=limits, follow_redirects=False)
        return self._client


def _batches(mails: Sequence[OutboundMail], size: int) -> list[list[OutboundMail]]:
    batches: list[list[OutboundMail]] = []
    for _, of_one_sender in groupby(mails, key=lambda mail: mail.sender):
        run = list(of_one_sender)
        batches += [run[at : at + size] for at in range(0, len(run), size)]
    return batches


class _Effort:
    """One call of `send`: remembers that the provider asked for a pause."""

    def __init__(self, provider: Provider, clock: Clock, client: httpx.Client, ends_at: float) -> None:
        self._provider = provider
        self._clock = clock
        self._client = client
        self._ends_at = ends_at
        self._pause = ""

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        if monotonic() > self._ends_at:
            self._pause = self._pause or "not tried: the batch took too long"
        if self._pause:
            return self._later(mails, self._pause)
        try:
            call = self._provider.call(mails, self._clock.now())
        except UnsafeMail as error:
            return self._alone(mails) if len(mails) > 1 else [Rejected(permanent=True, detail=str(error))]
        return self._judged(mails, self._answer(call))

    def _answer(self, call: ApiCall) -> Answer | httpx.HTTPError:
        last: Answer | httpx.HTTPError = httpx.ReadTimeout("no answer")
        for _ in range(_REPEATS if self._provider.repeat_safe else 1):
            last = self._post(call)
            if not _is_silence(last):
                break
        return last

    def _post(self, call: ApiCall) -> Answer | httpx.HTTPError:
        try:
            response = self._client.post(call.url, headers=dict(call.headers), content=call.body)
        except httpx.HTTPError as error:
            return error
        return Answer(response.status_code, response.headers, response.text, _json(response.content))

    def _judged(self, mails: Sequence[OutboundMail], answer: Answer | httpx.HTTPError) -> list[Outcome]:
        if isinstance(answer, _NO_CONNECTION):
            self._pause = self._described(f"no connection ({_why(answer)})")
            return self._later(mails, self._pause)
        if isinstance(answer, httpx.HTTPError) or answer.status in _GATEWAY_SILENCE:
            why = _why(answer) if isinstance(answer, httpx.HTTPError) else str(answer.status)
            return unclear_each(mails, self._described(f"no answer to the call ({why})"))
        if 200 <= answer.status < 300:
            return self._provider.outcomes(mails, answer)
        return self._refused(mails, answer)

    def _refused(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        detail = self._described(f"{answer.status} {_shortened(answer.text)}{_retry_after(answer)}")
        blame = self._provider.blame(answer) if answer.status in _MAIL_FAULTS else Blame.LATER
        if blame is Blame.ALREADY_SENT:
            return [Accepted()] * len(mails)
        if blame is Blame.LATER:
            self._pause = detail if answer.status < 500 else ""
            return self._later(mails, detail)
        return self._alone(mails) if len(mails) > 1 else [Rejected(permanent=True, detail=detail)]

    def _alone(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        middle = len(mails) // 2
        return [*self.send(mails[:middle]), *self.send(mails[middle:])]

    def _later(self, mails: Sequence[OutboundMail], detail: str) -> list[Outcome]:
        return [Rejected(permanent=False, detail=detail)] * len(mails)

    def _described(self, trouble: str) -> str:
        secret = self._provider.secret
        return f"{self._provider.name}: {trouble.replace(secret, '***') if secret else trouble}"


def _is_silence(answer: Answer | httpx.HTTPError) -> bool:
    if isinstance(answer, httpx.HTTPError):
        return not isinstance(answer, _NO_CONNECTION)
    return answer.status in _GATEWAY_SILENCE


def _json(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _why(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _shortened(text: str) -> str:
    return " ".join(text.split())[:_DETAIL_LENGTH]


def _retry_after(answer: Answer) -> str:
    wait = answer.headers.get("retry-after", "")
    return f" (retry after {wait[:40]})" if wait else ""
