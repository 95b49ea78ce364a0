"""Workers without threads."""

import asyncio


class Inline:
    """Runs what blocks at once, after others had their turn."""

    count = 1

    async def run(self, work):
        await asyncio.sleep(0)
        return work()
