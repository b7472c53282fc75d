// The linter's configuration, and the one table of who may import whom.

/** room -> rooms it may import besides itself (docs/decisions.md, "Layers"). */
const layers = {
  report: [],
  firmware: [],
  system: ["report"],
  inventory: ["firmware", "report"],
  kubernetes: ["inventory", "report"],
  seed: ["kubernetes", "inventory", "report"],
  image: ["firmware", "system", "report"],
  device: ["system", "report"],
  network: ["system", "report"],
  base: ["network", "image", "system", "report"],
  bundle: ["base", "network", "image", "system", "report"],
  supplies: [
    "bundle",
    "base",
    "network",
    "kubernetes",
    "inventory",
    "image",
    "system",
    "report",
  ],
  project: [
    "supplies",
    "bundle",
    "base",
    "network",
    "seed",
    "kubernetes",
    "inventory",
    "image",
    "system",
    "report",
  ],
  build: [
    "project",
    "supplies",
    "base",
    "network",
    "seed",
    "kubernetes",
    "inventory",
    "image",
    "firmware",
    "system",
    "report",
  ],
  release: [
    "project",
    "build",
    "seed",
    "kubernetes",
    "inventory",
    "image",
    "system",
    "report",
  ],
  flash: ["image", "device", "system", "report"],
  sources: [
    "flash",
    "build",
    "project",
    "base",
    "network",
    "seed",
    "kubernetes",
    "inventory",
    "image",
    "device",
    "system",
    "report",
  ],
  cluster: ["kubernetes", "inventory", "system", "report"],
  terminal: ["system", "report"],
  commands: [
    "terminal",
    "project",
    "supplies",
    "bundle",
    "build",
    "cluster",
    "sources",
    "flash",
    "release",
    "base",
    "network",
    "seed",
    "kubernetes",
    "inventory",
    "image",
    "device",
    "system",
    "report",
  ],
};

/** Files of these rooms compute only; what touches files there is named load-* or store-*. */
const pure = ["firmware", "inventory", "kubernetes", "seed"];

const outside = [
  "node:fs",
  "node:fs/promises",
  "node:child_process",
  "node:net",
  "node:http",
  "node:https",
  "node:os",
];

const noImport = (patterns, paths = []) => ({
  "no-restricted-imports": ["error", { patterns, paths }],
});

const layerPattern = (room, alsoAllowed = []) => {
  const allowed = new Set([room, ...layers[room], ...alsoAllowed]);
  const forbidden = Object.keys(layers).filter((name) => !allowed.has(name));
  return forbidden.length === 0
    ? []
    : [
        {
          regex: `^(\\.\\./)+(${forbidden.join("|")})/`,
          message: `Layers: ${room} may import only ${[...allowed].join(", ")}.`,
        },
      ];
};

const purePaths = outside.map((name) => ({
  name,
  message:
    "This room is pure: only its load-* and store-* files touch the outside world.",
}));

export default {
  plugins: ["typescript", "unicorn", "oxc", "import", "node", "promise"],
  jsPlugins: ["./lint/named-failures.js"],
  categories: { correctness: "error", suspicious: "error" },
  rules: {
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-unsafe-type-assertion": "off",
    "import/no-unassigned-import": "off",
    "no-console": "error",
    "no-await-in-loop": "off",
    "no-underscore-dangle": "off",
    "unicorn/no-process-exit": "error",
    "unicorn/consistent-function-scoping": "off",
    "unicorn/no-array-sort": "off",
    "unicorn/no-array-reverse": "off",
    "oxc/no-map-spread": "off",
    "typescript/restrict-template-expressions": "off",
    "no-shadow": "off",
    eqeqeq: "error",
    "prefer-const": "error",
  },
  overrides: [
    ...Object.keys(layers).map((room) => ({
      files: [`src/${room}/**`],
      rules: noImport(layerPattern(room), pure.includes(room) ? purePaths : []),
    })),
    ...pure.map((room) => ({
      files: [`src/${room}/**/load-*.ts`, `src/${room}/**/store-*.ts`],
      rules: noImport(layerPattern(room, ["system"])),
    })),
    {
      files: [
        "src/flash/plan-flash.ts",
        "src/build/plan-build.ts",
        "src/release/plan-release.ts",
        "src/device/target-rules.ts",
      ],
      rules: { "no-restricted-imports": ["error", { paths: purePaths }] },
    },
    {
      files: ["src/**"],
      rules: { "failures/named": "error" },
    },
    {
      files: ["src/cli.ts", "src/run-program.ts"],
      rules: { "no-console": "off", "unicorn/no-process-exit": "off" },
    },
    {
      files: ["src/commands/**"],
      rules: { "no-console": "off" },
    },
    {
      files: ["test/**", "docs/**", ".ci/executable/**", ".ci/renew/**"],
      rules: { "no-console": "off" },
    },
  ],
};
