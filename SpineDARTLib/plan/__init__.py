"""Cannulas and their safety.

``planning`` makes a vertebra's plan: ``cannula`` carries the template's two over by its vertices, ``anatomy`` says
where pedicles and body are, ``safety`` measures the room in the pedicle and checks the textbook's rules, ``tip`` the
place of the tip; all measure in plane cuts of the surface (``sections``), the fitted one or the true one.
"""
