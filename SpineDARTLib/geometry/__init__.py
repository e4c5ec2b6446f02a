"""Cameras: how an X-ray was taken, how sure that is, and what can be told from several.

``camera`` checks, projects with and crops the pinhole camera of a view. It is made by ``c_arm`` (from angles, as
``conventions`` counts them, of a ``patient`` who lies somehow) or by ``detector`` (from a source and a panel in space,
or from any matrix). ``known`` holds what a file says, value by value; ``turned`` its picture as the source sees it;
``sharing`` whether two files speak of one world; ``words`` says what a camera is. ``triangulate`` brings pixels of
several views back to RAS mm with a covariance; ``relative_pose`` and ``bundle`` recover cameras from points; ``advice``
and ``consistency`` say how good a set of views is and whether it can be true.
"""
