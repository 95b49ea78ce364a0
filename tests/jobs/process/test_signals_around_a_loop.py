"""What heard a signal before a loop hears it again when that has ended."""

import asyncio
import signal

from bulkput.jobs.process.event_loop import _until_signal


def test_the_programs_own_handler_of_ctrl_c_is_put_back():
    def own(*_):
        pass

    async def main():
        return signal.getsignal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, own)
    try:
        within = asyncio.run(_until_signal(main(), print, print))
        assert within is not own
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
