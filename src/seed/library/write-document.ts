// Writes a document in the YAML that cloud-init and netplan read.
import { dump } from "js-yaml";
import type { Value } from "./tree.ts";

/**
 * js-yaml quotes texts that YAML 1.1 would take for something else (`no`, `0644`, `12:34:56`), as cloud-init's PyYAML needs
 * it; lines are never folded. `header` consists of whole lines.
 */
export const writeDocument = (header: string, value: Value): string =>
  header + dump(value, { lineWidth: -1, noRefs: true });
