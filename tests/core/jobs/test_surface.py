"""Jobs that give SKEL motions: what they return is the fit's, also from a worker process."""

import numpy as np
import pytest
import torch
from osteon.core import jobs
from osteon.core.errors import InputError
from osteon.core.exchange.motion import Motion
from osteon.core.exchange.motion_files import save_motion
from osteon.core.fitting.surface import FAILED


@pytest.fixture
def surfaces(skel_and_smpl):
    """(5, N, 3) a SKEL body that bends its knees; in frame 1 a vertex is torn off, frame 3 is not finite."""
    poses = torch.zeros(5, 46)
    poses[:, 6] = poses[:, 13] = torch.linspace(0.1, 0.6, 5)
    skin = skel_and_smpl[0](poses, torch.full((1, 10), 0.4)).skin.numpy().astype(np.float32)
    skin[1, 100] += 0.5
    skin[3, 7] = np.nan
    return skin


def test_fit_surface_in_a_worker(surfaces, model_folder):
    body = str(model_folder / "skel_male.pkl")
    with jobs.start("fit_surface", {"skin": surfaces, "body": body}) as worker:
        found = worker.result()
    assert found["known"].tolist() == [0, 1, 2, 4]
    assert found["failed"].tolist() == [1, 3]
    assert found["poses"].shape == (5, 46)
    assert np.abs(found["poses"][[0, 2, 4]][:, 6] - [0.1, 0.35, 0.6]).max() < np.radians(1)
    # The vertex that is torn off in a failed frame does not count.
    assert found["vertex_error"].shape == surfaces.shape[1:2]
    assert found["mean_error"] == pytest.approx(found["vertex_error"].mean(), rel=1e-4)
    assert found["vertex_error"].max() <= found["worst_error"] < 0.01


def test_where_all_frames_failed_all_count(surfaces, model_folder):
    found = jobs.run("fit_surface", {"skin": surfaces[[1, 3]], "body": str(model_folder / "skel_male.pkl")})
    assert found["failed"].tolist() == [0, 1]
    assert found["known"].tolist() == [0]
    assert found["worst_error"] == pytest.approx(found["vertex_error"][100])
    assert found["worst_error"] > FAILED


def test_wrong_number_of_vertices(surfaces):
    with pytest.raises(InputError, match="instead of"):
        jobs.run("fit_surface", {"skin": surfaces, "body": "open-male"})


def test_a_skel_motion_is_read_as_it_is(tmp_path):
    """Its shape over time becomes one; the root's angles have no jumps."""
    poses = np.zeros((4, 46))
    poses[:, 1] = np.radians([178, 179, -180, -179])
    betas = np.linspace(0, 1, 40).reshape(4, 10)
    save_motion(Motion("skel", poses, betas, np.ones((4, 3)), "female", 25.0), tmp_path / "turn.npz")
    found = jobs.run("skel_motion", {"motion": str(tmp_path / "turn.npz")})
    assert set(found) == {"fps", "poses", "betas", "trans"}
    assert found["fps"] == 25.0
    assert np.abs(np.diff(found["poses"], axis=0)).max() < np.radians(2)
    np.testing.assert_allclose(found["betas"], betas.mean(0))
