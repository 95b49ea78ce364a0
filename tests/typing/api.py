"""Uses of the library, for the type checkers: run by nobody, accepted by mypy and pyright.

What must not be accepted carries an ignore, which is an error itself once it is needless.
"""

from pathlib import Path

import bulkput
from bulkput import (
    BulkputError,
    ConfigError,
    CopyOptions,
    CredentialsError,
    DestinationError,
    Difference,
    DownloadOptions,
    DownloadOutcome,
    Event,
    FailedForecast,
    GetRetried,
    ImageEnded,
    ImageOutcome,
    IntegrityError,
    JobForecast,
    JobOutcomes,
    JobSettings,
    LedgerError,
    Noted,
    OnDifference,
    OnEvent,
    Phase,
    PhaseChanged,
    Progress,
    PutRetried,
    ServiceError,
    Settings,
    SnapshotError,
    SourceError,
    TargetError,
    TemporaryError,
    TuningSettings,
    UploadOptions,
    VerifyOptions,
    VerifyOutcome,
    VolumeEnded,
    VolumeForecast,
    VolumeOutcome,
    VolumeStarted,
    copy,
    download,
    load_job,
    plan,
    publish_job,
    run,
    upload,
    verify,
)

WHO_MUST_ACT: dict[type[BulkputError], str] = {
    ConfigError: "who wrote the options",
    CredentialsError: "who gives permissions",
    SourceError: "who owns the disk",
    DestinationError: "who owns the destination",
    TargetError: "the same, by the old name",
    LedgerError: "who owns the state folder",
    SnapshotError: "who owns the snapshot",
    IntegrityError: "who looks into it",
    ServiceError: "AWS",
    TemporaryError: "nobody: call again",
}


async def the_least() -> str | None:
    outcome: VolumeOutcome = await upload(UploadOptions("disk.img", region="eu-central-1"))
    return outcome.snapshot_id


async def with_everything_that_is_often_given(image: Path, heard: OnEvent) -> VolumeOutcome:
    options = UploadOptions(
        source=image,
        name="web-01",
        region="eu-central-1",
        profile="migration",
        tags={"Name": "web-01"},
        description="web-01 before the move",
        encrypted=True,
        zeros="auto",
        resume="trust",
        verify="full",
        state_dir=Path("state"),
        tuning=TuningSettings(in_flight_max=64, puts_per_s_account=250.0),
    )
    return await upload(options, on_event=heard)


class Listener:
    def __init__(self) -> None:
        self.progress: Progress | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case VolumeStarted(progress=progress):
                self.progress = progress
            case PhaseChanged(phase=phase):
                done: bool = phase is Phase.DONE
                print(done)
            case PutRetried(block_index=index, delay_s=delay_s):
                print(index + 1, delay_s / 2)
            case GetRetried(failure=failure):
                print(failure.upper())
            case Noted(text=text, warning=warning):
                print(text.upper(), not warning)
            case VolumeEnded(outcome=outcome):
                print(outcome.blocks["put"], outcome.as_dict())

    @property
    def share(self) -> float:
        if self.progress is None:
            return 0.0
        return self.progress.blocks_considered / max(1, self.progress.blocks_total)


async def errors_show_who_must_act(options: UploadOptions) -> int:
    try:
        await upload(options, on_event=Listener())
    except ConfigError as error:
        return len(error.problems)
    except SourceError as error:
        return error.block_index or 0
    except ServiceError as error:
        return error.http_status or error.attempts
    except BulkputError as error:
        return error.status
    return 0


async def a_forecast(options: UploadOptions) -> float:
    forecast: JobForecast = await plan(options, by_extents=True, on_progress=lambda _, __: None)
    for volume in forecast.volumes:
        if isinstance(volume, FailedForecast):
            print(volume.error)
        else:
            known: VolumeForecast = volume
            print(known.tally.puts, known.cost.price_usd)
    return forecast.cost.time_at_quota_s


async def a_whole_job() -> list[str | None]:
    job: JobSettings = load_job("job.yaml", environ={})
    by_the_old_name: Settings = job
    await plan(by_the_old_name)
    outcomes: tuple[VolumeOutcome, ...] = await run(job, on_event=print)
    return [outcome.snapshot_id for outcome in outcomes]


async def images_of_a_job(snapshot_id: str) -> list[str | None]:
    ended: list[ImageOutcome] = []

    def on_event(event: Event) -> None:
        if isinstance(event, ImageEnded):
            ended.append(event.outcome)

    job = load_job("job.yaml")
    outcomes: JobOutcomes = await publish_job(
        job, snapshots={"web": snapshot_id}, on_event=on_event
    )
    return [image.image_id for image in outcomes.images]


async def a_copy(snapshot_id: str) -> str | None:
    options = CopyOptions(
        snapshot_id,
        region="eu-west-1",
        to_region="us-west-2",
        to_profile="other",
        tags={"Copied": "yes"},
        kms_key_arn="arn:aws:kms:us-west-2:111122223333:key/1234",
        verify="full",
    )
    outcome: VolumeOutcome = await copy(options, on_event=print)
    return outcome.snapshot_id


async def a_comparison(snapshot_id: str, image: Path) -> list[int]:
    found: list[Difference] = []
    on_difference: OnDifference = found.append
    options = VerifyOptions(snapshot_id, source=image, sample="10GiB", seed=7, region="eu-west-1")
    outcome: VerifyOutcome = await verify(options, on_event=print, on_difference=on_difference)
    if outcome.error is not None:
        raise outcome.error
    return [each.start for each in found]


async def a_download(snapshot_id: str) -> Path:
    options = DownloadOptions(snapshot_id, "disk.img", force=True, region="eu-west-1")
    outcome: DownloadOutcome = await download(options, on_event=print)
    return outcome.destination


async def what_is_refused(options: UploadOptions) -> None:
    UploadOptions("disk.img", zeros="all")  # type: ignore[arg-type]
    UploadOptions("disk.img", "web-01")  # type: ignore[call-arg]
    options.region = "eu-west-1"  # type: ignore[misc]
    await upload("disk.img")  # type: ignore[arg-type]
    await verify(VerifyOptions("snap-1", "disk.img"))  # type: ignore[call-arg]
    await download(DownloadOptions("snap-1"))  # type: ignore[call-arg]
    await copy(CopyOptions("snap-1"), on_progress=print)  # type: ignore[call-arg]
    await upload(options, on_event=lambda: None)  # type: ignore[arg-type, misc]
    print(bulkput.uplaod)  # type: ignore[attr-defined]
