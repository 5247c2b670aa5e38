"""Near-duplicate clustering: time, memory and quality, each method in its own process.

    python benchmarks/near_duplicates.py            # 20k, 200k, 1M rows: 10 minutes
    python benchmarks/near_duplicates.py --rows 20000 --methods ours,loop

writes its section of ``benchmarks/README.md``. Methods whose library does not import
are left out (``rensa`` and ``datatrove`` are no dependency of ours). CPU seconds are
user + system time of the process and all its threads, text normalisation included,
reading the input excluded.

The texts are generated: questions over the glossary's terms, a quarter of them with
variants (copies, other punctuation, shuffled options, 1 to 30 % edits) whose number has
a heavy tail, and *hard negatives*, where one term or one polarity word makes another
question of it. The truth is exact: every pair of distinct normalised texts whose sets
of character 3-grams have a Jaccard similarity of 0.8 or more, found by prefix
filtering, which loses nothing; at a million rows only the cost is measured.

Columns: *pairs found* is the share of true pairs that stand in one cluster (for star
linkage: whose ends the verified pairs connect); *right* is the share of same-cluster
pairs that true pairs connect; *left* counts kept rows that have a true pair among the
other kept rows.
"""

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import sections  # noqa: E402

THRESHOLD = 0.8
NGRAM = 3
PERMUTATIONS = 128
SECTION = "near-duplicates"


# ---- input -----------------------------------------------------------------------

PEOPLE = (
    "华生 斯金纳 巴甫洛夫 班杜拉 皮亚杰 维果茨基 埃里克森 弗洛伊德 荣格 罗杰斯 马斯洛"
).split()
WHO = "小学生 中学生 大学生 新员工 班主任 咨询师 退休老人 运动员 护士 单亲母亲".split()
WHERE = "在学校 在家里 在公司 在医院 在社区 在课堂上 在宿舍 在考场 在团队会议中".split()
DOES = "表现出 感到 开始产生 逐渐形成 明显减少 持续增加 难以控制 努力回避".split()
WHAT = (
    "紧张不安的情绪 对失败的恐惧 较高的学习兴趣 强烈的攻击倾向 注意力不集中的现象 "
    "重复洗手的行为 对成绩的过度担忧 与同事的冲突 睡眠质量的下降 完成任务的信心"
).split()
STEMS = [
    "下列关于{a}与{b}的说法，正确的是（ ）",
    "下列各项中，最能说明{a}的是（ ）",
    "根据{p}的观点，{a}的核心特征是（ ）",
    "{s}，{t}。这种现象最适合用{a}来解释，其依据是（ ）",
    "{s}。根据{p}的理论，这属于（ ）",
    "研究者为考察{a}对{b}的影响，{s}，该研究的自变量是（ ）",
    "某研究发现，{a}与{b}呈显著正相关，而与{c}无关。{s}，最恰当的推论是（ ）",
    "下列不属于{a}的表现形式的是（ ）",
    "{p}与{q}在{a}问题上的主要分歧在于（ ）",
    "{s}，{t}。请运用{a}和{b}的有关知识分析上述现象，并提出相应的建议。",
]
POLARITY = [
    ("正确", "错误"),
    ("属于", "不属于"),
    ("正相关", "负相关"),
    ("减少", "增加"),
]
FILLER = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"
)
PUNCTUATION = {"，": ",", "。": ".", "（ ）": "（）", "．": "."}


