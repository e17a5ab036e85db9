"""Guards that every paged read goes through."""

from collections.abc import Iterator

from connectors.contract import Page
from connectors.errors import StreamBroken
from connectors.excerpts import is_cut


def guarded(pages: Iterator[Page], connection: str) -> Iterator[Page]:
    """Pass pages on, and stop the stream when the vendor sends the same page again under a new bookmark.

    A page whose records are all, byte for byte, those of the page before is a repeat; so is a bookmark
    that was seen already. (Seen at Amazon: selling-partner-api-models 2297.)

    Raises:
        StreamBroken: At the first repeat, or at a bookmark that could not be read.
    """
    seen_bookmarks: set[str] = set()
    previous: tuple[tuple[str, bytes], ...] = ()
    for page in pages:
        content = tuple((record.external_id, record.payload) for record in page.records)
        if content and content == previous:
            raise StreamBroken(f"{connection}: {page.stream} repeats a page of {len(content)} records")
        if page.bookmark is not None:
            if is_cut(page.bookmark):
                raise StreamBroken(f"{connection}: {page.stream}: the next page's marker is unreadable")
            if page.bookmark in seen_bookmarks:
                raise StreamBroken(
                    f"{connection}: {page.stream} repeats a page marker; the read would not end"
                )
            seen_bookmarks.add(page.bookmark)
        previous = content
        yield page
