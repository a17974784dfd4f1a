"""Numbers of other methods, to stand beside ours.

Two kinds, and `source` of each row says which. Published numbers are those of papers and of their authors'
repositories, on the whole set and with the authors' boxes. Measured ones are of the released networks, run by us on the
very pictures of the development sets around the boxes of one shared detector: compare them with `rdr eval --boxes
detect`.
"""

from __future__ import annotations

from typing import Final

from rdr_core.evaluation.scores import BIN_COLUMNS
from rdr_core.evaluation.tables import Row, Table

RDR: Final = "RDR (the paper)"
_XIAO: Final = "Xiao et al. 2017"
_MEASURED: Final = "measured, boxes of a detector"
_MEDIAPIPE: Final = "measured, own detector, faces it finds (42 % of profiles)"

W300_COLUMNS: Final = ("common", "challenging", "full")
W300_OCULAR: Final = Table(
    "300-W, NME in % of the inter-ocular distance",
    W300_COLUMNS,
    (
        Row(RDR, (3.6, 6.2, 4.1), f"{_XIAO}, estimated from its inter-pupil numbers", about=True),
        Row("HRNetV2-W18", (2.91, 5.11, 3.34), "Sun et al. 2019, repository"),
        Row("FaRL", (None, None, 2.93), "Zheng et al. 2022"),
        Row("STAR", (2.52, 4.32, 2.87), "Zhou et al. 2023"),
        Row("MobileFaceNet-112", (3.52, None, None), _MEASURED),
        Row("PFLD-112", (3.73, None, None), _MEASURED),
        Row("MediaPipe Face Landmarker", (4.79, None, None), "measured, own detector"),
        Row("3DDFA_V2", (5.51, None, None), _MEASURED),
        Row("OpenSeeFace 0", (5.66, None, None), _MEASURED),
    ),
    "Distance of the outer eye corners. common: test sets of LFPW and Helen, 554 faces; challenging: iBUG, 135; full: "
    "both.",
)
W300_PUPIL: Final = Table(
    "300-W, NME in % of the inter-pupil distance",
    W300_COLUMNS,
    (Row(RDR, (5.03, 8.95, 5.80), _XIAO),),
    "Distance of the means of each eye's six points: numbers are about 1.4 times the inter-ocular ones. The paper does "
    "not name its normaliser; its numbers stand among inter-pupil ones.",
)
AFLW2000: Final = Table(
    "AFLW2000-3D, original annotation, 68 points, NME in % of the box",
    BIN_COLUMNS,
    (
        Row("3DDFA", (None, None, None, 5.42, None), "Zhu et al. 2016"),
        Row("3DDFA, MobileNet", (None, None, None, 4.25, 0.98), "Guo et al. 2018, repository"),
        Row("PRNet", (None, None, None, 3.62, None), "Feng et al. 2018"),
        Row("3DDFA_V2", (2.63, 3.42, 4.48, 3.51, None), "Guo et al. 2020"),
        Row("SynergyNet", (2.65, 3.30, 4.27, 3.41, None), "Wu et al. 2021"),
        Row("3DDFA_V2, MobileNet x0.5, second pass", (3.03, 3.72, 4.84, 3.86, None), _MEASURED),
        Row("OpenSeeFace 0", (3.43, 4.95, 8.40, 5.60, None), _MEASURED),
        Row("MediaPipe Face Landmarker", (None, None, None, 5.55, None), _MEDIAPIPE),
        Row("MobileFaceNet-112", (None, None, None, 8.22, None), _MEASURED),
        Row("PFLD-112", (None, None, None, 8.83, None), _MEASURED),
    ),
    "Bins of absolute yaw in degrees; mean and std are those of the three bins. The box is that of the 68 annotated "
    "points, sqrt(w h). Published rows are of all 2,000 faces, measured ones of the development part of 500.",
)
AFLW2000_REANNOTATED: Final = Table(
    "AFLW2000-3D, re-annotated, 68 points, NME in % of the box",
    BIN_COLUMNS,
    (
        Row("SynergyNet", (None, None, None, 2.65, None), "Wu et al. 2021"),
        Row("3DDFA_V2, MobileNet x0.5, second pass", (None, None, None, 3.03, None), _MEASURED),
        Row("OpenSeeFace 0", (None, None, None, 4.83, None), _MEASURED),
        Row("MediaPipe Face Landmarker", (None, None, None, 5.36, None), _MEDIAPIPE),
        Row("MobileFaceNet-112", (None, None, None, 8.26, None), _MEASURED),
        Row("PFLD-112", (None, None, None, 8.82, None), _MEASURED),
    ),
    "Bulat and Tzimiropoulos' second annotation of the same pictures, which differs from the first by 3.5 %; the box "
    "is that of the first.",
)
POSE: Final = Table(
    "AFLW2000-3D, head pose, mean absolute error in degrees",
    ("pitch", "yaw", "roll", "mean"),
    (
        Row("3DDFA_V2", (None, None, None, 4.27), "Guo et al. 2020"),
        Row("6DRepNet", (None, None, None, 3.97), "Hempel et al. 2022"),
        Row("SynergyNet", (None, None, None, 3.35), "Wu et al. 2021"),
        Row("MediaPipe Face Landmarker", (None, None, None, 3.29), _MEDIAPIPE),
        Row("3DDFA_V2, MobileNet x0.5, second pass", (None, None, None, 3.98), _MEASURED),
        Row("OpenSeeFace 0", (None, None, None, 6.19), _MEASURED),
    ),
    "In the angles of the set's files; faces with an angle over 99 degrees are left out, as is custom.",
)
AFLW21: Final = Table(
    "AFLW, 21 points, visible ones only, NME in %",
    BIN_COLUMNS,
    (
        Row(RDR, (3.63, 4.29, 5.31, 4.41, None), f"{_XIAO}, Table 1"),
        Row("3DDFA, MobileNet", (None, None, None, 5.40, 0.75), "Guo et al. 2018, repository"),
        Row("3DDFA_V2", (None, None, None, 4.43, None), "Guo et al. 2020"),
        Row("SynergyNet", (None, None, None, 4.06, None), "Wu et al. 2021"),
        Row("3DDFA_V2, MobileNet x0.5, second pass", (None, None, None, 4.53, None), "measured on AFLW, by roi"),
        Row("OpenSeeFace 0", (None, None, None, 4.94, None), "measured on AFLW, by roi"),
        Row("MobileFaceNet-112", (None, None, None, 5.28, None), "measured on AFLW, by roi"),
        Row("MediaPipe Face Landmarker", (None, None, None, 5.46, None), "measured on AFLW, by roi, faces it finds"),
        Row("PFLD-112", (None, None, None, 5.59, None), "measured on AFLW, by roi"),
    ),
    "Other rows are of AFLW's 21,080 faces, by sqrt(w h) of the box of 68 fitted points unless they say by roi: the "
    "side of 3DDFA's crop over 1.458, about as large.",
)
PIFA: Final = Table(
    "AFLW-PIFA, 34 points, visible ones only, NME in % of the box",
    ("NME",),
    (Row(RDR, (4.11,), _XIAO),),
    "1,299 test faces; the box is the set's own, sqrt(w h).",
)
RECONSTRUCTION: Final = Table(
    "3D reconstruction, vertex error in % of the box",
    ("step 0", "step K"),
    (Row(RDR, (3.33, 3.04), f"{_XIAO}, on its own test faces"),),
    head="what",
    ranked=False,
)
