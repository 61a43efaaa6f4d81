#!/usr/bin/env bash
# A sweep as a Slurm array job, one shard per task:
#   sbatch --array=1-4 examples/sweep.slurm.sh OUT MODELS SHELLS…
# A task that was lost: `sbatch --array=3 …` with the same words runs what is missing of it. Then: residue merge OUT/shard-* --out OUT/merged
#SBATCH --job-name=residue
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
set -euo pipefail
out=$1 models=$2
shift 2
# The number of shards is that of the whole array, also where one task of it is run again.
shards=${SHARDS:-$SLURM_ARRAY_TASK_COUNT}
code=0
${RESIDUE:-residue} run "$@" --models "$models" --shard "$SLURM_ARRAY_TASK_ID/$shards" --resume \
  --out "$out/shard-$SLURM_ARRAY_TASK_ID" --threads "${SLURM_CPUS_PER_TASK:-1}" || code=$?
# 1: an expectation does not hold, which is a result and no failure of the job.
[ "$code" -eq 1 ] && exit 0
exit "$code"
