"""The images of a run, as a report shows them."""

from bulkput.observe.plain import one_line
from bulkput.observe.report.facts import Row
from bulkput.observe.report.story import RunStory


def image_rows(run: RunStory) -> list[Row]:
    """Return the images that were registered, by Region, and those that could not be."""
    rows = []
    for name, outcome in run.images.items():
        for region, image_id in dict(outcome.get("images") or {}).items():
            rows.append(Row(one_line(f"{name} in {region}"), one_line(str(image_id))))
        if outcome.get("error"):
            rows.append(Row(one_line(name), one_line(str(outcome["error"]))))
    return rows
