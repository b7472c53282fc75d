// Device numbers as Linux writes them in /proc and /sys.

/**
 * "8:2" from `st_dev` or `st_rdev`. Linux keeps the major in bits 8 to 19 and from 44 on,
 * the minor in bits 0 to 7 and 20 to 43 (gnu_dev_major(3)).
 */
export const deviceNumber = (device: bigint): string => {
  const major = ((device >> 8n) & 0xf_ffn) | ((device >> 32n) & 0xff_ff_f0_00n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xff_ff_ff_00n);
  return `${major}:${minor}`;
};
