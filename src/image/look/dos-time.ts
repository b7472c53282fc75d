// The time stamps of FAT and exFAT.

/** Date and time as FAT and exFAT keep them, in local time; undefined where there is none. */
export const dosTime = (date: number, time: number): Date | undefined => {
  const month = (date >> 5) & 15;
  const day = date & 31;
  return month === 0 || day === 0
    ? undefined
    : new Date(
        1980 + (date >> 9),
        month - 1,
        day,
        time >> 11,
        (time >> 5) & 63,
        (time & 31) * 2,
      );
};
