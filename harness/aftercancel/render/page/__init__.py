"""The report of a judged run as one HTML file: no network, no build step, no framework.

``payload`` says what the page shows of one cell and ``pack`` puts some of them into a chunk, both
of which workers may do. ``page`` makes the file piece by piece, so that a run of 100,000 cells is
never in memory as text. What needs a script is made in the browser from the chunks, which hold
base64 only; everything else is in the HTML.
"""

from aftercancel.render.page.chunks import Chunk, Payload, pack, payload
from aftercancel.render.page.data import PageData, Question, Word, Words
from aftercancel.render.page.pages import page

__all__ = ["Chunk", "PageData", "Payload", "Question", "Word", "Words", "pack", "page", "payload"]
