// Writes a document in the YAML that cloud-init and netplan read.
import { dump } from "js-yaml";
import type { Value } from "./tree.ts";

/**
 * js-yaml quotes what YAML 1.1 would take for something else (`no`, `0644`, `12:34:56`), which cloud-init's PyYAML needs;
 * lines are never folded. `header` are whole lines.
 */
export const writeDocument = (header: string, value: Value): string =>
  header + dump(value, { lineWidth: -1, noRefs: true });
