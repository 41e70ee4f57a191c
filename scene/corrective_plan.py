"""Which shape keys, by which expressions of the joint angles, are SKEL's pose correctives. No Blender in here.

A corrective is linear in R - I, R the rotation of its joint in the T pose's axes. In the joint's own axes R is a product
of rotations about fixed axes, of which every element is a sum of products of the angles' sines and cosines.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from ..core.anatomy.joints import JOINTS
from ..core.bodies.skel import SMPL_SOURCE

SMALLEST = 1e-5  # metres that a key moves some vertex at least, else it is left out
_VARIABLES = "abc"  # one for each angle of a joint, in their order
_ZERO = 1e-9


@dataclass(frozen=True)
class KeyPlan:
    """A shape key: how far it moves the vertices when its value is 1, and its value as an expression of the angles."""

    joint: int
    expression: str  # of a, b and c, the joint's angles in their order
    offsets: np.ndarray  # (N, 3) metres


def plan_correctives(posedirs: np.ndarray, orientations: np.ndarray, default_rotations: np.ndarray) -> list[KeyPlan]:
    """The keys for one body shape.

    Parameters
    ----------
    posedirs: (N, 3, 207) as in `SkelData`
    orientations: (24, 3, 3) K, bone frame to T pose
    default_rotations: (24, 3, 3) A, default pose relative to the parent
    """
    plans = []
    for block, joint in enumerate(SMPL_SOURCE):
        directions = posedirs[:, :, 9 * block : 9 * block + 9].reshape(-1, 3, 3, 3)
        if joint < 0 or not directions.any():
            continue
        frame = orientations[joint] @ default_rotations[joint].T
        directions = np.einsum("ncij,ia,jb->ncab", directions, frame, frame, optimize=True)
        for expression, matrix in _terms(np.array(JOINTS[joint].axes)):
            offsets = np.einsum("ncab,ab->nc", directions, matrix)
            if np.linalg.norm(offsets, axis=1).max() >= SMALLEST:
                plans.append(KeyPlan(joint, expression, offsets))
    return plans


def _terms(axes: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """R - I as a sum of expressions of the angles times matrices (3, 3), with as few terms as may be.

    axes: (1 to 3, 3) what the angles turn about, the first applied first
    """
    products = _products(axes / np.linalg.norm(axes, axis=1, keepdims=True))
    by_product = [(_minus(_times(factors), _at_zero(factors)), matrix) for factors, matrix in products if any(factors)]
    by_element = []
    for row, column in itertools.product(range(3), repeat=2):
        used = [(matrix[row, column], factors) for factors, matrix in products if abs(matrix[row, column]) > _ZERO]
        if used:
            unit = np.zeros((3, 3))
            unit[row, column] = 1
            by_element.append((_minus(_sum(used), int(row == column)), unit))
    return min(by_product, by_element, key=len)


def _products(axes: np.ndarray) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """R as a sum of products: for each angle "sin", "cos" or "", and the matrix they go with."""
    single = []
    for x, y, z in axes:
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        along = np.outer((x, y, z), (x, y, z))
        single.append({"": along, "sin": cross, "cos": np.eye(3) - along})
    products = []
    for factors in itertools.product(("", "sin", "cos"), repeat=len(axes)):
        matrix = np.eye(3)
        for factor, parts in zip(factors, single, strict=True):
            matrix = parts[factor] @ matrix
        if np.abs(matrix).max() > _ZERO:
            products.append((factors, matrix))
    return products


def _times(factors: tuple[str, ...]) -> str:
    return "*".join(f"{f}({v})" for f, v in zip(factors, _VARIABLES, strict=False) if f)


def _at_zero(factors: tuple[str, ...]) -> int:
    return int("sin" not in factors)


def _sum(terms: list[tuple[float, tuple[str, ...]]]) -> str:
    parts = []
    for coefficient, factors in terms:
        product = _times(factors)
        if not product or abs(abs(coefficient) - 1) > _ZERO:
            product = f"{abs(coefficient):.7f}" + (f"*{product}" if product else "")
        parts.append(f"{'-' if coefficient < 0 else '+'}{product}")
    return "".join(parts).removeprefix("+")


def _minus(expression: str, constant: int) -> str:
    return f"{expression}-{constant}" if constant else expression
