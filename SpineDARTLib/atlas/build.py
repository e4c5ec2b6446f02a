"""Build the atlas: read real vertebrae, carry one template onto each, settle the correspondences, annotate, write.

The same input and seed give the same output, however many workers there are. An interrupted build goes on when it is
started again. Regions are data: one more is one more entry of ``REGIONS``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.files import check_writable, write_atomically
from ..resources import resource_folder
from ..types import LEVELS
from .annotate import Annotations, annotate
from .correspondence import Store, Vertebra, key_of, read_vertebrae
from .files import Region, model_of, read_region, write_region
from .learn import Frame, Samples
from .manifest import Source
from .mesh import Template, similarity
from .population import shipped_table
from .register import Registered
from .rounds import Progress, Round, Settings, settle
from .sources import by_person, find_sources
from .surfaces import read_source
from .template import make_template
from .workers import Workers

TEMPLATE_LEVEL = "L3"
TEMPLATE_VERTICES = 2600
REGIONS: Mapping[str, Mapping[str, float]] = {
    "T1-T4": {"T1": 1.0, "T2": 1.0, "T3": 1.0, "T4": 1.0, "T5": 0.7, "T6": 0.7, "T7": 0.7, "T8": 0.7, "T9": 0.4,
              "T10": 0.4},
    "T5-T8": {"T4": 0.5, "T5": 1.0, "T6": 1.0, "T7": 1.0, "T8": 1.0, "T9": 0.7, "T10": 0.7, "T11": 0.4},
    "T9-T12": {"T9": 1.0, "T10": 1.0, "T11": 1.0, "T12": 1.0, "L1": 0.5, "L2": 0.5},
    "L1-L5": {"T12": 0.3, "L1": 1.0, "L2": 1.0, "L3": 1.0, "L4": 1.0, "L5": 1.0},
}  # fmt: skip
"""Region to its levels and what each counts for in the modes; those below 1 belong elsewhere and lend support."""
STORE = ".correspondences"
"""Folder of the shapes that an unfinished build has finished."""
SHARE_ALIKE = "CC BY-SA 4.0"
FRAME = (
    "x right, y anterior, z superior (mean of both endplates level); origin midway between the endplates' centres; mm"
)


@dataclass(frozen=True)
class Built:
    """What came of a build: the headers written, a sentence for each region that there is too little for, rounds."""

    written: tuple[Path, ...]
    skipped: tuple[str, ...]
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Base:
    """The template, what is known of it by name, and a sentence on where it comes from."""

    template: Template
    notes: Annotations
    origin: str


def build(
    folder: Path,
    out: Path,
    manifest: Path | None = None,
    workers: int = 1,
    seed: int = 0,
    template: Path | None = None,
    settings: Settings | None = None,
) -> Generator[Progress, None, Built]:
    """Build every region that the folder has people for; an iterator, so that a caller may show or stop it.

    Args:
        folder: label volumes and meshes (``sources.find_sources``).
        out: where the regions' files are written, all at the end; made when missing.
        manifest: the table of the folder's files, where it is not the folder's own ``manifest.csv``.
        workers: processes.
        seed: of everything random.
        template: a normal L3, mesh or label volume, of which a new template is made; that of the shipped atlas without.
        settings: how correspondences are made.

    Raises:
        InputError: something in the folder cannot be used, or there are too few people.
    """
    if workers < 1:
        raise InputError("--workers", "", workers, "1 or more")
    check_writable(out)
    sources = find_sources(folder, manifest)
    settings = settings or Settings()
    settings = replace(settings, drift=replace(settings.drift, seed=seed))
    store = Store(out / STORE)
    with Workers(workers) as pool:
        (base,) = pool.map(read_base, [(template, sources)])
        vertebrae = yield from _read(pool, sources)
        names, skipped = choose_regions(vertebrae)
        if not names:
            raise InputError(folder, "levels", "; ".join(skipped), "two people who show neighbouring levels")

        def regions(found: Sequence[Registered]) -> tuple[Region, ...]:
            return tuple(make_region(name, base, vertebrae, found) for name in names)

        key = key_of(base.template.vertices, base.template.faces, base.template.partner, settings, REGIONS, names)
        found, rounds = yield from settle(pool, store, key, base.template, vertebrae, regions, settings)
        finished = []
        for done, region in enumerate(pool.map(finish, [(one,) for one in regions(found)]), start=1):
            finished.append(_described(region, base, sources, rounds, settings))
            yield Progress("annotating", done, len(names), region.name)
    written = _write(finished, out)
    store.remove()
    return Built(written, skipped, rounds)


def read_base(path: Path | None, sources: Sequence[Source]) -> Base:
    """The template to start from.

    Args:
        path: a normal L3; if it is one of the sources, it is read as that one. The shipped atlas's template without.

    Raises:
        InputError: no such file, or no vertebra in it; no atlas here.
    """
    if path is None:
        folder = resource_folder("atlas")
        shipped = [folder / f"{name}.json" for name in REGIONS if (folder / f"{name}.json").is_file()]
        if not shipped:
            raise InputError(folder, "", "no region", "an atlas, or a template made from a file (--template)")
        region = read_region(shipped[-1])
        return Base(region.template, annotate(region.template), str(region.header["template"]))
    own = (one for one in sources if one.level == TEMPLATE_LEVEL and one.path.resolve() == path.resolve())
    source = next(own, Source(path, path.name, "template", TEMPLATE_LEVEL))
    if not path.is_file():
        raise InputError(path, "", "no such file", f"a mesh or label volume of a normal {TEMPLATE_LEVEL}")
    (surface,) = read_source(source, (TEMPLATE_LEVEL,))
    template = make_template(surface.vertices, surface.faces, TEMPLATE_VERTICES)
    plates = annotate(template).regions
    frame = Frame(plates["superior_endplate"], plates["inferior_endplate"], template.faces, template.partner)
    for _ in range(3):
        template = replace(template, vertices=frame.place(template.vertices))
    whose = f"mean of {source.people} people" if source.people > 1 else "one person"
    origin = f"{TEMPLATE_LEVEL}, {whose}, made symmetric: {source.file} {source.origin}".rstrip()
    return Base(template, annotate(template), origin)


def _read(pool: Workers, sources: Sequence[Source]) -> Generator[Progress, None, tuple[Vertebra, ...]]:
    """Every vertebra of everybody."""
    people = by_person(sources)
    vertebrae: list[Vertebra] = []
    tasks = ((files, LEVELS) for files in people.values())
    for done, (subject, found) in enumerate(zip(people, pool.map(read_vertebrae, tasks), strict=True), start=1):
        vertebrae += found
        yield Progress("reading", done, len(people), subject)
    return tuple(vertebrae)


def choose_regions(vertebrae: Sequence[Vertebra]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The regions that can be learned, and a sentence for each that cannot."""
    names, skipped = [], []
    for name, shares in REGIONS.items():
        people = {one.subject for one in vertebrae if one.level in shares}
        if not any(shares.get(one.level, 0.0) >= 1.0 for one in vertebrae):
            skipped.append(f"{name}: nobody shows a level of it")
        elif len(people) < 2:
            skipped.append(f"{name}: only {people.pop()} shows it, and one person does not vary")
        else:
            names.append(name)
    return tuple(names), tuple(skipped)


