// The JSON Schema of cluster.yaml, for editors; profiles/cluster.schema.json is this value as a file.
import { z } from "zod";
import { inventorySchema } from "./cluster-schema.ts";

/** JSON Schema, draft 2020-12. Comparing two values with each other is left to `pi-image check`. */
export const clusterSchemaJson = (): Readonly<Record<string, unknown>> => {
  const { $schema, ...schema } = z.toJSONSchema(inventorySchema, {
    io: "input",
  });
  return {
    $schema,
    $id: "https://unpkg.com/pi-image/profiles/cluster.schema.json",
    title: "pi-image inventory (cluster.yaml)",
    ...schema,
  };
};
