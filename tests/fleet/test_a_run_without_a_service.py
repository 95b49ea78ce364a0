"""A service that answers no driver: what its run has started is ended with it."""

import pytest
from support.fleet_driver import lived

from bulkput.model.errors import ConfigError, Problem


def test_a_service_that_never_answered_ends_the_run_with_what_it_started(tmp_path):
    async def story(fleet):
        see = fleet.account.see_pending

        async def see_nobody(now_s):
            if fleet.cluster.attempts:
                raise ConfigError((Problem("endpoint", "nobody answers there"),))
            await see(now_s)

        fleet.account.see_pending = see_nobody
        running = fleet.begin()
        await fleet.until_started(1)
        with pytest.raises(ConfigError, match="nobody answers there"):
            await running
        assert fleet.cluster.cancelled == [fleet.cluster.attempts[0][2]]

    lived(tmp_path, story)
