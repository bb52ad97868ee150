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
python3 - "$work" "$(basename "$work"/run/*.safetensors .safetensors)" <<'P'
import json, os, subprocess, sys

work, model = sys.argv[1:]
volumes = json.load(open(f"{work}/dataset/dataset.json"))["volumes"]
test = next(volume for volume in volumes if volume["split"] == "test")
# Where a DICOM folder holds several series, the number before the description tells which one was taken.
series = ["--series", os.path.basename(test["name"]).split("_")[0]] if os.path.isdir(test["source"]) else []
command = ["pdm-sr", "upsample", test["source"], *series, "-o", f"{work}/restored.nii.gz", "--factor", "2", "--model", model]
sys.exit(subprocess.run(command).returncode)
P
