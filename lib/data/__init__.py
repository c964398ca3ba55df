"""Who saw what, and what their voxels answered: one Participant type, one module per source of measured data."""

from lib.data.participant import Brain, Participant, Responses, Source, Stimuli

__all__ = ["Brain", "Participant", "Responses", "Source", "Stimuli"]
