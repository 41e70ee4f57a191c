"""The 33 body landmarks of BlazePose (MediaPipe Pose): names in the network's order, and the pairs that a mirror swaps.

Left and right are the person's. `pinky`, `index` and `thumb` are knuckles, not fingertips.
"""

LANDMARK_NAMES: tuple[str, ...] = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)

LANDMARK_INDEX: dict[str, int] = {name: index for index, name in enumerate(LANDMARK_NAMES)}

# (left, right) indices of the 16 pairs.
LANDMARK_PAIRS: tuple[tuple[int, int], ...] = tuple(
    (index, LANDMARK_INDEX[name.replace("left", "right")]) for name, index in LANDMARK_INDEX.items() if "left" in name
)
