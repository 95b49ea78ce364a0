"""How this room reaches EC2: one attempt of any call, and the layer that repeats.

What is repeated is never a call alone but "look, decide, act": a call whose answer was lost may
have done its work, and CopySnapshot has no client token that would find it again. So a step begins
with what exists, however often it is tried, and whoever runs it again after a crash does the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from bulkput.model.clock import Clock
from bulkput.model.duration import format_duration
from bulkput.model.errors import AnswerError, ServiceError, TemporaryError
from bulkput.model.failure import FailureClass

T = TypeVar("T")

_ASK_LIMIT_S = 60.0
"""For a question that need not be answered: moto answers 500 to those that it does not know."""

_PAGES_MAX = 100
_FIRST_POLL_S = 0.1
_POLL_GROWTH = 1.6
_SLOWEST_POLL_S = 15.0
"""Copies and images take minutes; four calls a minute each disturb no quota."""

_LAG_S = 5.0
"""EC2's lists lag by seconds behind what was made."""

_MAYBE_DONE = frozenset({FailureClass.TRANSIENT, FailureClass.STALLED})

_NO_ANSWER = frozenset({FailureClass.ACCESS_DENIED, FailureClass.INVALID})
"""A question may not be asked, or the server does not know it."""


Question = tuple[str, str, str, tuple[tuple[str, Any], ...]]
"""Service, Region, operation and parameters."""


class Account(Protocol):
    """One account in all its Regions."""

    @property
    def region(self) -> str:
        """Where the snapshots are."""
        ...

    @property
    def clock(self) -> Clock:
        """By which it waits."""
        ...

    @property
    def settled_s(self) -> float:
        """When, by the clock, EC2's lists show whatever an earlier run can have made."""
        ...

    @property
    def wait_limit_s(self) -> float:
        """How long a copy, a volume or an image may take to be ready."""
        ...

    @property
    def answers(self) -> dict[Question, dict[str, Any] | None]:
        """To what was asked already: many volumes ask the same of one account."""
        ...

    async def call(
        self, operation: str, parameters: Mapping[str, Any], *, region: str, service: str = "ec2"
    ) -> dict[str, Any]:
        """Make one attempt."""
        ...

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what ``attempt`` returns, tried again as its failures ask for."""
        ...

    def note(self, text: str) -> None:
        """Report one sentence to the user."""
        ...


async def act(
    account: Account, operation: str, parameters: Mapping[str, Any], *, region: str
) -> dict[str, Any]:
    """Make a call that makes something; after one that may have been heard, let EC2's lists follow.

    Raises:
        BulkputError: refused or unanswered.
    """
    try:
        return await account.call(operation, parameters, region=region)
    except ServiceError as error:
        if error.failure in _MAYBE_DONE:
            await account.clock.sleep(_LAG_S)
        raise


def settling_until_s(clock: Clock) -> float:
    """Return when EC2's lists show whatever was made before now."""
    return clock.monotonic_s() + _LAG_S


async def settle(account: Account) -> bool:
    """Let EC2's lists show what an earlier run made a moment ago; return whether that took time."""
    left_s = account.settled_s - account.clock.monotonic_s()
    if left_s <= 0:
        return False
    await account.clock.sleep(left_s)
    return True


async def all_pages(
    account: Account,
    operation: str,
    parameters: Mapping[str, Any],
    items: str,
    *,
    region: str,
) -> list[dict[str, Any]]:
    """Return the items of all pages of a Describe call, one attempt each.

    Raises:
        AnswerError: the list does not end, or is none.
        BulkputError: there is no answer.
    """
    found: list[dict[str, Any]] = []
    token: str | None = None
    for _ in range(_PAGES_MAX):
        more = {} if token is None else {"NextToken": token}
        answer = await account.call(operation, {**parameters, **more}, region=region)
        page = answer.get(items) or []
        if not isinstance(page, list):
            raise AnswerError(operation, f"its {items} are no list")
        found += page
        token = answer.get("NextToken") or None
        if token is None:
            return found
    raise AnswerError(operation, f"{_PAGES_MAX} pages came, and there are more")


def given(operation: str, answer: Mapping[str, Any], name: str) -> str:
    """Return a text that an answer must have.

    Raises:
        AnswerError: it has not.
    """
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise AnswerError(operation, f"it has no {name}")
    return value


async def answer_or_none(
    account: Account,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    region: str,
    service: str = "ec2",
) -> dict[str, Any] | None:
    """Return the answer to a question that need not be answered; None if it may not be asked.

    It is asked once of each ``account``: answers are the same for all that is prepared with it.

    Raises:
        BulkputError: there is no answer for another reason.
    """
    question = (service, region, operation, tuple(sorted(parameters.items())))
    if question not in account.answers:
        account.answers[question] = await _ask(account, question)
    return account.answers[question]


async def _ask(account: Account, question: Question) -> dict[str, Any] | None:
    service, region, operation, parameters = question
    try:
        async with asyncio.timeout(_ASK_LIMIT_S):
            return await account.repeat(
                lambda: account.call(operation, dict(parameters), region=region, service=service)
            )
    except TimeoutError:
        return None
    except ServiceError as error:
        if error.failure not in _NO_ANSWER:
            raise
        return None


async def wait_until(
    account: Account,
    look: Callable[[], Awaitable[T | None]],
    *,
    what: str,
    state: str,
    longer_s: float = 0.0,
) -> T:
    """Return the first thing that ``look`` returns, asked now and then.

    Args:
        account: Repeats and waits.
        look: One attempt; None is "not yet".
        what: For the message, as ``ami-1 in eu-west-1``.
        state: What is waited for, as ``available``.
        longer_s: How much longer than other things it is known to take.

    Raises:
        TemporaryError: it is not so within the account's limit.
    """
    limit_s = account.wait_limit_s + longer_s
    began_s, poll_s = account.clock.monotonic_s(), _FIRST_POLL_S
    while True:
        found = await account.repeat(look)
        if found is not None:
            return found
        if account.clock.monotonic_s() - began_s > limit_s:
            raise TemporaryError(
                f"{what} is not {state} after {format_duration(limit_s)}; run the same command "
                "again to go on waiting"
            )
        await account.clock.sleep(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _SLOWEST_POLL_S)
