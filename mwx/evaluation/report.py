"""One self-contained HTML page: a builder of sections, tables, figures, stills and a video."""

import base64
import html
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mwx.errors import MwxError
from mwx.evaluation.figures import to_svg
from mwx.evaluation.report_style import PAGE, STYLE
from mwx.runs import write_text
from mwx.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INLINE_VIDEO_BYTES = 8_000_000  # larger videos are linked, not inlined
VIDEO_TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


@dataclass
class Report:
    """A page being written, top to bottom; all text is escaped.

    Attributes:
        title: the page's title.
        subtitle: one or two sentences below it.
    """

    title: str
    subtitle: str = ""
    _facts: str = ""
    _sections: list[tuple[str, list[str]]] = field(default_factory=list)
    _count: Any = field(default_factory=itertools.count)

    def add_facts(self, facts: Mapping[str, str]) -> "Report":
        """Put a few numbers that matter most at the top: name to value."""
        tiles = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>"
                        for name, value in facts.items())
        self._facts = f'<dl class="facts">{tiles}</dl>'
        return self

    def add_section(self, title: str, lead: str = "") -> "Report":
        """Start a section; what is added next belongs to it."""
        self._sections.append((title, [f'<p class="lead">{_text(lead)}</p>'] if lead else []))
        return self

    def add_text(self, text: str) -> "Report":
        """Add a paragraph; `code` in backticks is set as code."""
        return self._add(f"<p>{_text(text)}</p>")

    def add_code(self, text: str, caption: str = "") -> "Report":
        """Add text as it is, e.g. a command or a printed sheet."""
        return self._add(_figure(f"<pre>{html.escape(text)}</pre>", caption))

    def add_table(self, header: Sequence[str], rows: Sequence[Sequence[object]],
                  caption: str = "", highlight: str | None = None) -> "Report":
        """Add a table.

        Args:
            header: column names; the first column names the rows.
            rows: cells; numbers are aligned right and given three digits at least.
            caption: below it; say over how many episodes.
            highlight: first cell of the row to set off.
        """
        for row in rows:
            if len(row) != len(header):
                raise ValueError(f"table row {row} does not fit {len(header)} columns")
        head = "".join(f"<th{_align(rows, i)}>{_text(name)}</th>" for i, name in enumerate(header))
        body = "".join(
            f"<tr{' class=best' if highlight is not None and row[0] == highlight else ''}>"
            + "".join(f"<td{_align(rows, i)}>{_cell(cell)}</td>" for i, cell in enumerate(row))
            + "</tr>" for row in rows)
        table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead>' \
                f"<tbody>{body}</tbody></table></div>"
        return self._add(_figure(table, caption))

    def add_figure(self, figure: "Figure | bytes", caption: str = "") -> "Report":
        """Add a matplotlib figure (as vectors that follow the theme) or a PNG.

        Args:
            figure: a Figure, or PNG bytes.
            caption: what to see in it.
        """
        if isinstance(figure, bytes):
            picture = f'<img alt="{_text(caption)}" src="{_data_uri("image/png", figure)}">'
        else:
            picture = to_svg(figure, f"figure-{next(self._count)}")
        return self._add(_figure(f'<div class="scroll chart">{picture}</div>', caption))

    def add_stills(self, frames: Sequence[Array | bytes], captions: Sequence[str] = (),
                   caption: str = "") -> "Report":
        """Add a strip of pictures: (H, W, 3) uint8 arrays or PNG bytes."""
        labels = [*captions, *[""] * len(frames)]
        cells = "".join(
            f'<figure><img alt="{_text(label)}" src="{_picture(frame)}">'
            f"<figcaption>{_text(label)}</figcaption></figure>"
            for frame, label in zip(frames, labels, strict=False))
        return self._add(_figure(f'<div class="strip">{cells}</div>', caption))

    def add_video(self, video: Path, caption: str = "", near: Path | None = None) -> "Report":
        """Add a video: inside the page when small, else as a link relative to the page.

        Args:
            video: an .mp4 or .webm file; another kind (.gif) is shown as a picture.
            caption: what to see in it.
            near: where the page will be written; the link is relative to its folder.
        """
        video = Path(video)
        if not video.is_file():
            raise MwxError(f"{video}: no such video")
        kind = VIDEO_TYPES.get(video.suffix)
        if video.stat().st_size <= INLINE_VIDEO_BYTES:
            source = _data_uri(kind or f"image/{video.suffix[1:]}", video.read_bytes())
        else:
            source = html.escape(os.path.relpath(video, Path(near).parent if near else "."))
        shown = f'<video controls loop muted playsinline preload="metadata" src="{source}">' \
                "</video>" if kind else f'<img alt="{_text(caption)}" src="{source}">'
        return self._add(_figure(f'<div class="video">{shown}</div>', caption))

    def add_cards(self, cards: Sequence[tuple[str, str, str, Mapping[str, object]]]) -> "Report":
        """Add cards side by side: (title, colour, text, facts)."""
        return self._add('<div class="cards">' + "".join(_card(*c) for c in cards) + "</div>")

    def add_list(self, values: Mapping[str, object]) -> "Report":
        """Add names and values, e.g. of provenance."""
        rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(str(value))}</dd>"
                       for name, value in values.items())
        return self._add(f'<dl class="list">{rows}</dl>')

    def to_html(self) -> str:
        """Return the page."""
        anchors = [f"section-{i}" for i in range(len(self._sections))]
        links = "".join(f'<a href="#{anchor}">{_text(title)}</a>' for anchor, (title, _) in
                        zip(anchors, self._sections, strict=True))
        body = "".join(
            f'<section id="{anchor}"><h2>{_text(title)}</h2>{"".join(blocks)}</section>'
            for anchor, (title, blocks) in zip(anchors, self._sections, strict=True))
        return PAGE.format(style=STYLE, title=_text(self.title), subtitle=_text(self.subtitle),
                           facts=self._facts, links=links, body=body)

    def write(self, path: Path) -> Path:
        """Write the page atomically and return its path."""
        write_text(Path(path), self.to_html())
        return Path(path)

    def _add(self, block: str) -> "Report":
        if not self._sections:
            self.add_section("What happened")
        self._sections[-1][1].append(block)
        return self


def _text(text: str) -> str:
    escaped = html.escape(str(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _text("" if value is None else str(value))
    return f"{value:,d}" if isinstance(value, int) else f"{value:,.3g}" if abs(value) < 100 \
        else f"{value:,.1f}"


def _align(rows: Sequence[Sequence[object]], column: int) -> str:
    """Numbers, and text that starts like one, are read along their right edge."""
    cells = [row[column] for row in rows if row[column] not in ("", None)]
    numeric = all(isinstance(c, int | float) or re.match(r"[-+−]?\d", str(c)) for c in cells)
    return ' class="number"' if cells and numeric and column > 0 else ""


def _figure(inner: str, caption: str) -> str:
    below = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    return f"<figure>{inner}{below}</figure>"


def _card(title: str, colour: str, text: str, facts: Mapping[str, object]) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
        raise ValueError(f"a card's colour is written #rrggbb, got {colour!r}")
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_cell(value)}</dd>"
                   for name, value in facts.items())
    return (f'<article style="--colour:{colour}"><h3>{_text(title)}</h3><p>{_text(text)}</p>'
            f"<dl>{rows}</dl></article>")


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _picture(frame: Array | bytes) -> str:
    if isinstance(frame, bytes):
        return _data_uri("image/png", frame)
    import imageio.v3 as imageio
    return _data_uri("image/jpeg", imageio.imwrite("<bytes>", frame, extension=".jpg", quality=85))
