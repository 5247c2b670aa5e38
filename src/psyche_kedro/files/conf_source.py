"""A configuration that is packed, or elsewhere, as a folder of this machine.

Prompts, cards, prices and the launcher's file are read by their paths; an archive of
``kedro package`` and a bucket have none.
"""

import atexit
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import fsspec

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.roots import is_remote


@cache
def as_folder(source: str, base_env: str) -> str:
    """Return the folder that holds the environments of a configuration.

    What is not one already is copied into a folder of this process, for its user alone.

    Args:
        source: A folder, an archive of one (``.tar.gz``, ``.zip``), or a URL.
        base_env: The environment that it has at least.

    Raises:
        ConfigurationError: If it cannot be unpacked, or does not hold ``base_env``.
    """
    if not is_remote(source) and not Path(source).is_file():
        return source
    folder = Path(tempfile.mkdtemp(prefix="psyche_kedro_conf."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        _copy(source, folder)
    except (OSError, ValueError, shutil.ReadError, tarfile.TarError) as error:
        raise ConfigurationError(
            f"The configuration {source} cannot be unpacked ({type(error).__name__}):"
            " name a folder, or what `kedro package` wrote."
        ) from error
    for inside in (folder, *sorted(folder.iterdir())):
        if (inside / base_env).is_dir():
            return str(inside)
    raise ConfigurationError(
        f"The configuration {source} has no folder '{base_env}': pack the folder conf."
    )


def _copy(source: str, folder: Path) -> None:
    if not is_remote(source):
        _unpack(Path(source), folder)
        return
    fs, path = fsspec.url_to_fs(source)
    name = path.rstrip("/").rpartition("/")[2]
    fs.get(path, str(folder / name), recursive=True)
    if (folder / name).is_file():
        _unpack(folder / name, folder)


def _unpack(archive: Path, folder: Path) -> None:
    # A tar's members stay below the folder by this filter, a zip's without one.
    tar = archive.suffix != ".zip"
    shutil.unpack_archive(archive, folder, filter="data" if tar else None)
