"""Many cases with known truth, one method beside another: from a folder to one page that says which is better.

``inputs`` finds the cases, or makes them of CT scans. ``methods`` (``geoplan``, ``outside``; ``networks``) turn a case
into plans; ``measuring`` holds them against the truth, one result file a case and method (``nouns``); ``failures`` says
what went wrong, ``gallery`` draws it. ``running`` goes on where an earlier run stopped; ``work`` spreads tasks over
processes (``lanes``) or a Dask cluster (``cluster``). ``figures`` (``bootstrap``, ``grades``) makes numbers of the
results, ``tables`` and ``charts`` show them, ``headline`` says them in sentences, ``page`` sets all of it on one HTML
page.
"""
