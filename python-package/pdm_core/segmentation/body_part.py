"""What a header's body part says about whether a prostate can be in view.

Body Part Examined holds a defined term of DICOM, what a scanner's menu calls it in the language of its site, or nothing of
use: only a word that positively names another part of the body speaks against a prostate.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

_LETTERS = re.compile(r"[a-z]+")
# What may hold a prostate, in English, German, Dutch, French, Spanish, Italian, Portuguese, Swedish and Polish.
_PELVIS = re.compile(
    r"prosta|pelv|abd|becken|bekken|bassin|bacino|bacia|backen|miednic|\buro|\bhips?\b|huft|hueft|heup|hanche|cadera|genit"
    r"|body|whole|ganzkorper|bladder|blase|blaas|vessie|vejiga|vescica|bexiga|rect|rekt|urethr"
)
_UNKNOWN = frozenset(("unknown", "other", "none", "na", "unbekannt", "onbekend", "inconnu", "desconocido", "sconosciuto"))
# Beginnings of words that name another part, and short words that do so only as a whole. Sacrum, hip, thigh and organs of the
# pelvis are not among them: the prostate may be in view.
_OTHER_STEMS = (
    "brain", "head", "skull", "gehirn", "kopf", "schadel", "schaedel", "hoofd", "schedel", "hersen", "crane", "cranio",
    "cerveau", "encephal", "encefal", "cabeza", "cabeca", "cerebr", "cervell", "huvud", "hjarn", "glowa", "mozg",
    "orbit", "pituitar", "hypophys", "mandib", "maxill",
    "neck", "hals", "cuello", "collo", "pescoco", "szyja", "larynx", "thyroid",
    "spine", "cspine", "tspine", "lspine", "ctspine", "tlspine", "wirbels", "halswirbel", "brustwirbel", "lendenwirbel",
    "wervel", "rachis", "column", "colonn", "coluna", "kregoslup", "ryggrad",
    "chest", "thora", "tora", "lung", "poitrine", "pecho", "borstkas", "brust", "breast", "borst", "mamm",
    "heart", "cardi", "herz", "coeur", "corazon", "cuore", "coracao",
    "liver", "leber", "higado", "fegato", "figado", "pancrea", "pankrea", "kidney", "niere", "rinon", "spleen",
    "shoulder", "schulter", "schouder", "epaule", "hombro", "spalla", "ombro", "clavic", "humerus", "forearm", "upperarm",
    "elbow", "ellbog", "ellenbog", "elleboog", "coude", "gomito", "cotovelo",
    "wrist", "handgelenk", "poignet", "muneca", "polso", "punho", "hand", "finger", "thumb",
    "knee", "knie", "genou", "rodilla", "ginocchi", "joelho", "kolano", "patella", "calf", "lowerleg", "unterschenkel",
    "ankle", "sprunggelenk", "enkel", "cheville", "tobillo", "cavigli", "tornozelo",
    "foot", "feet", "fuss", "voet", "pied", "piede",
)  # fmt: skip
_OTHER_WORDS = frozenset(
    ("tete", "testa", "face", "eye", "ear", "iac", "jaw", "tmj", "cou", "nek", "hws", "bws", "lws", "sein", "seno", "mama",
     "hart", "foie", "lever", "nier", "rein", "rene", "arm", "codo", "pols", "main", "mano", "mao", "kna", "toe", "pie")
)  # fmt: skip


def holds_prostate(body_part: str) -> Literal["yes", "no", "unknown"]:
    """Whether a scan of this body part may show a prostate; "unknown" where the word tells nothing known here."""
    plain = unicodedata.normalize("NFKD", body_part.casefold())
    words = _LETTERS.findall("".join(character for character in plain if not unicodedata.combining(character)))
    if _PELVIS.search(" ".join(words)):
        return "yes"
    if any(word in _OTHER_WORDS or word.startswith(_OTHER_STEMS) for word in words):
        return "no"
    return "yes" if not words or _UNKNOWN.issuperset(words) else "unknown"
