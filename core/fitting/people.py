"""SKELify: SKEL's pose, shape and place in front of the camera from the landmarks of people in a picture.

The idea of Xia et al. 2025 (HSMR, section 3.3): fit a SKEL body to keypoints under the joint limits. Here it is one
bounded least-squares problem per person: reprojection, robust against wrong landmarks; BlazePose's 3-D landmarks as a
weak prior for depth; Gaussian priors on shape and on angles that landmarks hardly see. Limits are bounds, not
penalties, so no angle is ever outside its own; what angles of a joint share is not held.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..anatomy.joints import POSE_INDEX, POSE_NAMES
from ..anatomy.landmark_sites import landmark_sites
from ..anatomy.landmarks import LANDMARK_NAMES
from ..bodies.load import load_skel
from ..bodies.rotations import align
from ..bodies.skel import Skel
from ..errors import InputError
from ..vision.people import PersonEstimate
from .least_squares import least_squares

Progress = Callable[[float, str], None]

# A landmark counts as visible, in what is reported, from this visibility on.
VISIBLE = 0.5

# Without a known lens: 53 degrees across the longer side, between a phone's main camera and a portrait lens.
_FOCAL_PER_LONG_SIDE = 1.0

# One standard deviation of a landmark in the picture, as a part of the person's size there, and where it stops
# counting.
_PIXEL_SIGMA = 0.010
_ROBUST = 4.0
# Nobody counts as smaller than this, in pixels, and no landmark for less than this, so that every problem has a solution.
_SMALLEST_PERSON = 8.0
_LEAST_VISIBILITY = 0.01
# One standard deviation of BlazePose's 3-D landmarks in metres: across and along the line of sight.
_ACROSS_SIGMA, _DEPTH_SIGMA = 0.08, 0.10
_SCALE_SIGMA = 0.10

# How much a landmark counts: many on the face say one thing, hips and hands are uncertain.
_IMPORTANCE = {"eye": 0.3, "mouth": 0.3, "ear": 0.6, "hip": 0.6, "pinky": 0.5, "index": 0.5, "thumb": 0.3, "heel": 0.8}

# Where an angle rests and how far it strays, degrees, for angles that landmarks see little of.
_PRIOR_SIGMA = {
    "lumbar": 12, "thorax": 12, "head": 25, "scapula": 10, "hip_rotation": 30, "ankle": 20, "subtalar": 8, "mtp": 10,
    "shoulder": 60, "pro_sup": 35, "wrist_flexion": 25, "wrist_deviation": 12, "hip": 80, "knee": 80, "elbow": 80,
}  # fmt: skip
_PRIOR_MEAN = {"shoulder_r_x": 45, "shoulder_l_x": -45, "elbow_flexion_r": 15, "elbow_flexion_l": 15}


@dataclass(frozen=True)
class PersonFit:
    """A SKEL body that explains a person in a picture.

    Axes: those of the camera in SMPL's sense: x to the picture's right, y up, the camera at the origin looking along
    -z, so that a person who faces the camera has no root rotation.
    """

    estimate: PersonEstimate
    pose: np.ndarray  # (46,) radians
    betas: np.ndarray  # (10,)
    trans: np.ndarray  # (3,) metres
    focal: float  # pixels; the principal point is the picture's centre
    landmarks: np.ndarray  # (33, 2) pixels, of the fitted body
    joints: np.ndarray  # (24, 3) metres

    @property
    def reprojection(self) -> float:
        """Mean distance in pixels between visible landmarks and those of the fitted body."""
        visible = self.estimate.visibility > VISIBLE
        if not visible.any():
            return float("nan")
        return float(np.linalg.norm(self.landmarks - self.estimate.landmarks[:, :2], axis=1)[visible].mean())

    @property
    def relative_reprojection(self) -> float:
        """`reprojection` as a fraction of the height of the person's box."""
        return self.reprojection / max(float(self.estimate.box[3] - self.estimate.box[1]), 1.0)


