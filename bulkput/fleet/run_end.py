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
