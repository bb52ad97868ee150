"""DICOM in: frames from headers, stacks from frames, a volume from a stack."""
