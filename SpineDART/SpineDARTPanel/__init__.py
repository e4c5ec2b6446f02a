"""The panel's parts, one small file a section.

``panel`` puts them together; each section shows a state (``SpineDARTLib.panel.state``) and tells the presenter what the
user does. ``build`` makes labels, buttons and rows, ``section`` the card around them, ``style`` the colours; ``keys``
are the shortcuts, ``process`` carries the worker's lines, ``needs`` asks for Python packages and ``views`` lays out the
views; ``SpineDARTLib.scene.follow`` keeps scene and presenter alike. There is no number about patients in any of them.
"""
