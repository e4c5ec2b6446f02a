"""What is X-rayed.

Drawn: ``spine`` (``curves`` of 2,116 scans, ``shapes`` from the atlas, ``contact`` between them, ``sacrum``), filled by
``bone``; around it ``body`` (``trunk``, ``torso`` on a ``canvas``, ``bowel``, ``lungs``, ``ribs``, ``shoulder``,
``pelvis``, ``vessels``); in it ``foreign`` bodies (``implants``, ``wires``, ``cement``). Real: ``ct`` (``ct_files``,
``hounsfield``, ``tissue``), its truth by ``annotate``, what the scan lacks by ``completion`` and ``surroundings``;
``chest`` puts a drawn spine in a real chest.
"""