def make_region(name: str, base: Base, vertebrae: Sequence[Vertebra], found: Sequence[Registered]) -> Region:
    """A region from the shapes so far, with the annotations of the template."""
    shares = REGIONS[name]
    chosen = [(one, shape) for one, shape in zip(vertebrae, found, strict=True) if one.level in shares]
    samples = Samples(
        shapes=np.stack([_into_frame(shape, base.template) for _, shape in chosen]),
        known=np.stack([shape.known for _, shape in chosen]),
        subjects=tuple(one.subject for one, _ in chosen),
        levels=tuple(one.level for one, _ in chosen),
        counts=np.array([one.people for one, _ in chosen], dtype=np.float64),
        shares=np.array([shares[one.level] for one, _ in chosen]),
        genant=np.array([-1 if one.genant is None else one.genant for one, _ in chosen]),
    )
    entries = [
        {
            "subject": one.subject,
            "level": one.level,
            "people": one.people,
            "share": shares[one.level],
            "genant": one.genant,
            "source": one.source,
            "known": round(float(shape.known.mean()), 3),
            "distance_mm": round(float(shape.distance_mm[shape.known].mean()), 3),
        }
        for one, shape in chosen
    ]
    own = tuple(level for level in LEVELS if shares.get(level, 0.0) >= 1.0)
    return Region(name, own, base.template, samples, base.notes, {"samples": entries})


def _into_frame(shape: Registered, template: Template) -> np.ndarray:
    """True size, turned and moved into the model's frame (roughly: learning aligns exactly)."""
    scale, rotation, move = similarity(shape.vertices[shape.known], template.vertices[shape.known])
    return shape.vertices @ rotation.T + move / scale


def finish(region: Region) -> Region:
    """The region with the annotations of its own mean: a thoracic pedicle is not a lumbar one.

    Raises:
        InputError: the mean is no vertebra.
    """
    means = model_of(region).means
    mean = replace(region.template, vertices=np.mean([means[level] for level in region.levels], axis=0))
    try:
        return replace(region, annotations=annotate(mean))
    except ValueError as error:
        raise InputError(f"region {region.name}", "mean shape", error, "vertebrae that the template fits") from error


def _described(
    region: Region, base: Base, sources: Sequence[Source], rounds: Sequence[Round], settings: Settings
) -> Region:
    """The region with its header: what it was made from and how."""
    files = {entry["source"] for entry in region.header["samples"]}  # type: ignore[attr-defined]
    used = [one for one in sources if one.file in files]
    licences = sorted({one.licence for one in used if one.licence})
    header = {
        "licence": SHARE_ALIKE if any(SHARE_ALIKE in one for one in licences) else "that of its sources",
        "sources": sorted({f"{one.origin or one.file}: {one.licence or 'licence not stated'}" for one in used}),
        "template": base.origin,
        "frame": FRAME,
        "settings": asdict(settings),
        "rounds": [one.of_region(region.name) for one in rounds if region.name in one.errors_mm],
    }
    return replace(region, header={**header, **region.header})


def _write(regions: Sequence[Region], out: Path) -> tuple[Path, ...]:
    """All regions' files together: written aside first, then moved into place, each header after its arrays."""
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / shipped_table().name, shipped_table().read_bytes())
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as aside:
        headers = [write_region(region, Path(aside)) for region in regions]
        for header in headers:
            for path in (header.with_suffix(".npz"), header):
                path.replace(out / path.name)
    return tuple(out / header.name for header in headers)
