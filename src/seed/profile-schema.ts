// What a profile is: the fragments that a node of one role gets, in order.
import { z } from "zod";

const profileSchema = z
  .strictObject({
    $schema: z
      .string()
      .optional()
      .describe("This schema, for editors that ask for it here."),
    description: z.string().min(1).describe("One sentence: what the role is."),
    fragments: z
      .array(z.string().min(1))
      .min(1)
      .describe(
        "Paths under cloud-init/fragments/, in the order in which they are merged. A part of a path may be a value: runtime/${cluster.runtime}.yaml",
      ),
  })
  .describe("A profile of pi-image: what a node of one role gets.");

/** Reads plain data; the caller gives problems their places. */
export const readProfile = (data: unknown) => profileSchema.safeParse(data);

/** The JSON Schema (draft 2020-12) that editors use; published as profiles/profile.schema.json. */
export const profileJsonSchema = (): unknown => ({
  title: "pi-image profile",
  ...z.toJSONSchema(profileSchema),
});
