#!/bin/sh
# From files to a model that works: train_your_own.sh SOURCE WORK [RECIPE]
#   SOURCE  a folder of DICOM or image files, or a CSV table
#   WORK    a folder for the dataset, the run and a restored image; the same command goes on after an interruption
#   RECIPE  default: short.yaml beside this script
set -eu

source=$1
work=$2
recipe=${3:-$(dirname "$0")/short.yaml}
mkdir -p "$work"

pdm-sr prepare "$source" -o "$work/dataset"
pdm-sr converge "$work/dataset" -o "$work/converge" --slices 8
pdm-sr train "$recipe" -o "$work/run" --data "$work/dataset"
pdm-sr models add "$work/run" --data "$work/dataset"

# The model is now offered everywhere by its name; here it restores the first test volume of the dataset.
model=$(basename "$work"/run/*.safetensors .safetensors)
image=$(python3 - "$work/dataset/dataset.json" <<'P'
import json, sys
print(next(entry["source"] for entry in json.load(open(sys.argv[1]))["volumes"] if entry["split"] == "test"))
P
)
rm -f "$work/restored.nii.gz" "$work/restored.nii.gz.provenance.json"
pdm-sr upsample "$image" -o "$work/restored.nii.gz" --factor 2 --model "$model"
