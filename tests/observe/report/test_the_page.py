"""The page of a report, as a browser would take it apart."""

import re
from html.parser import HTMLParser

import pytest
from observe.report.conftest import stories

from bulkput.model.events import VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.observe.report.facts import verdict
from bulkput.observe.report.page import render

VOID = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = "</title><script>alert(1)</script>--><b>&amp;\"'$x^2$_"


class Page(HTMLParser):
    """Elements with their attributes, and the text by the element that it is in."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self.references, self.ids = [], [], [], []
        self._open = []
        self.feed(text)
        self.close()
        assert self._open == [], "an element that is not closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        facts = dict(attrs)
        assert not [name for name in facts if name.startswith("on")], facts
        self.ids += [facts["id"]] if "id" in facts else []
        names = ("src", "href", "xlink:href", "data", "action", "poster", "srcset")
        self.references += [facts[name] for name in names if name in facts]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_data(self, data):
        if "style" not in self._open:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def page_of(*runs, warnings=()):
    text = render(stories(*runs), warnings, 1_795_000_100.0)
    page = Page(text)
    assert "script" not in page.elements
    assert all(reference.startswith("#") for reference in page.references), page.references
    inside = {reference.removeprefix("#") for reference in page.references}
    inside |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids)), "an id that is there twice"
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", text)
    return page


def test_it_has_everything_that_was_asked_for(finished):
    page = page_of(finished)
    for words in (
        "run of nightly on host-1",
        "Completed: 1 of 1 volume done in 10.0s.",
        "web-01",
        "snap-0123456789abcdef0",
        "1,000 put of 1,000 (500.0 MiB)",
        "all of it",
        "Calls a second",
        "Latency of calls",
        "Calls in flight",
        "throttled account",
        "What held calls back",
        "uploading 10.0s (100%)",
        "Map of the disk",
        "data, sent: 1,000 blocks (500.0 MiB)",
        "put more than once: 5 blocks",
        "1,000 puts 0.0060 USD",
        "region eu-west-1",
        "processors 2",
    ):
        assert words in page.words, words
    assert page.elements.count("svg") == page.elements.count("desc") == 6


def test_what_was_made_of_the_snapshots_is_shown(scripted):
    run = scripted()
    progress = run.volume("web-01")
    run.put(progress, 10)
    made = {
        "copies": {"us-west-2": "snap-00000000000000001"},
        "volume_id": "vol-00000000000000002",
        "shared_with": ["111122223333", "all"],
        "locked": "compliance",
        "fast_restore": {"eu-west-1a": "enabled"},
    }
    run.end_volume(progress, published=made)
    run.end_image(
        name="web",
        status="available",
        images={"eu-west-1": "ami-00000000000000003"},
        ssm_parameter="/images/web",
        pruned=("ami-00000000000000004",),
    )
    words = page_of(run).words
    for expected in (
        "web-01: copy snap-00000000000000001 in us-west-2",
        "web-01: made the volume vol-00000000000000002",
        "web-01: shared with 111122223333, all",
        "web-01: locked compliance",
        "web-01: restore fast in eu-west-1a (enabled)",
        "web in eu-west-1 ami-00000000000000003",
        "web: parameter /images/web",
        "web: deleted ami-00000000000000004",
    ):
        assert expected in words, expected


def test_names_and_texts_of_others_are_text(scripted):
    run = scripted(host=HOSTILE)
    progress = run.volume(HOSTILE)
    run.put(progress, 100, throttled=1)
    other = run.volume("_hidden")
    run.put(other, 100)
    run.note(HOSTILE)
    run.end_volume(progress, error=HOSTILE)
    run.fail(HOSTILE, 6)
    page = page_of(run, warnings=[HOSTILE])
    assert page.words.count("<script>alert(1)</script>") >= 6
    assert "b" not in page.elements


def test_what_failed_stands_first_with_its_error(scripted):
    run = scripted(volume_count=3)
    good, bad = run.volume("a-good"), run.volume("z-bad")
    run.put(good, 10)
    run.end_volume(good)
    run.end_volume(bad, error="block 7 could not be read")
    run.fail("the job failed", 10)
    words = page_of(run).words
    assert "Failed with exit code 10: 1 of 3 volumes done" in words
    assert words.index("z-bad") < words.index("a-good")
    assert "block 7 could not be read" in words


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda run: None, "Not ended, or killed: 0 of 1 volume done"),
        (lambda run: run.fail("interrupted", 130), "Ended by a signal with exit code 130"),
        (lambda run: run.fail("no credentials", 4), "Failed with exit code 4"),
    ],
)
def test_every_end_has_its_sentence(scripted, end, expected):
    run = scripted()
    run.put(run.volume(), 10)
    end(run)
    (story,) = stories(run)
    assert expected in verdict(story)[0]


def test_a_run_without_volumes_or_figures_is_a_page_too(scripted):
    run = scripted()
    run.fail("the job cannot begin", 3)
    assert "the job cannot begin" in page_of(run).words


def test_runs_of_several_hosts_stand_in_one_page(scripted):
    runs = []
    for number in range(2):
        run = scripted(host=f"host-{number}", run=f"aa0{number}", volume_count=2)
        run.begun_unix_s += 60 * number
        for name in ("one", "two"):
            progress = run.volume(name)
            run.put(progress, 50, seconds=2)
            run.end_volume(progress)
        run.end()
        runs.append(run)
    words = page_of(*runs).words
    assert "bulkput: 2 runs" in words
    assert "on 2 hosts" in words
    assert "Calls a second by run" in words
    assert words.count("2 of 2 volumes done") == 4


def test_the_same_run_makes_the_same_page(scripted):
    run = scripted()
    run.put(run.volume(blocks=10), 10)
    assert len({render(stories(run), (), 0.0) for _ in range(2)}) == 1


def test_a_fleets_volumes_have_their_hosts_in_the_order_of_their_attempts(scripted):
    fleet = scripted(volume_count=2)
    for host in ("rack-7", "db-1"):
        again = Progress("web-01", host=host, phase=Phase.UPLOADING, blocks_total=100)
        fleet.take(VolumeStarted(again, "/disks/web-01.img"))
        fleet.put(again, 50 if host == "rack-7" else 10)
    fleet.end_volume(again, error="gone")
    fleet.end_volume(Progress("web-02"))
    fleet.end(6)
    page = page_of(fleet)
    assert "Volume Host Status" in page.words
    assert "rack-7, db-1 failed" in page.words
    assert "hosts 2" in page.words
    (job,) = [each for each in fleet.records if each["event"] == "job_progress"][-1:]
    assert job["puts"]["attempts"] == 60, "of both attempts"
    assert "60 puts" in page.words

    alone = scripted()
    alone.end_volume(alone.volume())
    alone.end()
    assert "Volume Status" in page_of(alone).words
