"""How programs lay out motions in their files: what each kind of content says, in the file's own axes.

Sources: AMASS' and SMPL-X's published keys; the results of HMR2 and 4D-Humans (its tracker is PHALP), WHAM and HSMR as their
users describe them.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..errors import FileError
from .motion import LONGEST, N_BETAS
from .named_arrays import gender_in, text_of

_BODY = 66  # values of the joints from the pelvis to the wrists, which SMPL, SMPL-H and SMPL-X have in common
_HANDS = 6  # values of SMPL's hand joints
_KIND_OF_COLUMNS = {46: "skel", 66: "smpl", 72: "smpl", 156: "smpl", 165: "smplx"}
_POSES_KEYS = ("poses", "pose", "smpl_poses")
_AMASS_RATES = ("mocap_framerate", "mocap_frame_rate")
_AMASS_KEYS = (*_AMASS_RATES, "dmpls", "marker_data", "mocap_time_length", "surface_model_type")
_TRANS_KEYS = ("trans", "transl", "smpl_trans", "pred_cam_t_full", "cam_t", "pred_cam_t")
_FACE_KEYS = ("pose_jaw", "jaw_pose", "pose_eye", "leye_pose", "reye_pose", "expression")
_NESTED = ("pred_smpl_params", "pred_smpl_parms", "smpl_params")  # the second as SKEL's own fitter spells it


class Recorded(NamedTuple):
    """What a file says of one person."""

    kind: str  # as in `Motion`
    poses: np.ndarray  # (F, 46 or 72)
    betas: np.ndarray  # (10,) or (F, 10)
    trans: np.ndarray  # (F, 3)
    gender: str
    fps: float | None
    up: str  # what points up: y, z, or -y in a camera's axes
    frames: np.ndarray  # (F,) rising numbers of the frames in which the person was seen
    body: str  # the body's name as Osteon writes it, empty in files of others
    failed: np.ndarray | None  # (F,) frames that Osteon's fit marked


class _Person(NamedTuple):
    content: dict[str, Any]
    up: str


def recorded(content: dict[Any, Any], path: Path, person: int | None) -> Recorded:
    """What a motion file's content says of one person; `person` is a number of the file's own, the longest seen if None.

    Raises
    ------
    FileError
        When the content is no motion's or there is no such person; `path` is named.
    """
    try:
        people = _tracked(content) or _followed(content) or _pictured(content)
        if people and person is None:
            return _read(max(people.values(), key=_length))
        if people and person in people:
            return _read(people[person])
        if person is None:
            return _read(_alone(content))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FileError(
            f"The file {path} holds no motion that Osteon knows: {error}; choose a file with poses of SKEL, SMPL or AMASS."
        ) from error
    if not people:
        raise FileError(f"The file {path} does not number people: leave the number {person} out.")
    raise FileError(f"The file {path} holds no person {person}: there are {', '.join(map(str, sorted(people)))}.")


# Files of several people: each one's content by number.


def _tracked(content: dict[Any, Any]) -> dict[int, _Person]:
    """4D-Humans: by the name of the frame's picture, lists of what was seen of the tracks `tid`, in the camera's axes."""
    if not _all_dicts(content, {"tid", "smpl", "camera"}):
        return {}
    seen: dict[int, dict[int, dict[str, Any]]] = {}  # by track and frame
    for number, name in enumerate(sorted(content)):
        frame = content[name]
        # The entries of tracks that are lost at the time are copies of where they were seen last, at any place among the
        # others; the times since then, 0 for what is seen, tell them apart. Lists may go on where others have ended.
        unseen = dict(enumerate(frame.get("tracked_time", ())))
        for k, (track, params, camera) in enumerate(zip(frame["tid"], frame["smpl"], frame["camera"], strict=False)):
            if unseen.get(k, 0) > 0:
                continue
            one = {key: params[key] for key in ("global_orient", "body_pose", "betas")} | {"trans": camera}
            seen.setdefault(int(track), {})[int(frame.get("time", number))] = one
    people = {}
    for track, by_frame in seen.items():
        frames = sorted(by_frame)
        arrays = {key: np.stack([np.asarray(by_frame[k][key]) for k in frames]) for key in by_frame[frames[0]]}
        people[track] = _Person(arrays | {"frame_ids": frames}, "-y")
    return people


def _followed(content: dict[Any, Any]) -> dict[int, _Person]:
    """WHAM: by the person's number, poses in the camera's axes and in those of a world, whose y points up."""
    if not _all_dicts(content, {"pose", "trans", "betas"}):
        return {}
    people = {}
    for number, person in content.items():
        world = {"pose_world", "trans_world"} <= person.keys()
        own = {key: person[f"{key}_world" if world else key] for key in ("pose", "trans")}
        people[int(number)] = _Person(person | own, "y" if world else "-y")
    return people


def _pictured(content: dict[Any, Any]) -> dict[int, _Person]:
    """HSMR: SKEL bodies of the people in one picture, in the camera's axes."""
    if not {"poses", "betas", "full_cam_t"} <= content.keys():
        return {}
    people = zip(content["poses"], content["betas"], content["full_cam_t"], strict=True)
    return {
        number: _Person({"poses": poses, "betas": betas, "trans": trans}, "-y")
        for number, (poses, betas, trans) in enumerate(people)
    }


