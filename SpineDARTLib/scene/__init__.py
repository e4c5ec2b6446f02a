"""Results in Slicer's scene (MRML), and back: the only package that imports slicer, and nothing of its application.

    show.show_case -> show.show_fitting (while a fit runs) -> show.show_plan -> show.select -> watch.Watch + show.move
    store.save_state, store.save_plan -> an MRB -> xrays.read_views, store.read_plans, store.read_state, read_cannulas

Every function takes the scene. A noun has one ``show_x`` and, where it may be changed or must come back, a ``read_x``;
showing something again changes what stands there. All nodes of ours have a role and a key (``nodes``), so that a scene
that was loaded is gone on with as it is, and ``clear`` takes out what is ours and nothing else.

* ``follow``: the panel's state shown in the scene a step at a time (``changes``), and hands in the scene told to it
  (``watch``); ``recover``: going on from a scene that was loaded, damaged or not; ``replay``: a fit once more.
* ``blinding``: nothing of a plan is seen while somebody grades.
* ``xrays``, ``layout``: the X-rays at their detectors; the four views and what each of them looks at.
* ``vertebrae``, ``cannulas``: in space. ``projections``: their shadows on the X-rays. ``barrel``: down the needle.
* ``highlight``: one vertebra at a time.
* ``clicks``, ``proposals``: where a vertebra was clicked or found. ``tables``, ``history``: plans and grades, the fit
  replayed and its losses.
* ``store``, ``records``, ``folders``, ``clear``: what stays, where it stands, and taking it out.
* ``shapes``, ``silhouettes``, ``models``, ``colours``: what all of them draw with.
"""
