"""Puts an open body together: skin and bone meshes from the packages, everything else as learned."""

import numpy as np

from ...anatomy.joints import JOINT_INDEX
from ...bodies.skel_file import SkelData
from ...errors import FileError
from . import weights
from .bone_names import Bone, Bones, mirrored
from .bone_space import BoneSpace
from .learned import Learned
from .people import People, Shapes
from .regressors import regressed
from .skeleton import joint_of

# For each joint of SMPL the SKEL joint that stands for it in the file's (unused) SMPL regressor.
SMPL_JOINTS = (0, 6, 1, 11, 7, 2, 12, 9, 4, 12, 10, 5, 13, 19, 14, 13, 20, 15, 21, 16, 23, 18, 23, 18)
SAME = 1e-4  # metres between joints, or their changes per beta, of two shape spaces that count as one


def build(people: People, gender: str, learned: Learned) -> SkelData:
    """The open body of a gender as a SKEL model."""
    return assemble(people, gender, people.shapes(gender), learned)


def assemble(people: People, gender: str, shapes: Shapes, learned: Learned) -> SkelData:
    """As `build`, for a shape space that is there already.

    Raises
    ------
    FileError
        When it is another one than the body was learned in, as other versions of numpy or of the packages might give.
    """
    space = bone_space(people, learned)
    right: Bones = {name: Bone(space.points(name), people.bones[name].faces) for name in space.names}
    bones = mirrored(right)
    names = list(bones)
    labels_of = np.array([JOINT_INDEX[joint_of(name)] for name in names])
    given = regressed(learned.regressor, shapes.mean, shapes.directions)
    if learned.joints is not None and not np.allclose(given, learned.joints, atol=SAME):
        raise FileError(
            f"open-{gender} was learned in another shape space than these packages give: `osteon train skel` learns it anew."
        )
    joints, joint_shapedirs = given[..., 0].copy(), given[..., 1:].copy()
    bone_weights, labels = weights.bone_weights(bones)
    vertices = np.concatenate([bone.vertices for bone in bones.values()])
    starts = np.cumsum([0, *(len(bone.vertices) for bone in bones.values())])
    transfo = np.tile(np.eye(4), (len(joints), 1, 1))
    transfo[:, :3, :3], transfo[:, :3, 3] = learned.frames, joints
    return SkelData(
        gender=gender,
        skin_template=shapes.mean,
        faces=people.surface.faces,
        shapedirs=shapes.directions,
        posedirs=learned.posedirs,
        smpl_joint_regressor=learned.regressor[list(SMPL_JOINTS)],
        joint_regressor=learned.regressor,
        skin_weights=learned.skin_weights,
        per_joint_rot=learned.frames,
        apose_rel_transfo=learned.default_pose,
        bone_template=np.einsum("vba,vb->va", learned.frames[labels], vertices - joints[labels]),
        bone_faces=np.concatenate([b.faces + s for b, s in zip(bones.values(), starts[:-1], strict=True)]),
        bone_weights=bone_weights,
        bone_labels=labels,
        bone_parts=np.repeat(np.arange(len(bones)), np.diff(starts)),
        bone_part_names=tuple(names),
        scale_pairs=learned.scale_pairs,
        scale_copies=learned.scale_copies,
        tpose_transfo=transfo,
        apose_transfo=transfo,
        landmarks=_landmarks(people, bones, names, starts),
        part_shapedirs=carried_maps(both_sides(space.maps, space.names, names), labels_of, joints, joint_shapedirs),
        patella_path=learned.patella_path,
    )


def bone_space(people: People, learned: Learned) -> BoneSpace:
    """The right side's and midline's bones of the mean body and how they change."""
    names = tuple(people.bones)
    sizes = [len(people.bones[name].vertices) for name in names]
    template = np.concatenate(
        [
            people.bones[name].vertices @ place[:, :3].T + place[:, 3]
            for name, place in zip(names, learned.placements, strict=True)
        ]
    )
    return BoneSpace(names, np.repeat(np.arange(len(names)), sizes), template + learned.offsets, learned.maps)


def both_sides(maps: np.ndarray, right: tuple[str, ...], names: list[str]) -> np.ndarray:
    """(P, 3, 4, 10) maps of all bones `names` from those of the right side and the midline; the left side mirrors."""
    across = np.array([-1.0, 1, 1])[:, None, None] * np.array([-1.0, 1, 1, 1])[None, :, None]
    of = {name: place for name, place in zip(right, maps, strict=True)}
    return np.array([of[name] if name in of else of[name[:-1] + "r"] * across for name in names])


def _landmarks(people: People, bones: Bones, names: list[str], starts: np.ndarray) -> dict[str, np.ndarray]:
    found = {}
    for mark, (bone, ids) in people.marks.items():
        for side in "rl":
            found[f"{mark[:-1]}{side}"] = np.sort(ids + starts[names.index(f"{bone[:-1]}{side}")])
    for side, out in (("r", -1), ("l", 1)):
        clavicle = bones[f"clavicle_{side}"].vertices
        for end, direction in (("sternal", -out), ("acromial", out)):
            along = clavicle[:, 0] * direction
            ids = np.flatnonzero(along > along.max() - 0.1 * np.ptp(along))
            found[f"clavicle_{end}_end_{side}"] = ids + starts[names.index(f"clavicle_{side}")]
    return found


def carried_maps(
    maps: np.ndarray, labels: np.ndarray, joints_mean: np.ndarray, joint_shapedirs: np.ndarray
) -> np.ndarray:
    """(P, 3, 4, 10) the maps seen from the joint that carries each bone, as `osteon_part_shapedirs` wants them.

    labels: (P,) joints; joints_mean (24, 3) and joint_shapedirs (24, 3, 10) as the regressor gives them
    """
    maps = maps.copy()
    maps[:, :, 3] += np.einsum("pack,pc->pak", maps[:, :, :3], joints_mean[labels]) - joint_shapedirs[labels]
    return maps