def _all_dicts(content: dict[Any, Any], keys: set[str]) -> bool:
    return bool(content) and all(isinstance(value, dict) and keys <= value.keys() for value in content.values())


def _length(person: _Person) -> int:
    return len(person.content["trans"])


# One person.


def _alone(content: dict[Any, Any]) -> _Person:
    nested = next((content[key] for key in _NESTED if isinstance(content.get(key), dict)), None)
    if nested is not None:
        return _Person(content | nested, "-y")
    if any(key in content for key in _AMASS_KEYS):
        return _Person(content, "z")
    # Rotation matrices are what networks put out, and those see in the camera's axes.
    return _Person(content, "-y" if _are_matrices(np.shape(content.get("body_pose", 0))) else "y")


def _read(person: _Person) -> Recorded:
    content = person.content
    key = next((key for key in _POSES_KEYS if key in content), None)
    if key:
        poses = _floats(content, key)
        poses = poses.reshape(1, -1) if poses.ndim == 1 else poses.reshape(len(poses), -1)
    else:
        poses = np.concatenate([_part(content, "global_orient", 1), _part(content, "body_pose", 23)], 1)
    n, columns = poses.shape
    if columns not in _KIND_OF_COLUMNS:
        raise ValueError(f"its poses have {columns} values a frame")
    kind = _KIND_OF_COLUMNS[columns]
    model = text_of(content.get("surface_model_type", ""))
    # Of as many values as only the body has: what moves a face is SMPL-X. Poses of 72 values are SMPL's whole body.
    if model == "smplx" or (columns not in (46, 72) and any(content.get(key) is not None for key in _FACE_KEYS)):
        kind = "smplx"
    elif model not in ("", "smpl", "smplh"):
        raise ValueError(f"it moves a body of the model {model}")
    if kind != "skel" and columns != _BODY + _HANDS:
        poses = np.concatenate([poses[:, :_BODY], np.zeros((n, _HANDS))], 1)
    trans = next((key for key in _TRANS_KEYS if key in content), None)
    return Recorded(
        kind=kind,
        poses=poses,
        betas=_betas(content),
        trans=_floats(content, trans).reshape(-1, 3) if trans else np.zeros((n, 3)),
        gender=gender_in(content.get("gender", "")) or "neutral",
        fps=_fps(content),
        up=person.up,
        frames=_frames(content, n),
        body=_body(content),
        failed=_failed(content, n),
    )


def _floats(content: dict[str, Any], key: str) -> np.ndarray:
    values = np.asarray(content[key])
    if not values.size:
        raise ValueError(f"{key} is empty")
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{key} does not hold numbers")
    return values.astype(np.float64)


def _part(content: dict[str, Any], name: str, joints: int) -> np.ndarray:
    """Rotation vectors (F, 3 J) of some joints, which a file holds as such or as matrices (F, J, 3, 3)."""
    key = next((key for key in (name, f"{name}_axis_angle") if key in content), None)
    if key is None:
        raise ValueError("it has no poses")
    values = _floats(content, key)
    if _are_matrices(values.shape):
        if (np.linalg.det(values) <= 0).any():
            raise ValueError(f"{key} holds matrices that are no rotations")
        if values.ndim == 3 and joints > 1:  # of one frame
            values = values[None]
        return Rotation.from_matrix(values.reshape(-1, 3, 3)).as_rotvec().reshape(len(values), -1)
    return values.reshape(1, -1) if values.ndim == 1 else values.reshape(len(values), -1)


def _are_matrices(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 3 and shape[-2:] == (3, 3)


def _body(content: dict[str, Any]) -> str:
    """The body's name; other programs may keep anything else under that key."""
    body = content.get("body")
    is_text = isinstance(body, str) or (isinstance(body, np.ndarray) and body.dtype.kind == "U")
    return text_of(body) if is_text else ""


def _failed(content: dict[str, Any], n: int) -> np.ndarray | None:
    failed = content.get("failed")
    return failed if isinstance(failed, np.ndarray) and failed.dtype == bool and failed.shape == (n,) else None


def _betas(content: dict[str, Any]) -> np.ndarray:
    """The first ten shape parameters, of each frame if they change."""
    if "betas" not in content:
        return np.zeros(N_BETAS)
    betas = _floats(content, "betas")[..., :N_BETAS]
    return betas[0] if betas.ndim == 2 and (betas == betas[:1]).all() else betas


def _fps(content: dict[str, Any]) -> float | None:
    key = next((key for key in ("fps", *_AMASS_RATES) if key in content), None)
    return float(_floats(content, key).reshape(-1)[0]) if key else None


def _frames(content: dict[str, Any], n: int) -> np.ndarray:
    if content.get("frame_ids") is None:
        return np.arange(n)
    frames = np.asarray(content["frame_ids"]).reshape(-1).astype(np.int64)
    if len(frames) != n or (np.diff(frames) < 1).any() or np.ptp(frames) > LONGEST:
        raise ValueError("its frame numbers are not those of its frames in their order")
    return frames
