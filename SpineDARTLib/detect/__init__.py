"""Where the vertebrae are: found in each X-ray (``nouns.Detection``), then joined over all views.

``matching.match`` makes one ``Column`` of all views' detections: ``candidates`` lists which of them may show the same
vertebra, ``chain`` finds the likeliest column among these and how sure its labels are, with what ``links`` knows of
spines. ``seeds.seeds_of`` turns a column, and whatever a clinician clicked, into seeds to fit from, or says why not;
``propose.propose`` does all of this in one call.
"""
