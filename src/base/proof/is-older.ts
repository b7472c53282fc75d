// Which of two files of one release is the older one, by the point release or the date in their names.

/** Pads numbers to one width, so that 24.04.10 sorts after 24.04.9, and 24.04-… before 24.04.1-…. */
const comparable = (file: string): string =>
  file.replaceAll(/\d+/g, (digits) => digits.padStart(12, "0"));

export const isOlder = (file: string, than: string): boolean =>
  comparable(file) < comparable(than);
