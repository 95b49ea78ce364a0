"""A sink that fails costs nothing but itself."""

from bulkput.observe.guarded_sink import GuardedSink


class Sink(GuardedSink):
    def __init__(self, failure=None):
        super().__init__()
        self.failure = failure
        self.writes = []
        self.reports = []

    def write_due(self, now_s, *, last):
        self.writes.append((now_s, last))
        if self.failure is not None:
            raise self.failure

    def give_up(self, error):
        self.reports.append(error)


def test_a_failure_is_reported_once_and_nothing_is_written_any_more():
    sink = Sink(ZeroDivisionError())
    for now_s in (1.0, 2.0):
        sink.tick(now_s)
    sink.close(3.0)
    assert sink.writes == [(1.0, False)]
    assert sink.reports == [sink.failure]


def test_what_waits_is_written_at_the_end_and_nothing_after_it():
    sink = Sink()
    sink.tick(1.0)
    sink.close(2.0)
    sink.tick(3.0)
    sink.close(4.0)
    assert sink.writes == [(1.0, False), (2.0, True)]
    assert sink.reports == []
