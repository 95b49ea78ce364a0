"""The driver of a run on virtual time: the real tables behind actors, and a cluster as scripted."""

import asyncio
from concurrent.futures import Future
from types import SimpleNamespace

from virtual_time import run_virtual

from bulkput.config.settings import JobSettings
from bulkput.fleet.account import Account
from bulkput.fleet.begun import Recorded
from bulkput.fleet.driver import Driver
from bulkput.fleet.inbox import Inbox
from bulkput.fleet.mailbox import Mailbox
from bulkput.fleet.node import Node
from bulkput.fleet.orders import Orders
from bulkput.fleet.placement import Placement, Volume
from bulkput.fleet.protocol import AttemptEnd
from bulkput.fleet.quota_actor import QuotaActor
from bulkput.fleet.volume_logs import VolumeLogs
from bulkput.jobs.session.rate_limits import GetRateLimits, RateLimits
from bulkput.jobs.state.snapshot_tag import OWNER_TAG_KEY
from bulkput.model.clock import LoopClock
from bulkput.model.outcome import VolumeOutcome

ACCOUNT = "an account"
STORY_MAX_S = 3600.0
"""What lasts longer hangs: retries alone take ten minutes."""


class Reference:
    """Ray's, to what an actor answers or an attempt ends with."""

    def __init__(self):
        self._future = Future()

    def future(self):
        return self._future

    def answer(self, value):
        if isinstance(value, BaseException):
            self._future.set_exception(value)
        else:
            self._future.set_result(value)


class Actor:
    """A handle of Ray's: its calls are answered after ``delay_s``, or never while ``is_away``."""

    def __init__(self, actor):
        self.actor, self.delay_s, self.is_away = actor, 0.0, False

    def __getattr__(self, name):
        if not hasattr(self.actor, name):
            raise AttributeError(name)  # as Ray's has it
        return SimpleNamespace(remote=lambda *arguments: self._call(name, arguments))

    def _call(self, name, arguments):
        reference = Reference()
        if not self.is_away:
            answer = getattr(self.actor, name)(*arguments)
            asyncio.get_running_loop().call_later(self.delay_s, reference.answer, answer)
        return reference


class Cluster:
    """Two hosts, on which each attempt ends as the story says."""

    def __init__(self):
        self.hosts = ["a", "b"]
        self.attempts = []
        """Order, host and reference of each that was started."""
        self.cancelled = []
        self.on_start = lambda order: None
        """Returns how an attempt ends at once; None while it goes on."""

    async def nodes(self):
        return [Node(name, name, "10.0.0.1", {}) for name in self.hosts]

    async def start(self, node, order, quota, mailbox):
        reference = Reference()
        self.attempts.append((order, node.name, reference))
        end = self.on_start(order)
        if end is not None:
            reference.answer(end)
        return reference

    async def end_of(self, reference):
        return await asyncio.wrap_future(reference.future())

    async def cancel(self, reference):
        self.cancelled.append(reference)

    def end(self, number, value):
        self.attempts[number][2].answer(value)


def ended(order, status="completed", exit_code=0, words=""):
    """Return the end of an attempt."""
    error = None if status == "completed" else f"it {status}"
    outcome = VolumeOutcome(
        volume=order.volume, source="/x", status=status, error=error, exit_code=exit_code
    )
    return AttemptEnd(outcome, words)


class Heard(list):
    """An observer that keeps everything."""

    on_event = list.append

    def of(self, kind):
        return [each for each in self if isinstance(each, kind)]


class Fleet:
    """One run of a job, in the loop of a story."""

    def __init__(self, tmp_path, names, **job):
        settings = JobSettings.model_validate(
            {"version": 1, "volumes": [{"name": name, "source": "/dev/null"} for name in names]}
            | job
        )
        self.clock = LoopClock()
        self.pending = []
        """Snapshots of nobody, or pairs of one and its owner tag."""
        self.ec2_delay_s = 0.0
        context = SimpleNamespace(
            settings=settings,
            clock=self.clock,
            state_dir=tmp_path,
            endpoint_url=None,
            service=SimpleNamespace(region="eu-north-1", endpoint_url=None),
            server=None,
            rate_limits=RateLimits(1000, 1000),
            get_rate_limits=GetRateLimits(),
            retrier=lambda _: None,
            snapshots=lambda *_: SimpleNamespace(list_pending=self._list_pending),
        )
        self.cluster, self.heard = Cluster(), Heard()
        self.mailbox = Actor(Mailbox("job"))
        self.quota = Actor(QuotaActor(lambda: False, self.clock.monotonic_s))
        self.placement = Placement([Volume(name, 1) for name in names])
        self.account = Account(context, ACCOUNT, self.quota)
        self.orders = Orders(context, ACCOUNT, Recorded())
        self.driver = Driver(
            context,
            self.cluster,
            self.account,
            self.mailbox,
            self.placement,
            self.orders,
            Inbox(VolumeLogs(self.heard, tmp_path / "logs")),
        )

    async def _list_pending(self):
        await self.clock.sleep(self.ec2_delay_s)
        tagged = [each if isinstance(each, tuple) else (each, None) for each in self.pending]
        return [
            SimpleNamespace(snapshot_id=each, tags={OWNER_TAG_KEY: tag} if tag else {})
            for each, tag in tagged
        ]

    def tag(self, name):
        """Return the owner tag of a volume's snapshot."""
        return f"s3://bucket/prefix/{self.orders.order(name, 1).permit} alive=1"

    def begin(self):
        return asyncio.create_task(self.driver.run())

    async def runs(self):
        """Return the mailboxes of runs, as ``Cluster`` does."""
        return {} if self.mailbox is None else {"run": self.mailbox}

    async def until_started(self, count):
        while len(self.cluster.attempts) < count:
            await self.clock.sleep(0.1)


def lived(tmp_path, story, names=("disk",), **job):
    """Run a story of a fleet."""

    async def live():
        await asyncio.wait_for(story(Fleet(tmp_path, names, **job)), STORY_MAX_S)

    run_virtual(live())


def statuses(outcomes):
    return [(each.volume, each.status, each.exit_code) for each in outcomes]


def refusal(names):
    """Return an error of Ray's of a class that is called so."""
    kind = type("RayError", (Exception,), {"__module__": "ray.exceptions"})
    for name in names:
        kind = type(name, (kind,), {"__module__": "ray.exceptions"})
    return kind("of Ray")
