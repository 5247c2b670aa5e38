"""Asks crowd-kit what 1,566 x 5 votes say, for ``test_dawid_skene.py`` to compare with.

It needs transformers and no small time to import, so it is no dependency of the tests.
In an environment of its own::

    pip install crowd-kit==1.4.2
    python tests/review/ask_crowd_kit.py > tests/review/crowd_kit.json

Four people are right in 70 % of the items, the fifth answers at random; the golds are
spread unevenly over the emotions, as CEDAR's public ones are.
"""

import json
import sys

import numpy as np
import pandas as pd
from crowdkit.aggregation import OneCoinDawidSkene

N, EMOTIONS = 1_566, 14
LETTERS = np.array(list("ABCDEFGHIJKLMN"))
RIGHT = np.array([0.7, 0.7, 0.7, 0.7, 1 / EMOTIONS])

rng = np.random.default_rng(0)
golds = rng.choice(EMOTIONS, N, p=rng.dirichlet(np.ones(EMOTIONS)))
is_right = rng.random((N, len(RIGHT))) < RIGHT
other = (golds[:, None] + rng.integers(1, EMOTIONS, is_right.shape)) % EMOTIONS
said = np.where(is_right, golds[:, None], other)
task, worker = np.indices(said.shape)
votes = {"task": task.ravel(), "worker": worker.ravel(), "label": said.ravel()}
model = OneCoinDawidSkene(n_iter=1_000, tol=1e-12).fit(pd.DataFrame(votes))
found = {
    "golds": "".join(LETTERS[golds]),
    "votes": ["".join(LETTERS[column]) for column in said.T],
    "crowd_kit": {
        "golds": "".join(LETTERS[model.labels_.loc[range(N)]]),
        "accuracy": model.skills_.loc[range(len(RIGHT))].round(6).to_list(),
    },
}
json.dump(found, sys.stdout, indent=1)
sys.stdout.write("\n")
