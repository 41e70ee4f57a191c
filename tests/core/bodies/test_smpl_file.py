"""SMPL's family of files: recognised whatever their name, fingers and faces left at rest, bad ones refused."""

import functools
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from osteon.core.bodies.load import load_body, load_skel
from osteon.core.bodies.smpl import Smpl
from osteon.core.bodies.smpl_file import smpl_from_content
from osteon.core.bodies.smpl_joints import PARENTS, SMPL_H, SMPL_X, smpl_joint_of
from osteon.core.bodies.star import Star
from osteon.core.errors import FileError, OsteonError
from scipy.spatial.transform import Rotation
from synthetic_smpl import make_smpl_model, make_star_model, write_chumpy_pickle

PICKLES = Path(__file__).parent.parent / "exchange" / "pickles"
TREES = {"SMPL-H": SMPL_H, "SMPL-X": SMPL_X}


def pickled(path, model):
    path.write_bytes(pickle.dumps(model, protocol=2))
    return path


def zipped(path, model):
    with path.open("wb") as file:  # numpy adds .npz to names without it
        np.savez(file, **model)
    return path


@functools.cache
def small(make, gender):
    return cut(make(21, gender))


def cut(model, n=300):
    """The same model with its first vertices only, since files of few are read faster."""
    keys = {"v_template", "shapedirs", "posedirs", "weights"}
    few = {key: value[:n] if key in keys else value.copy() for key, value in model.items()}
    f, regressor = np.asarray(model["f"]), model["J_regressor"]
    few["f"] = f[(f < n).all(1)]
    few["J_regressor"] = (regressor if isinstance(regressor, np.ndarray) else regressor.toarray())[:, :n]
    return few


@pytest.fixture
def smpl():
    return dict(small(make_smpl_model, "male"))


@pytest.fixture
def star():
    return dict(small(make_star_model, "male"))


def larger(kind, seed=0):
    """A made-up SMPL-H or SMPL-X file: random fingers and faces on the made-up SMPL model."""
    model, rng = dict(small(make_smpl_model, "female")), np.random.default_rng(seed)
    tree = TREES[kind]
    n, n_joints = len(model["v_template"]), len(tree.parents)
    weights = rng.random((n, n_joints)) * (rng.random((n, n_joints)) < 0.1)
    weights[:, 0] += 0.1
    regressor = rng.random((n_joints, n)) * (rng.random((n_joints, n)) < 0.05)
    n_shapes = {"SMPL-H": 16, "SMPL-X": 20}[kind]
    return model | {
        "weights": weights / weights.sum(1, keepdims=True),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "posedirs": 0.002 * rng.standard_normal((n, 3, 9 * (n_joints - 1))),
        "shapedirs": 0.01 * rng.standard_normal((n, 3, n_shapes)),
        "kintree_table": np.array([(2**32 - 1, *tree.parents[1:]), range(n_joints)]),
        "hands_meanl": rng.standard_normal(45),
        "bs_style": np.array("lbs"),
    }


