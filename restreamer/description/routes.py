"""All routes by their endpoints. One that is not described here fails when the document is made."""

from collections.abc import Mapping

from restreamer.description.about_missing import MISSING
from restreamer.description.about_others import OTHERS
from restreamer.description.about_playing import PLAYING
from restreamer.description.about_serving import SERVING
from restreamer.description.parts import Route

ROUTES: Mapping[str, Route] = {**SERVING, **PLAYING, **MISSING, **OTHERS}

CHAPTERS = {
    'serving': 'What is held: listings, and the bytes of segments. Unknown names list as nothing.',
    'playing': 'What players ask for: playlists, and ranges as files.',
    'missing': 'What is missing, who has it, and how the nodes are.',
    'access': 'Leave to read for those who can send no token.',
    'page': 'The page of the node, its parts and files, and this description.',
    'health': 'For supervisors, balancers and Prometheus.',
}
