"""``plan`` and ``run`` as a Python program calls them."""

import json

from bulkput import FailedForecast, load_job, plan, run


async def test_a_plan_of_the_options_of_an_upload_sends_nothing(options, image, account):
    before = account.states()
    reported = []
    forecast = await plan(
        options(image("planned.img")), on_progress=lambda *at: reported.append(at)
    )
    (volume,) = forecast.volumes
    assert volume.tally.puts == 8
    assert reported[-1] == ("planned.img", 1.0)
    assert account.states() == before


async def test_a_plan_by_extents_reads_nothing(options, image):
    forecast = await plan(options(image()), by_extents=True)
    assert forecast.volumes[0].tally.read == 0


async def test_a_source_that_is_missing_is_a_forecast_of_its_own(options, tmp_path):
    forecast = await plan(options(tmp_path / "missing.img"))
    assert isinstance(forecast.volumes[0], FailedForecast)


async def test_a_file_of_several_volumes_is_run_and_a_failure_does_not_end_the_others(
    image, account, tmp_path
):
    path = tmp_path / "job.yaml"
    volumes = [{"source": str(image("a.img"))}, {"source": str(tmp_path / "missing.img")}]
    job = {"version": 1, "parallel": 2, "volumes": volumes}
    path.write_text(json.dumps(job))
    environ = account.environment(tmp_path / "state") | {"BULKPUT_REGION": "us-east-1"}
    heard = []
    done, failed = await run(load_job(path, environ=environ), on_event=heard.append)
    assert (done.status, failed.status) == ("completed", "failed")
    assert failed.exit_code == 6
    assert str(failed.cause) == failed.error
    assert heard
