// The files of a drop, those inside dropped folders included.

/** Each as `{file, path}`; `path` is its place in the dropped folder, and empty for a file that was dropped alone. */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return chosen(transfer.files);
  return (await Promise.all(entries.map(filesBelow))).flat();
}

export const chosen = (files) => [...files].map((file) => ({ file, path: '' }));

async function filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((found, failed) => entry.file(found, failed));
    return [{ file, path: entry.fullPath }];
  }
  const reader = entry.createReader();
  const below = [];
  for (;;) {
    // A reader hands out its entries in portions; an empty one is the last.
    const portion = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (portion.length === 0) return (await Promise.all(below.map(filesBelow))).flat();
    below.push(...portion);
  }
}
