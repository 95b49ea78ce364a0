"""The loggers of the libraries beneath: what they would tell nobody may read.

A command holds them back. A library does not: how loud loggers are is its caller's business.
"""

import logging

_SECRETIVE_LOGGERS = ("aiobotocore", "botocore", "aiohttp", "asyncio", "urllib3")
"""At DEBUG botocore prints the session token, signatures and bodies, urllib3 signed URLs."""


def quiet_secretive_loggers() -> None:
    """Keep foreign loggers at INFO, whatever the root logger is set to."""
    for name in _SECRETIVE_LOGGERS:
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.INFO or logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
