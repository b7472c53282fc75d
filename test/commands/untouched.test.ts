// Every look and every question comes before the first write: what is refused or declined leaves the folder as it was.
import { createHash } from "node:crypto";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { build } from "../../src/commands/build.ts";
import { devices } from "../../src/commands/devices/devices.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { node } from "../../src/commands/node/node.ts";
import { release } from "../../src/commands/release.ts";
import { verify } from "../../src/commands/verify.ts";
import { UserError } from "../../src/report/user-error.ts";
import { sparseFile, temporaryFolder } from "../device/loop.ts";
import { answering } from "./answering.ts";

const MIB = 1024 ** 2;

const INVENTORY = `cluster: {name: homelab, kubernetes: "1.36", endpoint: cplane}
defaults: {base: ubuntu-24.04, users: [{name: ana}]}
nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - {name: worker1, role: worker}
  - {name: worker2, role: worker, card: {serial: "0x1234"}}
`;

/** Of large files, whose time of change tells as well. */
const COMPARED = 64 * 1024;

const digestOf = (path: string): string => {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(COMPARED);
    readSync(file, bytes);
    return createHash("sha256").update(bytes).digest("hex");
  } finally {
    closeSync(file);
  }
};

/** Every name below a folder, with type, mode, time of the last change and content. */
const snapshot = (folder: string): readonly string[] =>
  [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" })]
    .toSorted()
    .map((name) => {
      const path = join(folder, name);
      const { mode, mtimeMs, size } = lstatSync(path);
      const content = lstatSync(path).isFile() ? digestOf(path) : "";
      return `${name} ${mode.toString(8)} ${mtimeMs} ${size} ${content}`;
    });

const makeProject = () => {
  const home = temporaryFolder();
  const folder = join(home, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "cluster.yaml"), INVENTORY);
  const card = sparseFile(join(folder, "card"), 140 * MIB);
  const other = sparseFile(join(folder, "other"), MIB);
  const env = { ...process.env, XDG_CACHE_HOME: join(home, "cache") };
  const common = {
    inventory: join(folder, "cluster.yaml"),
    out: join(folder, "out"),
    base: "sample",
    maxSize: 512 * 1024 ** 3,
  };
  return { folder, card, other, env, common };
};

const codeOf = (error: unknown): string =>
  error instanceof UserError
    ? error.code
    : error instanceof Error
      ? error.name
      : "none";

type Case = {
  readonly title: string;
  /** UserError's code, or the name of another error; "none" where the command succeeds. */
  readonly code: string;
  readonly asked?: number;
  readonly run: (project: ReturnType<typeof makeProject>) => Promise<{
    readonly questions: readonly string[];
    readonly error: unknown;
  }>;
};

type Project = ReturnType<typeof makeProject>;
type Command = (context: Parameters<typeof flash>[0]) => Promise<void>;

const interrupted = (): never => {
  throw new DOMException("Aborted", "AbortError");
};

const running = async (
  { env }: Project,
  command: Command,
  answer: (question: string) => string = () => "no",
) => {
  const { context, questions } = answering(env, answer);
  const error = await command(context).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return { questions, error };
};

const flashing =
  (more: Readonly<Record<string, unknown>>, answer?: () => string) =>
  (project: Project) =>
    running(
      project,
      (context) =>
        flash(context, [project.card], {
          ...project.common,
          host: ["worker1"],
          ...more,
        }),
      answer,
    );

