"""What clinicians make of a plan: moved cannulas, grades, and how far raters agree.

``record`` keeps everything that was done to a plan, in order, with undo; ``session`` shows many plans' cannulas to a
rater who does not know whose they are; ``agreement`` compares raters with each other and with the numbers; ``files``
writes and reads all of it (JSON to go on from, CSV to count with).
"""
