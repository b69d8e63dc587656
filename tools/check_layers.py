#!/usr/bin/env python3
"""Fail when a file includes a header from a folder to its right in LAYERS.

The order of the folders is the architecture; this script is its only copy.
"""
import pathlib
import re
import sys

LAYERS = ["core", "data", "device", "circuit", "mapping", "programming", "crossbar", "network",
          "training", "evaluation", "experiment", "report", "cli"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"crossloom/(\w+)/', re.MULTILINE)
TORCH = re.compile(r'^\s*#\s*include\s+<torch/torch\.h>', re.MULTILINE)


def main(root: pathlib.Path) -> int:
    errors = []
    for path in sorted(root.rglob("*.[hc]*")):
        layer = path.relative_to(root).parts[0]
        text = path.read_text()
        for included in INCLUDE.findall(text):
            if LAYERS.index(included) > LAYERS.index(layer):
                errors.append(f"{path}: {layer} must not include {included}")
        if TORCH.search(text) and layer != "training":
            errors.append(f"{path}: {layer} includes <torch/torch.h>; outside training/ it is <ATen/ATen.h>")
    print("\n".join(errors) or f"layers: ok ({' <- '.join(LAYERS)})")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