const CASES: readonly Case[] = [
  {
    title: "flash --host --dry-run",
    code: "none",
    run: flashing({ dryRun: true, yes: true }),
  },
  {
    title: "flash --host, answered with no",
    code: "CANCELLED",
    asked: 1,
    run: flashing({}),
  },
  {
    title: "flash --host, stopped at the question",
    code: "AbortError",
    asked: 1,
    run: flashing({}, interrupted),
  },
  {
    title: "flash of two nodes, the second answered with no",
    code: "CANCELLED",
    asked: 2,
    run: (project) =>
      running(
        project,
        (context) =>
          flash(context, [], {
            ...project.common,
            host: [`worker1=${project.card}`, `cplane=${project.card}-2`],
          }),
        (question) => (question.includes("card-2") ? "no" : "card"),
      ),
  },
  {
    title: "flash --host with a mistyped target",
    code: "TARGET_MISSING",
    run: (project) =>
      running(project, (context) =>
        flash(context, ["/dev/no-such-card"], {
          ...project.common,
          host: ["worker1"],
        }),
      ),
  },
  {
    title: "flash --host onto what is not a disk",
    code: "TARGET_NOT_A_DEVICE",
    run: (project) =>
      running(project, (context) =>
        flash(context, ["/dev/null"], {
          ...project.common,
          host: ["worker1"],
        }),
      ),
  },
  {
    title: "flash of a node that is bound to another card",
    code: "TARGET_WRONG_CARD",
    run: flashing({ host: ["worker2"], serial: ["0x99"] }),
  },
  {
    title: "flash --host of a base that does not exist",
    code: "BASE_NOT_FOUND",
    run: flashing({ base: "no-such.img" }),
  },
  {
    title: "flash --host of a base that is not a disk",
    code: "IMAGE_NOT_AN_IMAGE",
    run: (project) =>
      flashing({ base: project.other, insecure: true })(project),
  },
  {
    title: "flash --host where the out folder is a file",
    code: "OUT_FOLDER_UNUSABLE",
    run: (project) => flashing({ out: project.other })(project),
  },
  {
    title: "build --dry-run",
    code: "none",
    run: (project) =>
      running(project, (context) =>
        build(context, { ...project.common, format: "img", dryRun: true }),
      ),
  },
  {
    title: "build to an age recipient that is none",
    code: "AGE_RECIPIENT_WRONG",
    run: (project) =>
      running(project, (context) =>
        build(context, {
          ...project.common,
          format: "seed",
          encryptTo: ["age1nobody"],
        }),
      ),
  },
  {
    title: "build from what is not a disk image",
    code: "IMAGE_NOT_AN_IMAGE",
    run: (project) =>
      running(project, (context) =>
        build(context, {
          ...project.common,
          base: project.card,
          insecure: true,
          format: "img",
        }),
      ),
  },
  {
    title: "build into a file",
    code: "OUT_FOLDER_UNUSABLE",
    run: (project) =>
      running(project, (context) =>
        build(context, { ...project.common, out: project.card, format: "img" }),
      ),
  },
  {
    title: "release --dry-run",
    code: "none",
    run: (project) =>
      running(project, (context) =>
        release(context, { ...project.common, dryRun: true }),
      ),
  },
  {
    title: "release from what is not a disk image",
    code: "IMAGE_NOT_AN_IMAGE",
    run: (project) =>
      running(project, (context) =>
        release(context, {
          ...project.common,
          base: project.card,
          insecure: true,
        }),
      ),
  },
  {
    title: "node add of a name that is taken",
    code: "PROJECT_HAS_PROBLEMS",
    run: (project) =>
      running(project, (context) =>
        node(context, ["add", "worker1"], {
          inventory: project.common.inventory,
          role: "worker",
        }),
      ),
  },
  {
    title: "verify without a receipt",
    code: "RECEIPT_UNREADABLE",
    run: (project) =>
      running(project, (context) =>
        verify(context, [project.card], project.common),
      ),
  },
  {
    title: "devices --test, answered with no",
    code: "CANCELLED",
    asked: 1,
    run: (project) =>
      running(project, (context) =>
        devices(context, { ...project.common, test: project.card }),
      ),
  },
];

describe("leaves the project's folder byte for byte as it was:", () => {
  it.each(CASES)("$title", async ({ code, asked = 0, run }) => {
    const project = makeProject();
    const before = snapshot(project.folder);
    const { questions, error } = await run(project);
    expect(codeOf(error), String(error)).toBe(code);
    expect(questions).toHaveLength(asked);
    expect(snapshot(project.folder)).toEqual(before);
  });
});

describe("what is kept is what was shown", () => {
  it("flashes with the very secrets and lockfile that it keeps after the answer", async () => {
    const project = makeProject();
    const { questions, error } = await flashing({}, () => "card")(project);
    expect(error).toBeUndefined();
    expect(questions).toHaveLength(1);
    expect(readdirSync(project.folder).toSorted()).toEqual([
      ".gitignore",
      "card",
      "cluster.lock.json",
      "cluster.yaml",
      "homelab.secrets.yaml",
      "other",
      "out",
    ]);
    const secrets = readFileSync(
      join(project.folder, "homelab.secrets.yaml"),
      "utf8",
    );
    const authority =
      /ca:\n\s+certificate: \|\n([\s\S]*?)END/.exec(secrets)?.[1] ?? "";
    const line = authority.split("\n")[1]?.trim() ?? "";
    expect(line.length).toBeGreaterThan(40);
    const userData = readFileSync(project.card)
      .subarray(0, 70 * MIB)
      .toString("latin1");
    expect(userData).toContain("instance-id: pi-image-worker1-");
  });
});
