// An image that is built already has its Wi-Fi password: nobody is asked for it again to write the card.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tmpdir } from "node:os";
import { build } from "../../src/commands/build.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { answering } from "./answering.ts";

const inventory = (password: string, timezone = "Europe/Madrid") =>
  `cluster: {name: homelab, kubernetes: "1.36", endpoint: cplane}
defaults:
  timezone: ${timezone}
  users: [{name: ana}]
  wifi: {ssid: home, country: ES, password: ${password}}
nodes:
  - {name: cplane, role: control-plane, address: 192.168.1.50/24, gateway: 192.168.1.1}
  - {name: worker1, role: worker}
`;

describe("flash --host of a built image", () => {
  let folder = "";
  const path = () => join(folder, "project", "cluster.yaml");
  const run = async (
    command: typeof flash,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ) => {
    const base = { XDG_CACHE_HOME: join(folder, "cache"), PATH: "/usr/bin" };
    const { context, questions, told } = answering(
      { ...base, ...env },
      () => "wrong horse battery",
    );
    const error: unknown = await command(context, args, {
      inventory: path(),
      host: ["worker1"],
      out: join(folder, "project", "out"),
      maxSize: 1024 ** 4,
      format: "img",
      ...(command === flash ? { dryRun: true, yes: true } : { base: "sample" }),
    }).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    return { error, questions, told: told.join("\n") };
  };
  const flashing = (env: Readonly<Record<string, string>> = {}) =>
    run(flash, [join(folder, "card")], env);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pi-image-password-"));
    mkdirSync(join(folder, "project"));
    writeFileSync(path(), inventory("env:WIFI_PASSWORD"));
    const built = await run(
      (context, _args, given) => build(context, given),
      [],
      { WIFI_PASSWORD: "correct horse battery" },
    );
    expect(built.error).toBeUndefined();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    "env:WIFI_PASSWORD",
    "prompt",
    "exec:echo wrong horse battery",
    "file:gone",
  ])(
    "takes it where the password is %s and not at hand, and says so",
    async (reference) => {
      writeFileSync(path(), inventory(reference));
      const { error, questions, told } = await flashing();
      expect(error).toBeUndefined();
      expect(questions).toEqual([]);
      expect(told).toContain("worker1.img (");
      expect(told).toContain("was not compared");
    },
  );

  it("compares the password where it is at hand", async () => {
    writeFileSync(path(), inventory("env:WIFI_PASSWORD"));
    const same = await flashing({ WIFI_PASSWORD: "correct horse battery" });
    expect(same.told).toContain("worker1.img (");
    expect(same.told).not.toContain("was not compared");
    const other = await flashing({ WIFI_PASSWORD: "wrong horse battery" });
    expect(other.told).not.toContain("worker1.img (");
    expect(other.told).toContain("was built before something about worker1");
  });

  it("needs the password where something else has changed", async () => {
    writeFileSync(path(), inventory("env:WIFI_PASSWORD", "Europe/Rome"));
    const { error, questions, told } = await flashing({ SUDO_USER: "ana" });
    expect(error).toMatchObject({ code: "PROJECT_HAS_PROBLEMS" });
    expect(questions).toEqual([]);
    expect(told).toContain("sudo --preserve-env=WIFI_PASSWORD");
  });

  it("has no password and no digest of one alone in the manifest", () => {
    const manifest = readFileSync(
      join(folder, "project", "out", "worker1.manifest.json"),
      "utf8",
    );
    expect(manifest).toContain('"withoutPasswords": "');
    expect(manifest).not.toContain("horse");
  });
});
