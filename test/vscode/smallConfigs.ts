// Configs on the bundled model, beside which they lie.

/** A run that takes long enough to be interrupted. */
export const SMALL = `// Small enough for seconds, long enough to be interrupted.
{
  "model": "./tiny-llama",
  "ratio": 0.7,
  "text": "./text/calibration.txt",
  "heldout": "./text/heldout.txt",
  "calibration": { "windows": 16, "length": 64 },
  "search": { "preset": "quick", "windows": 4, "length": 64, "generations": 400 },
  "reform": { "windows": 16 },
  "evaluation": { "context": 64 },
}
`;

/** A comparison of two methods. */
export const TABLE = `// Two methods and the dense model: seconds.
{
  "model": "./tiny-llama",
  "ratio": 0.7,
  "text": "./text/calibration.txt",
  "heldout": "./text/heldout.txt",
  "calibration": { "windows": 8, "length": 64 },
  "evaluation": { "context": 64, "maxWindows": 8 },
  "compare": {
    "sparsity": ["magnitude", "wanda"],
    "patterns": ["2:4"],
    "scopes": ["mlp"],
    "structured": [],
  },
}
`;

/** A run that only puts zeros into weights. */
export const SPARSE = `// Two of four neighbours stay, along the inputs.
{
  "model": "./tiny-llama",
  "ratio": 1,
  "text": "./text/calibration.txt",
  "heldout": "./text/heldout.txt",
  "calibration": { "windows": 16, "length": 128 },
  "sparsify": { "method": "ours", "pattern": "2:4", "scope": "all", "groups": "inputs" },
  "evaluation": { "context": 128, "maxWindows": 32 },
}
`;
