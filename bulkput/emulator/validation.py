"""Values against the constraints of the EBS direct API's service model.

Owns the constraints and the sentence that each violation gets; all of a request's violations go
into one answer.
"""

import re
from typing import Any

from bulkput.emulator.errors import ApiError, constraint_violations, serialization

INTEGER_MAX = 2**31 - 1
"""The model's integers are 32 bits wide; a longer number cannot be read at all."""

SNAPSHOT_ID = re.compile(r"^snap-[0-9a-f]+$")
_TOKEN_TEXT = re.compile(r"^[A-Za-z0-9+/=_-]+$")
_CHECKSUM_TEXT = re.compile(r"^[A-Za-z0-9+/=]+$")
_KMS_KEY = re.compile(r"arn:aws[a-z\-]*:kms:.*:[0-9]{12}:key/.*")
_NO_SPACE = re.compile(r"^[\S]+$")


class Constraints:
    """Collects violations; ``raise_any`` at the end answers them all."""

    def __init__(self) -> None:
        self._violations: list[str] = []

    def number(
        self, name: str, value: int | None, low: int | None = None, high: int | None = None
    ) -> None:
        """Check an optional number against its bounds."""
        if value is None:
            return
        if low is not None and value < low:
            self._add(name, value, f"Member must have value greater than or equal to {low}")
        if high is not None and value > high:
            self._add(name, value, f"Member must have value less than or equal to {high}")

    def text(
        self,
        name: str,
        value: str | None,
        *,
        low: int = 1,
        high: int,
        pattern: re.Pattern[str] | None = None,
    ) -> None:
        """Check an optional text against its length and pattern."""
        if value is None:
            return
        if len(value) < low:
            self._add(name, value, f"Member must have length greater than or equal to {low}")
        if len(value) > high:
            self._add(name, value, f"Member must have length less than or equal to {high}")
        if pattern is not None and not pattern.fullmatch(value):
            expected = f"Member must satisfy regular expression pattern: {pattern.pattern}"
            self._add(name, value, expected)

    def present(self, name: str, value: object) -> None:
        """Check that a required value is there."""
        if value is None:
            expected = "Member must not be null"
            self._violations.append(
                f"Value null at '{name}' failed to satisfy constraint: {expected}"
            )

    def one_of(self, name: str, value: str | None, allowed: tuple[str, ...]) -> None:
        """Check an optional text against the values that there are."""
        if value is not None and value not in allowed:
            self._add(name, value, f"Member must satisfy enum value set: [{', '.join(allowed)}]")

    def snapshot_id(self, name: str, value: str | None) -> None:
        """Check the form of a snapshot id."""
        self.text(name, value, high=64, pattern=SNAPSHOT_ID)

    def token(self, name: str, value: str | None) -> None:
        """Check the form of a page or block token; the model gives them no least length."""
        self.text(name, value, low=0, high=256, pattern=_TOKEN_TEXT)

    def checksum(self, name: str, value: str | None) -> None:
        """Check the form of a checksum."""
        self.text(name, value, low=0, high=64, pattern=_CHECKSUM_TEXT)

    def client_token(self, value: str | None) -> None:
        """Check the form of a client token."""
        self.text("clientToken", value, low=0, high=255, pattern=_NO_SPACE)

    def kms_key_arn(self, value: str | None) -> None:
        """Check the form of a key's ARN; the value is sensitive and is not repeated."""
        if value is not None and not _KMS_KEY.fullmatch(value):
            self._add(
                "kmsKeyArn",
                "***",
                f"Member must satisfy regular expression pattern: {_KMS_KEY.pattern}",
            )

    def raise_any(self) -> None:
        """End the request if there was any violation.

        Raises:
            ApiError: with every violation.
        """
        if self._violations:
            raise self.error()

    def error(self) -> ApiError:
        """Return the answer to what was found."""
        return constraint_violations(self._violations)

    def _add(self, name: str, value: object, expected: str) -> None:
        self._violations.append(
            f"Value '{value}' at '{name}' failed to satisfy constraint: {expected}"
        )


def integer(name: str, text: str | None) -> int | None:
    """Return the number that a path, query or header text stands for.

    Raises:
        ApiError: it is no 32-bit number.
    """
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or abs(int(text)) > INTEGER_MAX:
        raise serialization(f"Value '{text}' at '{name}' is not a valid integer")
    return int(text)


def member(fields: dict[str, Any], name: str, kind: type) -> Any:
    """Return a member of a JSON body, None if it is absent or null.

    Raises:
        ApiError: it has another type.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise serialization(f"Member '{name}' has an unexpected type")
    return value
