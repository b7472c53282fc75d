// Text of an address without its percent escapes.

import { ifOneOf } from "../report/expected-failure.ts";

/** A percent sign that escapes nothing, which addresses may hold all the same, leaves the text as it is. */
export const decodePercent = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    return ifOneOf(error, [URIError], text);
  }
};
