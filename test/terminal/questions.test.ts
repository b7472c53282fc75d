// Every question on a real terminal: it is seen while it is answered, what is typed is seen unless it is a secret, and it can be left.
import { pbkdf2Sync } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../device/loop.ts";
import { describeWithTools } from "../support/tools.ts";
import { type Screen, startScreen } from "./screen.ts";

const QUESTIONS = [
  ["Name of the cluster?", "homelab", "haus"],
  [
    "Names of the nodes, control plane first?",
    "cplane worker1 worker2",
    "eins zwei",
  ],
  ["User to log in as?", undefined, "ana"],
  ["File of the public SSH key, or none?", "none", "none"],
  ["Wi-Fi network, or none for cables?", "none", "Café 网络 📶"],
  ["Country of the Wi-Fi, two letters?", "US", "ES"],
] as const;

// eslint-disable-next-line no-control-regex -- an escape sequence
const COLOR = /\u001B\[[\d;]*m/;

/** A narrow terminal breaks lines anywhere, and a blank at the end of a row is not seen. */
const packed = (rows: readonly string[]): string =>
  rows.join("").replaceAll(" ", "");

const sees = (screen: Screen, ...texts: readonly string[]): void => {
  const all = packed(screen.rows());
  for (const text of texts) {
    expect(all).toContain(text.replaceAll(" ", ""));
  }
};

/** None of these is in anything that pi-image prints, so that a single byte of it on the terminal is a leak. */
const SECRET = "§¶ÐÞß¤×÷";

const INVENTORY = `cluster: {name: homelab}
defaults:
  users: [{name: ana, sshKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF1v3OIyWmXV2qS5HuPdNUyUIQlxvEWpDyf9aZbGZ8h5 ana"]}]
  wifi: {ssid: Zuhause, country: DE, password: prompt}
nodes:
  - {name: cplane, role: control-plane}
`;

/** As WPA2 makes it of a passphrase and the name of the network. */
const derivedKey = (passphrase: string): string =>
  pbkdf2Sync(passphrase, "Zuhause", 4096, 32, "sha1").toString("hex");

const projectFolder = (): string => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "cluster.yaml"), INVENTORY);
  return folder;
};

describeWithTools(["python3"], "the questions of init", () => {
  it.each([
    ["40 columns", { columns: 40 }],
    ["80 columns", { columns: 80 }],
    ["200 columns without colours", { columns: 200, env: { NO_COLOR: "1" } }],
    ["a dumb terminal", { columns: 80, env: { TERM: "dumb" } }],
  ])("are seen with their defaults and answers on %s", async (_name, how) => {
    const cwd = temporaryFolder();
    const screen = startScreen(["init"], { cwd, ...how });
    const seen: string[] = [];
    for (const [question, fallback, answer] of QUESTIONS) {
      await screen.waitFor(question);
      if (fallback !== undefined) {
        await screen.waitFor(`${question} (${fallback})`);
      }
      screen.type(answer);
      await screen.waitUntil(
        (rows) => packed(rows).endsWith(answer.replaceAll(" ", "")),
        `${answer} was seen`,
      );
      seen.push(question, answer);
      sees(screen, ...seen);
      screen.type("\r");
    }
    expect(await screen.ended()).toBe(0);
    const text = readFileSync(join(cwd, "cluster.yaml"), "utf8");
    expect(text).toContain("{name: zwei, role: worker}");
    expect(text).toContain("Café 网络 📶");
    if ("env" in how) {
      expect(screen.raw()).not.toMatch(COLOR);
      expect(screen.raw().includes("\u001B")).toBe(!("TERM" in how.env));
    } else {
      expect(screen.raw()).toMatch(COLOR);
    }
  });

  it.each([
    ["Ctrl-C", "\u0003", "xterm"],
    ["Ctrl-D", "\u0004", "xterm"],
    ["Ctrl-C", "\u0003", "dumb"],
    ["Ctrl-D", "\u0004", "dumb"],
  ])("are left with %s (%j) on %s", async (_name, key, TERM) => {
    const cwd = temporaryFolder();
    const screen = startScreen(["init"], { cwd, env: { TERM } });
    await screen.waitFor("Name of the cluster?");
    screen.type("haus\r");
    await screen.waitFor("control plane first?");
    screen.type(key);
    expect(await screen.ended()).toBe(130);
    expect(screen.rows().slice(-2)).toEqual([
      expect.stringMatching(/^error\[CANCELLED\]: /),
      "state: nothing was written",
    ]);
    sees(screen, "Name of the cluster?", "haus", "control plane first?");
    expect(existsSync(join(cwd, "cluster.yaml"))).toBe(false);
  });

  it.each(["xterm", "dumb"])(
    "end with the window of the terminal, as by its signal, on %s",
    async (TERM) => {
      const cwd = temporaryFolder();
      const screen = startScreen(["init"], { cwd, env: { TERM } });
      await screen.waitFor("Name of the cluster?");
      screen.hangUp();
      expect(await screen.ended()).toBe(128 + constants.signals.SIGHUP);
    },
  );
});

