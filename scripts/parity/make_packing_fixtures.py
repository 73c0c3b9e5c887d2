"""Matrices packed by the compressed-tensors library, for test/parity/packing.test.ts.

Run by hand, never by the product, with the last version that packs sparse matrices
(compressed-tensors 0.14.0.1, transformers 4.57.6):
    python scripts/parity/make_packing_fixtures.py test/parity/formulas/fixtures/packing.json
Byte arrays are base64 of little-endian bytes. Groups of the 2:4 form hold exactly two values, because
which zeros the library keeps of an emptier group depends on how its sort breaks ties.
"""

import base64
import json
import platform
import sys

import compressed_tensors
import torch
import transformers
from compressed_tensors.compressors.sparse_compressors import (
    BitmaskTensor,
    Sparse24BitMaskTensor,
)

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def encoded(tensor):
    raw = tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return base64.b64encode(raw).decode()


def part(tensor):
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype), "data": encoded(tensor)}


def random_matrix(rows, columns):
    # Zeros of no pattern, an empty row, a full one, and values that are zero in half types.
    values = torch.randn(rows, columns) * (torch.rand(rows, columns) < 0.5)
    values[0] = 0
    values[-1] = torch.randn(columns)
    values[rows // 2, columns // 2] = 1e-12
    return values


def two_of_four(rows, columns):
    values = torch.randn(rows, columns).view(-1, 4)
    best = values.abs().topk(2, dim=1).indices
    kept = torch.zeros_like(values, dtype=torch.bool).scatter_(1, best, True)
    return (values * kept).view(rows, columns)


def main(path):
    torch.manual_seed(0)
    cases = []
    for rows, columns in [(4, 8), (3, 13), (5, 17), (2, 3), (6, 32)]:
        matrix = random_matrix(rows, columns)
        for name, dtype in DTYPES.items():
            stored = matrix.to(dtype)
            packed = BitmaskTensor.from_dense(stored).dict("map")
            cases.append(("sparse-bitmask", name, matrix, stored, packed))
    for rows, columns in [(4, 8), (3, 12), (5, 4), (2, 36)]:
        matrix = two_of_four(rows, columns)
        for name, dtype in DTYPES.items():
            stored = matrix.to(dtype)
            packed = Sparse24BitMaskTensor.from_dense(stored).dict("map")
            cases.append(("sparse-24-bitmask", name, matrix, stored, packed))
    fixture = {
        "versions": {
            "compressed_tensors": compressed_tensors.__version__,
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "cases": [
            {
                "form": form,
                "dtype": dtype,
                "rows": matrix.shape[0],
                "columns": matrix.shape[1],
                "values": encoded(matrix),
                "stored": encoded(stored),
                "packed": {key.split(".")[-1]: part(value) for key, value in packed.items()},
            }
            for form, dtype, matrix, stored, packed in cases
        ],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(fixture, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