def fit_people(
    image: np.ndarray,
    people: Sequence[PersonEstimate],
    body: Skel | None = None,
    *,
    focal: float | None = None,
    progress: Progress | None = None,
) -> list[PersonFit]:
    """Fits a SKEL body to each person found in a picture.

    Parameters
    ----------
    image: (H, W, 3), of which only the size is used
    people: what `estimate_people` found in it
    body: the body to fit; "open-neutral" when None
    focal: focal length in pixels; guessed from the picture's size when None
    progress: called with a fraction of 1 and what is being done; may raise to stop

    Raises
    ------
    InputError
        When the picture has no size, the focal length is not positive, or a person's landmarks are not finite.

    Examples
    --------
    >>> people = fit_people(image, estimate_people(image))
    >>> people[0].pose[POSE_NAMES.index("knee_angle_r")]
    """
    height, width = image.shape[:2]
    if height == 0 or width == 0:
        raise InputError("The picture is empty.")
    if focal is None:
        focal = _FOCAL_PER_LONG_SIDE * max(height, width)
    if not 0 < focal < np.inf:
        raise InputError(f"The focal length must be a positive number of pixels, not {focal}.")
    if not people:
        return []
    for i, person in enumerate(people):
        if not all(
            np.isfinite(v).all() for v in (person.landmarks[:, :2], person.visibility, person.world, person.box)
        ):
            raise InputError(f"The landmarks of person {i + 1} are not finite numbers.")
    if body is None:
        body = load_skel("open-neutral")
    report = progress or (lambda fraction, text: None)
    text = "Fitting 1 person" if len(people) == 1 else f"Fitting {len(people)} people"
    report(0.0, text)

    problem = _Problem.of(people, body, float(focal), (width, height))
    starts = problem.starts()
    per_person = starts.shape[0] // len(people)
    problem = problem.repeated(per_person)
    steps = [0]
    total = 20 + 30 + 40

    def step(_: int) -> None:
        steps[0] += 1
        report(min(steps[0] / total, 0.99), text)

    lower, upper = problem.bounds()
    # Shape stays the mean until the pose is roughly right.
    fixed = _BETAS
    lower_first, upper_first = lower.clone(), upper.clone()
    lower_first[fixed], upper_first[fixed] = 0.0, 0.0
    x = least_squares(
        problem.residuals_3d, starts, lower=lower_first, upper=upper_first, max_iterations=20, tolerance=1e-3,
        after_iteration=step,
    ).x  # fmt: skip
    x = problem.placed(x)
    solution = least_squares(
        problem.residuals, x, lower=lower_first, upper=upper_first, max_iterations=30, tolerance=1e-3,
        after_iteration=step,
    )  # fmt: skip
    best = solution.cost.reshape(-1, per_person).argmin(1) + torch.arange(len(people)) * per_person
    problem = problem.rows(best)
    x = least_squares(
        problem.residuals, solution.x[best], lower=lower, upper=upper, max_iterations=40, tolerance=1e-5,
        after_iteration=step,
    ).x  # fmt: skip
    report(1.0, text)
    return problem.fits(people, x)


# The unknowns of one person: 46 angles, 10 shape coefficients, translation, log of the scale of the 3-D landmarks.
_POSE = slice(0, 46)
_BETAS = slice(46, 56)
_TRANS = slice(56, 59)
_SCALE = slice(59, 60)
_N_UNKNOWN = 60


