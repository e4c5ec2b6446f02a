"""The only readers and writers.

``case`` reads a case folder: ``fields`` walks its JSON and words the complaints, ``cameras`` makes the views' cameras,
``image`` (with ``dicom`` and ``volume``) reads the pictures, ``attenuation`` makes bone bright. ``plan`` (with
``markups``) writes and reads plan folders, ``truth`` truth folders, ``mesh`` surfaces. ``files`` makes every write all
or nothing. ``foreign`` reads cameras from other programs' files (``matrices``, ``drr_programs``, ``detectors``, made
into ours by ``projections``); ``gathering`` brings pictures, tags and cameras together. Files that are LPS by standard
become RAS mm here and nowhere else.
"""
