"""How often live pictures change."""

import pytest

from graphnb.session.live.pace import BUSY_TICK_S, TICK_S, Pace


def pauses(parts, tick_s=0.002):
    """What the pace says after each tick, of a process that takes these parts of a core."""
    now = spent = 0.0
    pace, found = Pace(now, spent), []
    for part in parts:
        now, spent = now + tick_s, spent + part * tick_s
        found.append(pace.pause(now, spent))
        now, spent = now + found[-1], spent + part * found[-1]
    return found


def test_ten_times_a_second():
    """Whatever a tick takes of it: the next one is due a tenth after the last."""
    assert pauses([0.1] * 20, tick_s=0.03)[1:] == pytest.approx([TICK_S - 0.03] * 19)


def test_a_burst_changes_nothing():
    """Requests come in bursts; a third of a second of computing is none of it."""
    assert max(pauses([0.0] * 10 + [1.0] * 3 + [0.0] * 10)) <= TICK_S


def test_while_the_process_computes_less_often():
    """From about half a second on, and no longer than that after it."""
    found = pauses([1.0] * 30)
    assert found[0] < TICK_S
    assert found[10:] == pytest.approx([BUSY_TICK_S - 0.002] * 20)
    after = pauses([1.0] * 30 + [0.0] * 20)
    assert after[-10:] == pytest.approx([TICK_S - 0.002] * 10)


def test_a_tick_that_takes_too_long_is_not_made_up_for():
    """The next one is due at once, and those that were missed never come."""
    assert pauses([0.0] * 5, tick_s=0.35) == pytest.approx([0.0] * 5)
