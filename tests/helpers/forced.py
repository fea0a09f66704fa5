"""Force the fast ways through the recurrence on small cells, and see that they were taken."""

from rnnexp.compute import threads
from rnnexp.compute.blas import tiles
from rnnexp.nn import loops


def untried(key, length, least, compute, outputs):
    """Equal parts, one a thread, whether they round as the whole does or not: in place of `parts_alike`."""
    return next(threads.cuts(length, threads.number_for(length, least), least))


def force_tiles_and_threads(monkeypatch):
    """Force tiles of 4 columns, a row a thread; return the numbers of tiles and of threads' parts that come up."""
    seen = {"tiles": set(), "parts": set()}
    cut, rows_of_threads = tiles.cut, loops.rows_of_threads

    def noting_cut(*arguments):
        made = cut(*arguments)
        seen["tiles"].add(made.shape[1])
        return made

    def noting_rows(*arguments):
        parts = rows_of_threads(*arguments)
        seen["parts"].add(len(parts))
        return parts

    monkeypatch.setattr(tiles, "takes_small_products_directly", lambda: True)
    monkeypatch.setattr(tiles, "SMALL_PRODUCT", 0)
    monkeypatch.setattr(tiles, "WIDTHS", (4,))
    for name in "WORTH_SHARING", "WORTH_SHARING_COMPILED":
        monkeypatch.setattr(loops, name, 0)
    monkeypatch.setattr(loops, "LEAST_ROWS", 1)
    monkeypatch.setattr(loops, "parts_alike", untried)
    monkeypatch.setattr(tiles, "cut", noting_cut)
    monkeypatch.setattr(loops, "rows_of_threads", noting_rows)
    return seen
