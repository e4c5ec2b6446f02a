"""What the commands do: the library's work with progress bars and tables around it. Imported when a command runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .atlas.files import available_levels
from .atlas.model import ShapeModel
from .config import Settings
from .detector_in_use import lacking
from .errors import InputError
from .evaluate.compare import as_text, evaluate_plan, evaluate_plans, level_table
from .evaluate.success import success_words
from .evaluate.true_anatomy import locate as locate_true
from .io.cannulas import recommended
from .io.case import read_case
from .io.files import write_atomically
from .io.plan import check_writable, plain, write_plan
from .io.truth import read_truth
from .locating import Located, locate
from .overlay import draw_overlay
from .pipeline import plan_case, remembered
from .plan.anatomy import Anatomy, anatomy_of
from .plan.words import STATUS_WORDS, broken_rules, doubt, needle_name, risk_words, room_words, warning
from .render.device import choose_device
from .resources import resource_folder
from .types import Case, FitState, Option, Plan, Seed

CLICKED = "Started from the sample's own clicks; with --detect on it is started from what a detector finds."
FOUND = "Started from what a detector found; the sample's own clicks were set aside."

SAME_SURFACE_MM = 0.05
"""A plan's surface and the model's instance differ by float32 when they are the same."""


def demo(out: Path, settings: Settings) -> int:
    """Plan the sample and compare with its truth."""
    folder = resource_folder("sample")
    case = read_case(folder)
    find = settings.detector.use == "on" or (settings.detector.use == "auto" and not lacking(settings.detector))
    if find:
        case = replace(case, seeds=tuple(Seed(seed.level) for seed in case.seeds))
    plans = make_plan(case, out, settings, None)
    truth = read_truth(folder)
    found = evaluate_plans("sample", plans, truth)
    console = Console()
    console.print("Against the truth (the sample is simulated, so it is known):")
    console.print(as_text(level_table(found)), highlight=False)
    console.print(FOUND if find else CLICKED)
    console.print(f"Look at {out / 'overlay.png'}. Not for clinical use.", highlight=False, soft_wrap=True)
    return exit_code(plans)


def plan(case: Path, out: Path, settings: Settings, levels: Sequence[str] | None) -> int:
    """Plan one case."""
    return exit_code(make_plan(read_case(case), out, settings, levels))


def exit_code(plans: Sequence[Plan]) -> int:
    """0 when there are plans and every one is usable, else 1."""
    return 0 if plans and all(one.fitted.status.usable for one in plans) else 1


def make_plan(case: Case, out: Path, settings: Settings, levels: Sequence[str] | None) -> tuple[Plan, ...]:
    """Locate, plan, write and show; no folder where nobody asked for a level and nothing was found."""
    device = check_machine(settings)
    require_model(case, levels)
    check_writable(out)
    located = locate(case, settings, levels)
    plans = run_with_progress(case, settings, levels, located)
    console = Console()
    if plans:
        extra = {"device": device, **remembered(located, plans)}
        write_plan(out, case, plans, settings, lambda path: draw_overlay(case, plans, path), extra)
        console.print(plan_table(plans))
    for line in (located.words, *_starts(plans), *remarks(plans), *_left_out(located, plans)):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    written = f"Written to {out}." if plans else "Nothing could be planned, and nothing was written."
    console.print(written, highlight=False, soft_wrap=True)
    return plans


def _starts(plans: Sequence[Plan]) -> Iterator[str]:
    """A line for what was started from clicks, from what was detected, and from both."""
    for start in dict.fromkeys(one.start for one in plans if one.start):
        yield f"Started from {start}: {', '.join(one.fitted.level for one in plans if one.start == start)}."


def _left_out(located: Located, plans: Sequence[Plan]) -> Iterator[str]:
    """A line for each vertebra that was seen, but that no plan speaks of."""
    told = {one.fitted.level for one in plans}
    yield from (named(level, why) for level, why in located.reasons.items() if level not in told)


def named(level: str, words: str) -> str:
    """A sentence about a level that says which one."""
    return words if words.startswith(level) else f"{level}: {words}"


def require_model(case: Case, levels: Sequence[str] | None) -> None:
    """Raise an InputError where no level that is to be planned has a shape model, or one named by hand has none."""
    known = available_levels()
    expected = f"a level with a shape model ({', '.join(known)})"
    for level in levels or ():
        if level not in known:
            raise InputError("--levels", "", level, expected)
    wanted = [seed.level for seed in case.seeds if not levels or seed.level in levels]
    if wanted and not set(wanted) & set(known):
        where = case.folder / "case.json" if case.folder else case.id
        raise InputError(where, "vertebrae[0].level", wanted[0], expected)


def check_machine(settings: Settings) -> str:
    """The device that will compute.

    Raises:
        InputError: a device or renderer that is not here.
    """
    device = choose_device(settings.device)
    if settings.renderer == "gsplat":
        from importlib.util import find_spec

        if device != "cuda" or find_spec("gsplat") is None:
            raise InputError("--renderer", "", "gsplat", "torch or auto here (gsplat needs CUDA and spinedart[cuda])")
    return device


def run_with_progress(
    case: Case, settings: Settings, levels: Sequence[str] | None, located: Located | None = None
) -> tuple[Plan, ...]:
    """The pipeline with a bar on stderr, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    console = Console(stderr=True)
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
    states = plan_case(case, settings, levels, located=located)
    state = _next(states)  # what is wrong with the input shows here, before there is a bar in the way of its one line
    with bar as progress:
        task = progress.add_task("")
        while isinstance(state, FitState):
            names = " ".join(vertebra.level for vertebra in state.vertebrae)
            words = f"fitting {names}: {state.stage}"
            progress.update(task, description=words, total=state.total_steps, completed=state.step)
            state = _next(states)
    return state


