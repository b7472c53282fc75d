// The clock of a cluster without the internet, asked by a real client of NTP in a network of its own.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { fileURLToPath } from "node:url";
import { describeAsRoot } from "../../support/tools.ts";

const SERVER = fileURLToPath(
  new URL(
    "../../../cloud-init/files/usr/local/lib/pi-image/time-server",
    import.meta.url,
  ),
);

const stateFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-time-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
};

/** In a network that has nothing but itself; the clock is not the machine's where the script says so. */
const alone = (script: string, folder: string) =>
  spawnSync("unshare", ["--net", "bash", "-euc", script], {
    encoding: "utf8",
    timeout: 60_000,
    env: {
      ...process.env,
      STATE_DIRECTORY: folder,
      SERVER,
    },
  });

/** Answers as soon as the file of the last time is there, which is written once it listens. */
const ASKED = `ip link set lo up
"$SERVER" & server=$!
trap 'kill "$server"' EXIT
until [[ -e $STATE_DIRECTORY/clock ]]; do read -rt 0.1 <> <(:) || true; done
ntpdig --json 127.0.0.1
ntpdig --json ::1
`;

describeAsRoot(["ip", "ntpdig", "python3", "unshare"], "time-server", () => {
  it("tells its own time over IPv4 and IPv6, as a clock that any true one outranks", () => {
    const folder = stateFolder();
    const { stdout, stderr, status } = alone(ASKED, folder);
    expect({ stderr, status }).toMatchObject({ status: 0 });
    const answers = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(answers).toMatchObject([
      { host: "127.0.0.1", stratum: 10, leap: "no-leap" },
      { host: "::1", stratum: 10, leap: "no-leap" },
    ]);
    for (const { offset } of answers) {
      expect(Math.abs(Number(offset))).toBeLessThan(1);
    }
  });

  it("answers no noise, and goes on", () => {
    const { stdout, status } = alone(
      `${ASKED.replace("ntpdig --json 127", "printf x >/dev/udp/127.0.0.1/123; head -c 48 /dev/zero >/dev/udp/127.0.0.1/123; ntpdig --json 127")}`,
      stateFolder(),
    );
    expect(status).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(2);
  });

  it("never sets a clock back to where it was last, and keeps where it is", () => {
    const folder = stateFolder();
    expect(alone('"$SERVER" restore', folder).status).toBe(0);
    alone(ASKED, folder);
    const long = new Date("2020-01-01T00:00:00Z");
    utimesSync(join(folder, "clock"), long, long);
    const before = Date.now();
    expect(alone('"$SERVER" restore', folder).status).toBe(0);
    expect(Math.abs(Date.now() - before)).toBeLessThan(60_000);
    alone(ASKED, folder);
    expect(statSync(join(folder, "clock")).mtimeMs).toBeGreaterThan(
      before - 60_000,
    );
  });

  it("sets a clock that is behind forward", () => {
    const folder = stateFolder();
    alone(ASKED, folder);
    // The machine's own clock is left alone: what would be set is told instead.
    const { stdout, stderr } = alone(
      `python3 - "$SERVER" <<'END'
import importlib.machinery, importlib.util, os, sys, time
loader = importlib.machinery.SourceFileLoader("server", sys.argv[1])
spec = importlib.util.spec_from_loader("server", loader)
server = importlib.util.module_from_spec(spec)
loader.exec_module(server)
os.utime(server.STAMP, (4102444800, 4102444800))
server.time.clock_settime = lambda clock, to: print(int(to))
server.restore()
END`,
      folder,
    );
    expect({ stdout, stderr }).toEqual({ stdout: "4102444800\n", stderr: "" });
  });
});
