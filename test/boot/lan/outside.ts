// Counts what nodes send to the router of a network for addresses elsewhere.
import { runTool } from "../../../src/system/run/run-tool.ts";
import type { Lan } from "./lan.ts";

const nft = (lan: Lan, ...words: readonly string[]) =>
  runTool("ip", ["netns", "exec", lan.namespace, "nft", ...words], {
    package: "nftables",
  });

/** The network itself, its broadcasts and multicasts, and what belongs to the cluster. */
const INSIDE =
  "{ 10.77.0.0/24, 224.0.0.0/4, 255.255.255.255, 10.244.0.0/16, 10.96.0.0/12 }";

/** @returns packets since then */
export const countOutside = async (
  lan: Lan,
): Promise<() => Promise<number>> => {
  for (const words of [
    "add table ip outside",
    "add counter ip outside elsewhere",
    "add chain ip outside before { type filter hook prerouting priority 0 ; }",
    `add rule ip outside before ip daddr != ${INSIDE} counter name elsewhere`,
  ]) {
    await nft(lan, words);
  }
  return async () => {
    const { stdout } = await nft(lan, "list counter ip outside elsewhere");
    const packets = /packets (\d+) bytes/.exec(stdout)?.[1];
    if (packets === undefined) {
      throw new Error(`nft does not tell its counter: ${stdout}`);
    }
    return Number(packets);
  };
};
