"""Looks at single bodies, several at a time in processes of their own."""

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from ...bodies.load import load_skel
from ...bodies.skel import Skel
from ..inside import Skin
from ..processes import single_threaded, start
from . import anthropometry, centres, contact, containment, soft_tissue
from .sites import find_sites


class Case(NamedTuple):
    """A body to look at: a name or file, a shape (10,), a pose (46,) in radians or None for rest, and what else."""

    body: str
    betas: np.ndarray
    pose: np.ndarray | None
    measured: bool = False  # whether its dimensions and bone contacts are wanted, of bodies at rest


class Observation(NamedTuple):
    """What was found; the lengths are millimetres."""

    breach: containment.Breach
    depths: dict[str, list[float]]  # of the sites under the skin
    intersections: list[contact.Intersection]  # of bones, posed or measured
    gaps: dict[str, tuple[float, float]]  # between scapula and ribs, posed or measured
    joint_spaces: dict[tuple[str, str], float]  # between bones that share a joint, measured
    misses: dict[str, float]  # joint centres, at rest
    dimensions: dict[str, float]
    harrington: dict[str, float]


@functools.cache
def _body(name: str) -> tuple[Skel, dict[str, int], contact.Parts]:
    body = load_skel(name)
    mean = body(torch.zeros(1, len(body.pose_names), dtype=torch.float64), skin=False, bones=True)
    assert mean.bones is not None
    return body, find_sites(body), contact.cut(body, mean.bones[0].numpy())


def observe(case: Case) -> Observation:
    """Poses one body and measures it."""
    body, sites, parts = _body(case.body)
    pose = np.zeros(len(body.pose_names)) if case.pose is None else case.pose
    with torch.inference_mode():
        out = body(torch.as_tensor(pose[None]), torch.as_tensor(case.betas[None]), bones=True)
    assert out.skin is not None
    assert out.bones is not None
    skin, bones, joints = Skin(out.skin[0].numpy(), body.faces), out.bones[0].numpy(), out.joints[0].numpy()
    at_rest = case.pose is None
    touching = not at_rest or case.measured
    return Observation(
        containment.breach(body, skin, bones),
        soft_tissue.depths(sites, skin, bones, at_rest),
        contact.intersections(parts, bones) if touching else [],
        contact.scapular_gaps(parts, bones) if touching else {},
        contact.joint_spaces(parts, bones) if case.measured else {},
        centres.misses(body, bones, joints) if at_rest else {},
        anthropometry.measure(body, sites, skin, bones, joints) if case.measured else {},
        anthropometry.hip_from_harrington(sites, bones, joints) if case.measured else {},
    )


def observe_all(
    cases: Sequence[Case], processes: int, progress: Callable[[int], None] = lambda done: None
) -> list[Observation]:
    """Observations of all cases in their order; `progress` is told how many are done."""
    found: list[Observation] = []
    with _mapping(processes) as mapped:
        for observation in mapped(cases):
            found.append(observation)
            progress(len(found))
    return found


@contextmanager
def _mapping(processes: int) -> Iterator[Callable[[Sequence[Case]], Iterator[Observation]]]:
    if processes == 1:
        yield lambda cases: map(observe, cases)
        return
    with single_threaded() as context, ProcessPoolExecutor(processes, context, start) as pool:
        try:
            yield lambda cases: pool.map(observe, cases, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)
