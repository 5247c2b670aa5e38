"""The languages of CEDAR as ``conf/base`` has them."""

from pathlib import Path

import yaml

from psyche_kedro.datasets.language_packs import LanguagePacksDataset

CONF = Path(__file__).parents[1] / "conf/base"
GLOBALS = yaml.safe_load((CONF / "globals.yml").read_text("utf-8"))
EMOTIONS = GLOBALS["emotions"]
CULTURES = GLOBALS["cultures"]
PACKS = LanguagePacksDataset(
    path=str(CONF / "languages"), emotions=EMOTIONS, cultures=CULTURES
).load()
