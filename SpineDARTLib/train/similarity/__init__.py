"""The training of the learned similarity.

``people`` holds simulated people: small pictures, true surfaces, true parameters. ``states`` draws fits that are wrong
in a known way, ``harvest`` keeps those that real fits go through (rounds of DAgger: Ross 2011), ``distance``
measures how wrong each is. ``examples`` renders states as the network will see them, ``losses`` compares what it says
of them, of each and of the differences between them. ``training`` runs, ``running`` keeps, ``validate`` measures.
"""
