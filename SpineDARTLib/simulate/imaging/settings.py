"""How X-rays are taken and shown: every range that a picture's conditions are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from ..draw import Range


@dataclass(frozen=True)
class ImagingSettings:
    """Domain randomisation of tube, detector and display. Ranges are uniform, or log-uniform where it says so."""

    # Tube
    kvp: Range = (60.0, 120.0)
    """Fluoroscopy and radiography of the trunk (AAPM report 125; lateral lumbar views up to 120 kV)."""
    aluminium_mm: Range = (2.5, 5.0)
    """Total filtration; IEC 60601-1-3 asks for 2.5 mm at least."""
    copper_mm: Range = (0.0, 0.4)
    """Further filters of interventional systems: 0.1 to 0.9 mm; the thickest are for paediatrics."""
    copper_chance: float = 0.5
    focal_spot_mm: Range = (0.3, 1.2)
    """IEC 60336's nominal sizes of C-arms and radiography."""

    # Dose
    detector_dose_ngy: Range = (40.0, 4000.0)
    """Of a picture at the detector, log-uniform: several averaged fluoroscopic frames of 10-50 nGy
    each, an acquired frame or a radiograph 500-4000 (Jones et al., AAPM report 125)."""
    dose_reach: Range = (80.0, 1000.0)
    """Log-uniform: air kerma at the detector without patient that the tube can give, as a multiple of the dose that
    automatic exposure asks for. Of thick patients (lateral lumbar: 1/500 gets through) the picture is noisier."""

    # Scatter
    scatter_to_primary: Range = (0.15, 1.3)
    """Behind 200 mm of soft tissue, with a grid or without: 0.3 to 1.5 for torsos (Boone 2000; Fetterly 2007)."""
    scatter_mm: Range = (30.0, 90.0)
    """Standard deviation of its spread on the detector (point spread of 20 cm of water: Boone and Cooper 2000)."""
    veil: Range = (0.0, 0.12)
    """Share of the light that spreads all over: an image intensifier's glare, a flat panel's less."""

    # Detector
    scintillator_mm: Range = (0.1, 0.35)
    """Deviation of its blur: CsI keeps 50 % of contrast at 1 to 2.5 line pairs a mm (Antonuk 2000): 0.08 to 0.19 mm;
    the rest is from binning and resampling: neighbours' noise in real angiographic frames correlates by 0.15 to 0.7."""
    electronic_noise_ngy: Range = (0.3, 3.0)
    """Read-out noise as the dose with so much quantum noise, log-uniform (flat panels: 1-5 nGy, Bogaerts 2001)."""
    line_noise: Range = (0.0, 0.0015)
    """Deviation of the columns' and rows' gain after flat-fielding."""
    uneven_gain: Range = (0.0, 0.03)
    """Deviation of the slow variation left over (heel effect, old flat field)."""
    dead_pixels: Range = (0.0, 8.0)
    """Not mended in a picture."""
    saturation: Range = (3.0, 40.0)
    """What the detector can still hold, as a multiple of what automatic exposure aims at, log-uniform."""
    lag: Range = (0.0, 0.35)
    """Share of the earlier frames: a flat panel's own lag is a few percent, averaging of fluoroscopy adds to it."""
    motion_px: float = 0.7
    """Deviation of the shift between these frames (breathing)."""
    intensifier_chance: float = 0.25
    """An image intensifier: round, vignetted, more glare."""
    vignetting: Range = (0.05, 0.35)
    """How much darker an image intensifier is at its edge."""

    # Collimation
    blades_chance: float = 0.5
    round_chance: float = 0.15
    """A round or octagonal diaphragm in front of a flat panel."""
    blade_gap: Range = (0.55, 1.02)
    """Of the picture's side that the blades leave open; beyond 1 they are not in the picture."""
    blade_turn_deg: float = 3.0
    """Deviation of the blades' angle to the picture's sides."""
    blade_offset: float = 0.05
    """Deviation of the opening's middle from what is aimed at, of the picture's side."""
    blade_penumbra_mm: Range = (0.4, 3.0)
    """Width of the soft edge: focal spot times how near to the tube the blades are."""
    leakage: Range = (0.0, 0.01)
    """Through the blades."""

    # Display
    bone_bright_chance: float = 0.5
    counts_chance: float = 0.25
    """Of the bone-dark pictures: raw counts, nothing else done to them (12 bits at least, as counts are kept)."""
    curve: Range = (-0.6, 1.6)
    """Strength of the S-curve; negative flattens the middle."""
    clip_low: Range = (0.0, 4.0)
    clip_high: Range = (0.0, 6.0)
    """Percent of the exposed pixels that saturate at the dark and the bright end."""
    hard_clip_chance: float = 0.12
    """A badly set window."""
    hard_clip: Range = (5.0, 20.0)
    """Percent that saturates then, at one end."""
    compression: Range = (0.0, 0.75)
    """Share of the slow variation of brightness that vendors' dynamic range compression takes out."""
    compression_mm: Range = (8.0, 40.0)
    """Deviation of what counts as slow."""
    edge_chance: float = 0.6
    edge_strength: Range = (0.2, 2.0)
    edge_mm: Range = (0.3, 3.0)
    """Unsharp masks, log-uniform; one or two of them."""
    smooth_chance: float = 0.5
    """Noise filter, or resampling to the stored size, after enhancement."""
    smooth_px: Range = (0.3, 0.9)
    shrink_chance: float = 0.2
    shrink: Range = (1.2, 2.2)
    """Frames that were saved small and blown up."""
    bits: tuple[int, ...] = (8, 8, 8, 10, 12, 14, 16)
    """One of these."""
    jpeg_chance: float = 0.25
    """Of 8-bit pictures: were JPEG once."""
    jpeg_quality: Range = (55.0, 95.0)

    # Markers
    text_chance: float = 0.45
    letter_chance: float = 0.3
    """A lead letter on the detector."""
    ruler_chance: float = 0.12
    ring_chance: float = 0.1
