"""The fleet's actors without Ray: the real tables behind handles that answer, hang or are dead."""

import asyncio

from bulkput import __version__
from bulkput.config.settings import JobSettings
from bulkput.fleet.lease import Resource
from bulkput.fleet.lease_table import LeaseTable
from bulkput.fleet.permits import PermitTable
from bulkput.fleet.protocol import Order, Renewed
from bulkput.jobs.session.rate_limits import GetRateLimits, RateLimits
from bulkput.model.clock import boottime_s

ACCOUNT = "000000000000/us-east-1"


class Handle:
    """Calls methods of ``actor`` as a handle of Ray's does; what is not answered is scripted."""

    def __init__(self, actor):
        self.actor = actor
        self.fault = None
        """None, ``hang`` or an exception."""

    def __getattr__(self, name):
        return _Method(self, name)


class _Method:
    def __init__(self, handle, name):
        self._handle, self._name = handle, name

    async def remote(self, *arguments):
        await asyncio.sleep(0)
        if self._handle.fault == "hang":
            await asyncio.Event().wait()
        if self._handle.fault is not None:
            raise self._handle.fault
        return getattr(self._handle.actor, self._name)(*arguments)


class Quota:
    """The tables of one account."""

    def __init__(self, puts=1000.0, *, now_s=boottime_s, learns=False, terms=None, **tables):
        self.now_s = now_s
        began_s = now_s() if learns else None
        self.capacity = {
            Resource.PUTS: puts,
            Resource.GETS: 1000.0,
            Resource.STARTS: 10.0,
            Resource.COMPLETES: 10.0,
        }
        if terms is not None:
            tables["terms"] = terms
        self.leases = LeaseTable(
            self.capacity, clients_max=90, name=str(id(self)), learns_from_s=began_s, **tables
        )
        self.permits = PermitTable(learns_from_s=began_s)
        self.permits.seen_pending(now_s(), ())
        self.renewals = []
        self.left = []

    def renew(self, account, renewal):
        assert account == ACCOUNT
        self.renewals.append(renewal)
        now_s, client = self.now_s(), renewal.ask.client
        has_permit = self.permits.report(now_s, renewal.permit, client, renewal.snapshot_id)
        return Renewed(self.leases.ask(now_s, renewal.ask), has_permit)

    def leave(self, account, leave):
        assert account == ACCOUNT
        self.left.append(leave)
        self.leases.forget(leave.client)
        self.permits.give_back(
            self.now_s(), leave.permit, leave.client, is_pending=leave.is_pending
        )


class Mailbox:
    """Of one run."""

    def __init__(self):
        self.messages = []
        self.is_stopping = False

    def push(self, volume, client, messages):
        self.messages += ((volume, client, each) for each in messages)
        return self.is_stopping

    def stop(self):
        self.is_stopping = True

    def of(self, kind):
        return [each for _, _, each in self.messages if isinstance(each, kind)]


def order(job, client="client-1", **more):
    """Return the order for a job of one volume, given as data."""
    settings = JobSettings.model_validate(job)
    volume = settings.volumes[0].label
    return Order(
        client=client,
        permit=f"job/{volume}",
        volume=volume,
        settings=settings,
        server=None,
        account=ACCOUNT,
        version=__version__,
        **{"rate_limits": RateLimits(1000, 1000), "get_rate_limits": GetRateLimits(), **more},
    )
