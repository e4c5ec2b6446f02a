"""A network that says how far a fit is from the truth: the mean surface distance (MASD, mm), with its uncertainty.

``regions`` cuts, for each vertebra and view, the piece of the X-ray that the network looks at, head up, fixed for a
whole fit, and says which ray each of its tokens is. ``network`` takes the real pieces in once (``encode``) and then
compares renderings with them as often as wanted (``compare``), differentiably, across any number of views.
``architecture`` has the sizes, ``nouns`` what goes in and out, ``weights`` keeps and reads them.
"""
