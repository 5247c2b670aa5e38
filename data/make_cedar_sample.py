"""Draws the pictures of CEDAR's sample: `python data/make_cedar_sample.py`."""

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).parent / "01_raw/sample/cedar/scenarios/sample_pictures"
SIZE = (480, 360)


def main() -> None:
    """Write the four pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    _bowl().save(FOLDER / "bowl.png", optimize=True)
    _flowers().save(FOLDER / "flowers.png", optimize=True)
    _bread().save(FOLDER / "bread.png", optimize=True)
    _shoes().save(FOLDER / "shoes.jpg", quality=85)


def _canvas(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", SIZE, colour)
    return picture, ImageDraw.Draw(picture)


def _bowl() -> Image.Image:
    """Two sticks that stand upright in a bowl of rice."""
    picture, draw = _canvas("#e8dcc6")
    draw.rectangle((0, 270, 480, 360), fill="#9a6b43")
    for x in (225, 252):
        draw.rectangle((x, 60, x + 9, 215), fill="#6b2f1a")
    draw.ellipse((150, 165, 330, 245), fill="white", outline="#c9c2b6", width=3)
    draw.chord((130, 120, 350, 330), 0, 180, fill="#3d5a80")
    return picture


def _flowers() -> Image.Image:
    """A bunch of white flowers, on a transparent ground."""
    picture = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(190, 350), (290, 350), (330, 210), (150, 210)], fill="#5b8e7d")
    for x, y in ((170, 150), (240, 110), (310, 150), (205, 195), (275, 195)):
        for dx, dy in ((-22, 0), (22, 0), (0, -22), (0, 22)):
            box = (x + dx - 20, y + dy - 20, x + dx + 20, y + dy + 20)
            draw.ellipse(box, fill="#fafafa", outline="#b8b8b8")
        draw.ellipse((x - 10, y - 10, x + 10, y + 10), fill="#f2c14e")
    return picture


def _bread() -> Image.Image:
    """A slice of bread with mould on it, in few colours."""
    picture, draw = _canvas("#dfe7ea")
    draw.rounded_rectangle((110, 60, 370, 310), 60, fill="#c98d4b")
    draw.rounded_rectangle((128, 78, 352, 292), 50, fill="#f0d9a8")
    for x, y, size in ((180, 130, 34), (260, 190, 46), (210, 240, 26), (310, 120, 20)):
        draw.ellipse((x - size, y - size, x + size, y + size), fill="#6f8f72")
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill="#3f5d45")
    return picture.quantize(16)


def _shoes() -> Image.Image:
    """Two muddy shoes."""
    picture, draw = _canvas("#b5651d")
    for top in (70, 210):
        draw.rounded_rectangle((90, top, 390, top + 80), 40, fill="#33272a")
        draw.ellipse((105, top + 12, 200, top + 68), fill="#1b1416")
        for x in (250, 300, 350):
            draw.ellipse((x - 20, top + 50, x + 18, top + 84), fill="#6d4c32")
    return picture


if __name__ == "__main__":
    main()
