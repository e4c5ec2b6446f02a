"""A plan on paper: one HTML file with all pictures in it, a title page and a page a vertebra, made to be printed on A4.

``pictures`` draws X-rays and grading pictures, ``numbers`` makes tables of what is known, ``pages`` sets both on pages,
``style`` says how they look; ``raters`` compares grades. Nothing of the patient is in it but the case's id and
the pictures.
"""
