"""The way to the models: limits, caps, retries and the next provider, whichever vendor stands behind."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

from agents.models.call import Call, Item, Notice
from agents.models.configuration import ModelSettings
from agents.models.provider import RETRIED, ErrorKind, ModelError, Provider
from agents.models.spending import Price, Spending, tokens_of_request
from agents.models.throttle import Busy, Clock, Throttle, shared
from agents.models.turn import ModelRequest, TextChunk, Usage
from agents.models.vendors.opening import open_provider
from inventory.errors import NOT_COMPLETED, UserError

JITTER = 0.25
"""Part of a wait that is added by chance at most."""
REST_S = 120.0
"""Seconds for which a provider that failed is asked after the others: the rounds of a turn stay with the one that
answers, and do not wait for the retries of the first one each time. Own choice: about as long as a turn takes."""
LONGEST_REST_S = 3600.0
"""However long a vendor asks to wait: by then somebody may have mended it."""

Failing = ErrorKind | Literal["cap", "limit"]


class ModelFailed(UserError):
    """No model answered, and why, in one line."""

    def __init__(self, text: str, kind: Failing) -> None:
        super().__init__(text, NOT_COMPLETED)
        self.kind = kind
        """Of the last provider that was asked. `too_long`: less of a conversation may go through."""


class Models:
    """The providers that one expert asks, the first one first."""

    def __init__(self, providers: Sequence[Provider], settings: ModelSettings, clock: Clock) -> None:
        self._providers = tuple(providers)
        self._settings = settings
        self._clock = clock
        self._rests: dict[str, float] = {}
        """Provider that failed → when it is asked in its place again."""

    def describe(self) -> str:
        """Who is asked, in order: `anthropic: claude-…, then local: …`."""
        return ", then ".join(f"{one.name}: {one.model}" for one in self._providers)

    async def stream(self, request: ModelRequest, spending: Spending) -> AsyncGenerator[Item, None]:
        """Text, notices and attempts as they come; Done is the last item.

        An answer that breaks off after some of its text was given ends in a notice and a Done with `cut`.
        Raises ModelFailed where no provider answers, a cap would be passed or the limits leave no room.
        """
        failures: list[str] = []
        last: ModelError | None = None
        order = self._in_order()
        for provider in order:
            if last is not None:
                yield Notice("switched", f"{failures[-1]}; going on with {provider.name} ({provider.model})")
            try:
                alone = provider is order[-1]
                async with aclosing(self._asked(provider, request, spending, alone)) as items:
                    async for item in items:
                        yield item
                self._rests.pop(provider.name, None)
                return
            except ModelError as error:
                if error.kind == "too_long":
                    raise ModelFailed(
                        f"{provider.name}: the request is too long: {error}", "too_long"
                    ) from None
                last = error
                rest = min(max(REST_S, error.retry_after or 0.0), LONGEST_REST_S)
                self._rests[provider.name] = self._clock.now() + rest
                failures.append(f"{provider.name}: {error}")
        assert last is not None, "a gateway has at least one provider"
        raise ModelFailed(f"no model answered: {'; '.join(failures)}", last.kind)

    async def close(self) -> None:
        for provider in self._providers:
            await provider.close()

    def _in_order(self) -> list[Provider]:
        """The providers as they are asked now: those that failed a while ago come last, in their order."""
        now = self._clock.now()
        return sorted(self._providers, key=lambda one: self._rests.get(one.name, now) > now)

    async def _asked(
        self, provider: Provider, request: ModelRequest, spending: Spending, alone: bool
    ) -> AsyncGenerator[Item, None]:
        """One provider, with retries; `alone` where there is no other after it. Raises ModelError without an answer."""
        limits = self._settings.limits
        for attempt in range(limits.retries + 1):
            try:
                async with aclosing(self._admitted(provider, request, spending)) as items:
                    async for item in items:
                        yield item
                return
            except ModelError as error:
                seconds = self._patience(error, attempt, alone)
                if seconds is None:
                    raise
                again = f"trying again in {seconds:.3g} s ({attempt + 2} of {limits.retries + 1})"
                yield Notice("retrying", f"{provider.name}: {error}; {again}")
                await self._clock.sleep(seconds)

    def _patience(self, error: ModelError, attempt: int, alone: bool) -> float | None:
        """Seconds until the next attempt; None where there is none."""
        limits = self._settings.limits
        if error.kind == "unavailable" and not alone:
            return None  # whoever is on call does not wait for a host that is cut off while another is there
        if error.kind not in RETRIED or attempt >= limits.retries:
            return None
        if error.retry_after is not None and error.retry_after > limits.wait_s:
            return None
        seconds: float = max(error.retry_after or 0.0, limits.retry_s * 2**attempt)
        return seconds * (1 + JITTER * self._clock.chance())

    async def _admitted(
        self, provider: Provider, request: ModelRequest, spending: Spending
    ) -> AsyncGenerator[Item, None]:
        """One call as soon as the limits let it through."""
        throttle = shared(self._settings.limits)
        tokens = tokens_of_request(request)
        if throttle.full:
            yield Notice(
                "waiting", f"{throttle.limits.at_once} calls to models are running; waiting for one to end"
            )
        try:
            async with throttle.place():
                async with aclosing(self._window(throttle, tokens)) as notices:
                    async for notice in notices:
                        yield notice
                self._check_caps(provider, request, spending)
                async with aclosing(self._called(provider, request, spending, throttle)) as items:
                    async for item in items:
                        yield item
        except Busy as error:
            raise ModelFailed(f"no model was asked: {error}", "limit") from None

    async def _window(self, throttle: Throttle, tokens: int) -> AsyncGenerator[Notice, None]:
        """Waits until the last minute has room for one more call. Raises Busy where that takes too long."""
        deadline = self._clock.now() + throttle.limits.wait_s
        while True:
            seconds, limit = throttle.delay(tokens, self._clock.now())
            if seconds <= 0:
                return
            if self._clock.now() + seconds > deadline:
                raise Busy(
                    f"{limit}: there is room in {seconds:.0f} s, more than a call waits"
                    f" ({throttle.limits.wait_s:g} s)"
                )
            yield Notice("waiting", f"{limit}: waiting {seconds:.0f} s")
            await self._clock.sleep(seconds)

    def _check_caps(self, provider: Provider, request: ModelRequest, spending: Spending) -> None:
        budget = self._settings.budget
        if not budget:
            return
        price = self._price(provider)
        if price is None:
            raise ModelError(
                "bad_request",
                f'not asked: there is a cap, and the price of {provider.model} is unknown; add [prices."{provider.model}"]'
                f" to {self._settings.path}",
            )
        passed = spending.passed(
            budget, price.cost(Usage(tokens_of_request(request), request.max_output_tokens))
        )
        if passed:
            raise ModelFailed(f"no model was asked: {passed}", "cap")

    async def _called(
        self, provider: Provider, request: ModelRequest, spending: Spending, throttle: Throttle
    ) -> AsyncGenerator[Item, None]:
        """One call. Its text, then its attempt, then Done; raises ModelError after the attempt."""
        begun = time.monotonic()
        call = Call(provider, self._price(provider), tokens_of_request(request))
        ticket = throttle.take(call.tokens, self._clock.now())
        try:
            async with aclosing(provider.stream(request)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextChunk):
                        call.text.append(chunk.text)
                        yield chunk
                    else:
                        call.done = chunk
        except ModelError as error:
            call.error = error
        finally:
            ticket.tokens = call.settle(spending)
        yield call.attempt(time.monotonic() - begun)
        for item in call.end():
            yield item

    def _price(self, provider: Provider) -> Price | None:
        return self._settings.prices.get(provider.model)


def open_models(expert: str, settings: ModelSettings, clock: Clock | None = None) -> Models | None:
    """The models that `expert` asks; None where none is set up. Reads no key and loads no SDK."""
    wanted = settings.providers_for(expert)
    if not wanted:
        return None
    silence_s = settings.limits.silence_s
    return Models([open_provider(one, silence_s) for one in wanted], settings, clock or Clock())
