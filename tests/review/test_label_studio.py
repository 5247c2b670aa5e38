"""The batch goes through a real Label Studio server and comes back the same.

Runs where a server is installed: in ``.venv-review`` (``make review-server``), or at
the executable that ``LABEL_STUDIO`` names. The server takes half a minute to start.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipelines.synthesis.questions_made import pooled, question
from prompt_set import WORDS
from psyche_kedro.datasets import SourceFile
from psyche_kedro.review.parameters import ReviewParameters
from psyche_kedro.review.verdicts import (
    apply_review,
    export_review_batch,
    read_review_verdicts,
)

PROJECT = Path(__file__).parents[2]
SERVER = Path(os.environ.get("LABEL_STUDIO", PROJECT / ".venv-review/bin/label-studio"))
PERSON = {"email": "reviewer@example.org", "password": "a-long-password-1"}
# Without these the server waits for the network, and reports to it.
QUIET = {
    "LATEST_VERSION_CHECK": "false",
    "COLLECT_ANALYTICS": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
}
STARTING = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SERVER.exists(), reason=f"no Label Studio at {SERVER}"),
]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("label-studio"), free_port()
    command = [
        *(SERVER, "start", "--no-browser", "--internal-host", "127.0.0.1"),
        *("--port", port, "--data-dir", folder),
        *("--username", PERSON["email"], "--password", PERSON["password"]),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            env=os.environ | QUIET,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(url: str) -> None:
    for _ in range(STARTING):
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise TimeoutError(f"{url} did not start within {STARTING} s")


@pytest.fixture
def api(server: str) -> Iterator[httpx.Client]:
    """A client with an access token, made as a person makes one in the account page."""
    with httpx.Client(base_url=server, follow_redirects=True, timeout=60) as page:
        page.get("/user/login/")
        token = {"csrfmiddlewaretoken": page.cookies["csrftoken"]}
        page.post(
            "/user/login/", data=PERSON | token, headers={"Referer": server}
        ).raise_for_status()
        headers = {"X-CSRFToken": page.cookies["csrftoken"], "Referer": server}
        refresh = page.post("/api/token/", headers=headers).json()["token"]
    access = httpx.post(f"{server}/api/token/refresh/", json={"refresh": refresh})
    bearer = {"Authorization": f"Bearer {access.json()['access']}"}
    with httpx.Client(base_url=server, headers=bearer, timeout=60) as client:
        yield client


def result(name: str, kind: str, value: str) -> dict[str, object]:
    return {
        "from_name": name,
        "to_name": "question",
        "type": kind,
        "value": {"choices" if kind == "choices" else "text": [value]},
    }


def test_export_import_annotate_export_import(api: httpx.Client) -> None:
    kept, fixed, dropped = (
        question(f"关于记忆方法的第{c}道题（ ）。") for c in "一二三"
    )
    screened = pooled(kept, fixed, dropped)
    params = ReviewParameters(sample_size=None, shared_share=0, reviewers=("甲",))
    batch = export_review_batch(screened, params, WORDS)

    made = api.post(
        "/api/projects/",
        json={"title": "question review", "label_config": batch.config},
    )
    assert made.status_code == 201, made.text
    project = made.json()["id"]
    sent = api.post(f"/api/projects/{project}/import", json=batch.tasks)
    assert sent.json()["task_count"] == 3, sent.text

    says = {
        kept["question_id"]: [result("verdict", "choices", "保留")],
        fixed["question_id"]: [
            result("verdict", "choices", "修改"),
            result("reason", "choices", "表述不清"),
            result("stem", "textarea", "改过的题干（ ）。"),
            result("gold", "textarea", "C"),
        ],
        dropped["question_id"]: [
            result("verdict", "choices", "删除"),
            result("reason", "choices", "重复"),
        ],
    }
    tasks = api.get("/api/tasks", params={"project": project}).json()["tasks"]
    for task in tasks:
        annotation = {
            "result": says[task["data"]["question_id"]],
            "lead_time": 12.5,
        }
        saved = api.post(f"/api/tasks/{task['id']}/annotations/", json=annotation)
        assert saved.status_code == 201, saved.text

    export = api.get(f"/api/projects/{project}/export", params={"exportType": "JSON"})
    verdicts = read_review_verdicts([SourceFile("export.json", lambda: export.content)])
    assert verdicts["reviewer"].n_unique() == 1
    assert verdicts["seconds"].to_list() == [12.5] * 3

    questions, rejected = apply_review(screened, verdicts)
    by_id = {row["question_id"]: row for row in questions.iter_rows(named=True)}
    assert by_id[kept["question_id"]]["review"] == "kept"
    edited = by_id[fixed["question_id"]]
    assert (edited["stem"], edited["gold"]) == ("改过的题干（ ）。", ["C"])
    assert (edited["original_stem"], edited["original_gold"]) == (fixed["stem"], ["B"])
    assert rejected.select("row_id", "reason").rows() == [
        (dropped["question_id"], "people_duplicate")
    ]
