"""Where bones belong in a body: joint centres and depths measured on a T-posed skin, right side, metres.

The proportions are those of ANSUR II (soldiers, mean of the sexes where only one number stands) and of the soft tissue
over bone; they are anchors for the fit, which then keeps the bones inside.
"""

from dataclasses import dataclass

import numpy as np

from ..inside import Skin

# Fractions of stature (ANSUR II): men, women.
HIP_HEIGHT = (0.518, 0.520)  # trochanterion; the top of the trochanter is level with the hip centre
C7_HEIGHT = (0.864, 0.857)
BI_ILIAC = (0.162, 0.172)  # bone
CAGE_BREADTH = (
    0.152,
    0.150,
)  # chest breadth less the tissue on both sides; the T pose's skin includes the back's muscles
# How high MakeHuman's hips and neck stand in its adults, as fractions of stature; a body's own differ as these do.
RIG_HIP, RIG_NECK = (0.529, 0.5195), (0.8597, 0.845)
# Where MakeHuman's joints differ from the bones', fractions of stature.
KNEE = (0.501, 0.503)  # of the way from hip to ankle its skin has epicondyles; its own knee does not go with that skin
ANKLE_DROP, ANKLE_FORWARD = (0.0, 0.003), (0.002, 0.004)  # its ankle lies above and behind the malleoli
SHOULDER_IN = (0.004, 0.003)  # its arm begins beyond the head of the humerus
ELBOW_UP, ELBOW_BACK = (0.004, 0.007), (-0.002, 0.0025)  # its elbow lies beyond the crease, which gives short forearms
THUMB = 0.012  # no farther from its joints is a thumb's skin


@dataclass(frozen=True)
class Measures:
    """Joint centres of the right side and the midline, in the T pose."""

    stature: float
    floor: float
    c7: float  # height of its spinous process
    chin: float  # height of the lowest point of the chin's skin
    eye: np.ndarray
    femininity: float
    hip: np.ndarray
    knee: np.ndarray
    ankle: np.ndarray
    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    fingers: dict[int, np.ndarray]  # thumb 1 .. little 5: CMC (thumb only), MCP, PIP, DIP or IP, tip
    toes: dict[int, np.ndarray]  # MTP, PIP, DIP or IP, tip

    def share(self, pair: tuple[float, float]) -> float:
        """A proportion given for men and women, blended for this body, times stature."""
        return float(np.interp(self.femininity, [0, 1], pair)) * self.stature


def measure(skin: Skin, rig: dict[str, np.ndarray], femininity: float) -> Measures:
    """Joint centres from the skin and MakeHuman's rig joints (bone name -> head and tail)."""
    low, high = skin.vertices[:, 1].min(), skin.vertices[:, 1].max()
    stature = high - low
    blend = lambda pair: float(np.interp(femininity, [0, 1], pair)) * stature  # noqa: E731
    hip_y = low + blend(HIP_HEIGHT) * (rig["upperleg01.R"][0][1] - low) / blend(RIG_HIP)
    c7 = low + blend(C7_HEIGHT) * (rig["neck01"][0][1] - low) / blend(RIG_NECK)
    back, front = skin.span(np.array([0.0, hip_y, 0.02]), 2)
    hip_x = 0.0835 / 0.2736 * blend(BI_ILIAC)
    hip = np.array([-hip_x, hip_y, (back + front) / 2])
    start, end = rig["upperleg01.R"][0], rig["foot.R"][0]
    knee = np.array(
        [
            rig["lowerleg01.R"][0][0],
            start[1] + float(np.interp(femininity, [0, 1], KNEE)) * (end[1] - start[1]),
            start[2],
        ]
    )
    knee = _centred(skin, knee, 1, 0.1)
    ankle = rig["foot.R"][0].copy()
    ankle += [0, -blend(ANKLE_DROP), blend(ANKLE_FORWARD)]
    cut = skin.section(ankle, 1, 0.07)
    ankle[0] = (cut[:, 0].min() + cut[:, 0].max()) / 2
    shoulder = rig["upperarm01.R"][0] + [blend(SHOULDER_IN), 0, 0]
    elbow = rig["lowerarm01.R"][0] + [blend(ELBOW_UP), 0, -blend(ELBOW_BACK)]
    wrist = rig["wrist.R"][0] - [0.001 * stature, 0, 0]
    wrist = _centred(skin, wrist, 0, 0.06)
    fingers: dict[int, np.ndarray] = {}
    toes: dict[int, np.ndarray] = {}
    for n in range(1, 6):
        joints = [rig[f"finger{n}-{k}.R"] for k in (1, 2, 3)]
        chain = np.array([joints[0][0], joints[1][0], joints[2][0], joints[2][1]])
        fingers[n] = _between_skins(skin, chain, 1, 0.47)
        count = 2 if n == 1 else 3
        joints = [rig[f"toe{n}-{k}.R"] for k in range(1, count + 1)]
        chain = np.array([*(j[0] for j in joints), joints[-1][1]])
        toes[n] = _between_skins(skin, chain, 1, 0.42)
    fingers[1] = _within_thumb(skin, fingers[1], THUMB * stature)
    chin = rig["jaw"][1][1] + 0.0025 * stature
    eye = rig["eye.R"][0]
    return Measures(stature, low, c7, chin, eye, femininity, hip, knee, ankle, shoulder, elbow, wrist, fingers, toes)


def _centred(skin: Skin, point: np.ndarray, axis: int, reach: float) -> np.ndarray:
    """`point` moved to the middle of the limb's cut through it."""
    cut = skin.section(point, axis, reach)
    middle = (cut.min(0) + cut.max(0)) / 2
    middle[axis] = point[axis]
    return middle


def _within_thumb(skin: Skin, chain: np.ndarray, reach: float) -> np.ndarray:
    """The thumb's joints with the last and the tip moved sideways to its middle; MakeHuman's lie at its radial edge."""
    _, mcp, ip, tip = chain
    moved = chain.copy()
    for row, place, along in ((2, ip, tip - mcp), (3, (ip + tip) / 2, tip - ip)):
        sideways = np.cross(along, [0.0, 1.0, 0.0])
        sideways /= np.linalg.norm(sideways)
        out = (skin.section(place, along / np.linalg.norm(along), reach) - place) @ sideways
        moved[row] += (out.min() + out.max()) / 2 * sideways
    return moved


def _between_skins(skin: Skin, chain: np.ndarray, axis: int, share: float) -> np.ndarray:
    """Points moved along an axis to a share of the way from the upper (dorsal) to the lower skin."""
    moved = chain.copy()
    for point in moved:
        low, high = skin.span(point, axis)
        if np.isfinite(low) and np.isfinite(high):
            point[axis] = high - share * (high - low)
    return moved
