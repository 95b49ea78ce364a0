"""A pacer on virtual time, and what its tests do again and again."""

import asyncio

from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.pace.pacer import AccountPacer, Pacer


def pacer(*, puts_per_s=1000, in_flight_max=100, account=None, account_puts_per_s=1e6):
    return Pacer(
        ceiling_puts_per_s=puts_per_s,
        in_flight_max=in_flight_max,
        account=account or AccountPacer(account_puts_per_s),
        clock=LoopClock(),
    )


def now_s():
    return asyncio.get_running_loop().time()


async def settle_burst(paced):
    """Use up what a full bucket lets start at once; nothing stays in flight."""
    while True:
        before_s = now_s()
        paced.withdraw(await paced.admit())
        if now_s() > before_s:
            return


def virtual(test):
    """Run an asynchronous test on virtual time."""

    def run():
        run_virtual(test())

    run.__name__ = test.__name__
    return run
