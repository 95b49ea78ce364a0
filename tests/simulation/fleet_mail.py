"""Messages under way in a simulated fleet, each with the time of its arrival."""

import heapq
import itertools


class Mail:
    """What is to happen later, in order of time; what was posted first comes first."""

    def __init__(self):
        self._posted = []
        self._count = itertools.count()

    def __bool__(self):
        return bool(self._posted)

    @property
    def next_s(self):
        return self._posted[0][0]

    def post(self, at_s, act):
        heapq.heappush(self._posted, (at_s, next(self._count), act))

    def deliver(self, now_s):
        """Let all that is due happen, what is posted meanwhile too."""
        while self._posted and self._posted[0][0] <= now_s:
            heapq.heappop(self._posted)[2]()
