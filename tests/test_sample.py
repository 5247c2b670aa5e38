"""The bundled sample keeps its promises: counts, planted facts, reproducible files."""

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import docx
import polars as pl
import pypdfium2
import pytest

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "01_raw" / "sample"
SOURCES = DATA / "sample_sources"
PLANTED = json.loads((SOURCES / "planted.json").read_text(encoding="utf-8"))
CHOICE_LETTERS = set("ABCD")
TRUE_OR_FALSE = {"对", "错", "√", "×"}


def load_maker():
    spec = importlib.util.spec_from_file_location("m", DATA / "make_sample.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_sample = load_maker()


def read_json(path: str) -> Any:
    return json.loads((SAMPLE / path).read_text(encoding="utf-8"))


def read_all(pattern: str) -> list[dict[str, Any]]:
    paths = sorted(SAMPLE.glob(pattern))
    return [row for path in paths for row in read_json(str(path.relative_to(SAMPLE)))]


def case_questions(kind: str) -> list[dict[str, Any]]:
    cases = read_all(f"benchmarks/pceb/cases/{kind}/*/*.json")
    return [item for case in cases for item in case["questions_and_answers"]]


def read_sheet(path: Path, name: str) -> list[tuple[str, ...]]:
    sheet = pl.read_excel(
        path, sheet_name=name, has_header=False, drop_empty_cols=False
    )
    return [tuple(cell or "" for cell in row) for row in sheet.iter_rows()]


def from_cells(cells: dict[str, str]) -> dict[str, Any]:
    options = {key: cells[f"选项{key}"] for key in "ABCD" if cells[f"选项{key}"]}
    return {
        "type": cells["题型"],
        "question": cells["题干"],
        "options": options,
        "answer": cells["答案"],
        "explanation": cells["解析"],
    }


def bank_rows(file: str, sheet: str | None) -> list[dict[str, Any]]:
    if sheet is not None:
        _, header, *rows = read_sheet(SAMPLE / file, sheet)
        return [from_cells(dict(zip(header, row, strict=True))) for row in rows]
    if file.endswith(".csv"):
        text = (SAMPLE / file).read_text(encoding="utf-8")
        return [from_cells(row) for row in csv.DictReader(text.splitlines())]
    return read_json(file)


BANKS = {
    (file, sheet): bank_rows(file, sheet)
    for file, sheet in (
        ("question_banks/psychology_bank.json", None),
        ("question_banks/counsellor_bank.csv", None),
        ("question_banks/teacher_bank.xlsx", "教育心理学"),
        ("question_banks/teacher_bank.xlsx", "发展与普通"),
    )
}


def bank_row(place: dict[str, Any]) -> dict[str, Any]:
    return BANKS[place["file"], place.get("sheet")][place["row"]]


def bank_pair(kind: str) -> list[list[dict[str, Any]]]:
    pairs = PLANTED["question_banks"][kind]
    return [[bank_row(place) for place in pair] for pair in pairs]


def answer_texts(row: dict[str, Any]) -> set[str]:
    return {row["options"][letter] for letter in row["answer"]}


def faults(row: dict[str, Any]) -> str | None:
    if not row["question"]:
        return "empty stem"
    if not row["answer"]:
        return "no answer"
    if row["type"] == "判断题":
        return None if row["answer"] in TRUE_OR_FALSE else "unreadable answer"
    if not set(row["answer"]) <= set(row["options"]):
        return "answer letter not among the options"
    if row["type"] == "单选题" and len(row["answer"]) > 1:
        return "single choice with two letters"
    return None


def test_question_banks_hold_sixty_questions_of_three_types():
    rows = [row for bank in BANKS.values() for row in bank]
    assert len(rows) == 60
    assert {row["type"] for row in rows} == {"单选题", "多选题", "判断题"}
    assert all(row["explanation"] for row in rows)


def test_exactly_the_planted_bank_questions_are_broken():
    planted = {
        (place["file"], place.get("sheet"), place["row"]): place["why"]
        for place in PLANTED["question_banks"]["broken"]
    }
    found = {
        (*place, number): why
        for place, rows in BANKS.items()
        for number, row in enumerate(rows)
        if (why := faults(row))
    }
    assert found == planted
    assert len(planted) == 6


def test_planted_duplicates_agree_and_the_conflict_does_not():
    [[left, right]] = bank_pair("exact_duplicates")
    for key in ("question", "options", "answer"):
        assert left[key] == right[key]
    near = bank_pair("near_duplicates")
    assert len(near) == 3
    for left, right in near:
        assert left["question"] != right["question"]
        assert answer_texts(left) == answer_texts(right)
    [[left, right]] = bank_pair("conflicting_answers")
    assert left["options"] == right["options"]
    assert left["question"] == right["question"]
    assert left["answer"] != right["answer"]


def test_bank_stems_repeat_only_where_planted():
    stems = [row["question"] for bank in BANKS.values() for row in bank]
    repeated = {stem for stem in stems if stems.count(stem) > 1}
    kinds = ("exact_duplicates", "conflicting_answers")
    assert repeated == {bank_pair(kind)[0][0]["question"] for kind in kinds}


def test_posts_count_forty_conversations_and_a_hundred_replies():
    posts = read_json("posts/community.json")
    dialogues = read_json("posts/dialogues.json")
    turns = [turn for dialogue in dialogues for turn in dialogue["turns"]]
    replies = sum(len(post["answers"]) for post in posts)
    counselled = sum(turn["role"] == "counselor" for turn in turns)
    assert (len(posts), len(dialogues)) == (34, 6)
    assert (replies, counselled) == (82, 18)
    assert all(4 <= len(dialogue["turns"]) <= 8 for dialogue in dialogues)


def planted_replies(kind: str) -> list[str]:
    posts = {post["questionID"]: post for post in read_json("posts/community.json")}
    return [
        posts[place["questionID"]]["answers"][place["answer"]]["answer_text"]
        for place in PLANTED["posts"][kind]
    ]


def test_platitudes_are_the_short_replies_and_the_rest_are_substantive():
    platitudes, harmful = planted_replies("platitudes"), planted_replies("harmful")
    posts = read_json("posts/community.json")
    replies = [answer["answer_text"] for post in posts for answer in post["answers"]]
    others = set(replies) - set(platitudes) - set(harmful)
    assert (len(platitudes), len(harmful)) == (12, 1)
    assert max(map(len, platitudes)) < 30
    assert all(60 <= len(reply) <= 250 for reply in others)
    assert "把药停了" in harmful[0]


def test_crisis_post_has_one_reply_with_a_referral_and_one_without():
    crisis = PLANTED["posts"]["crisis"]
    posts = {post["questionID"]: post for post in read_json("posts/community.json")}
    answers = [row["answer_text"] for row in posts[crisis["questionID"]]["answers"]]
    assert "12356" in answers[crisis["with_referral"]]
    assert "12356" not in answers[crisis["without_referral"]]
    assert len(answers) == 2


def test_planted_noise_occurs_in_the_posts():
    files = ("community.json", "dialogues.json")
    text = "".join((SAMPLE / "posts" / name).read_text("utf-8") for name in files)
    noise = [word for words in PLANTED["posts"]["noise"].values() for word in words]
    assert [word for word in noise if word not in text] == []


@pytest.mark.parametrize("kind", ["moral", "theory"])
@pytest.mark.parametrize("choice", ["single", "multiple"])
def test_pceb_cells_hold_ten_items(kind, choice):
    items = read_all(f"benchmarks/pceb/{kind}/{choice}/*/*.json")
    assert len(items) == 10
    for item in items:
        assert set(item["answer"]) <= set(item["options"]) == CHOICE_LETTERS
        assert (len(item["answer"]) == 1) == (choice == "single")


def test_pceb_cases_hold_ten_items_of_each_kind_and_eight_essays():
    items = case_questions("mix")
    kinds = [item["question"][:2] for item in items]
    assert (kinds.count("单选"), kinds.count("多选"), len(items)) == (10, 10, 20)
    for item in items:
        assert (len(item["answer"]) == 1) == item["question"].startswith("单选")
    essays = case_questions("essay")
    assert len(essays) == 8
    assert all(80 <= len(item["answer"]) <= 200 for item in essays)
    assert all("（2分）" in item["answer"] for item in essays)


def cells(items: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    keys = [(item["kind"], item["question_type"]) for item in items]
    return {key: keys.count(key) for key in keys}


def test_cpsyexam_has_three_test_items_per_cell_and_other_exemplars():
    test = read_all("benchmarks/cpsyexam/mcq/test/*.json")
    train = read_all("benchmarks/cpsyexam/mcq/train/*.json")
    assert set(cells(test).values()) == {3}
    assert min(cells(train).values()) >= 5
    assert len(cells(test)) == len(cells(train)) == 4
    assert not {row["question"] for row in test} & {row["question"] for row in train}


def test_counselling_cases_end_with_the_reference_reply():
    cases = read_json("benchmarks/counselling/cases.json")
    assert len(cases) == 8
    for case in cases:
        roles = [message["role"] for message in case["messages"]]
        assert roles[0] == "system"
        assert roles[1:] == ["user", "assistant"] * (len(roles) // 2)


def test_public_sets_hold_the_promised_numbers():
    assert len(read_all("public/exam_questions/*.json")) == 20
    assert len(read_json("public/knowledge_qa/knowledge_qa.json")) == 10
    assert len(read_json("public/dialogues/dialogues.json")) == 5


def find_item(path: str, question: str) -> dict[str, Any]:
    [item] = [row for row in read_json(path) if row["question"] == question]
    return item


def test_two_public_questions_repeat_a_benchmark_item_and_a_third_nearly():
    verbatim = PLANTED["contamination"]["verbatim"]
    assert len(verbatim) == 2
    for place in verbatim:
        public = find_item(place["public"], place["question"])
        benchmark = find_item(place["benchmark"], place["question"])
        assert public["options"] == {**benchmark["options"], "E": ""}
        assert public["answer"] == benchmark["answer"]
    [near] = PLANTED["contamination"]["near_duplicates"]
    public = find_item(near["public"], near["public_question"])
    benchmark = find_item(near["benchmark"], near["benchmark_question"])
    assert answer_texts(public) == answer_texts(benchmark)


def pdf_pages(path: Path) -> list[str]:
    pages = pypdfium2.PdfDocument(path)
    texts = [page.get_textpage().get_text_range() for page in pages]
    pages.close()
    return texts


def squeeze(text: str) -> str:
    return "".join(text.split())


def test_textbook_pdf_carries_head_matter_and_broken_sentences():
    book = "textbooks/社会与健康心理学.pdf"
    pages = [squeeze(text) for text in pdf_pages(SAMPLE / book)]
    facts = PLANTED["textbooks"]
    assert len(pages) == facts["pages"][book]
    head = facts["running_heads"][book]
    assert all(page.startswith(f"{head}—{n}—") for n, page in enumerate(pages[1:], 2))
    for word in facts["front_matter"][book]:
        assert any(word in page for page in pages[:2])
    for broken in facts["sentences_across_pages"]:
        page, following = pages[broken["page"] - 1], pages[broken["page"]]
        body = following.removeprefix(f"{head}—{broken['page'] + 1}—")
        assert broken["sentence"] in page + body
        assert broken["sentence"] not in page
        assert broken["sentence"] not in body


def test_scanned_pdf_has_pages_but_no_text_layer():
    book = "textbooks/变态与咨询心理学_扫描.pdf"
    pages = pdf_pages(SAMPLE / book)
    assert pages == [""] * PLANTED["textbooks"]["pages"][book]
    assert (SAMPLE / book).stat().st_size < 600_000


def test_textbooks_define_many_terms():
    paths = [*SOURCES.glob("*.md"), *SOURCES.glob("*.txt"), *SAMPLE.glob("*/*.md")]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert text.count("是指") + text.count("称为") >= 150


def docx_blocks(path: Path) -> list[tuple[str, str]]:
    return [(row.style.name, row.text) for row in docx.Document(path).paragraphs]


def test_office_files_are_what_their_sources_say(tmp_path):
    make_sample.make_office_files(tmp_path)
    book, bank = "textbooks/发展与教育心理学.docx", "question_banks/teacher_bank.xlsx"
    blocks = docx_blocks(tmp_path / book)
    assert blocks == docx_blocks(SAMPLE / book)
    assert [style for style, _ in blocks].count("List Number") == 4
    for sheet in ("教育心理学", "发展与普通"):
        made = read_sheet(tmp_path / bank, sheet)
        assert made == read_sheet(SAMPLE / bank, sheet)


def test_office_files_are_the_same_bytes_on_every_run(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    make_sample.make_office_files(first)
    make_sample.make_office_files(second)
    for name in ("textbooks/发展与教育心理学.docx", "question_banks/teacher_bank.xlsx"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.skipif(make_sample.find_font() is None, reason="no CJK TrueType font")
def test_pdfs_are_what_their_sources_say(tmp_path):
    make_sample.make_pdfs(tmp_path, make_sample.find_font())
    for path in sorted((tmp_path / "textbooks").glob("*.pdf")):
        assert pdf_pages(path) == pdf_pages(SAMPLE / "textbooks" / path.name)