@dataclass(frozen=True)
class _Problem:
    """The data of B fits, one row each, and their residuals."""

    body: Skel
    focal: float
    image_size: tuple[int, int]
    pixels: Tensor  # (B, 33, 2) from the picture's centre, y up
    size: Tensor  # (B,) pixels
    world: Tensor  # (B, 33, 3) metres in our axes, origin between the hips
    weight: Tensor  # (B, 33) of the pixels
    weight_3d: Tensor  # (B, 33)

    @classmethod
    def of(cls, people: Sequence[PersonEstimate], body: Skel, focal: float, image_size: tuple[int, int]) -> "_Problem":
        def stack(values) -> Tensor:
            return torch.tensor(np.stack(values), dtype=torch.float64)

        width, height = image_size
        pixels = stack([p.landmarks[:, :2] for p in people])
        pixels = (pixels - pixels.new_tensor([width / 2, height / 2])) * pixels.new_tensor([1.0, -1.0])
        box = stack([p.box for p in people])
        visibility = stack([p.visibility for p in people])
        world = stack([p.world for p in people]) * pixels.new_tensor([1.0, -1.0, -1.0])
        hips = [LANDMARK_NAMES.index("left_hip"), LANDMARK_NAMES.index("right_hip")]
        world = world - world[:, hips].mean(1, keepdim=True)
        # The 3-D landmarks are seen by a camera that looks at the person: turn them to where ours looks.
        toward = torch.cat([pixels[:, hips].mean(1) / focal, -torch.ones(len(people), 1, dtype=pixels.dtype)], 1)
        turn = align(pixels.new_tensor([0.0, 0.0, -1.0]).expand_as(toward), toward)
        importance = pixels.new_tensor(
            [next((v for k, v in _IMPORTANCE.items() if k in name), 1.0) for name in LANDMARK_NAMES]
        )
        return cls(
            body=body,
            focal=focal,
            image_size=image_size,
            pixels=pixels,
            size=(box[:, 2:] - box[:, :2]).amax(1).clamp_min(_SMALLEST_PERSON),
            world=world @ turn.mT,
            weight=(importance * visibility.clamp_min(_LEAST_VISIBILITY) ** 2).sqrt(),
            weight_3d=(importance * (0.2 + 0.8 * visibility)).sqrt(),
        )

    def rows(self, index: Tensor) -> "_Problem":
        parts = (self.pixels, self.size, self.world, self.weight, self.weight_3d)
        return _Problem(self.body, self.focal, self.image_size, *(part[index] for part in parts))

    def repeated(self, times: int) -> "_Problem":
        return self.rows(torch.arange(len(self.pixels)).repeat_interleave(times))

    def bounds(self) -> tuple[Tensor, Tensor]:
        limits = torch.tensor(self.body.limits)
        bounds = torch.tensor([-torch.inf, torch.inf], dtype=torch.float64).repeat(_N_UNKNOWN, 1)
        bounds[_POSE] = limits
        bounds[_BETAS] = bounds.new_tensor([-3.0, 3.0])
        return bounds[:, 0], bounds[:, 1]

    def starts(self) -> Tensor:
        """Two starts for each person, standing as their hips and shoulders do: arms hanging, arms spread."""

        def mid(*names: str) -> Tensor:
            return self.world[:, [LANDMARK_NAMES.index(name) for name in names]].mean(1)

        up = mid("left_shoulder", "right_shoulder") - mid("left_hip", "right_hip")
        across = mid("left_shoulder", "left_hip") - mid("right_shoulder", "right_hip")
        forward = torch.linalg.cross(across, up)
        flat = forward.norm(dim=-1, keepdim=True) < 1e-9  # no body: as if upright and facing the camera
        up, across, forward = (
            torch.where(flat, axis, v)
            for axis, v in zip(torch.eye(3).to(up)[[1, 0, 2]], (up, across, forward), strict=True)
        )
        across = torch.linalg.cross(up, forward)
        target = torch.stack([v / v.norm(dim=-1, keepdim=True) for v in (across, up, forward)], -1)
        frame = self.body.rest(torch.zeros(1, 10, dtype=torch.float64)).orientations[0, 0]
        frame = frame @ torch.tensor(self.body.data.apose_rel_transfo[0, :3, :3]).T
        turned = frame.T @ target @ frame  # = Ry(q2) Rx(q1) Rz(q0)
        x = torch.zeros(len(target), 2, _N_UNKNOWN, dtype=torch.float64)
        x[..., 0] = torch.atan2(turned[:, 1, 0], turned[:, 1, 1])[:, None]
        x[..., 1] = -torch.asin(turned[:, 1, 2].clamp(-1, 1))[:, None]
        x[..., 2] = torch.atan2(turned[:, 0, 2], turned[:, 2, 2])[:, None]
        bend = {"elbow_flexion_r": 0.4, "elbow_flexion_l": 0.4, "knee_angle_r": 0.3, "knee_angle_l": 0.3}
        for name, value in bend.items():
            x[..., POSE_INDEX[name]] = value
        x[:, 0, POSE_INDEX["shoulder_r_x"]] = 1.2
        x[:, 0, POSE_INDEX["shoulder_l_x"]] = -1.2
        return x.flatten(0, 1)

    def landmarks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks (B, 33, 3) and joints (B, 24, 3) of the body, metres."""
        out = self.body(x[:, _POSE], x[:, _BETAS], x[:, _TRANS], skin=False)
        sites = landmark_sites(LANDMARK_NAMES)
        joints, bones = [s.joint for s in sites], [s.bone for s in sites]
        scaled = out.rest.scales[:, bones] * x.new_tensor([s.offset for s in sites])
        return out.joints[:, joints] + (out.frames[:, bones] @ scaled[..., None])[..., 0], out.joints

    def projected(self, points: Tensor) -> Tensor:
        """Pixels from the picture's centre, y up. (B, K, 3) -> (B, K, 2)."""
        return self.focal * points[..., :2] / (-points[..., 2:]).clamp_min(0.05)

    def _prior(self, x: Tensor) -> Tensor:
        return torch.cat([(x[:, _POSE] - _MEAN.to(x)) / _SIGMA.to(x), x[:, _BETAS], x[:, _SCALE] / _SCALE_SIGMA], 1)

    def _depth(self, x: Tensor, landmarks: Tensor) -> Tensor:
        """How far the body's landmarks are from BlazePose's 3-D ones, both about the hips' middle, in sigmas."""
        hips = [LANDMARK_NAMES.index("left_hip"), LANDMARK_NAMES.index("right_hip")]
        centred = landmarks - landmarks[:, hips].mean(1, keepdim=True)
        error = centred - x[:, _SCALE, None].exp() * self.world
        return error * self.weight_3d[..., None] / x.new_tensor([_ACROSS_SIGMA, _ACROSS_SIGMA, _DEPTH_SIGMA])

    def residuals_3d(self, x: Tensor) -> Tensor:
        """To the 3-D landmarks alone, from which the pose comes roughly whatever the start."""
        depth = self._depth(x, self.landmarks(x)[0])
        return torch.cat([4 * depth.flatten(1), self._prior(x), x[:, _TRANS]], 1)

    def residuals(self, x: Tensor) -> Tensor:
        landmarks, _ = self.landmarks(x)
        error = (self.projected(landmarks) - self.pixels) / (self.size[:, None, None] * _PIXEL_SIGMA)
        # Geman-McClure: beyond a few sigmas a landmark pulls ever less.
        squared = (error**2).sum(-1, keepdim=True)
        error = error / (1 + squared / _ROBUST**2 / 4).sqrt() * self.weight[..., None]
        return torch.cat([error.flatten(1), 0.5 * self._depth(x, landmarks).flatten(1), self._prior(x)], 1)

    def placed(self, x: Tensor) -> Tensor:
        """x with the translation that best projects the body as posed onto the landmarks (linear least squares)."""
        points = self.landmarks(x)[0] - x[:, None, _TRANS]
        u, v = self.pixels.unbind(-1)
        w = self.weight
        zero = torch.zeros_like(u)
        focal = torch.full_like(u, self.focal)
        # focal (p_x + t_x) = -u (p_z + t_z), and the same with y
        rows = torch.cat([torch.stack([focal, zero, u], -1), torch.stack([zero, focal, v], -1)], 1)
        right = torch.cat(
            [-u * points[..., 2] - focal * points[..., 0], -v * points[..., 2] - focal * points[..., 1]], 1
        )
        w2 = torch.cat([w, w], 1)
        normal = rows.mT @ (rows * w2[..., None] ** 2)
        # Landmarks that lie on one point leave the distance open.
        normal = normal + 1e-9 * normal.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] * torch.eye(3, dtype=x.dtype)
        trans = torch.linalg.solve(normal, (rows.mT @ (right * w2**2)[..., None]))[..., 0]
        nearest = -self.focal * 0.3 / self.size  # never behind the camera
        trans = torch.cat([trans[:, :2], torch.minimum(trans[:, 2], nearest)[:, None]], 1)
        return torch.cat([x[:, : _TRANS.start], trans, x[:, _TRANS.stop :]], 1)

    def fits(self, people: Sequence[PersonEstimate], x: Tensor) -> list[PersonFit]:
        landmarks, joints = self.landmarks(x)
        width, height = self.image_size
        pixels = self.projected(landmarks) * x.new_tensor([1.0, -1.0]) + x.new_tensor([width / 2, height / 2])
        values = x.numpy()
        return [
            PersonFit(
                estimate=person,
                pose=_wrapped(values[i, _POSE]),
                betas=values[i, _BETAS].copy(),
                trans=values[i, _TRANS].copy(),
                focal=self.focal,
                landmarks=pixels[i].numpy(),
                joints=joints[i].numpy(),
            )
            for i, person in enumerate(people)
        ]


def _wrapped(q: np.ndarray) -> np.ndarray:
    """q with the free root angles between -pi and pi."""
    q = q.copy()
    q[:3] = (q[:3] + np.pi) % (2 * np.pi) - np.pi
    return q


def _prior_tables() -> tuple[Tensor, Tensor]:
    sigma = [
        torch.inf
        if name.startswith("pelvis")
        else next(degrees for key, degrees in _PRIOR_SIGMA.items() if name.startswith(key))
        for name in POSE_NAMES
    ]
    mean = [_PRIOR_MEAN.get(name, 0.0) for name in POSE_NAMES]
    return torch.tensor(mean, dtype=torch.float64).deg2rad(), torch.tensor(sigma, dtype=torch.float64).deg2rad()


_MEAN, _SIGMA = _prior_tables()