def _next(states: Generator[FitState, None, tuple[Plan, ...]]) -> FitState | tuple[Plan, ...]:
    """The next state, or the plans when there is none."""
    try:
        return next(states)
    except StopIteration as end:
        return end.value


def plan_table(plans: Sequence[Plan]) -> Table:
    """One row a vertebra: how the fit went, how much room each recommended cannula has and what rules it breaks."""
    table = Table(title="Plan (not for clinical use)", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("level", "fit", "error", "left cannula", "right cannula", "seconds"):
        table.add_column(heading, no_wrap=True)
    for one in plans:
        quality = one.fitted.quality
        found = {option.cannula.side: _in_short(option) for option in recommended(one)}
        table.add_row(
            one.fitted.level + (" ?" if one.level_note else ""),
            STATUS_WORDS[one.fitted.status],
            f"~{quality.predicted_surface_distance_mm:.1f} mm" if quality else "-",
            found.get("left", "-"),
            found.get("right", "-"),
            f"{quality.seconds:.1f}" if quality else "-",
        )
    return table


def _in_short(option: Option) -> str:
    """ "11G: 1.3 mm free, A", and a line each for the risk and for every textbook rule that is broken."""
    room = f"{needle_name(option.cannula.diameter_mm)}: {room_words(option.safety)}"
    return "\n".join(filter(None, [room, risk_words(option.risk), *broken_rules(option.safety)]))


def remarks(plans: Sequence[Plan]) -> Iterator[str]:
    """A line for each vertebra whose level is in doubt, or without a usable fit, and for each cannula that does not, or
    may not, keep its room; and what became of refining the cameras."""
    yield from dict.fromkeys(one.refinement.words for one in plans if one.refinement is not None)
    for one in plans:
        level = one.fitted.level
        if one.level_note:
            yield named(level, one.level_note)
        if not one.fitted.status.usable:
            yield named(level, one.fitted.reason)
        for option in recommended(one):
            for words in filter(None, (warning(option.cannula, option.safety), doubt(option))):
                yield f"{level}: {words}"


def evaluate(plan_folder: Path, truth: Path, out: Path | None) -> int:
    """Measure a plan against the truth."""
    found = evaluate_plan(plan_folder, truth, locate_true)
    table = as_text(level_table(found)) + "\n\n" + success_words(found["success"])
    text = json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        Console(stderr=True).print(table, highlight=False, soft_wrap=True)
        sys.stdout.write(text)
        return 0
    write_atomically(out, text.encode("utf-8"))
    Console().print(table, highlight=False, soft_wrap=True)
    return 0


def anatomy_of_saved(plan: Plan, model: ShapeModel | None) -> Anatomy | None:
    """Where the pedicles of a saved vertebra are, if the installed atlas is the one that it was fitted with."""
    vertebra = plan.fitted.vertebra
    if vertebra is None or model is None or plan.vertices_mm is None or len(vertebra.coefficients) > model.rank:
        return None
    placed = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
    difference = np.abs(_extremes(placed) - _extremes(plan.vertices_mm)).max()
    return anatomy_of(placed, model, vertebra.pose) if difference < SAME_SURFACE_MM else None


def _extremes(points: np.ndarray) -> np.ndarray:
    """(6,) the bounding box: files merge and reorder vertices, that stays."""
    return np.concatenate([points.min(0), points.max(0)])
