"""One door to every data source."""

from collections.abc import Callable, Mapping

from lib import choose
from lib.participants.participant import Participant
from lib.participants.simulated import simulate

SOURCES: Mapping[str, Callable[..., Participant]] = {"simulated": simulate}


def load_participant(
    dataset: str = "simulated",
    subject: int = 1,
    data_root: str | None = None,
    *,
    world: str = "as-published",
    seed: int = 0,
) -> Participant:
    """Read one participant, or simulate one.

    Parameters
    ----------
    dataset : "simulated"
        Where the data come from.
    subject : int
        Number of the participant, from 1.
    data_root : str, optional
        Folder of measured data; not used by simulations.
    world : str
        What drives a simulated participant's voxels, one of `lib.participants.worlds.WORLDS`.
    seed : int
        Of the simulation.

    Raises
    ------
    ValueError
        An unknown dataset, world or subject, with the ones there are.
    """
    load = SOURCES[choose("dataset", dataset, SOURCES)]
    return load(subject=subject, world=world, seed=seed)
