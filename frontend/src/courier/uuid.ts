// UUIDv7: the time in milliseconds, then chance. Ids made later sort later, also in the same millisecond.

let last = 0n;

export function uuid7(now = Date.now()): string {
  const chance = crypto.getRandomValues(new Uint8Array(10));
  let value = BigInt(now) << 80n;
  for (const [n, byte] of chance.entries()) value |= BigInt(byte) << BigInt(8 * n);
  value = (value & ~(0xfn << 76n)) | (0x7n << 76n);
  value = (value & ~(0b11n << 62n)) | (0b10n << 62n);
  if (value <= last) value = last + 1n;
  last = value;
  const hex = value.toString(16).padStart(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
