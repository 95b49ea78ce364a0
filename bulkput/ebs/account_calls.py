"""Calls of EC2, Systems Manager and KMS in any Region: what is made of snapshots is made by them.

One attempt each, within a deadline; whoever calls decides what a failure means.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bulkput.ebs.model_calls import MODELLED, load_model
from bulkput.ebs.presigned_copy import with_presigned_url
from bulkput.ebs.service import Service

if TYPE_CHECKING:
    from bulkput.ebs.api_client import ApiClient

_SNAPSHOT_PARAMETERS = ("SnapshotId", "SourceSnapshotId")


class AccountCalls:
    """The calls of the account that a service is opened for."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._clients: dict[tuple[str, str], ApiClient] = {}

    async def call(
        self, operation: str, parameters: Mapping[str, Any], *, region: str, service: str = "ec2"
    ) -> dict[str, Any]:
        """Make one attempt and return the answer.

        Raises:
            BulkputError: refused or unanswered.
        """
        await asyncio.to_thread(load_model, service)
        client = self._clients.get((service, region))
        if client is None:
            client = self._service.open_client(MODELLED[service], region)
            self._clients[service, region] = client
        client.set_clock_offset(self._service.clock_offset_s)
        if operation == "CopySnapshot":
            parameters = with_presigned_url(
                parameters,
                await self._service.credentials.current(),
                source_url=self._service.open_client(
                    MODELLED[service], parameters["SourceRegion"]
                ).endpoint_url,
                region=region,
                unix_s=self._service.clock.unix_s() + self._service.clock_offset_s,
            )
        named = (parameters.get(each) for each in _SNAPSHOT_PARAMETERS)
        return await client.call(
            operation,
            parameters,
            snapshot_id=next(filter(None, named), None),
            kms_key=parameters.get("KmsKeyId"),
        )
