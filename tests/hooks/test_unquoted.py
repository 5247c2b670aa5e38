"""What a node's error says is not logged where it may be a post's words."""

import pytest
from kedro.pipeline import node

from psyche_kedro.errors import PsycheError
from psyche_kedro.hooks.unquoted import withhold_words


def logged(error: Exception, caplog) -> str:
    def fail():
        raise error

    withhold_words()
    with pytest.raises(type(error)):
        node(fail, None, "nothing", name="read_posts").run()
    return caplog.text


def test_a_foreign_error_is_logged_with_its_node_and_class(caplog):
    said = logged(ValueError("words of a post"), caplog)
    assert "read_posts" in said
    assert "ValueError" in said
    assert "words" not in said.replace("shows its words", "")


def test_our_own_is_logged_in_its_sentence(caplog):
    assert "Mend it." in logged(PsycheError("Mend it."), caplog)


def test_who_asks_for_the_words_has_them(caplog, monkeypatch):
    monkeypatch.setenv("PSYCHE_KEDRO_SHOW_ERRORS", "1")
    assert "words of a post" in logged(ValueError("words of a post"), caplog)
