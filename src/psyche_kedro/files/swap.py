"""Writing beside, then swapping: a kill leaves what was there before, or the whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def swapped_in(target: Path) -> Iterator[Path]:
    """Yield a free path beside ``target``; what is made there takes its place.

    A file or a folder; where the block fails, ``target`` stays as it was.
    """
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    yield partial
    if partial.is_dir():  # a folder replaces none that holds something
        shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)


@contextmanager
def swapped_in_on(fs: Any, target: str) -> Iterator[Any]:
    """Yield a file to write to on a filesystem of fsspec; see ``swapped_in``."""
    partial = f"{target}.partial"
    with fs.open(partial, "wb") as file:
        yield file
    fs.mv(partial, target)
