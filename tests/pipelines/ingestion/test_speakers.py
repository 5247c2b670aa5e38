"""Who says what: by name, by letter, with a note; a stranger is refused."""

import pytest
from test_reading_posts import file

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.cleaning.conversations import clean_text
from psyche_kedro.pipelines.ingestion.nodes import read_posts
from psyche_kedro.pipelines.ingestion.posts import dialogue_of
from psyche_kedro.pipelines.ingestion.speakers import spoken_lines

TURNS = [("user", "我睡不着。"), ("assistant", "多久了？"), ("user", "两周。")]


def spoken(text: str) -> list[tuple[str, str]]:
    return list(spoken_lines(text.split("\n")))


@pytest.mark.parametrize(
    "text",
    [
        "来访者：我睡不着。\n咨询师：多久了？\n来访者：两周。",
        "来访者：我睡不着。咨询师：多久了？来访者：两周。",
        "来访者1：我睡不着。\n咨询师A：多久了？\n来访者1：两周。",
        "【求助者】：我睡不着。\n【咨询师】：多久了？\n【求助者】：两周。",
        "C：我睡不着。\nT：多久了？\nC：两周。",
        "小林（来访者）：我睡不着。\n王老师（咨询师）：多久了？\n小林（来访者）：两周。",
        "**来访者：** 我睡不着。\n**咨询师：** 多久了？\n**来访者：** 两周。",
        "Client: 我睡不着。\nCounselor: 多久了？\nClient: 两周。",
    ],
)
def test_speakers_are_named_in_many_ways(text):
    assert spoken(text) == TURNS


def test_a_note_beside_a_speaker_stays_with_the_words():
    text = "来访者：我睡不着。\n咨询师（点头）：多久了？\n来访者（哭）：两周。"
    assert spoken(text)[1:] == [
        ("assistant", "（点头）多久了？"),
        ("user", "（哭）两周。"),
    ]


@pytest.mark.parametrize("name", ["母亲", "来访者的妈妈", "旁白", "督导"])
def test_the_words_of_a_stranger_are_given_to_nobody(name):
    with pytest.raises(UnreadableSource, match="neither client nor counsellor"):
        spoken(f"来访者：我睡不着。\n{name}：他总这样。\n咨询师：嗯。")


@pytest.mark.parametrize(
    "text",
    [
        "来访者：你好\n咨询师 你好",
        "来访者：你好\n咨询师\n你好",
        "来访者：你好\n【咨询师点评】很好。",
        "T：你好\nC：你好\nT 请坐",
        "来访者：你好\n咨询师（笑） 你好",
    ],
)
def test_a_speaker_without_a_colon_is_refused(text):
    with pytest.raises(UnreadableSource, match="colon"):
        spoken(text)


LINE_BY_LINE = "来访者：我睡不着。\n咨询师：多久了？\n来访者：两周。\n咨询师：嗯。\n"


@pytest.mark.parametrize(
    "text",
    [
        "来访者：我睡不着。\n多久了？\n来访者：两周。",
        f"{LINE_BY_LINE}我再想想。",
        f"{LINE_BY_LINE}咨询结束",
        f"{LINE_BY_LINE}第二次咨询\n来访者：好。",
        f"来访者：女，20岁\n{LINE_BY_LINE}",
        "咨询师：请说。 客户：谢谢。 咨询师：好。",
        "咨询师：方法如下：【来访者】：好的。",
        "客：你好\n" + LINE_BY_LINE,
        f"{LINE_BY_LINE}：我担心。",
        f"{LINE_BY_LINE}来访者：嗯。\n（三天后）\n来访者：好。",
        f"来访者：女，20岁\n咨询师的话\n{LINE_BY_LINE}",
        "来访者：我累。\n咨询师：为什么？\n来访者：加班。\n那你能请假吗？",
        "咨询师：你好。\n我：你好。\n你要相信自己。\n咨询师：嗯。",
        "来访者：他说我懒。\n【咨询师想：她委屈】\n咨询师：你委屈。\n来访者：嗯。",
    ],
)
def test_words_that_may_be_another_s_are_given_to_nobody(text):
    with pytest.raises(UnreadableSource):
        spoken(text)


