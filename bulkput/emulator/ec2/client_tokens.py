"""ClientTokens: the same call again is answered with what the first one made."""

import json
from typing import Protocol, TypeVar

from bulkput.emulator.ec2.call import Ec2Call
from bulkput.emulator.ec2.errors import Ec2Error
from bulkput.emulator.shelf import Shelf, Thing


class MadeByCall(Thing, Protocol):
    """A thing that keeps which call made it."""

    @property
    def client_token(self) -> str | None:
        """The call's token."""
        ...

    @property
    def request(self) -> str:
        """The call's ``request_text``."""
        ...


T = TypeVar("T", bound=MadeByCall)


def request_text(call: Ec2Call) -> str:
    """Return a call's parameters in one text, to distinguish a replay from another request."""
    return json.dumps(call.parameters, sort_keys=True)


def made_before(call: Ec2Call, shelf: Shelf[T]) -> T | None:
    """Return what the call's ClientToken already made; None for a new token, and for none.

    Raises:
        Ec2Error: the token belongs to another request.
    """
    token = call.given("ClientToken")
    if token is None:
        return None
    for each in shelf.in_region(call.region):
        if each.client_token == token:
            if each.request != request_text(call):
                message = "The request uses the same client token as a previous, but non-identical"
                raise Ec2Error("IdempotentParameterMismatch", f"{message} request.")
            return each
    return None
