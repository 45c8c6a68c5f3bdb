"""The fenced blocks of a Markdown document."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Block:
    """A fenced block: the heading it stands under, its language, its text."""

    heading: str
    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    """All fenced blocks, in order."""
    found, heading, open_block = [], "", None
    for line in document.read_text().splitlines():
        if line.startswith("```"):
            if open_block is None:
                open_block = Block(heading, line.removeprefix("```"), "")
                found.append(open_block)
            else:
                open_block = None
        elif open_block is not None:
            open_block.text += line + "\n"
        elif title := re.match(r"#+ (.*)", line):
            heading = title[1]
    assert open_block is None, f"{document}: a block is never closed"
    return found


def anchor(heading: str) -> str:
    """The fragment by which a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
