"""The page of items in a browser: what filters leave, and what a case shows."""

import base64
import gzip
import json
import re
import shutil
import subprocess
from urllib.parse import urlencode

import pytest
from test_report import SETTINGS, tables

from psyche_kedro.pipelines.reporting.items import pack
from psyche_kedro.pipelines.reporting.nodes import write_report
from psyche_kedro.tables import ShownAnswers, ShownItems, frame

EVIL = "</script><script>document.title='pwned'</script><b>粗</b>"
N_ITEMS = 300
ITEMS = [
    {
        "item_id": f"i{n}",
        "benchmark": "pceb",
        "cell": ("case_single", "theory_multiple")[n % 2],
        "case_text": None,
        "stem": f"第{n}题 {EVIL}",
        "options": ["A. 注意", "B. 记忆"],
        "gold": "A",
    }
    for n in range(N_ITEMS)
]


def answer(n, role, labels, **changes):
    return {
        "item_id": f"i{n}",
        "role": role,
        "protocol": "reasoned",
        "outcome": "read" if labels else "unread",
        "labels": labels,
        "mark": float(labels == "A"),
        "other_readings": [],
        "is_memorised": False,
        "reply": f"答案：{labels} {EVIL}",
        **changes,
    }


ANSWERS = [
    *(answer(n, "one", "A" if n < 200 else "B") for n in range(N_ITEMS)),
    *(answer(n, "other", "A" if n < 120 else "") for n in range(N_ITEMS)),
]
ANSWERS[7]["other_readings"] = ["official_psycollm: B"]


def page():
    data = tables()
    data["evaluation"]["shown_items"] = frame(ShownItems, ITEMS)
    data["evaluation"]["shown_answers"] = frame(ShownAnswers, ANSWERS)
    return write_report(**data, **SETTINGS).html


def test_items_are_packed_so_that_no_text_ends_their_element():
    html = page()
    assert EVIL not in html
    packed = re.search(r'id="packed" type="text/plain">([^<]*)<', html)[1]
    told = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert [len(told[name]) for name in ("items", "answers")] == [300, 600]
    assert told["items"][3][4] == ITEMS[3]["stem"]
    assert told["role"] == ["one", "other"]
    assert page() == html


def test_nothing_to_show_is_no_page():
    assert pack(frame(ShownItems, []), frame(ShownAnswers, [])) == ""
    html = write_report(**tables(), **SETTINGS).html
    assert 'id="items"' not in html


# ---- in a browser ----------------------------------------------------------------

CHROMIUM = shutil.which("chromium")
in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(), encoding="utf-8")
    return path


def seen(report, **asked):
    """Return the page as the browser makes it, with filters set by its address."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={report.parent / 'profile'}"]
    command += ["--virtual-time-budget=20000"]
    address = f"{report.as_uri()}#items?{urlencode(asked)}"
    made = subprocess.run([*command, address], capture_output=True, check=True)
    return made.stdout.decode()


def n_shown(dom):
    return int(re.search(r'<output id="shown">([\d,]+) of', dom)[1])


@in_a_browser
def test_the_list_is_filtered_and_only_what_is_seen_of_it_is_drawn(report):
    dom = seen(report)
    assert n_shown(dom) == 2 * N_ITEMS
    assert 0 < dom.count('class="row ') < 60
    assert "<title>Psyche-R1" in dom
    assert n_shown(seen(report, role="other", outcome="unread")) == 180
    cell = {"cell": "theory_multiple", "mark": "right"}
    assert n_shown(seen(report, role="one", **cell)) == 100


@in_a_browser
def test_items_that_two_readers_read_differently_can_be_listed(report):
    dom = seen(report, show="read differently")
    assert n_shown(dom) == 1
    assert "第7题" in dom


@in_a_browser
def test_a_case_shows_two_models_on_one_item(report):
    differ = seen(report, role="one", beside="other", show="the two differ")
    assert n_shown(differ) == N_ITEMS - 120
    case = {"role": "one", "beside": "other", "item": "i150", "of": "one"}
    dom = seen(report, **case, asked="reasoned")
    assert "one: A, right" in dom
    assert "other: unread, wrong" in dom
    assert "第150题 &lt;/script&gt;" in dom
    assert "Key: A" in dom


@in_a_browser
def test_a_filter_that_no_answer_passes_leaves_nothing(report):
    assert n_shown(seen(report, role="nobody")) == 0
