// A finished node whose data disk does not answer says so, and takes it back when the disk answers.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  sampleNode,
  sampleProject,
  storageNode,
} from "../seed/sample-project.ts";
import {
  calls,
  describeNode,
  layNode,
  runOnNode,
  screen,
  status,
} from "./fake-node.ts";

const DONE = {
  "var/lib/pi-image/done": "",
  "var/lib/pi-image/status.json": '{"state":"done"}\n',
};

const keeping = {
  ...sampleNode,
  storage: "sd+usb-data",
  dataMount: "/srv/data",
} as const;

const tell = async (root: string) => {
  const { code, output } = await runOnNode(
    root,
    "usr/local/lib/pi-image/data-disk",
  );
  expect({ code, output }).toMatchObject({ code: 0 });
};

const note = (root: string) => join(root, "var/lib/pi-image/notes/data");

describeNode("a data disk that is missing at a later boot", () => {
  it.each([
    [
      keeping,
      "/srv/data",
      "The container runtime and the kubelet wait for it, and nothing is written to the card instead.",
    ],
    [
      storageNode,
      "/srv/nfs",
      "Nothing is exported until it does, and nothing is written to the card instead.",
    ],
  ] as const)("is told, and forgotten", async (node, place, waits) => {
    const root = await layNode({
      project: { ...sampleProject, nodes: [...sampleProject.nodes, node] },
      node,
      files: DONE,
      after: {
        4: `cat var/lib/pi-image/status.json >world/told`,
        6: `echo ${place} >world/mounts`,
      },
    });
    await tell(root);
    const said = `The data disk for ${place} has not answered since this start. ${waits} Check the disk, its cable and its power.`;
    expect(screen(root)).toEqual([
      `storage: ${said}`,
      "storage: The data disk answers now.",
    ]);
    expect(JSON.parse(readFileSync(join(root, "world/told"), "utf8"))).toEqual({
      state: "done",
      notes: { data: said },
    });
    expect(status(root)).toEqual({ state: "done" });
    expect(existsSync(note(root))).toBe(false);
  });

  it("is not worth a word where it is there, or where the phases have not ended", async () => {
    for (const files of [
      { ...DONE, "world/mounts": "/srv/data\n" },
      {},
    ] as const) {
      const root = await layNode({
        project: sampleProject,
        node: keeping,
        files,
      });
      await tell(root);
      expect(screen(root)).toEqual([]);
      expect(calls(root, "sleep")).toEqual([]);
    }
  });
});
