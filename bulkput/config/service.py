"""Which service, whose keys, which state folder: what a verb needs that has no job."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from bulkput.config.paths import FilePath
from bulkput.config.quantity import Duration
from bulkput.config.section import Section
from bulkput.config.text import Text
from bulkput.config.tuning import TuningSettings
from bulkput.model.host import is_loopback

REGION_TEXT = Text(
    "a Region such as eu-central-1", r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$", length_max=64
)
Region = Annotated[str, REGION_TEXT]
Profile = Annotated[str, Text("a profile's name", "", length_max=255)]
Endpoint = Annotated[
    str,
    Text(
        "aws, embedded or a URL of scheme, host and port such as https://host:8443",
        r"^(aws|embedded|https?://[^/?#@\\\s]+/?)$",
        length_max=1024,
    ),
]

StateStore = Annotated[
    str,
    Text(
        "s3://bucket or s3://bucket/prefix, of letters, digits and -_.",
        r"^s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?$",
        length_max=512,
    ),
]


class ServiceSettings(Section):
    """Where the service is, whose keys sign, where state is kept, and the limits of it all."""

    region: Region | None = Field(
        default=None,
        description="AWS Region. If not given: AWS_REGION, AWS_DEFAULT_REGION, the profile's "
        "or the instance's.",
    )
    profile: Profile | None = Field(
        default=None,
        description="Profile in the AWS configuration files. If not given: AWS_PROFILE or the "
        "default profile. Never write credentials into a job file.",
    )
    # Before `endpoint`, whose check looks at it.
    allow_insecure_http: bool = Field(
        default=False,
        description="Allow an `http://` endpoint or source on another machine. Blocks and "
        "signatures are then sent unencrypted.",
    )
    endpoint: Endpoint = Field(
        default="aws",
        description="Where to send requests: `aws`, `embedded` (the server inside bulkput, for "
        "rehearsals), or one URL for EBS and EC2. `http://` is allowed for this "
        "machine only.",
    )
    state_dir: FilePath | None = Field(
        default=None,
        description="Folder for ledgers and everything else that a rerun needs. If not given: "
        "`$XDG_STATE_HOME/bulkput` or `~/.local/state/bulkput`. A relative path "
        "starts from the folder of the configuration file.",
    )
    state_store: StateStore | None = Field(
        default=None,
        description="Where state is kept beside `state_dir`, so that another machine can go on: "
        "`s3://bucket/prefix`, in S3 or what speaks like it (`AWS_ENDPOINT_URL_S3`).",
    )
    # A host that dies costs the puts of one interval, and each costs two or three requests.
    store_interval_s: Annotated[float, Duration(minimum_s=1.0, maximum_s=3600.0)] = Field(
        default=30.0,
        alias="store_interval",
        description="Time between two updates of `state_store`. What another machine does not "
        "find there, it puts again.",
    )
    tuning: TuningSettings = Field(
        default_factory=TuningSettings,
        description="Limits and deadlines.",
    )

    @property
    def endpoint_url(self) -> str | None:
        """The one URL of EBS and EC2, or ``embedded``; None for AWS's own."""
        return None if self.endpoint == "aws" else self.endpoint

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_safe(cls, endpoint: str, info: ValidationInfo) -> str:
        if endpoint in ("aws", "embedded"):
            return endpoint
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or port == 0:
            raise ValueError("expected aws, embedded or a URL such as https://host:port")
        if parts.scheme == "http" and not is_loopback(host):
            allowed = info.data.get("allow_insecure_http", True)
            if not allowed:
                raise ValueError(
                    "expected https: http is for this machine only, unless "
                    "`allow_insecure_http: true` is set"
                )
        return endpoint.rstrip("/")
