import functools
import pickle
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "bodies"))


@functools.cache
def _contents():
    from synthetic_smpl import make_fit_models

    return make_fit_models(51)


@pytest.fixture(scope="session")
def skel_and_smpl():
    """A made-up SKEL and a SMPL body of the same person."""
    from osteon.core.bodies.skel import Skel
    from osteon.core.bodies.skel_file import skel_from_content
    from osteon.core.bodies.smpl import Smpl
    from osteon.core.bodies.smpl_file import smpl_from_content

    skel, smpl = _contents()
    return Skel(skel_from_content(skel, Path("skel_male.pkl"))), Smpl(smpl_from_content(smpl, Path("SMPL_MALE.pkl")))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A folder with the model files of that person."""
    folder = tmp_path_factory.mktemp("models")
    for name, content in zip(("skel_male.pkl", "SMPL_MALE.pkl"), _contents(), strict=True):
        (folder / name).write_bytes(pickle.dumps(content))
    return folder
