"""The path of the patella before the femur: the spline of OpenSim's full-body model (Rajagopal 2016).

The model gives the patella's lower pole over the knee angle, in the femur's frame (x forward, y up); here it is turned
into the way of the bone's centre of mass, which lies 1.8 mm before and 26.4 mm above that pole.
"""

import numpy as np

_KNEE_ANGLES = np.radians(np.arange(0, 121, 10))
_ROTATIONS = np.array(  # about z, hence negative when the knee bends
    [0.0011369, -0.0062921, -0.105582, -0.253683, -0.414245, -0.579047, -0.747244]
    + [-0.91799, -1.09044, -1.26379, -1.43763, -1.61186, -1.78634]
)
_POLE = 1e-3 * np.column_stack(
    [
        [52.4, 48.8, 43.7, 37.1, 29.6, 21.6, 13.6, 5.7, -1.9, -8.8, -14.8, -19.6, -22.7],
        [-10.8, -19.0, -26.3, -32.2, -36.7, -39.5, -40.8, -40.4, -38.4, -34.9, -30.1, -24.5, -18.7],
    ]
)
_CENTRE_OF_MASS = np.array([0.0018, 0.0264])


def patella_path(distance: float) -> np.ndarray:
    """Rows (13, 4) for `SkelData.patella_path`: knee angle, rotation, way forward and up, from knee angle 0 on.

    distance: metres from the knee's centre to the patella's at knee angle 0, of the body that the path is for
    """
    sin, cos = np.sin(_ROTATIONS), np.cos(_ROTATIONS)
    x, y = _CENTRE_OF_MASS
    centres = _POLE + np.column_stack([cos * x - sin * y, sin * x + cos * y])
    way = (centres - centres[0]) * distance / np.linalg.norm(centres[0])
    return np.column_stack([_KNEE_ANGLES, _ROTATIONS[0] - _ROTATIONS, way])


def path_slopes(path: np.ndarray) -> np.ndarray:
    """The slopes (K, 3) of a patella path (K, 4) at its knots.

    They are those of the parabola through a knot and its neighbours, hence a smooth curve, and one that Blender draws
    with the same keys.
    """
    return np.gradient(path[:, 1:], path[:, 0], axis=0)
