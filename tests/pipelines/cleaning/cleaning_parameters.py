"""The parameters that the project ships, typed."""

from pathlib import Path

import yaml

from psyche_kedro.pipelines.cleaning.parameters import (
    PageParameters,
    PostParameters,
    ReplyParameters,
)

_FILE = Path(__file__).parents[3] / "conf/base/parameters/cleaning.yml"
_VALUES = yaml.safe_load(_FILE.read_text("utf-8"))["cleaning"]

PAGES = PageParameters.model_validate(_VALUES["pages"])
POSTS = PostParameters.model_validate(_VALUES["posts"])
REPLIES = ReplyParameters.model_validate(_VALUES["replies"])
HOTLINES = frozenset(POSTS.hotlines)
