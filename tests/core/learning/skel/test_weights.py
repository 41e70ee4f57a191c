"""Weights of the skin."""

import numpy as np
import pytest
from osteon.core.learning.skel.weights import toes_share


def test_skin_goes_with_the_toes_from_the_metatarsals_heads_on():
    """Heads in a line that runs back outwards, toes of 60 mm; the left foot as the right."""

    def bone(name: str) -> np.ndarray:
        n = int(name.split("_")[-2])
        head = np.array([-0.05 - 0.01 * n, 0.0, 0.10 - 0.005 * n])
        start, end = (head - [0, 0, 0.06], head) if name.startswith("metatarsal") else (head, head + [0, 0, 0.06])
        return np.linspace(start, end, 2)

    x = np.repeat([-0.07, -0.10, 0.07, 0.10], 4)  # beside the second toe and the fifth
    head = np.where(np.abs(x) < 0.08, 0.09, 0.075)
    ahead = np.tile([-0.03, 0.0, 0.004, 0.03], 4)
    share = toes_share(np.column_stack([x, np.zeros(16), head + ahead]), bone).reshape(4, 4)
    assert np.abs(share - share[0]).max() < 1e-12
    assert share[0, [0, 1, 3]] == pytest.approx([0, 0.5, 1])
    assert 0.6 < share[0, 2] < 0.95
