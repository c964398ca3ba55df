"""Many notebooks and analyses at once, on one machine or a cluster: `python -m lib sweep` and `python -m lib collect`.

A sweep is a grid of tasks: (notebooks, analyses) x participants x networks x parameters. A task is a name and all its
parameters (`tasks`). Its result equals, to the bit, that of the same call alone on as many threads: workers change when
and where it is computed, never what.

Modules. Dask's scheduler decides which worker computes which task, notices workers that die, and gives their task to
another; dask-jobqueue asks SLURM for workers. The rest is here:

    analyses   what encoding and decoding compute, and their parameters
    tasks      the grid
    forecast   the memory, core hours and room that a task needs
    store      results, records and logs on disk; whether a task is done
    worker     one task on a worker: its memory limit, its log, its record
    engine     workers: starting, encrypting, replacing and ending them
    command    the command line of `sweep`
    collect    one table, figures and verdicts

On disk, in a folder that all workers see:

    OUT/manifest.json          the command, versions, and every task with its parameters and its state
    OUT/results/TASK.npz       arrays of an analysis; TASK.ipynb is an executed notebook
    OUT/records/TASK.json      parameters, fingerprint, SHA-256 of the result, seconds, memory, threads, host
    OUT/logs/TASK.log          what it printed and warned, and its traceback
    OUT/shared/                activations and whole-cortex responses: computed once, read by many tasks

A result is written aside and renamed; then its record is written in the same way. A task is done when its record is
there, has the fingerprint that the task has today (parameters, code, versions, weights, data files), and names the hash
of the result. Nothing else counts, so a sweep may be killed at any moment, and Ctrl-C does just that. `--resume` does
the tasks that are not done.

What can go wrong. A worker is killed: Dask gives its task to another one, ALLOWED_FAILURES times. The scheduler is
killed: workers end, `--resume` goes on. A task fails: its reason is named at the end, with the log, and the others are
done. A task wants more memory than it was given: on Linux the process is limited, so the allocation fails, the task is
named, and its worker goes on. What is known to be too large is refused before anything starts, with the numbers.

Whole cortex. 250,000 voxels by 10,000 images do not fit into memory beside everything else. `lib.data.cortex` reads one
session at a time, averages repeats in a file, and returns its memory map; `lib.analysis.encoding` decomposes each layer
once and reads the file by blocks of voxels, all of which use the same decompositions.
"""
