import threading

import numpy as np
import pytest
import torch
from osteon.core.bodies import large_results
from osteon.core.bodies.large_results import large_empty

SIZE = 5_000_000  # numbers; 20 MB
LIKE = torch.zeros(1)


@pytest.fixture(autouse=True)
def none_ready():
    large_results._ready.clear()


@torch.inference_mode()
def test_memory_of_a_result_that_is_gone_is_used_again():
    first = large_empty(LIKE, 2, SIZE // 2)
    place = first.data_ptr()
    del first
    again = large_empty(LIKE.double(), SIZE // 2)
    assert again.data_ptr() == place
    assert again.dtype == torch.float64
    assert large_empty(LIKE, SIZE).data_ptr() != place


@torch.inference_mode()
@pytest.mark.parametrize("look", [lambda t: t[1:], lambda t: t.numpy()[::2], lambda t: t.view(2, -1).mT])
def test_memory_that_somebody_looks_into_stays_theirs(look):
    result = large_empty(LIKE, SIZE)
    result.fill_(1.0)
    view = look(result)
    del result
    large_empty(LIKE, SIZE).fill_(2.0)
    assert (np.asarray(view) == 1).all()
    assert all(not np.shares_memory(np.asarray(view), block) for block in large_results._ready)


@torch.inference_mode()
def test_little_is_kept_and_not_small_results():
    small = large_empty(LIKE, 1000)
    del small
    assert not large_results._ready
    several = [large_empty(LIKE, SIZE + k) for k in range(9)]
    del several
    assert len(large_results._ready) == 3
    huge = large_empty(LIKE, 20_000_000)
    del huge
    assert len(large_results._ready) == 3
    assert all(block.nbytes < 21e6 for block in large_results._ready)


def test_threads_never_share_a_result():
    wrong = []

    def fill(value: float) -> None:
        with torch.inference_mode():
            for _ in range(20):
                result = large_empty(LIKE, SIZE)
                result.fill_(value)
                if not (result == value).all():
                    wrong.append(value)

    threads = [threading.Thread(target=fill, args=(float(value),)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
