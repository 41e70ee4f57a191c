"""Work in processes: results in order, progress, and errors that come back."""

import os
import time

import pytest
from osteon.core.errors import OsteonError
from osteon.core.learning import processes


def test_results_come_in_order_and_errors_come_back():
    # Each item gets what it tells progress with as its last argument: here it is thrown away.
    assert processes.run_all(_first, [(3,), (1,), (2,)], 2, lambda share, text: None) == [3, 1, 2]
    with pytest.raises(ZeroDivisionError):
        processes.run_all(_divided, [(1,), (0,)], 2, lambda share, text: None)


def test_progress_is_heard_and_may_stop_all():
    heard = []
    processes.run_all(_telling, [(0.5,), (1.0,)], 1, lambda share, text: heard.append((share, text)))
    assert {text for _, text in heard} == {"half", "whole"}
    assert heard[-1][0] == pytest.approx(0.75)

    def stop(share, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.run_all(_telling, [(0.5,), (1.0,)], 1, stop)


def test_a_process_that_is_ended_ends_all():
    with pytest.raises(OsteonError, match="memory"):
        processes.run_all(_ended, [(1,)], 1, lambda share, text: None)


def _ended(value, tell):
    os._exit(1)


def _first(value, tell):
    return value


def _divided(value, tell):
    return 1 / value


def _telling(share, tell):
    tell(share, "half" if share < 1 else "whole")
    time.sleep(0.5)
