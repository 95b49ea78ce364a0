"""AWS's own descriptions of its calls, botocore's copy: read at the first call of a service.

EC2's takes 0.1 s.
"""

import functools
from typing import Any


@functools.cache
def _service(name: str) -> Any:
    # Here: an emulator that is asked for blocks only needs none of it.
    from botocore.loaders import Loader  # noqa: PLC0415
    from botocore.model import ServiceModel  # noqa: PLC0415

    return ServiceModel(Loader().load_service_model(name, "service-2"))


@functools.cache
def operation_model(service: str, action: str) -> Any:
    """Return AWS's own description of an action that there is."""
    return _service(service).operation_model(action)
