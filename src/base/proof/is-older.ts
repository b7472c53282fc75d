// Which of two files of one release is the older one, by the point release or the date in their names.

/** Numbers of one width: 24.04.10 comes after 24.04.9, and 24.04-… before 24.04.1-…. */
const comparable = (file: string): string =>
  file.replaceAll(/\d+/g, (digits) => digits.padStart(12, "0"));

export const isOlder = (file: string, than: string): boolean =>
  comparable(file) < comparable(than);
