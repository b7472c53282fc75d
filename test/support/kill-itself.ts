// Programs that are killed at an exact point of their work.
const PRELOAD = new URL("kill-itself.mjs", import.meta.url).href;

/** For a Node.js program: dies just before its n-th call that makes, renames or removes a file. */
export const killedAtCall = (count: number) => ({
  NODE_OPTIONS: `--import=${PRELOAD}`,
  PI_IMAGE_TEST_KILL_AT: String(count),
});
