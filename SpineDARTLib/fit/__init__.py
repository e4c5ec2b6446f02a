"""From clicks or landmarks to fitted vertebrae.

``initialise`` triangulates and orients a start for every vertebra; ``search`` says how far around it is looked;
``scene`` turns parameters of several vertebrae and several starts into pictures; ``objective`` compares those with the
X-rays under priors, one of which is ``column``: how neighbouring vertebrae stand to each other; ``outline`` compares
them with what was ``detected`` of each vertebra, ``learned`` asks a network how far off they are. ``optimise`` steps,
coarse to fine, and yields a ``FitState`` after each step, on the ``pictures`` of each stage: ``judging`` has what one
look at the objective gives and what a similarity's name stands for, ``stepping`` how far a step goes. ``confidence``
says how far each result is to be trusted; ``calibration`` seeks small errors of the ``cameras`` together with the
vertebrae. All vertebrae of a case are fitted together, so that each one's picture explains its own edges and not its
neighbour's.
"""
