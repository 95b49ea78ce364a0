"""How many puts are worth having in flight: found by trying, not configured.

Pure: starts and outcomes with their times come in, a limit comes out. Knows no rate: where the
rate is what holds puts back, the limit is not reached and nothing is tried.

While the limit is what holds puts back, a trial changes it and compares acknowledged puts per
second before and after. A change that brings its share of puts is kept and followed by the next
one; any other is taken back and left alone for a while, and the next trial goes the other way.
"""

from bulkput.pace.opening import FIRST_PUTS, OPENED_PUTS, SLOW_PUT_S, Opening
from bulkput.pace.round import Round
from bulkput.pace.trial import CHANGED_SHARE, FACTOR, Measured, Step, Trial

LIMIT_MIN_PUTS = 1
"""Reached by stalls alone: where one put fills the link for longer than nothing may move."""

TRIAL_MIN_PUTS = 2
"""While one put waits for its answer, the other fills the link."""

REOPEN_DIVISOR = 4
"""As many as one latency of the opening brings back."""

SLACK_FACTOR = 2.0
SLACK_PUTS = 16
"""An unused limit falls to twice what was used and 16: twice the latency passes unnoticed."""

SLACK_DECAY = 0.9
"""Per round, so that a short lull does not throw away what was learned."""

HOLD_FIRST_S = 1.0
HOLD_MAX_S = 30.0
"""Pause between trials, doubled by each one that brought nothing: a trial below the knee costs
20% for three latencies, at 100 ms and 30 s 0.2% of the puts."""

RISING_FACTOR = 1.05
"""More in flight than in the round before, for a trial's new slots to be filling still."""

BASE_GAIN = 0.3
"""Weight of one round in the mean of a held limit: a round of 100 puts is 4% off at 20% jitter."""

QUEUE_WORTH_FACTOR = 2.0
"""Of the least latency seen, for a queue to be worth a trial downwards: a shorter one costs little
memory, and the round in which fewer do not fill the link costs its part of it (BBR, too, lets twice
the need be under way)."""

QUEUED_DOWN_FACTOR = 0.5
"""The next step down where a trial upwards showed a queue: latency that grew with the slots."""

STALL_CUT = 0.5
"""For a put on which nothing moved until its deadline, at once: whatever there is too much of, it
is half of it. Once for all puts that were sent before the cut."""

OVERLOAD_SHARE = 0.25
"""Of a round's outcomes that failed (timeouts, resets, 5xx): the limit is then cut."""

OVERLOAD_CUT = 0.7
"""CUBIC's multiplicative decrease (RFC 9438)."""


