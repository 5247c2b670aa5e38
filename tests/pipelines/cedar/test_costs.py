"""What CEDAR will take, before the first call."""

import polars as pl
import pytest
from cedar_rows import (
    ALIGNMENT,
    ANNOTATION,
    LABELLING,
    NO_PICTURES,
    changed,
    key,
    scenarios,
)

from packs import CULTURES, PACKS
from psyche_kedro.pipelines.cedar import costs, tables
from psyche_kedro.tables import frame

N = 100
PANEL = costs.Panel("abc", ["steady", "random"], LABELLING, ALIGNMENT)
NO_ITEMS = frame(tables.Items, [])


def material(**changes) -> costs.Material:
    given = frame(
        tables.GivenTexts,
        [
            {"scenario_id": key(n), "language": c, "narrative": "A.", "question": "B?"}
            for n in range(N)
            for c in CULTURES[:5]
        ],
    )
    return costs.Material(scenarios(N), given, NO_PICTURES, NO_ITEMS)._replace(
        **changes
    )


def asked(**changes):
    rates = costs.Rates(0.5, 0.8, 15.0)
    rows = costs.estimate(material(**changes), PACKS, PANEL, rates)
    return {(row.node, row.role): row for row in rows}


def test_two_languages_of_each_scenario_go_to_the_translator_and_back_to_the_judge():
    rows = asked()
    assert rows["translate_scenarios", "cedar_translator"].calls == 2 * 2 * N
    assert rows["check_translations", "cedar_judge"].calls == 2 * N


def test_every_labeller_is_asked_of_every_scenario_culture_and_sample():
    calls = [row.calls for (node, _), row in asked().items() if "label" in node]
    assert calls == [N * 7 * LABELLING.samples] * 3


def test_models_under_test_are_asked_what_is_expected_to_be_kept_in_every_way():
    rows = asked()
    assert rows["answer_items", "steady"].calls == N * 0.5 * 0.8 * 7 * len(
        ALIGNMENT.ways
    )


def test_a_text_model_is_asked_of_no_picture():
    shown = scenarios(N, picture_id="a" * 16)
    rows = asked(scenarios=shown)
    assert rows["answer_items", "random"].calls == 0  # its card says so
    steady = rows["answer_items", "steady"]
    assert steady.pictures == steady.calls > 0


def test_pictures_count_for_their_pixels():
    from PIL import Image
    from test_reading_scenarios import encoded

    jpeg = encoded(Image.new("RGB", (280, 280)), "JPEG")
    row = {"picture_id": "a" * 16, "sources": ["a"], "sha256": "a" * 64, "kind": "jpeg"}
    pictures = frame(
        tables.Pictures, [row | {"width": 280, "height": 280, "jpeg": jpeg}]
    )
    shown = scenarios(N, picture_id="a" * 16)
    with_pictures = asked(scenarios=shown, pictures=pictures)[
        "label_provisionally", "a"
    ]
    without = asked()["label_provisionally", "a"]
    more = with_pictures.input_tokens - without.input_tokens
    assert more == pytest.approx(100 * with_pictures.calls)


def test_people_are_reckoned_in_tasks_and_hours():
    work = costs.people_work(N, PACKS, ANNOTATION, costs.Rates(0.2, 0.7, 18.0))
    assert work.tasks == pytest.approx(20 * 7 * 5 * 1.05)
    assert work.hours == pytest.approx(work.tasks / 200)


def test_a_run_tells_its_rates_and_what_it_does_not_tell_is_simulated():
    divergence = pl.DataFrame({"verdict": ["isolated"] * 3 + ["rejected"] * 7})
    items = pl.DataFrame({"scenario_id": ["a", "a", "b"]})
    people = pl.DataFrame({"median_seconds": [10.0, None, 14.0]})
    found = costs.measure_rates(divergence, items, people)
    assert found == (0.3, 2 / 3, 12.0)
    nobody = people.clear()
    assert (
        costs.measure_rates(divergence, items.clear(), nobody)[1:] == costs.Rates()[1:]
    )


def test_the_size_of_the_paper_takes_what_the_simulation_says():
    work = costs.people_work(
        12_400, PACKS, changed(ANNOTATION, check_share=0), costs.Rates()
    )
    assert round(work.tasks, -3) == 78_000
    assert work.hours == pytest.approx(325, abs=20)
