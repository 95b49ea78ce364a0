"""A channel is bounded, ordered, and ends when it is closed."""

import asyncio

from bulkput.pipeline.channel import Channel


async def test_what_is_sent_arrives_in_order_and_closing_ends_it():
    channel = Channel(2)

    async def send():
        for number in range(10):
            await channel.send(number)
        await channel.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        received = [item async for item in channel]
    assert received == list(range(10))


async def test_a_full_channel_holds_its_sender_back():
    channel = Channel(1)
    await channel.send("first")
    second = asyncio.ensure_future(channel.send("second"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    assert await anext(aiter(channel)) == "first"
    await second


async def test_every_receiver_ends_and_none_gets_what_another_got():
    channel = Channel(3)
    received = []

    async def receive():
        received.extend([item async for item in channel])

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(receive())
        for number in range(20):
            await channel.send(number)
        await channel.close()
    assert sorted(received) == list(range(20))
