"""Where other programs see three points: numbers made once by running their own code, nothing of it is here.

nanodrr 0.1.7: ``make_k_inv``, ``make_rt_inv`` and ``_make_tgt``; DiffDRR 0.6.1: ``Detector.forward`` and
``pose.convert``; both in float64. DeepDRR 1.2.2 with killeengeo 0.0.5: ``MobileCArm.get_camera_projection`` (its
intrinsics are float32) of a patient turned by ``Volume.faceup``.
"""

from __future__ import annotations

from typing import Any

POINTS_MM = ((10.0, 20.0, 30.0), (-25.0, 5.0, -40.0), (33.0, -17.0, 12.0))
"""RAS."""

DIFFDRR_SHARED: dict[str, Any] = {"sdd": 1020.0, "delx": 1.5, "dely": 1.7, "x0": 7.0, "y0": -4.0}

DIFFDRR: tuple[dict[str, Any], ...] = (
    {
        "orientation": "AP",
        "reverse_x_axis": True,
        "height": 40,
        "width": 50,
        "rotation": [0.137, -0.23, -0.459],
        "translation": [-29.01, 818.8, 24.77],
        "pixels": [[-17.2605319, 17.4533745], [36.7939216, 52.5582196], [-18.6704012, 40.0220323]],
    },
    {
        "orientation": "AP",
        "reverse_x_axis": False,
        "height": 41,
        "width": 51,
        "rotation": [-0.2, -0.077, -0.472],
        "translation": [-22.54, 810.24, 8.83],
        "pixels": [[56.5113521, 5.0252622], [4.9154646, 41.9997226], [69.551101, 28.6840281]],
    },
    {
        "orientation": "PA",
        "reverse_x_axis": True,
        "height": 41,
        "width": 51,
        "rotation": [0.188, -0.111, -0.365],
        "translation": [13.29, -801.52, -11.39],
        "pixels": [[20.7286639, -9.0044179], [70.6678537, 29.6550115], [14.4673158, 10.1406763]],
    },
    {
        "orientation": "PA",
        "reverse_x_axis": False,
        "height": 40,
        "width": 50,
        "rotation": [-0.014, 0.389, 0.434],
        "translation": [-8.53, -804.29, -10.69],
        "pixels": [[27.0767282, -6.6087644], [21.6257902, 43.6382542], [46.7211585, -13.421972]],
    },
    {
        "orientation": "none",
        "reverse_x_axis": True,
        "height": 41,
        "width": 51,
        "rotation": [-0.164, -0.35, -0.05],
        "translation": [17.78, -16.16, -826.88],
        "pixels": [[37.0922334, -0.4098262], [68.4353821, -5.6238256], [15.0640845, 16.6731245]],
    },
    {
        "orientation": "none",
        "reverse_x_axis": False,
        "height": 40,
        "width": 50,
        "rotation": [-0.095, -0.301, -0.409],
        "translation": [4.82, -12.08, -789.68],
        "pixels": [[33.4815973, 0.2076988], [-18.3454248, -3.5691973], [45.6634382, 20.7119595]],
    },
)
"""``pixels`` count from the first one's centre, (column, row)."""

NANODRR: tuple[dict[str, Any], ...] = (
    {
        "orientation": "AP",
        "height": 40,
        "width": 50,
        "rotation": [0.6, 22.5, -17.8],
        "translation": [26.9, 788.7, -4.6],
        "isocenter": [13.1, -3.6, 2.0],
        "pixels": [[51.1747074, 0.093368], [94.0563843, 35.2310967], [32.2971228, 7.8815452]],
    },
    {
        "orientation": "PA",
        "height": 41,
        "width": 51,
        "rotation": [-23.6, 12.7, 1.9],
        "translation": [-10.2, -782.7, -11.8],
        "isocenter": [-1.9, -14.6, -3.9],
        "pixels": [[24.3767231, -9.0502145], [44.9183306, 37.7734901], [-6.7298934, -1.7651204]],
    },
    {
        "orientation": "none",
        "height": 40,
        "width": 51,
        "rotation": [-14.8, -11.9, 12.5],
        "translation": [-13.2, -0.9, -771.2],
        "isocenter": [18.5, 9.0, 1.6],
        "pixels": [[33.0417596, 14.6454481], [46.0943426, 21.4656641], [1.7067603, 34.2090572]],
    },
    {
        "orientation": "AP",
        "height": 41,
        "width": 50,
        "rotation": [-11.2, -17.0, 23.5],
        "translation": [1.0, 777.0, 7.4],
        "isocenter": [11.1, 4.5, 16.7],
        "pixels": [[39.4301303, 12.4398552], [39.085592, 74.8040664], [6.5901653, 22.0460657]],
    },
)
"""With what ``DIFFDRR_SHARED`` has; ``pixels`` count from the first one's centre, (column, row)."""

DEEPDRR_SHARED: dict[str, Any] = {
    "degrees": True, "sensor_height": 300, "sensor_width": 400, "pixel_size": 0.7,
    "source_to_detector_distance": 1020, "source_to_isocenter_vertical_distance": 530,
    "source_to_isocenter_horizontal_offset": 9.0,
}  # fmt: skip

DEEPDRR: tuple[dict[str, Any], ...] = (
    {
        "alpha": 0,
        "beta": 0,
        "gamma": 0,
        "isocenter": [0, 0, 0],
        "pixels": [[250.3377, 70.5195], [156.4219, 258.9453], [319.2982, 115.9148]],
    },
    {
        "alpha": 30,
        "beta": 0,
        "gamma": 0,
        "isocenter": [5, -6, 7],
        "pixels": [[215.9971, 56.122], [152.1262, 249.4602], [323.723, 102.6101]],
    },
    {
        "alpha": 0,
        "beta": 20,
        "gamma": 0,
        "isocenter": [5, -6, 7],
        "pixels": [[235.7247, 47.4], [140.645, 240.5792], [304.5727, 127.4405]],
    },
    {
        "alpha": 25,
        "beta": -15,
        "gamma": 10,
        "isocenter": [12, 3, -8],
        "pixels": [[226.7769, 68.2019], [149.3595, 226.6937], [324.6771, 102.4629]],
    },
    {
        "alpha": -35,
        "beta": 33,
        "gamma": -70,
        "isocenter": [-4, 9, 2],
        "pixels": [[140.8087, 53.5867], [295.947, 154.2831], [242.5383, 64.811]],
    },
)
"""``pixels`` count from the picture's corner."""
