#!/usr/bin/env bash
# A sweep through a real SLURM: munged, slurmctld and slurmd on this machine's loopback, from a temporary folder.
# Needs root, since SLURM does; installs slurm-wlm and munge from Debian's archive if they are missing.
#
#   tests/slurm.sh PYTHON [--if-possible]
#
# Ends with status 0 if the sweep went well. With --if-possible, a machine that cannot have SLURM is no failure.
set -euo pipefail
python=$1
cd "$(dirname "$0")/.."

cannot() {
  echo "No SLURM here: $1" >&2
  [ "${2:-}" = --if-possible ] && exit 0
  exit 1
}

[ "$(id -u)" = 0 ] || cannot "it takes root to run its daemons." "${2:-}"
if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
  command -v apt-get >/dev/null || cannot "slurm-wlm and munge are not installed, and there is no apt-get." "${2:-}"
  { timeout 60 apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    timeout 120 apt-get install -y -qq --no-install-recommends slurm-wlm munge; } >/dev/null 2>&1 ||
    cannot "slurm-wlm and munge could not be installed." "${2:-}"
fi

work=$(mktemp -d)
chmod 755 "$work"
started=()
tear_down() {
  status=$?
  scancel --quiet --user=root 2>/dev/null || true
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ "$status" != 0 ]; then tail -n 20 "$work"/*.log "$work"/out/logs/* >&2 2>/dev/null || true; fi
  rm -rf "$work"
  exit "$status"
}
trap tear_down EXIT

mkdir "$work"/{munge,spool,state}
chmod 700 "$work/munge"
head -c 1024 /dev/urandom >"$work/munge/key"
chmod 400 "$work/munge/key"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
  --seed-file="$work/munge/seed" --log-file="$work/munge.log" 2>/dev/null &
started+=($!)

# Ports that nobody has: a cluster of this machine's own may be running.
read -r controller daemon < <("$python" - <<'PY'
import socket
sockets = [socket.socket() for _ in range(2)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
PY
)
host=$(hostname -s)
cores=$(nproc)
memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
export SLURM_CONF="$work/slurm.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=companion
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
SlurmctldPort=$controller
SlurmdPort=$daemon
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
InactiveLimit=0
KillWait=5
SchedulerParameters=sched_interval=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

for _ in $(seq 50); do [ -S "$work/munge/socket" ] && break; sleep 0.2; done
slurmctld -D 2>>"$work/slurmctld.log" &
started+=($!)
slurmd -D -N "$host" 2>>"$work/slurmd.log" &
started+=($!)
for _ in $(seq 60); do
  sinfo --noheader --format=%T 2>/dev/null | grep -qE 'idle|mixed' && break
  sleep 1
done
sinfo >&2

cat >"$work/small.py" <<'NOTEBOOK'
# %% tags=["parameters"]
subject = 1  # number

# %%
import os

print("job", os.environ["SLURM_JOB_ID"], "subject", subject)
NOTEBOOK
export DASK_JOBQUEUE__SLURM__INTERFACE=lo
timeout 120 "$python" -m lib sweep "$work/out" "$work/small.py" encoding --subject 1 2 \
  -p n_images 60 -p voxels_per_roi 4 -p world noise --scheduler slurm --workers 2 --cores 1 --memory 3GB --time 00:05:00

"$python" - "$work/out" <<'PY'
import json, sys
from pathlib import Path

out = Path(sys.argv[1])
states = [row["state"] for row in json.loads((out / "manifest.json").read_text())["tasks"]]
assert states == ["done"] * 4, states
printed = [path.read_text() for path in sorted(out.glob("results/*.ipynb"))]
assert len(printed) == 2 and all("job" in text and "SLURM_JOB_ID" in text for text in printed)
print("A sweep of 4 tasks went through SLURM.")
PY
