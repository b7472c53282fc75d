// What a storage node's card exports, judged by exportfs in a mount namespace of its own.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parse } from "yaml";
import { renderSeed } from "./render-seed.ts";
import { describeAsRoot } from "../support/tools.ts";
import { judge } from "./judge.ts";
import { sampleProject, seedInput, storageNode } from "./sample-project.ts";

const folder = mkdtempSync(join(tmpdir(), "pi-image-exports-"));

afterAll(() => rmSync(folder, { recursive: true }));

const project = {
  ...sampleProject,
  nodes: [...sampleProject.nodes, storageNode],
};

const exportsFile = async (): Promise<string> => {
  const { seed } = renderSeed(await seedInput(project, storageNode));
  const { write_files } = parse(seed?.userData ?? "") as {
    readonly write_files: readonly {
      readonly path: string;
      readonly content: string;
    }[];
  };
  return (
    write_files.find(({ path }) => path === "/etc/exports.d/pi-image.exports")
      ?.content ?? ""
  );
};

/** What is exported where the disk is mounted, or is missing. */
const exported = (text: string, disk: "mounted" | "missing") => {
  writeFileSync(join(folder, "pi-image.exports"), text);
  return judge("unshare", [
    "--mount",
    "sh",
    "-ec",
    `mount -t tmpfs none /srv
     mkdir -p /srv/nfs
     [ ${disk} = missing ] || mount -t tmpfs none /srv/nfs
     mkdir -p /srv/nfs/volumes /etc/exports.d
     mount -t tmpfs none /var/lib/nfs
     touch /var/lib/nfs/etab
     mount --bind '${folder}' /etc/exports.d
     exportfs -ra && exportfs -s`,
  ]);
};

describeAsRoot(["exportfs", "unshare"], "exportfs", () => {
  it("exports the folder to the node's network, with nobody as root", async () => {
    const { status, output } = exported(await exportsFile(), "mounted");
    expect(status, output).toBe(0);
    expect(output).toMatch(
      /^\/srv\/nfs\/volumes +192\.168\.1\.0\/24\(.*\brw\b.*\broot_squash\b.*\ball_squash\b/m,
    );
    expect(output.trim().split("\n")).toHaveLength(1);
  });

  it("tells mountd to refuse where the disk is missing", async () => {
    const { output } = exported(await exportsFile(), "missing");
    expect(output).toContain("mountpoint=/srv/nfs");
  });

  it("refuses an option that there is none of", async () => {
    const text = (await exportsFile()).replace("root_squash", "root_squish");
    expect(exported(text, "mounted").output).toContain("root_squish");
  });
});
