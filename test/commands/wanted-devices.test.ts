// The helper reads the command line for devices only; it must find the same ones as the program proper.
import { expect, it } from "vitest";
import {
  DEVICE_COMMANDS,
  wantedDevices,
} from "../../src/commands/rights/wanted-devices.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../device/loop.ts";

it.each(Object.keys(DEVICE_COMMANDS))(
  "knows which options of %s take a value",
  async (command) => {
    const { stdout } = await runCli([command, "--help"], {
      cwd: temporaryFolder(),
    });
    const taking = [
      ...stdout.matchAll(/^ {2}(?:-\w, )?--([a-z0-9-]+) [<[]/gm),
    ].map(([, name]) => name);
    expect(new Set(taking)).toEqual(new Set(DEVICE_COMMANDS[command]));
  },
);

const write = (...paths: readonly string[]) => ({
  use: "write",
  paths,
  allowFixed: false,
  maxSize: 512 * 1024 ** 3,
  serials: [],
});

it.each([
  ["flash /dev/sda", write("/dev/sda")],
  ["flash /dev/sda /dev/sdb", write("/dev/sda")],
  ["flash -f home.yaml -o made --host w2 /dev/sda --yes", write("/dev/sda")],
  ["flash --out=made -fhome.yaml /dev/sda", write("/dev/sda")],
  ["flash -y -- /dev/sda", write("/dev/sda")],
  ["--json flash /dev/sda", write("/dev/sda")],
  [
    "flash --host a=/dev/sda,b=/dev/sdb --host c=/dev/sdc",
    write("/dev/sda", "/dev/sdb", "/dev/sdc"),
  ],
  [
    "flash --host w2 --patience 5m /dev/sda --max-size 1TB --allow-fixed --serial 0x1 --serial A,B",
    {
      ...write("/dev/sda"),
      allowFixed: true,
      maxSize: 1e12,
      serials: ["0x1", "A,B"],
    },
  ],
  ["flash /dev/sda --dry-run", { use: "read", paths: ["/dev/sda"] }],
  ["flash", write()],
  ["flash /dev/sda --help", { use: "nothing" }],
  ["verify /dev/sda out/a.img", { use: "read", paths: ["/dev/sda"] }],
  ["devices", { use: "look" }],
  ["devices --all --json", { use: "look" }],
  ["devices --test /dev/sda", write("/dev/sda")],
  ["devices --test=/dev/sda", write("/dev/sda")],
  ["build --host /dev/sda", { use: "nothing" }],
  ["help flash /dev/sda", { use: "nothing" }],
  ["", { use: "nothing" }],
])("%s", (line, wanted) => {
  expect(wantedDevices(line.split(" ").filter(Boolean))).toEqual(wanted);
});
