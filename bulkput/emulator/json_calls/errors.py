"""Errors in the form of AWS's JSON protocols."""

from bulkput.emulator.answer import Answer, json_answer
from bulkput.emulator.errors import ApiError

JSON_1_1 = "application/x-amz-json-1.1"


class JsonError(Exception):
    """An error answer of a JSON service."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(f"{http_status} {code}: {message}")


def json_error_of(error: ApiError) -> JsonError:
    """Return a JSON service's form of an error of the direct API: 400 unless it is a 5xx."""
    return JsonError(error.code, error.message, max(400, error.http_status // 100 * 100))


def json_error_answer(error: JsonError) -> Answer:
    """Return an error answer."""
    answer = json_answer(error.http_status, {"__type": error.code, "message": error.message})
    answer.content_type = JSON_1_1
    answer.code = error.code
    return answer
