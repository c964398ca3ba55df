"""Who saw what, and what their voxels answered: one Participant type, one module per source."""

from lib.participants.arrays import participant_from_trials
from lib.participants.loading import load_everybody, load_participant
from lib.participants.participant import Participant, Responses, Source, Stimuli

__all__ = [
    "Participant",
    "Responses",
    "Source",
    "Stimuli",
    "load_everybody",
    "load_participant",
    "participant_from_trials",
]
