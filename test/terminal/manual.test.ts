// Completions and the manual page, used by the shells and by man themselves.
import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

let folder = "";
const scripts = new Map<string, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pi-image-manual-"));
  writeFileSync(join(folder, "lab.img"), "");
  mkdirSync(join(folder, "lab-out"));
  writeFileSync(
    join(folder, "cluster.yaml"),
    "nodes:\n- {name: cplane, role: control-plane}\n- {name: worker1}\n- {name: worker2}\n- {name: $(touch hit)}\n",
  );
  writeFileSync(join(folder, "other.yaml"), "nodes: [{name: lonely}]\n");
  mkdirSync(join(folder, "bin"));
  writeFileSync(
    join(folder, "bin", "pi-image"),
    `#!/bin/sh\nexec ${process.execPath} ${inject("cli")} "$@"\n`,
    { mode: 0o755 },
  );
  for (const shell of ["bash", "zsh", "fish"]) {
    const { status, stdout, stderr } = await runCli(["completion", shell], {
      cwd: folder,
    });
    expect(status, stderr).toBe(0);
    const file = join(
      folder,
      shell === "zsh" ? "_pi-image" : `pi-image.${shell}`,
    );
    writeFileSync(file, stdout);
    scripts.set(shell, file);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (
  tool: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string =>
  execFileSync(tool, args, {
    cwd: folder,
    encoding: "utf8",
    env: {
      PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
      HOME: folder,
      TERM: "dumb",
      ...env,
    },
    stdio: "pipe",
  });

/** What a shell offers behind these words; the last one is being typed. */
type Offer = (...words: readonly string[]) => readonly string[];

const expectOffers = (offer: Offer): void => {
  expect(offer("fl")).toEqual(["flash"]);
  expect(offer("")).toEqual(
    expect.arrayContaining(["init", "build", "flash", "release", "completion"]),
  );
  expect(offer("build", "--for")).toEqual(["--format"]);
  expect(offer("build", "--format", "img.")).toEqual(["img.xz", "img.zst"]);
  expect(offer("secrets", "ro")).toEqual(["rotate"]);
  expect(offer("completion", "f")).toEqual(["fish"]);
  expect(offer("flash", "lab.")).toEqual(["lab.img"]);
  expect(offer("build", "--out", "lab")).toEqual(["lab-out"]);
  expect(offer("build", "--host", "")).toEqual([
    "cplane",
    "worker1",
    "worker2",
  ]);
  expect(offer("build", "-f", "other.yaml", "--host", "")).toEqual(["lonely"]);
  expect(offer("doctor", "w")).toEqual(["worker1", "worker2"]);
  expect(offer("build", "--base", "ubuntu-24")).toEqual(["ubuntu-24.04"]);
  expect(offer("build", "--format=img.x")).toEqual([
    expect.stringMatching(/^(--format=)?img\.xz$/),
  ]);
};

describeWithTools(["bash", "shellcheck"], "bash", () => {
  it("offers commands, options, choices and files", () => {
    expectOffers((...words) =>
      run("bash", [
        "-c",
        'source "$1"; shift; COMP_WORDS=(pi-image "$@"); COMP_CWORD=$#; compopt() { :; }; _pi_image; printf "%s\\n" "${COMPREPLY[@]}"',
        "bash",
        scripts.get("bash") ?? "",
        // bash itself cuts words there: COMP_WORDBREAKS.
        ...words.flatMap((word) => word.split(/(=)/)),
      ])
        .split("\n")
        .filter((line) => line !== ""),
    );
  });

  it("gets a script that shellcheck accepts", () => {
    expect(
      spawnSync("shellcheck", [scripts.get("bash") ?? ""], { encoding: "utf8" })
        .stdout,
    ).toBe("");
  });
});

describeWithTools(["fish"], "fish", () => {
  it("offers commands, options, choices and files", () => {
    expectOffers((...words) =>
      run("fish", [
        "--no-config",
        "-c",
        `source ${scripts.get("fish") ?? ""}; complete -C ${JSON.stringify(["pi-image", ...words].join(" "))}`,
      ])
        .split("\n")
        .map((line) => line.split("\t")[0]?.replace(/\/$/, "") ?? "")
        .filter((line) => line !== ""),
    );
  });
});

/** A shell of zsh that writes down what is offered: `compadd` is where every completion ends. */
const ZSHRC = `
PROMPT=
unsetopt zle_bracketed_paste
fpath=($CAPTURE $fpath)
autoload -U compinit
compinit -u -D
compadd() {
  # With one of these it only computes.
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a found
  builtin compadd -O found "$@"
  print -rl -- $found >>$CAPTURE/hits
  builtin compadd "$@"
}
cd $CAPTURE
print ready >$CAPTURE/ready
`;

/** Types a line and a tab into a terminal with that shell. */
const ZSH_TYPIST = `
zmodload zsh/zpty
zpty z zsh -i
for i in {1..200}; do [[ -s $CAPTURE/ready ]] && break; sleep 0.1; done
zpty -w -n z "$1"$'\\t'
for i in {1..100}; do [[ -s $CAPTURE/hits ]] && break; sleep 0.1; done
sleep 0.3
zpty -d z
`;

describeWithTools(["zsh"], "zsh", () => {
  it("offers commands, options, choices and files", () => {
    writeFileSync(join(folder, ".zshrc"), ZSHRC);
    writeFileSync(join(folder, "typist.zsh"), ZSH_TYPIST);
    expectOffers((...words) => {
      for (const name of ["hits", "ready"]) {
        rmSync(join(folder, name), { force: true });
      }
      run("zsh", ["-f", "typist.zsh", ["pi-image", ...words].join(" ")], {
        CAPTURE: folder,
        ZDOTDIR: folder,
      });
      const hits = readFileSync(join(folder, "hits"), "utf8").trim();
      return [...new Set(hits.split("\n"))]
        .filter((hit) => hit !== "")
        .toSorted();
    });
  });
});

describeWithTools(["mandoc"], "the manual page", () => {
  const page = packageFile("docs/reference/pi-image.1");

  it("is one that mandoc finds nothing wrong with", () => {
    const { stdout } = spawnSync("mandoc", ["-Tlint", page], {
      encoding: "utf8",
    });
    // A date would change with every version.
    expect(
      stdout
        .split("\n")
        .filter((line) => line !== "" && !line.includes("missing date")),
    ).toEqual([]);
    const broken = spawnSync("mandoc", ["-Tlint"], {
      input: ".TH X 1\n.SH NAME\n.QQ\n",
      encoding: "utf8",
    });
    expect(broken.stdout).toContain("unknown macro");
  });

  it("tells every command with its options", () => {
    // Bold is a letter, a backspace and the letter again.
    const shown = run("mandoc", ["-Tascii", page])
      .split("\b")
      .map((part, index, parts) =>
        index < parts.length - 1 ? part.slice(0, -1) : part,
      )
      .join("");
    for (const words of [
      "pi-image flash [options] [target] [image]",
      "--not-secret place",
      "EXIT STATUS",
      "SOURCE_DATE_EPOCH",
    ]) {
      expect(shown).toContain(words);
    }
  });
});
