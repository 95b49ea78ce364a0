"""The images of a run, and what else was made of its snapshots, as a report shows them."""

from bulkput.observe.plain import one_line
from bulkput.observe.report.facts import Row
from bulkput.observe.report.story import RunStory


def image_rows(run: RunStory) -> list[Row]:
    """Return the images that were registered, by Region, and of the others the reason."""
    rows = []
    for name, outcome in run.images.items():
        for region, image_id in dict(outcome.get("images") or {}).items():
            rows.append(Row(one_line(f"{name} in {region}"), one_line(str(image_id))))
        if outcome.get("ssm_parameter"):
            rows.append(
                Row(one_line(f"{name}: parameter"), one_line(str(outcome["ssm_parameter"])))
            )
        if pruned := list(outcome.get("pruned") or []):
            rows.append(Row(one_line(f"{name}: deleted"), one_line(", ".join(map(str, pruned)))))
        notes = [] if outcome.get("images") else list(outcome.get("notes") or [])
        why = outcome.get("error") or "; ".join(map(str, notes))
        if why:
            rows.append(Row(one_line(name), one_line(str(why))))
    return rows


def made_rows(run: RunStory) -> list[Row]:
    """Return what was made of the snapshots of each volume: copies, shares, volumes, locks."""
    return [
        Row(one_line(f"{volume.name}: {label}"), one_line(str(text)))
        for volume in run.volumes.values()
        for label, text in volume.made
    ]
