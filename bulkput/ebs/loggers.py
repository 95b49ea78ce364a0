"""The loggers of the libraries beneath: what they report nobody may read.

A command holds them back. A library does not: how loud loggers are is its caller's business.
"""

import logging

_SECRETIVE_LOGGERS = ("aiobotocore", "botocore", "boto3", "aiohttp", "asyncio", "urllib3")
"""At DEBUG botocore logs the session token, signatures and bodies, urllib3 signed URLs; what they
log at INFO is not for users."""


def quiet_secretive_loggers() -> None:
    """Keep foreign loggers at WARNING or above, whatever the root logger is set to."""
    for name in _SECRETIVE_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.WARNING, logger.level))
