// Loaded before a program (node --import), so that it dies at an exact point: just before its n-th call that changes which
// files there are. $PI_IMAGE_TEST_KILL_AT has n.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

let left = Number(process.env["PI_IMAGE_TEST_KILL_AT"]);

for (const name of ["link", "mkdir", "open", "rename", "rm", "unlink"]) {
  const real = fs[name];
  fs[name] = (...args) => {
    // Only to read.
    const changes = name !== "open" || ![undefined, "r", 0].includes(args[1]);
    left -= changes ? 1 : 0;
    if (left === 0) {
      process.kill(process.pid, "SIGKILL");
    }
    return real(...args);
  };
}
syncBuiltinESMExports();