def posed(model, tree, pose, betas):
    """The skin of a whole model by the equations of its paper, one joint after another; pose (J, 3)."""
    shaped = model["v_template"] + model["shapedirs"][..., :10] @ betas
    rest = model["J_regressor"] @ shaped
    turns = Rotation.from_rotvec(pose).as_matrix()
    corrected = shaped + model["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    frames, joints = [turns[0]], [rest[0]]
    for j, parent in enumerate(tree.parents[1:], start=1):
        frames.append(frames[parent] @ turns[j])
        joints.append(joints[parent] + frames[parent] @ (rest[j] - rest[parent]))
    each = [(corrected - rest[j]) @ frames[j].T + joints[j] for j in range(len(rest))]
    return np.einsum("nj,jnx->nx", model["weights"], each), np.array(joints)


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize("name", ["model.npz", "SMPLX_FEMALE.pkl", "mine"])
def test_the_body_part_is_the_whole_model_with_fingers_and_face_at_rest(kind, name, tmp_path):
    model, tree = larger(kind), TREES[kind]
    write = pickled if name.endswith(".pkl") else zipped
    body = load_body(write(tmp_path / name, model))
    assert body.kind == kind
    rng = np.random.default_rng(1)
    pose, betas = np.zeros((len(tree.parents), 3)), rng.standard_normal(10)
    pose[:22] = rng.standard_normal((22, 3))
    skin, joints = posed(model, tree, pose, betas)
    out = body(torch.tensor(pose[:24].reshape(1, 72)), torch.tensor(betas))
    assert np.abs(out.skin[0].numpy() - skin).max() < 1e-12
    assert np.abs(out.joints[0].numpy() - joints[[*range(22), *tree.knuckles]]).max() < 1e-12


def test_fingers_follow_the_hand_and_the_jaw_the_head():
    assert smpl_joint_of(SMPL_H) == (*range(22), *[22] * 15, *[23] * 15)
    assert smpl_joint_of(SMPL_X) == (*range(22), *[15] * 3, *[22] * 15, *[23] * 15)
    assert SMPL_H.parents[20:] == (
        18, 19, 20, 22, 23, 20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35,
        21, 37, 38, 21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50,
    )  # fmt: skip
    assert (SMPL_H.knuckles, SMPL_X.knuckles) == ((25, 40), (28, 43))
    assert (len(SMPL_X.parents), SMPL_X.parents[22:26], SMPL_X.parents[40]) == (55, (15, 15, 15, 20), 21)


def test_expression_is_no_shape(tmp_path):
    model = larger("SMPL-X")
    assert load_body(zipped(tmp_path / "a.npz", model)).max_betas == 10
    model["shapedirs"] = np.zeros((300, 3, 400))
    assert load_body(zipped(tmp_path / "a.npz", model)).max_betas == 300


def test_tables_of_names_in_an_npz_are_harmless(tmp_path):
    """SMPL-X files hold such as Python objects."""
    model = larger("SMPL-X") | {"joint2num": np.array({"pelvis": 0}, dtype=object)}
    assert load_body(zipped(tmp_path / "SMPLX_MALE.npz", model)).gender == "male"


def test_python_objects_that_run_are_refused(tmp_path, monkeypatch):
    class Hostile:
        def __reduce__(self):
            return open, ("PWNED", "w")

    monkeypatch.chdir(tmp_path)
    model = larger("SMPL-X") | {"joint2num": np.array(Hostile(), dtype=object)}
    path = zipped(tmp_path / "SMPLX_MALE.npz", model)
    with pytest.raises(FileError, match="refused"):
        load_body(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["SMPL_MALE.pkl", "model.npz", "Körper 1", "body.dat"])
@pytest.mark.parametrize("kind", ["SMPL", "STAR"])
@pytest.mark.parametrize("write", [pickled, zipped])
def test_the_kind_is_told_by_the_content(kind, write, name, tmp_path, smpl, star):
    body = load_body(write(tmp_path / name, smpl if kind == "SMPL" else star))
    assert body.kind == kind
    assert type(body) is (Smpl if kind == "SMPL" else Star)
    assert body.max_betas == (10 if kind == "SMPL" else 20)


@pytest.mark.parametrize(
    ("path", "gender"),
    [
        ("basicmodel_f_lbs_10_207_0_v1.1.0.pkl", "female"),
        ("basicModel_m_lbs_10_207_0_v1.0.0.pkl", "male"),
        ("basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", "neutral"),
        ("SMPL_FEMALE.pkl", "female"),
        ("female/SMPL_NEUTRAL.pkl", "neutral"),
        ("star_1_1/male/model.npz", "male"),
        ("models/model.npz", "neutral"),
    ],
)
def test_the_gender_is_told_by_the_name(path, gender, smpl):
    assert smpl_from_content(smpl, Path(path)).gender == gender


@pytest.mark.parametrize("said", ["Female", "f", b"female", "b'female'", np.array(["female"]), np.array(b"FEMALE")])
def test_the_gender_is_told_by_the_content_however_it_is_written(said, smpl):
    assert smpl_from_content(smpl | {"gender": said}, Path("SMPL_MALE.pkl")).gender == "female"


@pytest.mark.parametrize("said", ["", None, "unknown", 3, np.array([]), [[1], [1, 2]]])
def test_where_the_content_says_no_gender_the_name_does(said, smpl):
    assert smpl_from_content(smpl | {"gender": said}, Path("SMPL_MALE.pkl")).gender == "male"


def test_old_files_with_chumpy_load(tmp_path):
    model = make_smpl_model(21, "male")
    write_chumpy_pickle(model, tmp_path / "basicmodel_m_lbs_10_207_0_v1.0.0.pkl", nv=300)
    old = load_body(tmp_path / "basicmodel_m_lbs_10_207_0_v1.0.0.pkl").data
    plain = smpl_from_content(cut(model), Path("SMPL_MALE.pkl"))
    assert (old.kind, old.gender) == ("SMPL", "male")
    for key in ("skin_template", "faces", "shapedirs", "posedirs"):
        assert np.array_equal(getattr(old, key), getattr(plain, key)), key
    for key in ("joint_regressor", "skin_weights"):
        assert (getattr(old, key) != getattr(plain, key)).nnz == 0, key
    assert load_body(PICKLES / "smpl_chumpy_small.pkl").n_skin == 64


def test_correctives_with_one_row_for_each_coordinate(star):
    plain = smpl_from_content(dict(star), Path("model.npz"))
    star["posedirs"] = star["posedirs"].reshape(-1, 93)
    flat = smpl_from_content(star, Path("model.npz"))
    assert flat.kind == "STAR"
    assert np.array_equal(flat.posedirs, plain.posedirs)


def test_indices_stored_as_floats_are_indices(smpl):
    plain = smpl_from_content(dict(smpl), Path("SMPL_MALE.pkl"))
    smpl["f"] = smpl["f"].astype(float)
    assert np.array_equal(smpl_from_content(smpl, Path("SMPL_MALE.pkl")).faces, plain.faces)


@pytest.mark.parametrize("name", ["clean.pkl", "clean.npz"])
@pytest.mark.parametrize("kind", ["SMPL", "STAR", "SMPL-H"])
def test_what_is_saved_loads_again(kind, name, tmp_path, smpl, star):
    content = {"SMPL": smpl, "STAR": star, "SMPL-H": larger("SMPL-H")}[kind]
    data = smpl_from_content(content, Path("female.pkl"))
    Smpl(data).save(tmp_path / name)
    again = load_body(tmp_path / name)
    assert again.kind == ("SMPL" if kind == "SMPL-H" else kind)
    assert again.gender == "female"
    pose = torch.randn(1, 72, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(pose).skin, type(again)(data)(pose).skin)


def test_the_official_schema_is_whole(tmp_path, smpl):
    Smpl(smpl_from_content(smpl, Path("SMPL_MALE.pkl"))).save(tmp_path / "SMPL_MALE.pkl")
    content = pickle.loads((tmp_path / "SMPL_MALE.pkl").read_bytes())
    assert content.keys() >= smpl.keys()
    for key in ("v_template", "shapedirs", "posedirs", "weights", "f", "kintree_table"):
        assert np.array_equal(content[key], smpl[key]), key
        assert content["f"].dtype == np.uint32
    assert np.array_equal(content["J_regressor"].toarray(), smpl["J_regressor"])


def test_where_a_skeleton_is_needed_smpl_will_not_do(tmp_path, smpl):
    with pytest.raises(FileError, match=r"male\.pkl holds a SMPL model, which has no skeleton inside: choose"):
        load_skel(pickled(tmp_path / "male.pkl", smpl))


CROOKED = np.array([PARENTS, range(24)])
CROOKED[0, 5] = 1
RENUMBERED = np.array([PARENTS, range(1, 25)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v_template": np.zeros((300, 2))}, "v_template .* shape"),
        ({"v_template": np.full((300, 3), np.nan)}, "v_template .* not finite"),
        ({"posedirs": np.zeros((300, 3, 93))[:200]}, "posedirs .* shape"),
        ({"posedirs": np.zeros((300, 3, 200))}, "posedirs .* shape"),
        ({"posedirs": [[0], [0, 1]]}, "posedirs .* does not hold numbers"),
        ({"shapedirs": np.zeros((300, 3, 4))}, "4 directions of shape"),
        ({"shapedirs": "none"}, "does not hold numbers"),
        ({"weights": np.zeros((300, 23))}, "weights .* shape"),
        ({"weights": np.full((300, 24), np.inf)}, "weights .* not finite"),
        ({"J_regressor": np.zeros((23, 300))}, "J_regressor .* shape"),
        ({"weights": np.zeros((300, 24))}, "weights .* do not add up to 1"),
        ({"J_regressor": np.full((24, 300), 5 / 300)}, "J_regressor .* add up to no share of 1"),
        ({"v_template": np.eye(300)[:, :3] * 170}, "170 m large"),
        ({"f": np.full((5, 3), 300)}, "points outside"),
        ({"f": np.full((5, 3), 0.5)}, "whole numbers"),
        ({"kintree_table": CROOKED}, "kinematic tree"),
        ({"kintree_table": RENUMBERED}, "kinematic tree"),
        ({"kintree_table": np.zeros((2, 16), int)}, "model of 16 joints"),
        ({"kintree_table": None}, "model of 0 joints"),
    ],
)
def test_wrong_content_is_named(change, words, smpl, tmp_path):
    path = pickled(tmp_path / "SMPL_MALE.pkl", smpl | change)
    with pytest.raises(FileError, match=words) as caught:
        load_body(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("key", ["posedirs", "weights", "J_regressor", "f"])
def test_a_missing_array_is_named(key, smpl, tmp_path):
    del smpl[key]
    with pytest.raises(FileError, match=f"lacks the array {key}: download"):
        load_body(pickled(tmp_path / "SMPL_MALE.pkl", smpl))


def test_other_files_are_no_body_models(tmp_path):
    with pytest.raises(FileError, match=r"motion\.npz holds no body model that Osteon knows: choose"):
        load_body(zipped(tmp_path / "motion.npz", {"poses": np.zeros((1, 156)), "betas": np.zeros(16)}))
    with pytest.raises(FileError, match="holds a list instead of named arrays"):
        load_body(pickled(tmp_path / "list.pkl", [1, 2]))
    (tmp_path / "text.pkl").write_text("no model")
    with pytest.raises(FileError, match="damaged or no pickle of arrays"):
        load_body(tmp_path / "text.pkl")
    np.save(tmp_path / "array.npy", np.zeros(3))
    shutil.move(tmp_path / "array.npy", tmp_path / "array.npz")
    with pytest.raises(FileError, match="damaged or no"):
        load_body(tmp_path / "array.npz")


@pytest.mark.parametrize("write", [pickled, zipped, lambda path, model: np.savez_compressed(path, **model)])
def test_every_error_of_a_damaged_file_is_one_of_ours(write, tmp_path, smpl):
    """A file cut short or changed at random loads or raises one of our errors."""
    whole, path = tmp_path / "whole.npz", tmp_path / "bad.npz"
    write(whole, cut(smpl, 40))
    content, rng = whole.read_bytes(), np.random.default_rng(0)
    for size in rng.integers(0, len(content), 20):
        path.write_bytes(content[:size])
        with pytest.raises(OsteonError):
            load_body(path)
    for _ in range(100):
        changed = bytearray(content)
        for place in rng.integers(0, min(len(content), rng.choice([300, 3000, 10**9])), 3):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            load_body(path)
        except OsteonError:
            pass
