"""Files: what is read equals what was written, the official schema is whole, and bad files are refused."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from osteon.core.bodies.load import load_body
from osteon.core.bodies.skel import Skel
from osteon.core.bodies.skel_file import read_skel, skel_from_content, write_skel
from osteon.core.errors import FileError, InputError, OsteonError
from synthetic_skel import make_skel_model

OFFICIAL_KEYS = {
    "version", "bone_names", "joints_name", "pose_params_name", "skin_template_v", "skin_template_f", "skel_template_v",
    "skel_template_f", "shapedirs", "posedirs", "J_regressor", "J_regressor_osim", "per_joint_rot", "skin_weights",
    "skel_weights", "skel_weights_rigid", "osim_kintree_table", "parameter_mapping", "tpose_transfo", "apose_transfo",
    "apose_rel_transfo", "bone_verts_indices",
}  # fmt: skip
SPARSE_KEYS = {"J_regressor", "J_regressor_osim", "skin_weights", "skel_weights", "skel_weights_rigid"}


@pytest.fixture
def model():
    return make_skel_model(11, "male")


def test_what_is_saved_loads_again_to_identical_values(body, tmp_path):
    path = tmp_path / "skel_male.pkl"
    body.save(path)
    assert load_body(path).data == body.data


def test_the_official_schema_is_whole(body, tmp_path):
    path = tmp_path / "skel_male.pkl"
    body.save(path)
    with path.open("rb") as file:
        content = pickle.load(file)
    assert content.keys() >= OFFICIAL_KEYS
    assert content["version"] == "1.1.1"
    # The official loader asserts this very type.
    assert all(type(content[key]) is scipy.sparse.coo_matrix for key in SPARSE_KEYS)
    assert content["posedirs"].shape == (6890, 3, 207)
    assert content["osim_kintree_table"].shape == (2, 24)


def test_the_compact_form_keeps_what_it_promises(body, tmp_path):
    path = tmp_path / "small.npz"
    body.save(path)
    again = read_skel(path)
    assert np.abs(again.skin_template - body.data.skin_template).max() < 1e-7
    assert np.array_equal(again.per_joint_rot, body.data.per_joint_rot)
    write_skel(again, path)
    assert read_skel(path) == again


def test_duplicated_bone_vertices_are_stored_once(model):
    plain = skel_from_content(model, Path("skel_male.pkl"))
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(500), 4))
    first = {int(v): i for i, v in reversed(list(enumerate(order)))}
    for key in ("skel_weights", "skel_weights_rigid"):
        model[key] = scipy.sparse.coo_matrix(model[key].tocsr()[order])
    model["skel_template_v"] = np.asarray(model["skel_template_v"])[order]
    model["skel_template_f"] = np.vectorize(first.get)(model["skel_template_f"])
    merged = skel_from_content(model, Path("skel_male.pkl"))
    assert len(merged.bone_template) == 500
    corners = merged.bone_template[merged.bone_faces]
    assert np.array_equal(corners, plain.bone_template[plain.bone_faces])
    pose = torch.full((1, 46), 0.3)
    ours = Skel(merged)(pose, bones=True).bones[:, merged.bone_faces]
    assert (ours - Skel(plain)(pose, bones=True).bones[:, plain.bone_faces]).abs().max() < 1e-6


def test_old_files_with_dense_matrices_load(model):
    plain = skel_from_content(dict(model), Path("skel_male.pkl"))
    for key in SPARSE_KEYS:
        model[key] = model[key].toarray()
    assert skel_from_content(model, Path("skel_male.pkl")) == plain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "1.0"}, "version 1.0"),
        ({"version": None}, "no version"),
        ({"per_joint_rot": np.zeros((24, 3, 4))}, "per_joint_rot .* shape"),
        ({"per_joint_rot": np.full((24, 3, 3), np.nan)}, "not finite"),
        ({"skin_template_f": np.full((5, 3), 6890)}, "points outside"),
        ({"shapedirs": "none"}, "does not hold numbers"),
        ({"osim_kintree_table": np.zeros((2, 24), int)}, "kinematic tree"),
    ],
)
def test_wrong_content_is_named(model, change, words):
    with pytest.raises(FileError, match=words):
        skel_from_content(model | change, Path("skel_male.pkl"))


def test_a_missing_array_is_named(model):
    del model["posedirs"], model["skin_weights"]
    with pytest.raises(FileError, match="lacks the array skin_weights"):
        skel_from_content(model, Path("skel_male.pkl"))


def test_a_missing_file_and_an_unknown_name_say_so(tmp_path):
    with pytest.raises(FileError, match="There is no file"):
        load_body(tmp_path / "skel_male.pkl")
    with pytest.raises(InputError, match="no body named"):
        load_body("open-alien")


def test_a_failed_save_leaves_the_old_file(body, tmp_path, monkeypatch):
    path = tmp_path / "skel_male.pkl"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("osteon.core.bodies.skel_file.pickle.dump", lambda *a, **k: fail())
    with pytest.raises(FileError, match="cannot be written"):
        body.save(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["skel_male.pkl"]


def test_every_error_of_a_bad_file_is_one_of_ours(tmp_path, body):
    """A file cut short or changed at random never raises anything but our errors, nor runs anything."""
    path = tmp_path / "skel_male.pkl"
    body.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for size in rng.integers(0, min(len(whole), 5000), 20):
        path.write_bytes(whole[:size])
        with pytest.raises(OsteonError):
            read_skel(path)


def test_importing_the_core_needs_neither_torch_nor_blender():
    code = "import sys, osteon.core; assert not {'torch', 'scipy', 'bpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
