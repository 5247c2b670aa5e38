"""What an address of the web looks like, as parts of a pattern."""

from typing import Final

SCHEME: Final = r"(?:https?|ftp)://"
REST: Final = "[!-~]+"
"""Up to white space or the first character that is not ASCII."""
DOMAIN: Final = (
    r"(?:[A-Za-z0-9-]+\.)+(?:com|cn|net|org|cc|top|xyz|info|vip|club)"
    r"(?:/[!-~]*)?(?![A-Za-z0-9])"
)
"""Without a scheme; what must not stand before it is for its user to say."""
