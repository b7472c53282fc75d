// Finds the newest image of a series in an os_list, the list of images that Raspberry Pi Imager reads.
// https://github.com/raspberrypi/rpi-imager/blob/main/doc/json-schema/os-list-schema.json
import { ifOneOf } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";

/** Nesting that is deeper than in any menu of Imager. */
const MAX_DEPTH = 10;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const urlsIn = (items: unknown, depth: number): readonly string[] =>
  Array.isArray(items) && depth < MAX_DEPTH
    ? items
        .filter(isRecord)
        .flatMap(({ url, subitems }) => [
          ...(typeof url === "string" ? [url] : []),
          ...urlsIn(subitems, depth + 1),
        ])
    : [];

/** A * stands for a date; no other address of the list is accepted. */
const addressPattern = (address: string): RegExp =>
  new RegExp(
    `^${address
      .split("*")
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join(String.raw`\d{4}-\d{2}-\d{2}`)}$`,
  );

const listWrong = (from: string, why: string): UserError =>
  new UserError("CHECKSUM_LIST_WRONG", `${from} ${why}`, {
    state: "nothing was written",
    hint: "the vendor may have moved the release; give the address of the image and its checksum instead",
  });

const nameIn = (address: string): string => address.split("/").at(-1) ?? "";

/**
 * The address in the list that fits and whose file has the latest date. Throws CHECKSUM_LIST_WRONG.
 *
 * @param address a * stands for a date as in 2025-12-04
 * @param from where the list is from, for messages
 */
export const newestInOsList = (
  text: string,
  address: string,
  from: string,
): string => {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw ifOneOf(
      error,
      [SyntaxError],
      listWrong(from, "is not a list of images: it is not valid JSON"),
    );
  }
  const pattern = addressPattern(address);
  const newest = urlsIn(isRecord(list) ? list["os_list"] : undefined, 0)
    .filter((url) => pattern.test(url))
    .toSorted((a, b) => (nameIn(a) < nameIn(b) ? -1 : 1))
    .at(-1);
  if (newest === undefined) {
    throw listWrong(from, `does not list ${nameIn(address)}`);
  }
  return newest;
};
