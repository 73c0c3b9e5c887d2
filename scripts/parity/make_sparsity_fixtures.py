"""Recorded results of the published sparsity formulas, for test/parity/sparsity.test.ts.

Written from the papers' formulas on one small random gated MLP; run by hand, never by the product:
    python scripts/parity/make_sparsity_fixtures.py test/parity/formulas/fixtures/sparsity.json
Float arrays are base64 of little-endian bytes, masks are texts of 0 and 1 in the weight's own
[out, in] order, as PyTorch's Linear has it.
"""

import base64
import json
import platform
import sys

import torch

HIDDEN, INTER, SEQUENCES, LENGTH = 16, 32, 4, 16
HEADS = 2
DAMPING = 0.01
BLOCK = 128


def encoded(tensor):
    return base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()


def bits(mask):
    return "".join("1" if kept else "0" for kept in mask.flatten().tolist())


def keep_nm(scores, n, m):
    """The n best of every m neighbours of the last axis."""
    groups = scores.unflatten(-1, (-1, m))
    best = groups.topk(n, dim=-1).indices
    return torch.zeros_like(groups, dtype=torch.bool).scatter(-1, best, True).flatten(-2)


def keep_share(scores, dropped):
    """All but the lowest share of the last axis."""
    count = int(scores.shape[-1] * dropped)
    lowest = scores.argsort(dim=-1, stable=True)[..., :count]
    return torch.ones_like(scores, dtype=torch.bool).scatter(-1, lowest, False)


def masks_of(scores):
    """Masks of [out, in] scores that compete along their last axis."""
    return {
        "2:4": keep_nm(scores, 2, 4),
        "4:8": keep_nm(scores, 4, 8),
        "50%": keep_share(scores, 0.5),
    }


def sparse_gpt(weight, gram, n, m):
    """Algorithm 1 of SparseGPT in float64: weight [out, in], gram [in, in]."""
    w = weight.double().clone()
    h = gram.clone()
    size = h.shape[0]
    h += DAMPING * h.diagonal().mean() * torch.eye(size, dtype=h.dtype)
    root = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    mask = torch.ones_like(w, dtype=torch.bool)
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        errors = torch.zeros_like(w)
        for j in range(start, end):
            if n and j % m == 0:
                group = w[:, j : j + m] ** 2 / root.diagonal()[j : j + m] ** 2
                mask[:, j : j + m] = keep_nm(group, n, m)
            elif not n and j == start:
                block = w[:, start:end] ** 2 / root.diagonal()[start:end] ** 2
                mask[:, start:end] = keep_share(block.flatten(), 0.5).view_as(block)
            error = torch.where(mask[:, j], 0.0, w[:, j]) / root[j, j]
            w[:, j:end] -= error[:, None] * root[j, j:end]
            w[:, j] *= mask[:, j]
            errors[:, j] = error
        w[:, end:] -= errors[:, start:end] @ root[start:end, end:]
    return w, mask


def main(path):
    torch.manual_seed(0)
    x = torch.randn(SEQUENCES, LENGTH, HIDDEN) * torch.linspace(0.3, 3, HIDDEN)
    gate, up = torch.randn(INTER, HIDDEN) / 4, torch.randn(INTER, HIDDEN) / 4
    down = torch.randn(HIDDEN, INTER) / 5
    h = torch.nn.functional.silu(x @ gate.T) * (x @ up.T)
    xs, hs = x.flatten(0, 1), h.flatten(0, 1)

    wanda = {
        "gate": masks_of(gate.abs() * xs.norm(dim=0)),
        "down": masks_of(down.abs() * hs.norm(dim=0)),
    }
    # Mean over sequences of squared norms, to the power one quarter: |W| * norm ** 0.5.
    factor = h.norm(dim=1).square().mean(dim=0) ** 0.25
    dass = {
        name: {k: m.T for k, m in masks_of((weight.abs() * factor[:, None]).T).items()}
        for name, weight in (("gate", gate), ("up", up))
    }

    gram = hs.double().T @ hs.double()
    swept = {}
    for name, (n, m) in {"2:4": (2, 4), "4:8": (4, 8), "50%": (0, 0)}.items():
        w, mask = sparse_gpt(down, gram, n, m)
        swept[name] = {"weight": encoded(w), "mask": bits(mask)}

    variance, mean = torch.var_mean(hs.double(), dim=0)
    wifv = variance * down.double().square().sum(dim=0)
    removed = wifv.argsort()[: INTER // 4].sort().values
    squared = wifv**2
    flap = {
        "scores": encoded(wifv),
        "standardised": encoded((wifv - wifv.mean()) / wifv.std()),
        "heads": encoded(
            ((squared - squared.mean()) / squared.std()).view(HEADS, -1).mean(dim=1)
        ),
        "removed": removed.tolist(),
        "bias": encoded(down.double()[:, removed] @ mean[removed]),
    }
    fixture = {
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "hidden": HIDDEN,
        "intermediate": INTER,
        "damping": DAMPING,
        "x": encoded(xs),
        "h": encoded(hs),
        "gate": encoded(gate),
        "up": encoded(up),
        "down": encoded(down),
        "wanda": {k: {p: bits(m) for p, m in v.items()} for k, v in wanda.items()},
        "dass": {k: {p: bits(m) for p, m in v.items()} for k, v in dass.items()},
        "sparsegpt": swept,
        "flap": flap,
    }
    with open(path, "w", encoding="utf-8") as out:
        json.dump(fixture, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
