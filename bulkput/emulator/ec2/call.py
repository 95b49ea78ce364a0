"""One EC2 call as the actions see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bulkput.emulator.account import Account

Parameters = dict[str, Any]
Fields = dict[str, Any]


@dataclass(frozen=True)
class Ec2Call:
    """Who is asked, in which Region, with what."""

    account: Account
    region: str
    parameters: Parameters
    now_unix_s: float

    @property
    def ready_unix_s(self) -> float:
        """When what the call makes is there."""
        return self.now_unix_s + self.account.options.resource_delay_s

    def given(self, name: str, default: Any = None) -> Any:
        """Return a parameter, or what stands for it."""
        return self.parameters.get(name, default)


Action = Callable[[Ec2Call], Fields]
"""Returns the members of the answer by the SDKs' names; raises Ec2Error."""


def action_name(function: Callable[..., Any]) -> str:
    """Return the action that a function implements: DescribeTags for ``describe_tags``."""
    return "".join(word.capitalize() for word in function.__name__.split("_"))
