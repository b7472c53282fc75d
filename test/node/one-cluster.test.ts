// No order of events may begin a second cluster: a model of three control planes, in which each decides by the real script.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { describeWithTools } from "../support/tools.ts";

const BEGUN = ["nothing", "init", "join"] as const;
const DATA = ["empty", "data"] as const;
const OTHERS = ["silent", "etcd", "answer"] as const;
type Step =
  | "init"
  | "join"
  | "finish"
  | "set-aside"
  | "wait-data"
  | "wait-etcd"
  | "wait-others";

/** Whether the card is the first control plane's, and whether it was built for a cluster that was seen running. */
type Card = { readonly first: boolean; readonly replaces: boolean };

/** The script's answers to all questions, asked in one shell. */
const decisions = (script: string): ReadonlyMap<string, Step> => {
  const questions = [true, false].flatMap((first) =>
    [true, false].flatMap((replaces) =>
      BEGUN.flatMap((begun) =>
        DATA.flatMap((data) =>
          OTHERS.map((others) => ({ first, replaces, begun, data, others })),
        ),
      ),
    ),
  );
  const lines = questions.map(
    ({ first, replaces, begun, data, others }) =>
      `PI_IMAGE_KUBEADM=${first ? "init" : "join-control-plane"} PI_IMAGE_SEEN=${replaces ? "2026-11-20" : ""}; next_step ${begun} ${data} ${others}`,
  );
  const { stdout, status, stderr } = spawnSync(
    "bash",
    ["-euc", `state=/nowhere config=/nowhere\n${script}\n${lines.join("\n")}`],
    { encoding: "utf8" },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const answers = stdout.trim().split("\n") as Step[];
  expect(answers).toHaveLength(questions.length);
  return new Map(
    questions.map((question, n) => [
      JSON.stringify(question),
      answers[n] ?? "wait-others",
    ]),
  );
};

/** One control plane. `of` is the cluster whose state its disk has; `voter` that etcd counts on it. */
type Node = {
  readonly up: boolean;
  readonly card: Card;
  readonly begun: (typeof BEGUN)[number];
  readonly of: number;
  /** Whether the card that is in it wrote the state. */
  readonly own: boolean;
  /** Whether init or join came to its end and is on the disk. */
  readonly done: boolean;
};

/** `cut` are the pairs that do not reach each other; `ran` says whether a cluster was ever begun and finished. */
type World = {
  readonly nodes: readonly [Node, Node, Node];
  readonly cut: readonly string[];
  readonly ran: boolean;
  /** Each card is replaced at most so often, so that the model ends. */
  readonly flashes: number;
};

const fresh = (first: boolean, replaces: boolean): Node => ({
  up: false,
  card: { first, replaces },
  begun: "nothing",
  of: 0,
  own: true,
  done: false,
});

const START: World = {
  nodes: [fresh(true, false), fresh(false, false), fresh(false, false)],
  cut: [],
  ran: false,
  flashes: 2,
};

const PAIRS = ["0-1", "0-2", "1-2"] as const;
const pair = (a: number, b: number): string =>
  a < b ? `${a}-${b}` : `${b}-${a}`;

const withNode = (world: World, n: number, change: Partial<Node>): World => ({
  ...world,
  nodes: world.nodes.map((node, m) =>
    m === n ? { ...node, ...change } : node,
  ) as unknown as World["nodes"],
});

/** A majority of a cluster's members is up, so that its API servers answer; fewer are etcd alone. */
const runs = ({ nodes }: World, of: number): boolean => {
  const members = nodes.filter((node) => node.of === of);
  const voters = members.filter((node) => node.up && node.own);
  return voters.length * 2 > members.length;
};

const othersOf = (world: World, n: number): (typeof OTHERS)[number] => {
  const reached = world.nodes.filter(
    (node, m) =>
      m !== n &&
      node.up &&
      node.of > 0 &&
      node.own &&
      node.done &&
      !world.cut.includes(pair(n, m)),
  );
  return reached.some((node) => runs(world, node.of))
    ? "answer"
    : reached.length > 0
      ? "etcd"
      : "silent";
};

/** What a node that is up does next, whole and cut by the power in its middle. */
const acts = (
  world: World,
  n: number,
  decide: ReadonlyMap<string, Step>,
): readonly World[] => {
  const node = world.nodes[n];
  if (node === undefined || !node.up || node.done) {
    return [];
  }
  const others = othersOf(world, n);
  const step = decide.get(
    JSON.stringify({
      ...node.card,
      begun: node.begun,
      data: node.of > 0 ? "data" : "empty",
      others,
    }),
  );
  const theirs =
    world.nodes.find(
      (other, m) =>
        m !== n && other.up && other.done && !world.cut.includes(pair(n, m)),
    )?.of ?? 0;
  switch (step) {
    case "init": {
      // A number that no disk has: what this card itself had is cleared.
      const of = [1, 2, 3, 4].find((id) =>
        world.nodes.every((other, m) => m === n || other.of !== id),
      );
      const begun = withNode(world, n, {
        begun: "init",
        of: of ?? 4,
        own: true,
      });
      return [
        { ...withNode(begun, n, { done: true }), ran: true },
        withNode(begun, n, { up: false }),
        withNode(world, n, { begun: "init", of: 0, up: false }),
      ];
    }
    case "join":
    case "set-aside": {
      const joined = withNode(world, n, {
        begun: "join",
        of: theirs,
        own: true,
      });
      return [
        withNode(joined, n, { done: true }),
        withNode(joined, n, { up: false }),
        withNode(world, n, { begun: "join", of: 0, up: false }),
      ];
    }
    case "finish":
      return [withNode(world, n, { done: true })];
    default:
      return [];
  }
};

/** Everything that people and luck do; a card is built by a laptop that saw the cluster run, or by one that did not look. */
const happens = (world: World, looked: boolean): readonly World[] => [
  ...world.nodes.map((node, n) => withNode(world, n, { up: !node.up })),
  ...PAIRS.map((one) => ({
    ...world,
    cut: world.cut.includes(one)
      ? world.cut.filter((other) => other !== one)
      : [...world.cut, one].toSorted(),
  })),
  ...(world.flashes > 0
    ? world.nodes.flatMap((node, n) => {
        const left = { ...world, flashes: world.flashes - 1 };
        const card = fresh(n === 0, looked && world.ran);
        return [
          withNode(left, n, card),
          // A data disk keeps the state of the earlier card.
          ...(node.of > 0
            ? [
                withNode(left, n, {
                  ...card,
                  of: node.of,
                  own: false,
                }),
              ]
            : []),
        ];
      })
    : []),
];

/** Clusters that finished and have a member whose disk is there. */
const living = ({ nodes }: World): ReadonlySet<number> =>
  new Set(nodes.filter((node) => node.done && node.own).map(({ of }) => of));

/** A world in which two clusters were finished, reached from START; undefined where there is none. */
const secondCluster = (
  decide: ReadonlyMap<string, Step>,
  looked = true,
): World | undefined => {
  const known = new Set<string>();
  const left: World[] = [START];
  for (let world = left.pop(); world !== undefined; world = left.pop()) {
    if (living(world).size > 1) {
      return world;
    }
    const next = [
      ...happens(world, looked),
      ...world.nodes.flatMap((_, n) => acts(world, n, decide)),
    ];
    for (const one of next) {
      const name = JSON.stringify(one);
      if (!known.has(name)) {
        known.add(name);
        left.push(one);
      }
    }
  }
  expect(known.size).toBeGreaterThan(10_000);
  return undefined;
};

const SCRIPT = readFileSync(
  packageFile("cloud-init/files/usr/local/lib/pi-image/control-plane.sh"),
  "utf8",
);

describeWithTools(["bash"], "three control planes", () => {
  it("never make two clusters, whatever dies, is replaced or cannot be reached", () => {
    expect(secondCluster(decisions(SCRIPT))).toBeUndefined();
  });

  it("make two with a first card that always begins", () => {
    const eager = SCRIPT.replace("if may_begin;", "if true;");
    expect(eager).not.toBe(SCRIPT);
    expect(secondCluster(decisions(eager))).toBeDefined();
  });

  it("make two when nobody ever looked whether the cluster runs", () => {
    expect(secondCluster(decisions(SCRIPT), false)).toBeDefined();
  });
});