def test_a_turn_may_have_several_lines():
    text = "来访者：我睡不着，\n真的。\n咨询师：试试：\n1. 呼吸\n2. 散步\n来访者：好。"
    assert [words.count("\n") for _, words in spoken(text)] == [1, 2, 0]


def test_a_turn_may_have_one_more_paragraph_of_its_speaker():
    text = LINE_BY_LINE.replace("两周。", "两周。\n\n我一躺下就想起工作。")
    assert [words.count("\n") for _, words in spoken(text)] == [0, 0, 1, 0]


def test_a_note_may_stand_behind_a_blank_and_a_name():
    said = spoken("Client: I am fine.\nCounselor: Are you?\nClient (crying): No.")
    assert said[-1] == ("user", "（crying）No.")


def test_lines_of_a_chat_end_in_no_stop():
    text = (
        "来访者：我很难过\n不知道怎么办\n咨询师：你愿意说说吗\n来访者：嗯\n咨询师：好"
    )
    assert [words.count("\n") for _, words in spoken(text)] == [1, 0, 0, 0]
    with pytest.raises(UnreadableSource):
        spoken(text.replace("不知道怎么办", "第二次咨询"))


def test_a_turn_opens_with_its_own_mark_or_is_refused():
    turns = [{"role": "user", "content": "来访者：我睡不着。"}]
    assert dialogue_of({"turns": turns}) == [{"role": "user", "content": "我睡不着。"}]
    turns[0]["content"] = "我睡不着。\n咨询师：多久了？"
    with pytest.raises(UnreadableSource, match="another speaker"):
        dialogue_of({"turns": turns})


def test_when_something_was_said_is_no_part_of_it():
    text = "来访者：你好\n2024-05-01 20:13:05\n咨询师：你好\n下午3:02"
    assert spoken(text) == [("user", "你好"), ("assistant", "你好")]


def test_a_colon_in_a_sentence_makes_no_speaker():
    text = "来访者：我想说的是：我睡不着。\n原因：压力大。\n咨询师：多久了？"
    assert spoken(text)[0] == ("user", "我想说的是：我睡不着。\n原因：压力大。")


def test_one_letter_alone_is_no_speaker():
    with pytest.raises(UnreadableSource, match="has no speaker"):
        spoken("C：我睡不着。\nB：多久了？")


LAYOUTS = {
    "efaqa": {
        "title": "失眠",
        "chats": [
            {"sender": "owner", "value": "我睡不着"},
            {"sender": "audience", "value": "多久了"},
        ],
    },
    "sessions": {
        "client_info": {"age": 20},
        "sessions": [
            {
                "session_dialogue": [
                    {"role": "Client", "text": "我睡不着"},
                    {"role": "Counselor", "text": "多久了"},
                ]
            }
        ],
    },
    "alpaca": {"instruction": "我睡不着", "input": "", "output": "多久了"},
    "alpaca with a persona": {
        "instruction": "你是心理咨询师",
        "input": "我睡不着",
        "output": "多久了",
    },
}


@pytest.mark.parametrize("record", LAYOUTS.values(), ids=list(LAYOUTS))
def test_more_layouts_of_dialogues(record):
    (row,) = read_posts([file("a.json", [record])]).rows.to_dicts()
    said = [(m["role"], m["content"]) for m in row["messages"]]
    assert said == [("user", "我睡不着"), ("assistant", "多久了")]


def test_the_history_of_an_instruction_comes_before_it():
    record = {"instruction": "乙", "output": "二", "history": [["甲", "一"]]}
    (row,) = read_posts([file("a.json", [record])]).rows.to_dicts()
    assert [m["content"] for m in row["messages"]] == ["甲", "一", "乙", "二"]


