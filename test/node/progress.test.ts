// What a person and the journal see of a step that takes minutes, and of a message that is too long.
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { controlPlane, sampleProject } from "../seed/sample-project.ts";
import { describeNode, layNode, runOnNode, screen } from "./fake-node.ts";

/** Runs shell commands beside what the node's scripts share. */
const run = async (commands: string) => {
  const root = await layNode({ project: sampleProject, node: controlPlane });
  const file = join(root, "usr/local/lib/pi-image/try");
  writeFileSync(
    file,
    `#!/bin/bash\n. "\${0%/*}/lib.sh"\ntrap - ERR\nset +e\n${commands}`,
  );
  chmodSync(file, 0o755);
  const { code, output } = await runOnNode(root, "usr/local/lib/pi-image/try");
  return {
    code,
    output,
    screen: () => screen(root),
    log: () => readFileSync(join(root, "run/pi-image/log"), "utf8"),
  };
};

/** Goes on when the console has had a sign of life. */
const SLOW = `beat=0.2
cat >"$root/slow" <<'END'
echo "[certs] Generating"
printf 'half a '
until grep -q "min so far" "$1/dev/tty1"; do :; done
echo line >&2
exit 3
END
followed 600 bash "$root/slow" "$root"
`;

describeNode("a step that takes minutes", () => {
  it("is seen to live, and keeps its output and its code", async () => {
    const { code, output, screen: shown, log } = await run(SLOW);
    expect(code, output).toBe(3);
    expect(log()).toBe("[certs] Generating\nhalf a line\n");
    expect(output).toMatch(
      /^\[certs\] Generating\n(?:.*min so far: \[certs\] Generating\.\n)+half a line\n$/,
    );
    expect(shown()[0]).toMatch(
      /^node: This has taken \d min so far: \[certs\] Generating\.$/,
    );
  });

  it("ends with an output that has no last line break", async () => {
    const { code, output, log } = await run(
      "followed 600 printf 'one\\ntwo'\n",
    );
    expect([code, log(), output]).toEqual([0, "one\ntwo\n", "one\ntwo\n"]);
  });

  it("says so when it was stopped", async () => {
    const { code, log } = await run(
      "timeout() { return 124; }\nfollowed 600 kubeadm init\n",
    );
    expect(code).toBe(124);
    expect(log()).toBe(
      "kubeadm did not end within 600 seconds and was stopped\n",
    );
  });
});

describeNode("the last line on the console", () => {
  it("is how things are, and is not repeated while they stay so", async () => {
    const wait = 'problem waiting "The other node is off."\n';
    const { screen: shown } = await run(
      `export PI_IMAGE_PHASE=try\n${wait}${wait}doing "Step one."\n${wait}doing "Step one."\n${wait}problem failed-retrying "It broke."\n${wait}`,
    );
    expect(shown().map((line) => line.replace(/^\w+: /, ""))).toEqual([
      "The other node is off.",
      "Step one.",
      "The other node is off.",
      "It broke.",
      "The other node is off.",
    ]);
  });
});

describeNode("a long message", () => {
  it.each([
    [
      "ends with a sentence",
      `${"A sentence here. ".repeat(30)}`,
      /^(A sentence here\. )+A sentence here$/,
    ],
    ["ends with a word", "word ".repeat(100), /^(word )+\.\.\.$/],
    [
      "stays whole where it fits",
      "Short, and\nin two lines.",
      /^Short, and in two lines$/,
    ],
  ])("%s", async (_case, text, wanted) => {
    const { output } = await run(`one_line <<'END'\n${text}\nEND\n`);
    expect(output.trim()).toMatch(wanted);
    expect(output.trim().length).toBeLessThanOrEqual(300);
  });
});
