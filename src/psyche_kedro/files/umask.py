"""Who may read what a run writes."""

import re

from psyche_kedro.errors import ConfigurationError


def read_umask(octal: str) -> int:
    """Return the permissions that new files and folders shall not have.

    Raises:
        ConfigurationError: If it is no umask.

    >>> oct(read_umask("027"))
    '0o27'
    """
    if not re.fullmatch(r"0?[0-7]{3}", octal):
        raise ConfigurationError(
            f"PSYCHE_KEDRO_UMASK is '{octal}', where three octal digits are expected:"
            " 077 keeps files to their owner, 027 lets the group read, 007 also write."
        )
    return int(octal, 8)
