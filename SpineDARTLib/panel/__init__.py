"""What the panel shows and does, without any window and without any scene.

``state`` is all that is known at one moment, frozen. ``presenter`` (with ``events``, ``case_events``,
``locate_events``, ``geometry_events``, ``review_events``) turns what a user does into the next state and tells its
listeners which fields have changed; the scene's side and the widgets' side both listen and show. What it needs for
that are plain functions from state to state: ``casing`` (X-rays; ``acquired`` is what a file says, ``posing`` and
``geometry_file`` where it was taken from, ``lacking`` what is missing or doubtful, ``marking`` recovers from points
how X-rays stand to each other, ``geometry_words`` says what is thought of that), ``dropping`` (files that are
dropped), ``locating`` (clicks, levels, and ``found``: what the detector proposes; ``epipolar`` is where a click lies
in the other views), ``reviewing`` (cannulas, grades, measured by ``measuring``), ``comparing`` (two fits),
``grading`` (sessions), ``keeping`` and ``keeping_found`` (what a scene file carries), ``exporting``; and three that
take their time: ``finding`` looks for vertebrae and ``fitting`` runs fits in the worker through ``worker_client``,
``background`` does in a thread what ``loading`` reads and ``exporting`` writes. ``steps``, ``locate_words`` and
``rows`` say what may be pressed, why not, and what the tables show, in words.

The window calls ``Presenter.tick`` some thirty times a second; nothing here blocks and nothing here imports torch.
"""
