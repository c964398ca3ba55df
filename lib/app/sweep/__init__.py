"""Many notebooks and analyses at once, on one machine or a cluster: `python -m lib sweep` and `python -m lib collect`.

A sweep is a grid: (notebooks and analyses) x participants x networks x parameters. Each cell is a task, and a task is
nothing but a name and all its parameters (`tasks`). What it computes is what the same call computes alone, to the bit,
on as many threads: workers change when and where, never what.

Who does what. Dask's scheduler decides which worker computes which task, notices workers that die, and gives their task
to another; dask-jobqueue asks SLURM for workers. Here is only what they do not know: what a task is (`tasks`,
`analyses`), what it needs (`forecast`), how it is carried out and watched (`worker`), what of it is already there
(`store`), and how it all is put before a person (`command`, `collect`).

On disk, in a folder that all workers see:

    OUT/manifest.json          the command, versions, and every task with its parameters and its state
    OUT/results/TASK.npz       arrays of an analysis; TASK.ipynb is an executed notebook
    OUT/records/TASK.json      parameters, fingerprint, SHA-256 of the result, seconds, memory, threads, host
    OUT/logs/TASK.log          what it printed and warned, and its traceback
    OUT/shared/                activations and whole-cortex responses: computed once, read by many tasks

A result is written aside and renamed, and its record is written after it, in the same way. So a task is done when its
record is there, carries the fingerprint that the task has today (parameters, code that it uses, versions, data files)
and names the hash of the result. Nothing else counts: no list kept by a process that might be killed. `--resume` does
the tasks of which that is not true.

What can go wrong. A worker is killed: Dask gives its task to another one, ALLOWED_FAILURES times. The scheduler is
killed: workers end, `--resume` goes on. A task fails: its reason is named at the end, with the log, and the others are
done. A task wants more memory than it was given: on Linux the limit is on the process, so that the allocation fails,
the task is named, and its worker lives. What is known to be too large is refused before anything starts, with the
numbers (`forecast`).

Whole cortex. 250,000 voxels by 10,000 images do not fit beside everything else. `lib.data.cortex` reads one
session at a time, averages repeats in a file, and hands over its memory map; `lib.analysis.encoding` decomposes each
layer once and passes over the file by blocks of voxels, all of which use the same decompositions.
"""
