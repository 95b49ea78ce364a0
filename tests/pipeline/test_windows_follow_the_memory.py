"""Windows are as large as wanted, and smaller while others have a part of the memory."""

import pytest
from support.upload_parts import POLICY, upload_parts

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.pipeline.upload import upload_blocks


class Sink:
    """Takes every block, and counts."""

    def __init__(self):
        self.taken = 0
        self.on_put = lambda taken: None

    async def put_block(self, snapshot_id, block_index, body, digest, on_sent):
        self.taken += 1
        self.on_put(self.taken)
        on_sent()


@pytest.fixture
def uploaded(tmp_path):
    """Return a function that uploads 48 blocks and returns the windows that were read."""
    image = tmp_path / "disk.img"
    image.write_bytes(b"1" * 48 * BLOCK_SIZE_BYTES)

    async def upload(budget_blocks, then=None):
        sink, windows = Sink(), []
        with upload_parts(image, tmp_path / "state", sink) as parts:

            def resize(taken):
                if then and taken == then[0]:
                    parts.budget.resize(then[1] * BLOCK_SIZE_BYTES)

            def read(start, block_count, real=parts.source.read_window):
                windows.append((start, block_count))
                return real(start, block_count)

            sink.on_put = resize
            parts.source.read_window = read
            parts.budget.resize(budget_blocks * BLOCK_SIZE_BYTES)
            await upload_blocks("snap-1", parts, POLICY)
        assert sink.taken == 48
        return [count for _, count in sorted(windows)]

    return upload


@pytest.mark.parametrize(("budget", "window"), [(64, 4), (16, 4), (15, 3), (8, 2), (4, 1)])
async def test_four_windows_fit_the_memory(uploaded, budget, window):
    assert max(await uploaded(budget)) == window


async def test_windows_become_smaller_when_another_process_gets_memory(uploaded):
    windows = await uploaded(16, (8, 4))
    assert windows[0] == 4
    assert windows[-8:] == [1] * 8


async def test_windows_become_larger_when_memory_comes_back(uploaded):
    windows = await uploaded(4, (8, 16))
    assert windows[0] == 1
    assert windows[-4:] == [4] * 4
