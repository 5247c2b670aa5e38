"""Messages that show a picture: the words first, then the picture as a data URL."""

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

from psyche_kedro.llm.chat_model import Message

_PIXELS_PER_TOKEN = 28 * 28
"""Of Qwen2-VL and its heirs; others take a fixed sum, so it is an estimate."""


def user_message(
    text: str, picture: bytes | None = None, kind: str = "jpeg"
) -> Message:
    """Return what a user says, with a picture after it where one is given.

    Args:
        text: The words.
        picture: An encoded picture; the reply's address is made of these very bytes.
        kind: Its format, as a media type names it.
    """
    if picture is None:
        return {"role": "user", "content": text}
    url = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    shown = {"type": "image_url", "image_url": {"url": url}}
    return {"role": "user", "content": [{"type": "text", "text": text}, shown]}


def words_of(message: Message) -> str:
    """Return the words of a message; a picture has none."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())


def pictures_of(message: Message) -> list[str]:
    """Return the URLs of a message's pictures."""
    content = message["content"]
    if isinstance(content, str):
        return []
    return [url for part in content or () if (url := _url(part))]


def count_picture_tokens(message: Message) -> int:
    """Return about how many tokens the pictures of a message make: pixels / 784.

    A picture that is no data URL, or that cannot be opened, counts as none.
    """
    return sum(_pixels(url) // _PIXELS_PER_TOKEN for url in pictures_of(message))


def _url(part: Mapping[str, Any]) -> str:
    return str(part.get("image_url", {}).get("url", ""))


def _pixels(url: str) -> int:
    from PIL import Image  # noqa: PLC0415 - only where there is a picture

    if not url.startswith("data:"):
        return 0
    try:
        data = base64.b64decode(url.partition(",")[2])
        with Image.open(io.BytesIO(data)) as picture:
            return int(picture.width * picture.height)
    except (binascii.Error, OSError):
        return 0
