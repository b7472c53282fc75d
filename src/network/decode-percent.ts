// Text of an address without its percent escapes.

import { ifOneOf } from "../report/expected-failure.ts";

/** If a percent sign escapes nothing, which does occur in addresses, the text stays as it is. */
export const decodePercent = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    return ifOneOf(error, [URIError], text);
  }
};
