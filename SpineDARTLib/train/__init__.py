"""The trainings.

All of them share ``loop``, which steps and goes on from its ``checkpoint``, alone or with the processes of a team
(``parallel``); ``keeping``, which validates now and then and draws curves; ``card``, which says where weights come from
(``card_page``: for people); and ``shard_files``, which finds data.

The detector's: ``samples`` turns simulated pictures into what it learns from, once, and keeps it; ``augment`` varies a
batch of them on the device that computes; ``targets`` and ``losses`` compare; ``detector`` says what a step learns
from, ``running`` what is kept and when; ``validate`` measures on people held back, ``cases`` brings case folders with
truth; ``produce`` simulates beside. The learned similarity's are in ``similarity``.
"""
