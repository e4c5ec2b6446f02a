"""How X-rays are taken and shown: every range that a picture's conditions are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from ..draw import Range
from .vendors import VENDORS, Vendor


@dataclass(frozen=True)
class ImagingSettings:
    """Domain randomisation of tube, detector and display. Ranges are uniform, or log-uniform where it says so."""

    # Machine
    vendors: tuple[Vendor, ...] = VENDORS
    """Kinds of machines: what detector and processing are like hangs on them."""
    jitter: Range = (0.7, 1.4)
    """Log-uniform factor of a machine's edge enhancement: it is set differently from room to room."""

    # Tube
    kv_at_180_mm: Range = (61.0, 74.0)
    """That automatic exposure sets behind so much soft tissue (a chest's middle from the front)."""
    kv_per_mm: float = 0.24
    """More of it: 75-90 kV for AP and 80-100 kV for lateral lumbar radiographs (EUR 16260), up to 120 kV for thick
    patients in fluoroscopy (AAPM report 125)."""
    kv: Range = (55.0, 120.0)
    """What the generator can."""
    aluminium_mm: Range = (2.5, 5.0)
    """Total filtration; IEC 60601-1-3 asks for 2.5 mm at least."""
    copper_mm: Range = (0.0, 0.4)
    """Further filters of interventional systems: 0.1 to 0.9 mm; the thickest are for paediatrics."""
    copper_chance: float = 0.5
    copper_out_mm: Range = (180.0, 320.0)
    """Of soft tissue, between which automatic exposure takes the copper out."""
    focal_spot_mm: Range = (0.3, 1.2)
    """IEC 60336's nominal sizes of C-arms and radiography."""

    # Dose
    dose_reach: Range = (500.0, 5000.0)
    """Log-uniform: air kerma at the detector without patient that the tube can give at 80 kV, as a multiple of the dose
    that automatic exposure asks for (behind a lateral lumbar spine 1/300 to 1/700 gets through)."""

    # Scatter
    scatter_to_primary: Range = (0.12, 0.8)
    """Behind 200 mm of soft tissue, with a grid: 0.3 to 1.5 for torsos without (Boone 2000), a third with one or an
    air gap (Fetterly 2007)."""
    scatter_mm: Range = (30.0, 90.0)
    """Standard deviation of its spread on the detector (point spread of 20 cm of water: Boone and Cooper 2000)."""
    veil: Range = (0.0, 0.12)
    """Share of the light that spreads all over: an image intensifier's glare, a flat panel's less."""

    # Detector; its blur is the vendor's. CsI keeps 50 % of contrast at 1 to 2.5 line pairs a mm (Antonuk 2000): 0.08
    # to 0.19 mm; the rest is from binning and resampling: neighbours' noise in real angiographic frames correlates by
    # 0.15 to 0.7.
    electronic_noise_ngy: Range = (0.3, 3.0)
    """Read-out noise as the dose with so much quantum noise, log-uniform (flat panels: 1-5 nGy, Bogaerts 2001)."""
    line_noise: Range = (0.0, 0.0015)
    """Deviation of the columns' and rows' gain after flat-fielding."""
    uneven_gain: Range = (0.0, 0.03)
    """Deviation of the slow variation left over (heel effect, old flat field)."""
    dead_pixels: Range = (0.0, 8.0)
    """Not mended in a picture."""
    saturation: Range = (8.0, 60.0)
    """What the detector can still hold, as a multiple of what automatic exposure aims at, log-uniform."""
    lag: Range = (0.0, 0.35)
    """Share of the earlier frames: a flat panel's own lag is a few percent, averaging of fluoroscopy adds to it."""
    motion_px: float = 0.7
    """Deviation of the shift between these frames (breathing)."""
    vignetting: Range = (0.05, 0.35)
    """How much darker an image intensifier is at its edge."""

    # Collimation
    blades_chance: float = 0.5
    diaphragm_chance: float = 0.6
    """That a machine with a round or octagonal diaphragm shows it."""
    blade_gap: Range = (0.55, 1.02)
    """Of the picture's side that the blades leave open across the spine; beyond 1 they are not in the picture."""
    blade_longer: Range = (0.1, 0.4)
    """More along the spine: there one wants to see it all."""
    blade_turn_deg: float = 2.0
    """Deviation of the blades' angle to the spine's axis."""
    blade_offset: float = 0.03
    """Deviation of the opening's middle from what is aimed at, of the picture's side."""
    blade_penumbra_mm: Range = (0.4, 3.0)
    """Width of the soft edge: focal spot times how near to the tube the blades are."""
    leakage: Range = (0.0, 0.01)
    """Through the blades."""

    # Display
    clip_percent: Range = (0.2, 2.0)
    """Of the pixels around the spine that the window may lose at either end."""
    margin: Range = (0.05, 0.35)
    """By which the window is wider at either end, of its width."""
    region: tuple[float, float] = (0.5, 0.8)
    """Width and height around the aim, of the picture's side, that the window is set by."""

    # What goes wrong
    badly_set_chance: float = 0.06
    """Of a picture that an operator would take again: a bad window, too little dose, too much; each as likely."""

    # Markers
    text_chance: float = 0.6
    """That a machine which writes into pictures does so."""
    mark_chance: float = 0.35
    """That a machine shows the ruler or ring that it has."""
