"""Everything that costs time and memory, measured in one run, as ratios that runs on different machines compare.

``measuring`` has the clock, the memory meter and the machine's own speed (the yardstick); ``outside`` draws with
DiffDRR where it is installed; ``renderers`` sets our splats beside other renderers and lets them grow; ``plans`` times
a case by stage and Slicer's worker, cold and warm; ``comparing`` sets two runs side by side; ``__main__`` is the
command.
"""
