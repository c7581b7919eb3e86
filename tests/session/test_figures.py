"""What requests add up to while somebody watches: all counted, some looked into."""

from __future__ import annotations

from graphnb.session.live.figures import MAX_SEEDED_SPANS, Figures
from tests.telemetry.traces import by_handle, call, chain, trace


def noted(figures, *traces):
    """The figures after these requests."""
    for one in traces:
        figures.note(one)
    figures.take(100.0)
    return figures.window(10.0, 100.0)


def test_all_requests_are_looked_into_where_there_is_time():
    """As it is with a few."""
    window = noted(Figures(0.0), *(chain(3) for _ in range(20)))
    assert (window.requests, window.digest.requests, window.part) == (20, 20, 1.0)


def test_of_very_many_requests_some_are_looked_into():
    """All count, those that failed too."""
    failed = [trace(request="failed", outcome="error") for _ in range(3)]
    window = noted(Figures(0.0, budget=1e-3), *(chain(10) for _ in range(500)), *failed)
    assert window.requests == 503
    assert 3 <= window.digest.requests < 503
    assert window.errors == 3
    assert window.part < 1.0


def test_one_request_is_looked_into_however_large():
    """Else nothing would be seen of a graph of very many nodes."""
    window = noted(Figures(0.0, budget=1e-9), chain(500), chain(500))
    assert window.digest.requests == 1


def test_time_that_was_not_needed_is_saved():
    """Used up, nothing is looked into until there is some again."""
    figures = Figures(0.0)
    for _ in range(3):
        noted(figures, *(chain(10) for _ in range(500)))
    window = noted(figures, *(chain(10) for _ in range(500)))
    before = window.digest.requests
    assert window.requests == 2_000
    assert before < 500
    figures.note(chain(10))
    figures.take(101.0)
    assert figures.window(10.0, 101.0).digest.requests == before + 1


def test_failures_weigh_no_more_than_others():
    """One in a hundred is one in a hundred of those that are looked into, more or less."""
    fine, failed = chain(10), trace(*chain(10).spans[:-1], outcome="error")
    figures = Figures(0.0, budget=0.1)
    for number in range(40):
        for one in [*[fine] * 99, failed] * 5:
            figures.note(one)
        figures.take(100.0 + number / 10)
    window = figures.window(None, 104.0)
    assert window.errors == 200
    assert window.part < 1.0
    assert window.digest.errors < window.digest.requests * 0.03


def test_requests_of_another_version_are_left_out():
    """They began before the graph was deployed, and speak of other code."""
    window = noted(Figures(50.0), chain(2, at=49.0), chain(2, at=51.0))
    assert window.requests == 1


def test_requests_without_a_trace_count():
    """Such as those of other processes, beyond the traces that came along."""
    figures = Figures(0.0)
    figures.count(7)
    assert noted(figures, chain(2)).requests == 8


def test_figures_begin_with_what_is_known():
    """The last requests, as many as can be looked into at once, at their own moments."""
    figures = Figures(0.0)
    figures.seed([chain(2, at=at) for at in (900.0, 995.0)], 100.0, 1_000.0)
    assert figures.window(10.0, 100.0).requests == 1
    assert figures.window(None, 100.0).requests == 2
    figures = Figures(0.0)
    many = MAX_SEEDED_SPANS // 11 + 50
    figures.seed([chain(10, at=999.0)] * many, 100.0, 1_000.0)
    assert 0 < figures.window(None, 100.0).requests < many


def test_what_is_known_and_told_as_well_counts_once():
    """Before the figures begin with it, and up to ten seconds after."""
    early, late, other = (trace(request=one, at=999.0) for one in ("early", "late", "other"))
    figures = Figures(0.0)
    figures.note(early)
    figures.seed([early, late], 100.0, 1_000.0)
    figures.note(late)
    figures.note(other)
    figures.take(100.1)
    assert figures.window(None, 100.1).requests == 3
    figures.note(late)
    figures.take(109.0)
    assert figures.window(None, 109.0).requests == 3


def test_figures_can_begin_anew():
    """What there was until then is handed out, to compare with."""
    figures = Figures(0.0)
    noted(figures, chain(2, at=1.0))
    assert figures.begin_anew(2.0).requests == 1
    assert figures.window(None, 100.0).requests == 0
    assert noted(figures, chain(2, at=1.0)).requests == 0


def test_handle_calls_are_fresh_until_they_were_shown():
    """They light up in the frame after, whoever looked before; the owner empties them then."""
    figures = Figures(0.0)
    noted(figures, trace(call(1, "a"), by_handle(2, "b", parent=1)))
    figures.take(100.1)
    assert figures.fresh == {("a", "b")}
    figures.fresh = frozenset()
    figures.take(100.2)
    assert figures.fresh == frozenset()
