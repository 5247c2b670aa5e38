"""Where a benchmark's figures stand: between its marks in ``benchmarks/README.md``."""

from pathlib import Path

README = Path(__file__).with_name("README.md")


def put(name: str, text: str) -> None:
    """Put ``text`` between the marks ``<!-- name -->`` and ``<!-- /name -->``.

    A section that is new gets its marks at the end of the page.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    page = README.read_text(encoding="utf-8")
    if begin not in page:
        page = f"{page.rstrip()}\n\n## {name.replace('-', ' ').capitalize()}\n\n"
        page += f"{begin}\n{end}\n"
    head, rest = page.split(begin, 1)
    tail = rest.split(end, 1)[1]
    README.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")
