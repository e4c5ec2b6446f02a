"""Cannulas and their safety.

``planning`` makes a vertebra's plan: ``cannula`` carries the template's two over by its vertices and ``safest`` moves
them to where there is most room (``walls`` and ``rules`` say what limits a move, ``words`` what became of it);
``anatomy`` says where pedicles and body are, ``surface`` makes a surface ready to be measured in, ``corridor`` measures
the room around a path, ``tip`` the place of its tip, and ``safety`` puts both to the textbook's rules; all measure in
plane cuts of the surface (``sections``), the fitted one or the true one.
"""
