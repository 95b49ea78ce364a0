"""The images of a run, as a report shows them."""

from bulkput.observe.plain import one_line
from bulkput.observe.report.facts import Row
from bulkput.observe.report.story import RunStory


def image_rows(run: RunStory) -> list[Row]:
    """Return the images that were registered, by Region, and of the others the reason."""
    rows = []
    for name, outcome in run.images.items():
        for region, image_id in dict(outcome.get("images") or {}).items():
            rows.append(Row(one_line(f"{name} in {region}"), one_line(str(image_id))))
        notes = [] if outcome.get("images") else list(outcome.get("notes") or [])
        why = outcome.get("error") or "; ".join(map(str, notes))
        if why:
            rows.append(Row(one_line(name), one_line(str(why))))
    return rows