class Writer:
    """Questions and their variants, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        glossary = ROOT / "src/psyche_kedro/offline/glossary.csv"
        with glossary.open(encoding="utf-8") as file:
            self.terms = [row["term"] for row in csv.DictReader(file)]
        self.random = random.Random(seed)
        weights = 1 / np.arange(1, len(self.terms) + 1) ** 0.8
        self.weights = np.cumsum(weights).tolist()

    def term(self) -> str:
        return self.random.choices(self.terms, cum_weights=self.weights)[0]

    def scene(self) -> str:
        pick = self.random.choice
        return f"{pick(WHO)}{pick(WHERE)}{pick(DOES)}{pick(WHAT)}"

    def question(self) -> tuple[str, list[str]]:
        pick = self.random.choice
        stem = pick(STEMS).format(
            a=self.term(), b=self.term(), c=self.term(), p=pick(PEOPLE), q=pick(PEOPLE),
            s=self.scene(), t=self.scene(),
        )  # fmt: skip
        return stem, [self.option() for _ in range(4)] if "（ ）" in stem else []

    def option(self) -> str:
        pick = self.random.choice
        return pick(
            [
                self.term(),
                f"{self.term()}与{self.term()}",
                f"{pick(PEOPLE)}的{self.term()}",
                f"{pick(DOES)}{pick(WHAT)}",
            ]
        )

    def variant(self, stem: str, options: list[str]) -> str:
        kind = self.random.random()
        text = render(stem, options)
        if kind < 0.12:
            return text
        if kind < 0.30:
            for mark, other in PUNCTUATION.items():
                text = text.replace(mark, other)
            return text
        if kind < 0.42 and options:
            return render(stem, self.random.sample(options, len(options)))
        return self.edit(text, self.random.choice([0.01, 0.02, 0.03, 0.05, 0.1, 0.3]))

    def edit(self, text: str, rate: float) -> str:
        out = []
        for char in text:
            change = self.random.random()
            if change < rate * 0.8:
                out.append(self.random.choice(FILLER))
            if change > rate * 0.9 or change < rate * 0.2:
                out.append(char)
        return "".join(out)

    def hard_negative(self, stem: str, options: list[str]) -> str:
        for word, opposite in POLARITY:
            if word in stem and self.random.random() < 0.5:
                return render(stem.replace(word, opposite, 1), options)
        found = [term for term in self.terms if term in stem]
        if found:
            stem = stem.replace(max(found, key=len), self.term(), 1)
        return render(stem, options)

    def texts(self) -> Iterator[str]:
        while True:
            stem, options = self.question()
            yield render(stem, options)
            if self.random.random() < 0.25:
                for _ in range(min(int(self.random.paretovariate(1.3)), 200)):
                    yield self.variant(stem, options)
            if self.random.random() < 0.05:
                yield self.hard_negative(stem, options)


def render(stem: str, options: list[str]) -> str:
    shown = (f"{k}．{o}" for k, o in zip("ABCD", options, strict=False))
    return stem + "".join(shown)


def write_input(rows: int, path: Path) -> None:
    """Write ``rows`` texts in a shuffled order."""
    source = Writer(seed=1).texts()
    texts = [next(source) for _ in range(rows)]
    order = np.random.default_rng(1).permutation(rows)
    table = pl.DataFrame({"text": texts})[order].with_row_index("n")
    table.select(
        id=pl.col("n").cast(pl.String).str.zfill(8), text="text"
    ).write_parquet(path)


# ---- truth -----------------------------------------------------------------------


def normalise(text: str) -> str:
    """Return letters and digits, NFKC, lower case: how everyone writes it in Python."""
    kept = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in kept if char.isalnum())


def grams(text: str) -> list[str]:
    return [text[i : i + NGRAM] for i in range(len(text) - NGRAM + 1)]


def true_pairs(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return every pair of ``texts`` with a Jaccard similarity of 0.8 or more.

    Prefix filtering: with the shingles of each text ordered from rare to common, two
    texts that are similar enough share one of their first
    ``size - ceil(0.8 * size) + 1``.
    """
    sets = incidence(texts)
    sizes = np.diff(sets.indptr)
    prefix = sizes - np.ceil(THRESHOLD * sizes - 1e-9).astype(int) + 1
    column = np.arange(sets.nnz) - np.repeat(sets.indptr[:-1], sizes)
    first = column < np.repeat(prefix, sizes)
    row_of = np.repeat(np.arange(len(texts)), sizes)[first]
    rare = csr_matrix(
        (np.ones(first.sum(), np.int8), (row_of, sets.indices[first])), shape=sets.shape
    )
    by_gram = rare.T.tocsr()
    found = [np.empty((2, 0), np.int64)]
    for start in range(0, len(texts), 2_000):
        shared = (rare[start : start + 2_000] @ by_gram).tocoo()
        a, b = shared.row + start, shared.col
        ahead = (a < b) & (
            np.minimum(sizes[a], sizes[b]) >= THRESHOLD * np.maximum(sizes[a], sizes[b])
        )
        found.append(verified(sets, a[ahead], b[ahead]))
    a, b = np.concatenate(found, axis=1)
    return a, b


