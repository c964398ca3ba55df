"""Participants: the images they saw and the responses of their voxels; one module per source of measured data."""

from lib.data.participant import Brain, Participant, Responses, Source, Stimuli

__all__ = ["Brain", "Participant", "Responses", "Source", "Stimuli"]
