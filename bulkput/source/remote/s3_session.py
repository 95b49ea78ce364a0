"""botocore's session for S3, and who is asked for keys: all that they answer is bounded."""

from typing import Any

from bulkput.source.remote.response_head import bound_session


def bounded_session(profile: str | None) -> Any:
    """Return a session whose clients, of S3 and of the chain of credentials, end in time and size.

    Args:
        profile: Of the AWS configuration.

    Raises:
        botocore.exceptions.BotoCoreError: the configuration cannot be read.
    """
    import botocore.session  # noqa: PLC0415 - 200 ms that only this source takes

    class Session(botocore.session.Session):  # type: ignore[misc] # it has no types
        def create_client(self, service_name: str, *arguments: Any, **options: Any) -> Any:
            client = super().create_client(service_name, *arguments, **options)
            http_session = client._endpoint.http_session  # noqa: SLF001 - there is no other way
            bound_session(http_session, has_texts=service_name != "s3")
            return client

    session = Session(profile=profile)
    for provider in session.get_component("credential_provider").providers:
        for name in ("_role_fetcher", "_fetcher"):  # the instance's, the container's
            found = getattr(getattr(provider, name, None), "_session", None)
            if hasattr(found, "_pool_classes_by_scheme"):
                bound_session(found, has_texts=True)
    return session