@pytest.mark.parametrize(
    "own", [{"user_id": 1}, {"is_author": True}, {"answer_text": "楼主回复：谢谢"}]
)
def test_an_author_s_own_follow_up_answers_nothing(own):
    follow_up = {"user_id": 2, "answer_text": "谢谢，我试试"} | own
    post = {
        "question": "失眠",
        "user_id": 1,
        "answers": [{"user_id": 3, "answer_text": "放松"}, follow_up],
    }
    read = read_posts([file("a.json", [post])])
    assert [m[1]["content"] for m in read.rows["messages"].to_list()] == ["放松"]
    assert read.unreadable["reason"].to_list() == ["author_follow_up"]


@pytest.mark.parametrize("name", ["匿名用户", "游客2871", "Anonymous", "知乎用户"])
def test_a_name_that_many_go_by_is_no_author_s(name):
    answers = [{"author": name, "text": "放松"}]
    post = {"title": "失眠", "author": name, "answers": answers}
    (row,) = read_posts([file("a.json", [post])]).rows.to_dicts()
    assert [m["content"] for m in row["messages"]] == ["失眠", "放松"]


def test_tags_and_links_of_a_page_are_no_words():
    post = {
        "question": "<p>失眠&nbsp;</p>",
        "description": "看了<a href='https://x.com/a'>这篇文章</a>还是不行",
        "answers": [{"answer_text": "<div>先<b>放松</b></div>"}],
    }
    (row,) = read_posts([file("a.json", [post])]).rows.to_dicts()
    assert [m["content"] for m in row["messages"]] == [
        "失眠\n看了这篇文章还是不行",
        "先放松",
    ]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("今天好累:(", "今天好累"),
        ("开心:D 谢谢大家:)", "开心谢谢大家"),
        ("原因:(1)失眠;(2)焦虑", "原因：(1)失眠；(2)焦虑"),
        ("见:(附录)。", "见：（附录）。"),
        ("我选:D", "我选：D"),
        ("好累：（，怎么办", "好累，怎么办"),
        ("见：（附录）", "见：（附录）"),
        ('他说"走开>:("我就哭了;_;', "他说“走开”我就哭了"),
        ("委屈:'(", "委屈"),
        ("难过:\u2011(", "难过"),
        ("加油:)))你可以的", "加油你可以的"),
        ("我常去:P站和D:D盘", "我常去：P站和D:D盘"),
        ("委屈QWQ 抱抱TVT", "委屈 抱抱"),
        ("我选B:(", "我选B"),
    ],
)
def test_a_western_face_is_found_before_its_colon_is_widened(text, clean):
    assert clean_text(text) == clean


def test_a_voice_beside_a_script_of_one_line_a_turn_is_refused():
    script = "咨询师：慢慢说。\n督导点评：宜用开放式提问。\n来访者：我被裁了。"
    with pytest.raises(UnreadableSource):
        spoken(script)
    told = "咨询师：慢慢说。\n来访者：她来了。\n他对我说：走开。"
    assert [role for role, _ in spoken(told)] == ["assistant", "user"]


def test_an_author_is_known_by_any_name_of_the_field_and_no_words_go_unsaid():
    post = {
        "title": "失恋了",
        "userId": "88",
        "comments": [
            {"userId": "88", "content": "自己顶一下"},
            {
                "userId": "99",
                "content": "会好的",
                "replies": [{"userId": "88", "content": "谢谢，但愿吧"}],
            },
        ],
    }
    read = read_posts([file("帖.json", [post])])
    assert [m["content"] for m in read.rows["messages"][0]] == ["失恋了", "会好的"]
    assert read.rows.height == 1
    reasons = read.unreadable["reason"].to_list()
    assert reasons == ["author_follow_up", "words_not_read"]
    asked = {"title": "失恋了", "asker": "青柠"}
    own = [
        {"answerer": "青柠", "text": "顶一下"},
        {"answerer": "路人", "text": "会好的"},
    ]
    read = read_posts([file("帖.json", [asked | {"answers": own}])])
    assert read.rows.height == 1


def test_a_picture_in_a_reply_leaves_its_words():
    post = {"question": "失眠", "answers": ["先记录<img src='a.gif'/>睡眠"]}
    (row,) = read_posts([file("帖.json", [post])]).rows.to_dicts()
    assert row["messages"][1]["content"] == "先记录睡眠"
