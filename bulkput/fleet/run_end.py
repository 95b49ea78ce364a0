"""Why a run ends before its volumes have."""

from bulkput.model.errors import TemporaryError


class CancelledRunError(TemporaryError):
    """The run ends now; the same command goes on with it."""

    def __init__(self, why: str) -> None:
        """Name the cause, a clause."""
        super().__init__(f"stopped: {why}. The same command resumes the job")


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
