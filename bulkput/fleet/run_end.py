"""Why a run ends before its volumes have."""

from bulkput.fleet.lease import LENGTH_S, ORPHAN_S
from bulkput.model.errors import TemporaryError


class CancelledRunError(TemporaryError):
    """The run ends now; the same command goes on with it."""

    def __init__(self, why: str) -> None:
        """Name the cause, a clause."""
        super().__init__(f"stopped: {why}. The same command resumes the job")


class OtherQuotaError(CancelledRunError):
    """The account has a quota already, which is not the job's."""

    def __init__(self) -> None:
        """Name who has it: clients of a killed run may put for so long."""
        super().__init__(
            "another run uses this account by another quota, or what is left of one that was "
            f"killed, which may do so for {LENGTH_S + ORPHAN_S:.0f} s"
        )


class LostClusterError(TemporaryError):
    """Its head is gone."""

    def __init__(self) -> None:
        """Name what is left to do."""
        super().__init__(
            "the cluster's head does not answer any more, so its hosts end what they do within a "
            "minute. The same command goes on with the job, as soon as there is a cluster"
        )


class LostQuotaError(TemporaryError):
    """Nobody gives shares of the account's quota."""

    def __init__(self) -> None:
        """Name what may be wrong."""
        super().__init__(
            "the actor of the account's quota does not answer: is there the same bulkput on the "
            "cluster's head? Its log is in Ray's folder there. The same command goes on"
        )