def incidence(texts: list[str]) -> csr_matrix:
    """Return texts x shingles, each row's shingles from rare to common."""
    rows = pl.DataFrame({"n": np.arange(len(texts)), "gram": list(map(grams, texts))})
    pairs = rows.explode("gram").drop_nulls().unique(maintain_order=True)
    count = pl.len().over("gram").alias("count")
    ranked = pairs.with_columns(count).with_columns(
        code=pl.struct("count", "gram").rank("dense").cast(pl.Int64) - 1
    )
    ranked = ranked.sort("n", "code")
    sizes = np.bincount(ranked["n"], minlength=len(texts))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.ones(ranked.height, np.int8)
    width = int(ranked["code"].max() or 0) + 1
    return csr_matrix((ones, ranked["code"], indptr), shape=(len(texts), width))


def verified(sets: csr_matrix, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sizes = np.diff(sets.indptr)
    kept = []
    for at in range(0, len(a), 200_000):
        i, j = a[at : at + 200_000], b[at : at + 200_000]
        shared = np.asarray(
            sets[i].multiply(sets[j]).sum(axis=1, dtype=np.int64)
        ).ravel()
        near = shared >= (THRESHOLD - 1e-9) * (sizes[i] + sizes[j] - shared)
        kept.append(np.stack([i[near], j[near]]))
    return np.concatenate([np.empty((2, 0), np.int64), *kept], axis=1)


def write_truth(path: Path, out: Path) -> None:
    """Write distinct texts' numbers, and their true pairs."""
    plain = [normalise(text) for text in pl.read_parquet(path)["text"]]
    distinct = sorted(set(plain))
    number = {text: n for n, text in enumerate(distinct)}
    a, b = true_pairs(distinct)
    np.savez(out, of_row=[number[text] for text in plain], a=a, b=b)


# ---- methods ---------------------------------------------------------------------

Labels = np.ndarray


class UnionFind:
    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def find(self, x: int) -> int:
        while self.parent[x] != x:
            self.parent[x] = self.parent[self.parent[x]]
            x = self.parent[x]
        return x

    def union(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        self.parent[max(a, b)] = min(a, b)

    def labels(self) -> Labels:
        return np.array([self.find(x) for x in range(len(self.parent))])


def ours(df: pl.DataFrame) -> Labels:
    from psyche_kedro.pipelines.synthesis.questions import near_duplicates

    clusters = near_duplicates.near_duplicate_clusters(
        df, id_col="id", text_col="text", params=our_parameters()
    )
    return clusters["cluster_id"].cast(pl.Int64).to_numpy()


def our_parameters():
    from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters

    return DeduplicationParameters(
        ngram=NGRAM, threshold=THRESHOLD, permutations=PERMUTATIONS,
        target_recall=0.99, seed=1, threads=2,
    )  # fmt: skip


def loop(df: pl.DataFrame) -> Labels:
    """Write the loop of every tutorial, with the defaults of datasketch."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    hashes = []
    for n, text in enumerate(df["text"]):
        minhash = MinHash(num_perm=PERMUTATIONS)
        for gram in set(grams(normalise(text))):
            minhash.update(gram.encode())
        lsh.insert(n, minhash)
        hashes.append(minhash)
    clusters = UnionFind(len(hashes))
    for n, minhash in enumerate(hashes):
        for other in lsh.query(minhash):
            clusters.union(n, other)
    return clusters.labels()


def best_api(df: pl.DataFrame) -> Labels:
    """Use datasketch at its fastest: shared permutations, its tables read at once."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(num_perm=PERMUTATIONS, params=(16, 6))
    texts = df["text"].str.normalize("NFKC").str.to_lowercase()
    texts = texts.str.replace_all(r"[^\p{L}\p{N}]+", "")
    hashes = MinHash.generator(
        (grams(text) for text in texts),
        num_perm=PERMUTATIONS,
        hashfunc=lambda gram: xxhash.xxh32_intdigest(gram.encode()),
    )
    for n, minhash in enumerate(hashes):
        lsh.insert(n, minhash, check_duplication=False)
    clusters = UnionFind(df.height)
    for table in lsh.hashtables:
        for key in table.keys():  # noqa: SIM118 - a storage, not a dict
            first, *others = table.get(key)
            for other in others:
                clusters.union(first, other)
    return clusters.labels()


def rensa(df: pl.DataFrame) -> Labels:
    import rensa

    texts = df["text"].str.normalize("NFKC").str.to_lowercase()
    texts = texts.str.replace_all(r"[^\p{L}\p{N}]+", "")
    hashes = rensa.RMinHash.from_token_sets([grams(t) for t in texts], PERMUTATIONS, 42)
    lsh = rensa.RMinHashLSH(THRESHOLD, PERMUTATIONS, 16)
    lsh.insert_many(hashes)
    clusters = UnionFind(df.height)
    for n, found in enumerate(lsh.query_all(hashes)):
        for other in found:
            clusters.union(n, other)
    return clusters.labels()


def datatrove(df: pl.DataFrame) -> Labels:
    """Use stages 1 to 3 of datatrove on characters, its normaliser off: 1 becomes 0."""
    import datatrove.pipeline.dedup.minhash as stages
    from datatrove.data import Document
    from datatrove.utils.hashing import HashConfig
    from loguru import logger

    logger.remove()

    class Characters:
        def word_tokenize(self, text: str) -> list[str]:
            return list(text)

    stages.load_word_tokenizer = lambda language: Characters()
    stages.simplify_text = lambda text, config: text
    texts = df["text"].str.normalize("NFKC").str.to_lowercase()
    texts = texts.str.replace_all(r"[^\p{L}\p{N}]+", "")
    config = stages.MinhashConfig(
        n_grams=NGRAM, num_buckets=16, hashes_per_bucket=6,
        # Its xxhash refuses strings under xxhash 4.
        hash_config=HashConfig(precision=64, hash_fc="sha1"),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        documents = (Document(text=text, id=str(n)) for n, text in enumerate(texts))
        stages.MinhashDedupSignature(f"{folder}/s", config=config, language="zh").run(
            documents, rank=0, world_size=1
        )
        for rank in range(16):
            stages.MinhashDedupBuckets(f"{folder}/s", f"{folder}/b", config=config).run(
                rank=rank, world_size=16
            )
        stages.MinhashDedupCluster(
            f"{folder}/b", f"{folder}/c", config=config, save_cluster_id=True
        ).run()
        return datatrove_labels(Path(folder) / "c", df.height)


def datatrove_labels(folder: Path, n: int) -> Labels:
    """Return the clusters of the ``.clusters`` files: pairs of 32-bit numbers."""
    labels = np.arange(n, 2 * n)
    for file in folder.rglob("*.clusters"):
        pairs = np.frombuffer(file.read_bytes(), np.uint32).reshape(-1, 2)
        labels[pairs[:, 0]] = pairs[:, 1]
    return labels


METHODS: dict[str, tuple[str, Callable[[pl.DataFrame], Labels]]] = {
    "loop": ("plain datasketch loop, its defaults", loop),
    "best": ("datasketch's best API, 16 x 6 bands", best_api),
    "rensa": ("rensa objects, 16 bands, unverified", rensa),
    "datatrove": ("datatrove stages 1-3, 16 x 6 bands", datatrove),
    "ours": ("**ours**, verified, star linkage", ours),
}
SLOW = {"loop": 200_000, "datatrove": 200_000, "rensa": 200_000}
TRUTH = 200_000  # rows; the exact join of a million takes an hour


# ---- one process -----------------------------------------------------------------


def cpu_seconds() -> float:
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(u.ru_utime + u.ru_stime for u in used)


def measure(method: str, path: Path, truth: Path) -> dict[str, object]:
    """Return cost and quality of one method; imports are not charged."""
    _, function = METHODS[method]
    df = pl.read_parquet(path)
    function(df.head(50))
    start = cpu_seconds()
    labels = function(df)
    cost = cpu_seconds() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    quality = judge(method, df, labels, truth) if truth.exists() else {}
    return {"cpu": cost, "us_per_row": 1e6 * cost / df.height, "gib": peak} | quality


def judge(
    method: str, df: pl.DataFrame, labels: Labels, truth: Path
) -> dict[str, object]:
    known = np.load(truth)
    of_row, a, b = known["of_row"], known["a"], known["b"]
    n = int(of_row.max()) + 1
    label = np.zeros(n, np.int64)
    label[of_row] = np.unique(labels, return_inverse=True)[1]
    found = our_components(df, of_row, n) if method == "ours" else label
    component = connected(n, a, b)
    joined = np.unique(np.stack([label, component]), axis=1, return_counts=True)[1]
    together = pairs_within(np.bincount(label))
    right = 1.0 if not together else pairs_within(joined) / together
    return {
        "pairs_found": float((found[a] == found[b]).mean()),
        "right": right,
        "left": left_over(df, labels, of_row, (a, b)),
        "clusters": int(np.unique(labels).size),
    }


def our_components(df: pl.DataFrame, of_row: np.ndarray, n: int) -> np.ndarray:
    """Return what our verified pairs connect, before star linkage."""
    from psyche_kedro.pipelines.synthesis.questions import minhash, near_duplicates

    texts = minhash.normalised(df["text"])
    distinct, group = near_duplicates._collapse(
        texts, np.zeros(df.height, np.uint64), NGRAM
    )
    pairs = near_duplicates.similar_pairs(
        texts.gather(distinct), np.zeros(len(distinct), np.uint64), our_parameters()
    )
    component = np.zeros(n, np.int64)
    component[of_row] = connected(len(distinct), pairs.first, pairs.second)[group]
    return component


def left_over(
    df: pl.DataFrame,
    labels: Labels,
    of_row: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
) -> int:
    """Return how many kept rows have a true pair among the kept rows."""
    kept = np.zeros(int(of_row.max()) + 1, bool)
    kept[of_row[np.unique(labels, return_index=True)[1]]] = True
    a, b = pairs
    both = kept[a] & kept[b]
    return int(np.unique(np.concatenate([a[both], b[both]])).size)


def connected(n: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def pairs_within(sizes: np.ndarray) -> float:
    sizes = sizes.astype(float)
    return float((sizes * (sizes - 1) / 2).sum())


# ---- pathological input ----------------------------------------------------------


def pathological(rows: int = 50_000) -> dict[str, list[str]]:
    pick = random.Random(0)
    stem = (
        "某研究者为考察个体在面对连续失败情境时产生的习得性无助对后续学习动机的影响"
        "将被试随机分组并记录反应时据此分析"
    )

    def one_off() -> str:
        at = pick.randrange(len(stem))
        return stem[:at] + pick.choice(FILLER) + stem[at + 1 :]

    stream = "".join(pick.choices(FILLER + stem, k=4 * rows + 80))
    return {
        "identical": [stem] * rows,
        "one character differs": [one_off() for _ in range(rows)],
        "chain": [stream[4 * i : 4 * i + 80] for i in range(rows)],
        "template, other tail": [
            stem + "".join(pick.choices(FILLER, k=16)) for _ in range(rows)
        ],
        "all empty": [""] * rows,
        "one or two characters": [
            "".join(pick.choices(FILLER, k=2)) for _ in range(rows)
        ],
    }


def measure_pathological(name: str) -> dict[str, object]:
    texts = pathological()[name]
    df = pl.DataFrame({"text": texts}).with_row_index("n")
    df = df.select(id=pl.col("n").cast(pl.String).str.zfill(8), text="text")
    ours(df.head(50))
    start = cpu_seconds()
    labels = ours(df)
    cost = cpu_seconds() - start
    return {"cpu": cost, "clusters": int(np.unique(labels).size), "rows": df.height}


# ---- report ----------------------------------------------------------------------


def child(*arguments: str) -> dict[str, object]:
    """Return what a fresh process of this script measured."""
    run = subprocess.run(
        [sys.executable, __file__, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def compare(rows: int, methods: list[str], folder: Path) -> list[str]:
    path, truth = folder / f"{rows}.parquet", folder / f"{rows}.npz"
    write_input(rows, path)
    if rows <= TRUTH:
        child("--truth", str(path), str(truth))
    results = {
        name: child("--measure", name, str(path), str(truth))
        for name in methods
        if rows <= SLOW.get(name, rows)
    }
    lines = [
        f"\n**{rows:,} rows**\n",
        "| method | CPU s | µs/row | GiB | pairs found | right | left | loop = 1 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    base = results.get("loop", {}).get("cpu")
    for name, r in results.items():
        times = f"{base / r['cpu']:.0f}" if base else "–"
        lines.append(
            f"| {METHODS[name][0]} | {r['cpu']:.2f} | {r['us_per_row']:.1f} "
            f"| {r['gib']:.2f} | {_shown(r, 'pairs_found', '.4f')} "
            f"| {_shown(r, 'right', '.4f')} | {_shown(r, 'left', ',')} | {times} |"
        )
        print(lines[-1], flush=True)
    return lines


def _shown(result: dict[str, object], key: str, form: str) -> str:
    return format(result[key], form) if key in result else "–"


def report(rows: list[int], methods: list[str]) -> str:
    lines = ["`python benchmarks/near_duplicates.py`"]
    with tempfile.TemporaryDirectory() as folder:
        for n in rows:
            lines += compare(n, methods, Path(folder))
    lines += ["\n**50,000 pathological rows, ours**\n", "| rows | CPU s | clusters |"]
    lines.append("|---|---:|---:|")
    for name in pathological(10):
        r = child("--pathological", name)
        lines.append(f"| {name} | {r['cpu']:.2f} | {r['clusters']:,} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Run one measurement, or all of them and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="20000,200000,1000000")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--truth", nargs=2)
    parser.add_argument("--measure", nargs=3)
    parser.add_argument("--pathological")
    given = parser.parse_args()
    if given.truth:
        write_truth(*map(Path, given.truth))
        print("{}")
    elif given.measure:
        method, path, truth = given.measure
        print(json.dumps(measure(method, Path(path), Path(truth))))
    elif given.pathological:
        print(json.dumps(measure_pathological(given.pathological)))
    else:
        methods = [
            name
            for name in given.methods.split(",")
            if name not in {"rensa", "datatrove"} or find_spec(name)
        ]
        rows = [int(n) for n in given.rows.split(",")]
        sections.put(SECTION, report(rows, methods))


if __name__ == "__main__":
    main()