class InFlightController:
    """Finds the limit of puts in flight between ``LIMIT_MIN_PUTS`` and ``maximum``."""

    def __init__(self, maximum: int) -> None:
        """Start in the slow start of TCP: doubling while that makes no queue, then by trials.

        Args:
            maximum: the most that configuration and byte budget allow, in puts.

        Raises:
            ValueError: not even one put is allowed.
        """
        if maximum < 1:
            raise ValueError(f"no puts in flight with a maximum of {maximum}")
        self._maximum = maximum
        self._minimum = min(LIMIT_MIN_PUTS, maximum)
        self._limit = min(FIRST_PUTS, maximum)
        self._opening: Opening | None = Opening(self._limit, maximum)
        self._fresh_s: set[float] = set()
        """When puts under way were sent that had to make a connection first."""
        self._least_latency_s = float("inf")
        self._down_factor = FACTOR[Step.DOWN]
        self._was_unused = False
        self._may_halve = True
        """Not once half of a limit was too few: smaller steps find what lies between."""
        self._stalled_s = float("-inf")
        self._trial: Trial | None = None
        self._next_step = Step.START
        self._connections = 0
        self._base_rate: float | None = None
        """Puts a second that the limit before a trial brings; without one, the limit held."""
        self._hold_s = HOLD_FIRST_S
        self._hold_until_s = float("-inf")
        self._round = Round()

    @property
    def limit(self) -> int:
        """The most puts to have in flight now."""
        return self._limit

    @property
    def is_at_maximum(self) -> bool:
        """Whether more may never be in flight."""
        return self._limit >= self._maximum

    def set_maximum(self, maximum: int) -> None:
        """Allow another number at most: what is beyond it is not replaced when it comes back."""
        self._maximum = max(1, maximum)
        self._minimum = min(self._minimum, self._maximum)
        self._set_limit(self._limit)
        if self._opening is not None:
            self._opening.limit = self._limit

    def on_start(self, now_s: float, in_flight: int) -> None:
        """Learn that a put starts and makes ``in_flight`` of them."""
        self._round.on_start(now_s, in_flight, self._limit)
        if in_flight > self._connections:
            self._connections = in_flight
            self._fresh_s.add(now_s)
            self._round.has_fresh = True

    def on_release(self, now_s: float, in_flight: int) -> None:
        """Learn that a put ended, however it did, and leaves ``in_flight`` of them."""
        self._round.on_release(now_s, in_flight, self._limit)

    def on_ack(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` was acknowledged."""
        is_fresh = sent_s in self._fresh_s
        self._fresh_s.discard(sent_s)
        self._least_latency_s = min(self._least_latency_s, now_s - sent_s)
        if sent_s < self._round.sent_s:
            return
        if self._opening is not None:
            self._open(now_s, now_s - sent_s, is_fresh=is_fresh)
            return
        self._round.on_ack(now_s, now_s - sent_s, is_fresh=is_fresh)
        self._on_outcome(now_s)

    def on_stall(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` was ended because nothing moved on it."""
        if sent_s < self._stalled_s:
            return  # what the cut was for
        self._stalled_s = now_s
        self._opening = None
        self._next_step = Step.UP
        self._hold_s = HOLD_FIRST_S
        self._settle(now_s, int(self._limit * STALL_CUT), None)
        self._round.begin(now_s)

    def _open(self, now_s: float, latency_s: float, *, is_fresh: bool) -> None:
        """Add slots, until there are enough for trials or puts begin to queue."""
        assert self._opening is not None  # noqa: S101 - the caller's condition
        self._opening.on_ack(latency_s, is_fresh=is_fresh)
        self._set_limit(self._opening.limit)
        if self._opening.is_queued:
            self._next_step, self._down_factor = Step.DOWN, QUEUED_DOWN_FACTOR
        if self._opening.is_over:
            self._opening = None
            self._round.begin(now_s)

    def _reopen(self) -> None:
        """Find the need as at the start, from few: a rate that fell may be a link that narrowed."""
        self._may_halve = True
        self._next_step = Step.START
        self._trial = None
        self._base_rate = None
        self._set_limit(max(FIRST_PUTS, self._limit // REOPEN_DIVISOR))
        self._opening = Opening(self._limit, self._maximum)

    def on_failure(self, now_s: float, sent_s: float) -> None:
        """Learn that a put sent at ``sent_s`` failed: not by a throttle, nor by a stall."""
        self._fresh_s.discard(sent_s)
        if self._opening is None and sent_s >= self._round.sent_s:
            self._round.on_failure(now_s)
            self._on_outcome(now_s)

    def _on_outcome(self, now_s: float) -> None:
        if self._round.is_over(now_s, self._limit, self._base_rate or 0.0):
            self._end_round(now_s, self._round.acks / self._round.elapsed_s(now_s))

    def _end_round(self, now_s: float, rate: float) -> None:
        if self._round.failures > OVERLOAD_SHARE * self._round.outcomes:
            self._next_step = Step.UP
            self._hold_s = HOLD_FIRST_S
            self._settle(now_s, int(self._limit * OVERLOAD_CUT), None)
        elif not self._round.is_saturated(now_s):
            self._on_unused()
        elif self._trial is None:
            self._consider(now_s, rate)
        else:
            self._judge(now_s, self._trial, rate)
        self._round.begin(now_s)

    def _on_unused(self) -> None:
        """The rate or the source holds puts back: keep room above what was used, try nothing."""
        rising = self._round.peak > RISING_FACTOR * self._round.peak_before
        if rising and self._trial is not None:
            # The new slots are still filling: the trial is judged when they are full.
            return
        room = int(self._round.peak * SLACK_FACTOR) + SLACK_PUTS
        if room < self._limit:
            self._set_limit(max(room, int(self._limit * SLACK_DECAY)))
        self._trial = None
        self._next_step = Step.START
        self._base_rate = None
        self._was_unused = True
        self._hold_s = HOLD_FIRST_S
        self._hold_until_s = float("-inf")

    def _consider(self, now_s: float, rate: float) -> None:
        """Begin a trial, unless the last one was in vain a moment ago and nothing changed."""
        if self._was_unused:
            # What took the slots came within this round: only the next one shows how it is now.
            self._was_unused = False
            return
        base = self._base_rate
        changed = base is not None and abs(rate - base) > CHANGED_SHARE * base
        if base is not None and not changed:
            rate = base + BASE_GAIN * (rate - base)
        if changed:
            self._hold_s = HOLD_FIRST_S
            self._next_step = Step.START
            if self._limit < OPENED_PUTS:
                self._reopen()
                return
        elif now_s < self._hold_until_s:
            self._base_rate = rate
            return
        self._begin_trial(now_s, rate, self._next_step)

    def _begin_trial(self, now_s: float, rate: float, step: Step) -> None:
        before = self._limit
        self._base_rate = rate
        if step is Step.DOWN and self._is_queue_short():
            pass
        elif step is Step.DOWN:
            floor = min(before, TRIAL_MIN_PUTS)
            self._set_limit(max(floor, int(before * self._down_factor)))
        elif not self._round.latency_s > SLOW_PUT_S:
            self._set_limit(max(before + 1, round(before * FACTOR[step])))
        if self._limit == before:
            self._next_step = Step.DOWN if step is not Step.DOWN else Step.UP
            self._settle(now_s, before, rate)
        else:
            self._trial = Trial(step, Measured(before, rate, self._round.latency_s))
            self._round.has_fresh = False

    def _is_queue_short(self) -> bool:
        return self._round.latency_s <= QUEUE_WORTH_FACTOR * self._least_latency_s

    def _judge(self, now_s: float, trial: Trial, rate: float) -> None:
        """Keep the trial's limit if it was worth it, and go on; or go back and rest."""
        verdict = trial.verdict(Measured(self._limit, rate, self._round.latency_s))
        if verdict.is_changed:
            self._reopen()
        elif verdict.is_kept:
            self._hold_s = HOLD_FIRST_S
            self._trial = None
            self._begin_trial(now_s, verdict.puts_per_s, trial.step)
        elif self._round.has_fresh and not verdict.is_queued:
            # The new slots opened connections, whose handshakes took their part of this round:
            # a round without them decides.
            self._round.has_fresh = False
        else:
            if trial.step is Step.DOWN and self._down_factor == QUEUED_DOWN_FACTOR:
                self._may_halve = False
            halves = verdict.is_queued and self._may_halve
            self._down_factor = QUEUED_DOWN_FACTOR if halves else FACTOR[Step.DOWN]
            self._next_step = Step.UP if trial.step is Step.DOWN else Step.DOWN
            self._settle(now_s, trial.before.limit, trial.before.puts_per_s)

    def _settle(self, now_s: float, limit: int, rate: float | None) -> None:
        self._set_limit(limit)
        self._trial = None
        self._base_rate = rate
        self._hold_until_s = now_s + self._hold_s
        self._hold_s = min(HOLD_MAX_S, 2 * self._hold_s)

    def _set_limit(self, limit: int) -> None:
        self._limit = max(self._minimum, min(self._maximum, limit))
