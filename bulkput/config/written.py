"""Values that are written as text: the mark of a field's type checks them and describes itself."""

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Written:
    """The base of such marks: pydantic takes what ``parse`` returns."""

    def parse(self, value: object) -> Any:
        """Return the value.

        Raises:
            ValueError: what was expected.
        """
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        """Return what an editor may let pass."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.json_schema()