describeWithTools(["python3"], "a secret that is asked for", () => {
  const build = (cwd: string, TERM: string, columns: number) =>
    startScreen(["build", "--format", "seed", "--base", "sample"], {
      cwd,
      columns,
      env: { TERM },
    });
  const expectUnseen = (screen: Screen): void => {
    const bytes = Buffer.from(screen.raw(), "latin1").toString("utf8");
    expect(Array.from(SECRET).filter((one) => bytes.includes(one))).toEqual([]);
  };

  // Ctrl-T, arrows and backspaces among it: no key may show it, and it must arrive as meant.
  const EDITED = `\u0014${SECRET.slice(0, 4)}${SECRET}\u007F\u007F\u007F\u007F\u007F\u007F\u007F\u007F${SECRET.slice(4)}\u001B[A`;

  it.each([
    ["xterm", 80],
    ["xterm", 40],
    ["dumb", 80],
  ])(
    "is never seen on %s with %i columns, however it is typed",
    async (TERM, columns) => {
      const cwd = projectFolder();
      const screen = build(cwd, TERM, columns);
      await screen.waitFor("Password of the Wi-Fi network Zuhause:");
      screen.type(EDITED);
      await screen.resize(columns - 7);
      // A blank at its end is part of it.
      screen.type("abcdefgh \r");
      expect(await screen.ended()).toBe(0);
      expectUnseen(screen);
      const seed = readFileSync(join(cwd, "out/cplane/network-config"), "utf8");
      expect(seed).toContain(`password: ${derivedKey(`${SECRET}abcdefgh `)}\n`);
    },
  );

  it.each(["xterm", "dumb"])(
    "is not seen either when it is left half typed on %s",
    async (TERM) => {
      const cwd = projectFolder();
      const screen = build(cwd, TERM, 80);
      await screen.waitFor("Password of the Wi-Fi network Zuhause:");
      screen.type(`${SECRET}\u0003`);
      expect(await screen.ended()).toBe(130);
      expectUnseen(screen);
      expect(screen.rows().at(-1)).toBe("state: nothing was written");
      expect(existsSync(join(cwd, "out"))).toBe(false);
    },
  );
});

describeWithTools(["python3"], "the question whether a command may run", () => {
  const withCommand = (): string => {
    const folder = temporaryFolder();
    const command = "echo ran >>ran; echo correct horse battery";
    writeFileSync(
      join(folder, "cluster.yaml"),
      INVENTORY.replace("password: prompt", `password: "exec:${command}"`),
    );
    return folder;
  };
  const asked = [
    "cluster.yaml runs this command as you, to get a password:",
    "echo ran >>ran; echo correct horse battery",
    "Run it? Type yes to allow it (anything else stops):",
  ];

  it("comes before a card's name is asked for, and each of the two can stop a flash", async () => {
    const cwd = withCommand();
    writeFileSync(join(cwd, "card"), "as it was");
    const screen = startScreen(
      ["flash", "card", "--host", "cplane", "--base", "sample"],
      { cwd },
    );
    await screen.waitFor(asked.at(-1) ?? "");
    sees(screen, ...asked);
    expect(existsSync(join(cwd, "ran"))).toBe(false);
    screen.type("yes\r");
    await screen.waitFor("Type its name, card, to confirm");
    expect(readFileSync(join(cwd, "ran"), "utf8")).toBe("ran\n");
    screen.type("yes\r");
    expect(await screen.ended()).toBe(130);
    sees(screen, "card was not confirmed", "nothing was written");
    expect(readFileSync(join(cwd, "card"), "utf8")).toBe("as it was");
    expect(existsSync(join(cwd, "homelab.secrets.yaml"))).toBe(false);
  });

  it("stops a release with anything but yes", async () => {
    const cwd = withCommand();
    const screen = startScreen(["release", "--base", "sample"], { cwd });
    await screen.waitFor(asked.at(-1) ?? "");
    sees(screen, ...asked);
    screen.type("y\r");
    expect(await screen.ended()).toBe(130);
    sees(screen, "you did not allow the command of cluster.yaml");
    expect(existsSync(join(cwd, "ran"))).toBe(false);
    expect(existsSync(join(cwd, "release"))).toBe(false);
  });
});
